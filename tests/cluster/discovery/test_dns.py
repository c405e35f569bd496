"""The dns mechanism against Debian's dnsmasq."""

import shutil
import signal
import unittest

from faults import FaultyNames, NAME_OUTCOMES
from probe import Case, free_port, until


@unittest.skipUnless(shutil.which("dnsmasq"), "Debian's dnsmasq-base is not installed")
class TestDns(Case):
    def start(self, *records):
        self.port = free_port()
        self.words = ["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=/dev/null",
                      "--listen-address=127.0.0.1", "--bind-interfaces", f"--port={self.port}",
                      "--pid-file", "--user=", "--local=/test/", "--local=/arpa/", *records]
        self.server = self.process(self.words)
        probe = self.node("hostname=nothing.test")
        until(lambda: "ok" in probe.ask("list"), "dnsmasq answers")

    def node(self, *settings, number=1, **named):
        return self.probe("dns", [f"dns.servers.1=127.0.0.1:{self.port}",
                                  *("dns." + setting for setting in settings)], number, **named)

    def test_addresses_are_called_by_their_ptr_records(self):
        self.start("--host-record=seed.test,10.1.2.2", "--host-record=seed.test,10.1.2.1",
                   "--host-record=seed.test,fd00::7",
                   "--ptr-record=1.2.1.10.in-addr.arpa,one.nodes.test",
                   "--ptr-record=2.2.1.10.in-addr.arpa,two.nodes.test",
                   "--ptr-record=7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f."
                   "ip6.arpa,seven.nodes.test")
        found = self.node("hostname=seed.test").do("list")
        self.assertEqual(
            [(one["name"], one["host"], one["port"], one["id"]) for one in found["candidates"]],
            [("rabbit@one", "10.1.2.1", 0, ""), ("rabbit@two", "10.1.2.2", 0, ""),
             ("rabbit@seven", "fd00::7", 0, "")])
        self.assertNotIn("expected_size", found)
        long_names = self.node("hostname=seed.test", arguments=["--long-names", "--name", "bunny@x"])
        self.assertEqual(long_names.names(),
                         ["bunny@one.nodes.test", "bunny@two.nodes.test", "bunny@seven.nodes.test"])

    def test_an_address_without_a_ptr_record_is_still_a_candidate(self):
        self.start("--address=/seed.test/10.1.2.9")
        node = self.node("hostname=seed.test")
        self.assertEqual(node.do("list")["candidates"],
                         [{"id": "", "name": "rabbit@10.1.2.9", "host": "10.1.2.9", "port": 0}])
        until(lambda: node.has_logged("10.1.2.9 has no PTR record"), "it is said")

    def test_services(self):
        self.start("--srv-host=_amqp._tcp.test,b.agents.test,31002,0",
                   "--srv-host=_amqp._tcp.test,a.agents.test,31001,0",
                   "--srv-host=_amqp._tcp.test,a.agents.test,31007,0",
                   "--srv-host=_amqp._tcp.test,later.agents.test,31001,5")
        self.assertEqual(
            [(one["name"], one["host"], one["port"])
             for one in self.node("srv=_amqp._tcp.test").do("list")["candidates"]],
            [("rabbit@a", "a.agents.test", 31001), ("rabbit@a", "a.agents.test", 31007),
             ("rabbit@b", "b.agents.test", 31002), ("rabbit@later", "later.agents.test", 31001)])

    def test_an_answer_too_long_for_udp_comes_over_tcp(self):
        records = [f"--srv-host=_amqp._tcp.test,node-{i}.{'x' * 50}.agents.test,31000,0"
                   for i in range(100)]
        self.start("--edns-packet-max=512", *records)
        self.assertEqual(len(self.node("srv=_amqp._tcp.test").names()), 100)

    def test_a_name_that_is_not_there_is_an_empty_list(self):
        self.start()
        self.assertEqual(self.node("hostname=none.test").do("list"), {"candidates": []})
        self.assertEqual(self.node("srv=_none._tcp.test").do("list"), {"candidates": []})

    def test_a_server_that_refuses_is_transient(self):
        self.start()
        self.assert_fails(self.node("hostname=example.org").ask("list"), "transient", "example.org")

    def test_a_server_that_is_away_is_transient_and_its_return_is_seen(self):
        self.start("--address=/seed.test/10.1.2.9")
        node = self.node("hostname=seed.test")
        self.assertEqual(len(node.names()), 1)
        self.server.kill()
        self.server.wait()
        self.assert_fails(node.ask("list"), "transient")
        self.server = self.process(self.words)
        until(lambda: "ok" in node.ask("list"), "dnsmasq is back")

    def test_a_silent_server_is_transient_and_can_be_cancelled(self):
        self.start("--address=/seed.test/10.1.2.9")
        self.server.send_signal(signal.SIGSTOP)
        self.addCleanup(self.server.send_signal, signal.SIGCONT)
        impatient = self.node("hostname=seed.test", "timeout=300")
        self.assert_fails(impatient.ask("list"), "transient", "Timeout")
        patient = self.node("hostname=seed.test", "timeout=60000")
        patient.send("list")
        until(lambda: patient.has_logged("asking for A"), "it asks")
        patient.send("cancel")
        self.assert_fails(patient.answer(), "cancelled")

    def test_each_fault_has_its_outcome(self):
        server = FaultyNames(self)
        self.port = int(server.address.rsplit(":", 1)[1])
        for name in ("hostname=seed.test", "srv=_amqp._tcp.test"):
            node = self.node(name, "timeout=300")
            for fault, outcome in NAME_OUTCOMES.items():
                with self.subTest(name=name, fault=fault):
                    server.fault = fault
                    self.assert_fails(node.ask("list"), outcome)

    def test_settings_that_are_wrong(self):
        self.port = 1
        self.assertIn("dns.hostname: this or", self.refused("dns"))
        self.assertIn("not both", self.refused("dns", "dns.hostname=a", "dns.srv=b"))
        self.assertIn("dns.servers.$", self.refused("dns", "dns.hostname=a", "dns.servers.1=x"))
        answer = self.node("hostname=" + "a" * 70 + ".test").ask("list")
        self.assert_fails(answer, "permanent", "Misformatted")


if __name__ == "__main__":
    unittest.main()
