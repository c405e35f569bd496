"""The consul mechanism against a stateful double; RabbitMQ's own plugin talks to the same double in test_rabbitmq."""

import unittest

from consul_double import Consul
from faults import FaultyServer, OUTCOMES
from probe import Case, until


class TestConsul(Case):
    def setUp(self):
        super().setUp()
        self.consul = Consul(self)

    def node(self, number=1, *settings, **named):
        return self.probe("consul", [
            "consul.host=127.0.0.1", f"consul.port={self.consul.port}", "consul.svc_addr_auto=true",
            *("consul." + setting for setting in settings)], number, **named)

    def test_registered_nodes_are_listed_the_oldest_first(self):
        nodes = [self.node(number) for number in (2, 1, 3)]
        self.assertEqual(nodes[0].do("list"), {"candidates": []})
        for node in nodes:
            node.do("register")
        for node in nodes:
            self.assertEqual(node.names(), ["rabbit@node2", "rabbit@node1", "rabbit@node3"])
        self.assertEqual(nodes[0].do("list")["candidates"][0],
                         {"id": "id-2", "name": "rabbit@node2", "host": "node2", "port": 25674})
        nodes[1].do("unregister")
        self.assertEqual(nodes[0].names(), ["rabbit@node2", "rabbit@node3"])
        self.assertTrue(nodes[0].do("about")["reports_all_nodes"])

    def test_what_is_registered(self):
        node = self.node(1, "svc=mq", "cluster_name=staging", "svc_port=5673", "svc_ttl=12",
                         "deregister_after=90", "svc_tags.1=qa", "svc_meta.owner=team-x")
        node.do("register")
        registration = self.consul.requests[0].json()
        del registration["Check"]["Notes"]
        self.assertEqual(registration, {
            "ID": "mq:node1", "Name": "mq", "Address": "node1", "Port": 5673,
            "Check": {"TTL": "12s", "Status": "passing", "DeregisterCriticalServiceAfter": "90s"},
            "Tags": ["staging", "qa"],
            "Meta": {"owner": "team-x", "cluster": "staging", "erlang-node-name": "rabbit@node1",
                     "leveret-node-id": "id-1", "leveret-peer": "node1:25673"}})
        node.do("list")
        self.assertEqual(self.consul.lines(), [
            "PUT /v1/agent/service/register", "PUT /v1/agent/check/pass/service:mq:node1",
            "GET /v1/health/service/mq?passing&tag=staging"])
        self.assertEqual(node.do("about")["maintenance_interval_ms"], 4000)

    def test_sick_nodes_are_left_out(self):
        nodes = [self.node(number, "include_nodes_with_warnings=true") for number in (1, 2, 3)]
        for node in nodes:
            node.do("register")
        self.consul.services["rabbitmq:node1"]["status"] = "warning"
        self.consul.services["rabbitmq:node2"]["status"] = "critical"
        self.assertEqual(nodes[0].names(), ["rabbit@node1", "rabbit@node3"])
        self.assertEqual(self.node(4).names(), ["rabbit@node3"])

    def test_services_of_rabbitmq_are_candidates_too(self):
        self.consul.services["rabbitmq:old"] = {
            "ID": "rabbitmq:old", "Name": "rabbitmq", "Address": "old.example", "index": 1,
            "status": "passing", "meta": None}
        self.consul.services["rabbitmq"] = {
            "ID": "rabbitmq", "Name": "rabbitmq", "index": 2, "status": "passing"}
        self.assertEqual(self.node(1).do("list")["candidates"], [
            {"id": "", "name": "rabbit@old", "host": "old.example", "port": 0},
            {"id": "", "name": "rabbit@agent-1", "host": "agent-1", "port": 0}])
        self.assertEqual(self.node(1, arguments=["--long-names"]).names(),
                         ["rabbit@old.example", "rabbit@agent-1.node.consul"])

    def test_a_lost_registration_is_made_anew(self):
        node = self.node(1)
        node.do("register")
        node.do("maintain")
        self.consul.services.clear()
        node.do("maintain")
        self.assertEqual(node.names(), ["rabbit@node1"])
        self.assertTrue(node.has_logged("the registration was lost"))

    def test_one_holds_the_lock_and_the_next_waits(self):
        first, second = self.node(1), self.node(2)
        first.do("lock")
        second.send("lock")
        until(lambda: any("index=" in line for line in self.consul.lines()), "the second waits")
        first.do("maintain")
        first.do("unlock")
        self.assertEqual(second.answer(), {"ok": True})
        second.do("unlock")
        self.assertEqual(self.consul.sessions, {})
        self.assertNotIn("Session", self.consul.keys["rabbitmq/default/startup_lock"])

    def test_the_lock_of_a_dead_node_is_free_when_its_session_ends(self):
        first, second = self.node(1), self.node(2)
        first.do("lock")
        first.kill()
        second.send("lock")
        until(lambda: any("index=" in line for line in self.consul.lines()), "the second waits")
        [held] = [entry["Session"] for entry in self.consul.keys.values()]
        self.consul.end_session(held)
        self.assertEqual(second.answer(), {"ok": True})

    def test_waiting_for_the_lock_ends(self):
        first, second = self.node(1), self.node(2, "lock_timeout=1")
        first.do("lock")
        self.assert_fails(second.ask("lock"), "transient", "held by another node")
        self.assertEqual(len(self.consul.sessions), 1)

    def test_cancel_ends_a_wait_and_leaves_the_way_out_open(self):
        first, second = self.node(1), self.node(2)
        first.do("lock")
        second.do("register")
        second.send("lock")
        until(lambda: any("index=" in line for line in self.consul.lines()), "the second waits")
        second.send("cancel")
        self.assert_fails(second.answer(), "cancelled")
        second.do("unregister")
        self.assertEqual(self.consul.services, {})
        self.assertEqual(len(self.consul.sessions), 1)

    def test_a_lock_whose_session_ended_is_said(self):
        node = self.node(1)
        node.do("lock")
        self.consul.end_session(next(iter(self.consul.sessions)))
        self.assert_fails(node.ask("maintain"), "transient", "session has ended")
        node.do("lock")

    def test_the_mark_is_written_once(self):
        first, second = self.node(1), self.node(2)
        self.assertIsNone(first.do("read_mark"))
        self.assertEqual(first.do("create_mark cluster-1"), "cluster-1")
        self.assertEqual(second.do("create_mark cluster-2"), "cluster-1")
        self.assertEqual(second.do("read_mark"), "cluster-1")

    def test_tokens_are_sent_and_never_logged(self):
        self.consul.token = "5ecret-t0ken"
        node = self.node(1, environment={"CONSUL_ACL_TOKEN": "5ecret-t0ken"})
        node.do("register")
        node.do("lock")
        self.assertEqual(node.names(), ["rabbit@node1"])
        self.assertFalse(node.has_logged("5ecret-t0ken"))
        self.assertTrue(node.has_logged("X-Consul-Token: ********"))
        self.assert_fails(self.node(2).ask("list"), "permanent", "403", "Permission denied")
        self.assert_fails(self.node(3, "acl_token=guess").ask("register"), "permanent", "403")

    def test_the_environment_beats_the_file(self):
        node = self.node(1, "svc=file", "cluster_name=file", environment={
            "CONSUL_SVC": "envsvc", "CLUSTER_NAME": "envname", "CONSUL_LOCK_PREFIX": "envpfx",
            "CONSUL_SVC_TAGS": "a, b", "CONSUL_SVC_META": '{"k": "v"}',
            "CONSUL_PORT": f"tcp://127.0.0.1:{self.consul.port}"})
        node.do("register")
        node.do("lock")
        registration = self.consul.requests[0].json()
        self.assertEqual(registration["Name"], "envsvc")
        self.assertEqual(registration["Tags"], ["envname", "a", "b"])
        self.assertEqual(registration["Meta"]["k"], "v")
        self.assertIn("envpfx/envname/startup_lock", self.consul.keys)

    def test_an_outage_is_transient_and_survived(self):
        node = self.node(1)
        node.do("register")
        for _ in range(3):
            self.consul.fault = 500
            for command in ("list", "maintain", "lock", "register", "read_mark"):
                self.assert_fails(node.ask(command), "transient", "500")
            self.consul.fault = None
            node.do("maintain")
            self.assertEqual(node.names(), ["rabbit@node1"])

    def test_each_fault_has_its_outcome(self):
        server = FaultyServer(self)
        host, port = server.address.split(":")
        node = self.probe("consul", [f"consul.host={host}", f"consul.port={port}"])
        for fault, outcome in OUTCOMES.items():
            with self.subTest(fault=fault):
                server.fault = fault
                for command in ("list", "lock", "create_mark x"):
                    self.assert_fails(node.ask(command), outcome)

    def test_settings_that_are_wrong(self):
        self.assertIn("consul.scheme: expected one of http, https",
                      self.refused("consul", "consul.scheme=ftp"))
        self.assertIn("environment CONSUL_SVC_TTL: cluster_formation.consul.svc_ttl: expected",
                      self.refused("consul", environment={"CONSUL_SVC_TTL": "soon"}))
        self.assertIn("no interface 'nope0'", self.refused("consul", "consul.svc_addr_nic=nope0"))

    def test_the_address_of_an_interface(self):
        self.node(1, "svc_addr_nic=lo").do("register")
        self.assertEqual(self.consul.requests[0].json()["Address"], "127.0.0.1")


if __name__ == "__main__":
    unittest.main()
