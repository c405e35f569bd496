"""The etcd mechanism against Debian's etcd."""

import base64
import json
import shutil
import signal
import ssl
import unittest
import urllib.error
import urllib.request

from faults import FaultyServer, OUTCOMES
from probe import Case, free_port, until

from certificates import Authority  # tests/integration, found by probe


@unittest.skipUnless(shutil.which("etcd"), "Debian's etcd-server is not installed")
class EtcdCase(Case):
    def start_etcd(self, *options, scheme="http", context=None):
        client, peer = free_port(), free_port()
        self.url = f"{scheme}://127.0.0.1:{client}"
        self.endpoint = f"127.0.0.1:{client}"
        self.context = context
        self.etcd_words = [
            "etcd", "--data-dir", str(self.directory / "etcd"),
            "--listen-client-urls", self.url, "--advertise-client-urls", self.url,
            "--listen-peer-urls", f"http://127.0.0.1:{peer}",
            "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
            "--initial-cluster", f"default=http://127.0.0.1:{peer}",
            "--log-level=error",
            "--bcrypt-cost=4", *options]  # logins cost little: a busy machine takes seconds else
        self.etcd = self.process(self.etcd_words)
        until(self.is_up, "etcd answers")

    def is_up(self):
        try:
            with urllib.request.urlopen(self.url + "/health", context=self.context) as answer:
                return json.load(answer)["health"] == "true"
        except (OSError, urllib.error.URLError):
            return False

    def call(self, path, **body):
        request = urllib.request.Request(self.url + path, json.dumps(body).encode())
        with urllib.request.urlopen(request, context=self.context) as answer:
            return json.load(answer)

    def keys(self):
        """Key and value of everything that etcd holds."""
        zero = base64.b64encode(b"\0").decode()
        found = self.call("/v3/kv/range", key=zero, range_end=zero).get("kvs", [])
        return {base64.b64decode(one["key"]).decode(): base64.b64decode(one.get("value", "")).decode()
                for one in found}

    def node(self, number=1, *settings, **named):
        return self.probe("etcd", [f"etcd.endpoints.1={self.endpoint}", *settings], number, **named)


class TestEtcd(EtcdCase):
    def setUp(self):
        super().setUp()
        self.start_etcd()

    def test_registered_nodes_are_listed_the_oldest_first(self):
        nodes = [self.node(number) for number in (3, 1, 2)]
        self.assertEqual(nodes[0].do("list"), {"candidates": []})
        for node in nodes:
            node.do("register")
        expected = ["rabbit@node3", "rabbit@node1", "rabbit@node2"]
        for node in nodes:
            self.assertEqual(node.names(), expected)
        self.assertEqual(nodes[0].do("list")["candidates"][1],
                         {"id": "id-1", "name": "rabbit@node1", "host": "node1", "port": 25673})
        nodes[1].do("register")  # again: nothing moves
        self.assertEqual(nodes[0].names(), expected)
        nodes[0].do("unregister")
        self.assertEqual(nodes[1].names(), expected[1:])
        self.assertTrue(nodes[0].do("about")["reports_all_nodes"])

    def test_prefix_and_cluster_name_keep_clusters_apart(self):
        one = self.node(1, "etcd.key_prefix=staging", "etcd.cluster_name=a")
        other = self.node(2, "etcd.key_prefix=staging", "etcd.cluster_name=a2")
        one.do("register")
        other.do("register")
        self.assertEqual(one.names(), ["rabbit@node1"])
        self.assertIn("/leveret/discovery/staging/clusters/a/nodes/id-1", self.keys())

    def test_a_registration_dies_with_its_node_and_not_before(self):
        node, witness = self.node(1, "etcd.node_ttl=15"), self.node(2)
        node.do("register")
        lease = int(self.call("/v3/kv/lease/leases")["leases"][0]["ID"])
        self.assertEqual(self.call("/v3/kv/lease/timetolive", ID=lease)["grantedTTL"], "15")
        self.assertEqual(node.do("about")["maintenance_interval_ms"], 5000)
        node.do("maintain")
        node.kill()
        self.assertEqual(witness.names(), ["rabbit@node1"])
        until(lambda: witness.names() == [], "the lease ends")

    def test_a_lost_registration_is_made_anew(self):
        node = self.node(1)
        node.do("register")
        for lease in self.call("/v3/kv/lease/leases")["leases"]:
            self.call("/v3/lease/revoke", ID=lease["ID"])
        self.assertEqual(node.names(), [])
        node.do("maintain")
        self.assertEqual(node.names(), ["rabbit@node1"])
        key = base64.b64encode(b"/leveret/discovery/rabbitmq/clusters/default/nodes/id-1").decode()
        self.call("/v3/kv/deleterange", key=key)
        node.do("maintain")
        self.assertEqual(node.names(), ["rabbit@node1"])
        self.assertTrue(node.has_logged("the registration was lost"))

    def test_one_holds_the_lock_and_the_next_waits(self):
        first, second = self.node(1), self.node(2)
        first.do("lock")
        second.send("lock")
        until(lambda: second.has_logged("/v3/lock/lock"), "the second asks")
        first.do("maintain")
        self.assertFalse(second.has_logged("holds the lock"))
        first.do("unlock")
        self.assertEqual(second.answer(), {"ok": True})
        first.send("lock")
        until(lambda: sum("/v3/lock/lock" in line for line in first.log) > 2, "the first waits")
        second.do("unlock")
        self.assertEqual(first.answer(), {"ok": True})
        first.do("unlock")
        until(lambda: not self.keys(), "nothing is left")
        self.assertNotIn("leases", self.call("/v3/kv/lease/leases"))

    def test_the_lock_of_a_dead_node_is_free(self):
        first, second = self.node(1, "etcd.lock_timeout=10"), self.node(2, "etcd.lock_timeout=400")
        first.do("lock")
        first.kill()
        second.do("lock")  # when the lease of 10 + 15 s has ended

    def test_waiting_for_the_lock_ends(self):
        first, second = self.node(1), self.node(2, "etcd.lock_wait_time=1")
        first.do("lock")
        self.assert_fails(second.ask("lock"), "transient", "/v3/lock/lock")
        first.do("unlock")
        until(lambda: "ok" in second.ask("lock"), "the second gets it")

    def test_cancel_ends_a_wait_and_leaves_the_way_out_open(self):
        first, second = self.node(1), self.node(2)
        first.do("lock")
        second.do("register")
        second.send("lock")
        until(lambda: second.has_logged("/v3/lock/lock"), "the second asks")
        second.send("cancel")
        self.assert_fails(second.answer(), "cancelled")
        self.assert_fails(second.ask("list"), "cancelled")
        second.do("unregister")
        self.assertEqual(first.names(), [])

    def test_the_mark_is_written_once(self):
        first, second = self.node(1), self.node(2)
        self.assertIsNone(first.do("read_mark"))
        self.assertEqual(first.do("create_mark cluster-1"), "cluster-1")
        self.assertEqual(second.do("create_mark cluster-2"), "cluster-1")
        self.assertEqual(second.do("read_mark"), "cluster-1")
        self.assertEqual(first.do("list"), {"candidates": []})

    def test_a_foreign_value_is_passed_over(self):
        node = self.node(1)
        node.do("register")
        place = "/leveret/discovery/rabbitmq/clusters/default/nodes/"
        for name, value in (("x", "no json"), ("y", '{"address":7}'), ("z", "")):
            self.call("/v3/kv/put", key=base64.b64encode((place + name).encode()).decode(),
                      value=base64.b64encode(value.encode()).decode())
        self.assertEqual(node.names(), ["rabbit@node1"])

    def test_an_outage_is_transient_and_survived(self):
        node = self.node(1)
        node.do("register")
        self.etcd.send_signal(signal.SIGKILL)
        self.etcd.wait()
        for command in ("list", "maintain", "lock", "register", "read_mark"):
            self.assert_fails(node.ask(command), "transient", "127.0.0.1")
        self.etcd = self.process(self.etcd_words)
        until(lambda: "ok" in node.ask("maintain"), "etcd is back")
        self.assertEqual(node.names(), ["rabbit@node1"])

    def test_a_dead_endpoint_costs_nothing_but_a_try(self):
        settings = [f"etcd.endpoints.{i}=127.0.0.1:{free_port()}" for i in range(2, 5)]
        node = self.node(1, *settings)
        node.do("register")
        self.assertEqual(node.names(), ["rabbit@node1"])

    def test_a_frozen_endpoint_is_left_for_the_next(self):
        self.etcd.send_signal(signal.SIGSTOP)
        self.addCleanup(self.etcd.send_signal, signal.SIGCONT)
        self.assert_fails(self.node(1).ask("list"), "transient", "timed out")


class TestEtcdSecurity(EtcdCase):
    def enable_authentication(self):
        self.call("/v3/auth/user/add", name="root", password="root-pw")
        self.call("/v3/auth/user/grant", user="root", role="root")
        self.call("/v3/auth/user/add", name="nobody", password="nobody-pw")
        self.call("/v3/auth/enable")

    def test_users_and_passwords(self):
        self.start_etcd()
        self.enable_authentication()
        node = self.node(1, "etcd.username=root", "etcd.password=root-pw")
        node.do("register")
        node.do("lock")
        node.do("unlock")
        self.assertEqual(node.names(), ["rabbit@node1"])
        self.assert_fails(self.node(2).ask("list"), "permanent", "etcd.username")
        wrong = self.node(3, "etcd.username=root", "etcd.password=guess")
        self.assert_fails(wrong.ask("list"), "permanent", "login of user 'root'", "400")
        nobody = self.node(4, "etcd.username=nobody", "etcd.password=nobody-pw")
        self.assert_fails(nobody.ask("list"), "permanent", "permission denied")
        for probe in (node, wrong):
            self.assertFalse(any("root-pw" in line or "guess" in line for line in probe.log))

    def test_a_token_that_ended_is_asked_for_again(self):
        self.start_etcd()
        self.enable_authentication()
        node = self.node(1, "etcd.username=root", "etcd.password=root-pw")
        node.do("register")
        token = self.call("/v3/auth/authenticate", name="root", password="root-pw")["token"]
        request = urllib.request.Request(
            self.url + "/v3/auth/user/changepw", headers={"Authorization": token},
            data=json.dumps({"name": "root", "password": "root-pw"}).encode())
        urllib.request.urlopen(request).close()  # ends all tokens of this user
        self.assertEqual(node.names(), ["rabbit@node1"])
        until(lambda: sum("/v3/auth/authenticate:" in line for line in node.log) == 2,
              "it logged in again")

    def test_a_user_where_none_is_needed(self):
        self.start_etcd()
        node = self.node(1, "etcd.username=root", "etcd.password=root-pw")
        node.do("register")
        self.assertEqual(node.names(), ["rabbit@node1"])

    def test_tls_with_certificates_of_both_sides(self):
        authority = Authority(self.directory)
        certificate, key = authority.issue("etcd")
        mine, my_key = authority.issue("client", subject="/O=leveret")
        context = ssl.create_default_context(cafile=authority.file)
        context.load_cert_chain(mine, my_key)
        self.start_etcd(
            f"--cert-file={certificate}", f"--key-file={key}", "--client-cert-auth",
            f"--trusted-ca-file={authority.file}", scheme="https", context=context)
        tls = [f"etcd.ssl_options.cacertfile={authority.file}",
               f"etcd.ssl_options.certfile={mine}", f"etcd.ssl_options.keyfile={my_key}"]
        node = self.node(1, *tls)
        node.do("register")
        self.assertEqual(node.names(), ["rabbit@node1"])
        self.assertEqual(self.node(2, *tls, "etcd.ssl_options.versions.1=tlsv1.3").names(),
                         ["rabbit@node1"])
        without = self.node(3, tls[0])
        self.assertIn(without.ask("list")["failure"], ("transient", "permanent"))
        (self.directory / "other").mkdir()
        other = Authority(self.directory / "other", "other")
        stranger = self.node(4, f"etcd.ssl_options.cacertfile={other.file}", *tls[1:])
        self.assert_fails(stranger.ask("list"), "permanent", "certificate")
        unchecked = self.node(5, f"etcd.ssl_options.cacertfile={other.file}", *tls[1:],
                              "etcd.ssl_options.verify=verify_none")
        self.assertEqual(unchecked.names(), ["rabbit@node1"])


class TestEtcdFaults(Case):
    def test_each_fault_has_its_outcome(self):
        server = FaultyServer(self)
        node = self.probe("etcd", [f"etcd.endpoints.1={server.address}"])
        for fault, outcome in OUTCOMES.items():
            with self.subTest(fault=fault):
                server.fault = fault
                for command in ("list", "register", "lock", "create_mark x"):
                    self.assert_fails(node.ask(command), outcome)

    def test_settings_that_are_wrong(self):
        self.assertIn("etcd.endpoints.1", self.refused("etcd"))
        self.assertIn("etcd.endpoints", self.refused("etcd", "etcd.endpoints.1=a b"))
        self.assertIn("etcd.node_ttl: expected an integer from 15",
                      self.refused("etcd", "etcd.endpoints.1=a:1", "etcd.node_ttl=3"))
        self.assertIn("ssl_options.cacertfile: /nowhere", self.refused(
            "etcd", "etcd.endpoints.1=a:1", "etcd.ssl_options.cacertfile=/nowhere"))
        self.assertIn("ssl_options.verify: expected one of", self.refused(
            "etcd", "etcd.endpoints.1=a:1", "etcd.ssl_options.verify=perhaps"))
        self.assertIn("peer_discovery_backend", self.refused("zookeeper"))


if __name__ == "__main__":
    unittest.main()
