"""The marathon mechanism against a double made after Marathon's API description."""

import json
import subprocess
import unittest

from faults import FaultyServer, OUTCOMES
from marathon_double import Marathon
from probe import Case, free_port


class TestMarathon(Case):
    def setUp(self):
        super().setUp()
        self.marathon = Marathon(self)
        self.marathon.add_task("/mq/leveret", 2, "agent-b.example", [31005, 31006])
        self.marathon.add_task("/mq/leveret", 1, "10.0.0.1", [31001, 31002])
        self.marathon.add_task("/mq/leveret", 3, "10.0.0.1", [31003, 31004])
        self.marathon.add_task("/mq/leveret", 4, "10.0.0.4", [31001, 31002], "TASK_STAGING")
        self.app = self.marathon.apps["/mq/leveret"]

    def node(self, *settings, number=1, **named):
        named.setdefault("environment", {"MARATHON_APP_ID": "/mq/leveret"})
        return self.probe("marathon", [
            f"marathon.endpoints.1={self.marathon.url}",
            *("marathon." + setting for setting in settings)], number, **named)

    def addresses(self, node):
        return [(one["host"], one["port"]) for one in node.do("list")["candidates"]]

    def test_running_tasks_are_candidates_and_the_app_says_how_many(self):
        found = self.node("port_index=1").do("list")
        self.assertEqual(found, {"expected_size": 4, "candidates": [
            {"id": "", "name": "rabbit@10.0.0.1:31002", "host": "10.0.0.1", "port": 31002},
            {"id": "", "name": "rabbit@10.0.0.1:31004", "host": "10.0.0.1", "port": 31004},
            {"id": "", "name": "rabbit@agent-b:31006", "host": "agent-b.example", "port": 31006}]})
        self.assertEqual(self.marathon.lines(), [
            "GET /v2/apps/mq/leveret", "GET /v2/apps/mq/leveret/tasks"])

    def test_the_size_is_what_is_wanted_not_what_runs(self):
        self.app["instances"] = 7
        self.assertEqual(self.node().do("list")["expected_size"], 7)

    def test_ports_by_name_and_fixed(self):
        self.app["portDefinitions"] = [{"port": 0, "name": "amqp"}, {"port": 0, "name": "peer"}]
        expected = [("10.0.0.1", 31002), ("10.0.0.1", 31004), ("agent-b.example", 31006)]
        self.assertEqual(self.addresses(self.node("port_name=peer")), expected)
        del self.app["portDefinitions"]
        self.app["container"] = {"docker": {"portMappings": [{"name": "x"}, {"name": "peer"}]}}
        self.assertEqual(self.addresses(self.node("port_name=peer")), expected)
        self.app["container"] = {"portMappings": [{"name": "x"}, {"name": "peer"}]}
        self.assertEqual(self.addresses(self.node("port_name=peer")), expected)
        self.assert_fails(self.node("port_name=nope").ask("list"), "permanent", "port_name", "nope")
        self.assertEqual(self.addresses(self.node("static_port=25672")),
                         [("10.0.0.1", 25672), ("agent-b.example", 25672)])

    def test_addresses_of_containers(self):
        self.assertEqual(self.addresses(self.node("address_source=container_ip",
                                                  "static_port=25672")),
                         [("172.17.0.1", 25672), ("172.17.0.2", 25672), ("172.17.0.3", 25672)])
        self.assertEqual(self.addresses(self.node("address_source=autoip", "static_port=25672")),
                         [("leveret-mq.marathon.autoip.dcos.thisdcos.directory", 25672)])

    def test_unhealthy_tasks_are_left_out_where_asked_for(self):
        self.app["tasks"][0]["healthCheckResults"] = [{"alive": False}]
        self.app["tasks"][1]["healthCheckResults"] = [{"alive": True}]
        self.assertEqual(len(self.addresses(self.node())), 3)
        self.assertEqual(self.addresses(self.node("include_unhealthy=false")),
                         [("10.0.0.1", 31001), ("10.0.0.1", 31003)])

    def test_tasks_without_ports_are_passed_over(self):
        self.app["tasks"][0]["ports"] = []
        node = self.node()
        self.assertEqual(len(self.addresses(node)), 2)
        self.assertTrue(node.has_logged("has no such port"))

    def test_basic_authentication(self):
        self.marathon.basic = "joe:5ecret"
        node = self.node("username=joe", "password=5ecret")
        self.assertEqual(len(self.addresses(node)), 3)
        self.assertFalse(node.has_logged("5ecret"))
        self.assert_fails(self.node().ask("list"), "permanent", "401")
        self.assert_fails(self.node("username=joe", "password=x").ask("list"), "permanent",
                          "Invalid username")

    def make_account(self, uid="leveret"):
        private, public = str(self.directory / f"{uid}.key"), str(self.directory / f"{uid}.pub")
        subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-out", private], check=True,
                       capture_output=True)
        subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
        with open(private, encoding="ascii") as file:
            return public, json.dumps({
                "uid": uid, "private_key": file.read(), "scheme": "RS256",
                "login_endpoint": self.marathon.url + "/acs/api/v1/auth/login"})

    def test_a_service_account_of_dcos_logs_in(self):
        self.marathon.public_key, account = self.make_account()
        self.marathon.prefix = "/service/marathon"
        node = self.node("path_prefix=/service/marathon", environment={
            "MARATHON_APP_ID": "/mq/leveret", "DCOS_SERVICE_ACCOUNT_CREDENTIAL": account})
        self.assertEqual(len(self.addresses(node)), 3)
        self.assertEqual(len(self.marathon.tokens), 1)
        self.assertEqual(len(self.addresses(node)), 3)
        self.assertEqual(len(self.marathon.tokens), 1)
        self.marathon.tokens.clear()  # they are over
        self.assertEqual(len(self.addresses(node)), 3)
        self.assertEqual(len(self.marathon.tokens), 1)
        self.assertFalse(node.has_logged("PRIVATE KEY") or node.has_logged("jwt-0"))

    def test_an_account_that_dcos_does_not_know(self):
        _, stranger = self.make_account("stranger")
        self.marathon.public_key, _ = self.make_account()
        file = self.directory / "account.json"
        file.write_text(stranger)
        node = self.node(f"dcos_credential_file={file}")
        self.assert_fails(node.ask("list"), "permanent", "login of 'stranger'", "401")

    def test_an_app_that_is_not_there(self):
        node = self.node(environment={"MARATHON_APP_ID": "/nope"})
        self.assert_fails(node.ask("list"), "permanent", "404", "App '/nope' does not exist")

    def test_one_dead_endpoint_and_one_that_flaps(self):
        node = self.node(f"endpoints.0=http://127.0.0.1:{free_port()}")
        self.assertEqual(len(self.addresses(node)), 3)
        for _ in range(3):
            self.marathon.fault = 503
            self.assert_fails(node.ask("list"), "transient")
            self.marathon.fault = None
            self.assertEqual(len(self.addresses(node)), 3)

    def test_each_fault_has_its_outcome(self):
        server = FaultyServer(self)
        node = self.probe("marathon", [f"marathon.endpoints.1=http://{server.address}",
                                       "marathon.app_id=/mq/leveret"])
        for fault, outcome in OUTCOMES.items():
            with self.subTest(fault=fault):
                server.fault = fault
                self.assert_fails(node.ask("list"), outcome)

    def test_settings_that_are_wrong(self):
        self.assertIn("marathon.app_id: needed", self.refused("marathon"))
        self.assertIn("marathon.endpoints.$: expected a URL",
                      self.refused("dcos", "marathon.app_id=/a", "marathon.endpoints.1=h:8080"))
        self.assertIn("marathon.dcos_credential: it has no uid", self.refused(
            "marathon", "marathon.app_id=/a", "marathon.dcos_credential={}"))


if __name__ == "__main__":
    unittest.main()
