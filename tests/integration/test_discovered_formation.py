"""Nodes as processes that find each other by each mechanism: together, with one cut off, and with a service that is not well."""

import tempfile
import unittest
from pathlib import Path

import formation_rounds
import leveret_broker
import node_network
from discovered_cluster import DiscoveredCluster
from discovery_services import SERVICES
from leveret_broker import needs_own_broker

NETWORK = None


def setUpModule():
    global NETWORK
    NETWORK = node_network.make(3)


class DiscoveryCase(unittest.TestCase):
    def cluster(self, mechanism, size=3):
        lack = SERVICES[mechanism].lacks(NETWORK)
        if lack:
            self.skipTest(lack)
        scratch = tempfile.TemporaryDirectory(prefix="leveret-formation-")
        self.addCleanup(scratch.cleanup)
        out = DiscoveredCluster(Path(scratch.name) / "nodes", size,
                                SERVICES[mechanism](self, NETWORK), hint=size)
        out.directory.mkdir()
        self.addCleanup(out.close)
        return out


@needs_own_broker
class TogetherTest(DiscoveryCase):
    """One round each; ./dev formation plays many."""

    def play(self, mechanism):
        cluster = self.cluster(mechanism)
        cluster.service.start(cluster.nodes)
        formation_rounds.together(cluster)

    def test_dns(self):
        self.play("dns")

    def test_dns_services(self):
        self.play("dns-srv")

    def test_consul(self):
        self.play("consul")

    def test_stateful_set(self):
        self.play("k8s")

    def test_kubernetes_endpoints(self):
        self.play("k8s-endpoints")

    def test_aws_tags(self):
        self.play("aws")

    def test_aws_group(self):
        self.play("aws-group")

    def test_marathon(self):
        self.play("marathon")


@needs_own_broker
class CutOffTest(DiscoveryCase):
    """Node 0 reaches the service and no peer; it waits, and joins when it is let in."""

    def play(self, mechanism):
        if not NETWORK.has_namespaces:
            self.skipTest("network namespaces cannot be made here")
        cluster = self.cluster(mechanism)
        cluster.service.start(cluster.nodes)
        formation_rounds.with_one_cut_off(cluster)

    def test_the_seed_of_a_stateful_set(self):
        self.play("k8s")

    def test_the_first_that_registers(self):
        self.play("consul")

    def test_a_node_without_its_cable(self):
        """Neither peers nor service."""
        if not NETWORK.has_namespaces:
            self.skipTest("network namespaces cannot be made here")
        cluster = self.cluster("dns")
        cluster.service.start(cluster.nodes)
        first, *others = cluster.nodes
        NETWORK.pull_cable(first.number)
        cluster.launch()
        cluster.await_members(others)
        found = cluster.await_one_cluster(others)
        first.await_log("discovery failed: ", 2)
        self.assertFalse(first.is_member(), first.log())
        NETWORK.plug_cable(first.number)
        self.assertEqual(found, cluster.await_one_cluster())


IMPATIENT = ["cluster_formation.discovery_retry_interval=10"]


@needs_own_broker
class UnwellTest(DiscoveryCase):
    """Away, broken, babbling: asked again. Refused: exit code 78. Slow: it takes as long."""

    def play(self, mechanism):
        cluster = self.cluster(mechanism)
        service = cluster.service
        cluster.launch(settings=IMPATIENT)
        for node in cluster.nodes:
            node.await_log("discovery failed: ", 2)
        service.start(cluster.nodes)
        for fault in (500, "garbage"):
            service.double.fault = fault
            told = [node.log().count("discovery failed: ") for node in cluster.nodes]
            for node, before in zip(cluster.nodes, told):
                # One may be on its way from before.
                node.await_log("discovery failed: ", before + 2)
                self.assertIsNone(node.process.poll(), node.log())
                self.assertFalse(node.is_member(), node.log())
        service.double.fault = None
        service.double.delay_s = 0.3
        cluster.await_members()
        cluster.await_one_cluster()

    def refuse(self, mechanism):
        for status in (401, 403):
            with self.subTest(status=status):
                cluster = self.cluster(mechanism, size=1)
                cluster.hint = 3
                cluster.service.start(cluster.nodes)
                cluster.service.double.fault = status
                cluster.launch(settings=IMPATIENT)
                [node] = cluster.nodes
                self.assertEqual(node.process.wait(), 78, node.log())
                self.assertEqual(node.log().count("discovery failed: "), 3, node.log())
                last = [line for line in node.log().splitlines() if line][-1]
                self.assertIn("peer discovery: ", last)
                self.assertIn(str(status), last)
                cluster.service.double.close()

    def test_consul(self):
        self.play("consul")

    def test_kubernetes_endpoints(self):
        self.play("k8s-endpoints")

    def test_aws_tags(self):
        self.play("aws")

    def test_marathon(self):
        self.play("marathon")

    def test_consul_refuses(self):
        self.refuse("consul")

    def test_kubernetes_refuses(self):
        self.refuse("k8s-endpoints")

    def test_aws_refuses(self):
        self.refuse("aws")

    def test_marathon_refuses(self):
        self.refuse("marathon")

    def test_a_silent_service_is_given_up_and_asked_again(self):
        cluster = self.cluster("consul")
        cluster.service.start(cluster.nodes)
        cluster.service.double.fault = "silent"
        cluster.launch(settings=IMPATIENT)
        for node in cluster.nodes:
            node.await_log("discovery failed: ")
        cluster.service.double.fault = None
        cluster.await_members()
        cluster.await_one_cluster()

    def test_names_that_nobody_serves_yet(self):
        """dnsmasq comes later; etcd too."""
        for mechanism in ("dns", "etcd"):
            with self.subTest(mechanism=mechanism):
                cluster = self.cluster(mechanism)
                cluster.launch(settings=IMPATIENT)
                for node in cluster.nodes:
                    node.await_log("discovery failed: ")
                cluster.service.start(cluster.nodes)
                cluster.await_members()
                cluster.await_one_cluster()
                cluster.close()

    def test_nobody_that_etcd_refuses_goes_on(self):
        from faults import FaultyServer
        for status in ("401", "403"):
            with self.subTest(status=status):
                cluster = self.cluster("etcd", size=1)
                server = FaultyServer(self, NETWORK.server)
                server.fault = status
                cluster.service.port = int(server.address.rsplit(":", 1)[1])
                cluster.launch(settings=IMPATIENT)
                [node] = cluster.nodes
                self.assertEqual(node.process.wait(), 78, node.log())


if __name__ == "__main__":
    leveret_broker.main()
