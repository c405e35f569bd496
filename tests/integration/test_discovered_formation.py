"""Nodes as processes that find each other by each mechanism: together, and with one cut off."""

import formation_rounds
import leveret_broker
from discovered_cluster import DiscoveryCase
from leveret_broker import needs_own_broker


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
        if not self.network.has_namespaces:
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
        if not self.network.has_namespaces:
            self.skipTest("network namespaces cannot be made here")
        cluster = self.cluster("dns")
        cluster.service.start(cluster.nodes)
        first, *others = cluster.nodes
        self.network.pull_cable(first.number)
        cluster.launch()
        cluster.await_members(others)
        found = cluster.await_one_cluster(others)
        first.await_log("discovery failed: ", 2)
        self.assertFalse(first.is_member(), first.log())
        self.network.plug_cable(first.number)
        self.assertEqual(found, cluster.await_one_cluster())


if __name__ == "__main__":
    leveret_broker.main()
