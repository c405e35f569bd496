"""Nodes as processes whose service of discovery is not well, for every mechanism that asks one: the outcomes of cluster/discovery/README.md.

What is a failure for a while is asked again, what is refused ends a blank node with exit code 78, and a member needs nobody. In what ways an answer
can be wrong is each mechanism's own test (tests/cluster/discovery); here are the ways that differ for a process.
"""

import leveret_broker
from discovered_cluster import DiscoveryCase
from leveret_broker import needs_own_broker

IMPATIENT = ["cluster_formation.discovery_retry_interval=10"]
FAULTS = ("401", "403", "500", "garbage", "closed", "silent", "SERVFAIL", "REFUSED")
FAILED = "discovery failed: "


@needs_own_broker
class UnwellTest(DiscoveryCase):
    def play(self, mechanism):
        self.meet_each_fault(mechanism)
        self.doCleanups()
        self.outlast_the_service(mechanism)

    def meet_each_fault(self, mechanism):
        cluster = self.cluster(mechanism, size=1, hint=3)
        [node] = cluster.nodes
        relay = cluster.service.start_behind(None, cluster.nodes)
        outcomes = cluster.service.outcomes
        for fault in (one for one in FAULTS if one in outcomes):
            with self.subTest(mechanism=mechanism, fault=fault):
                relay.fault = fault
                cluster.launch(settings=IMPATIENT)
                if outcomes[fault] == "permanent":
                    self.ends(node)
                else:
                    node.await_log(FAILED, 2)
                    self.assertIsNone(node.process.poll(), node.log())
                    self.assertFalse(node.is_member(), node.log())
                node.end()

    def ends(self, node):
        self.assertEqual(node.process.wait(), 78, node.log())
        self.assertEqual(node.log().count(FAILED), 3, node.log())
        last = [line for line in node.log().splitlines() if line][-1]
        self.assertIn("peer discovery: ", last)

    def outlast_the_service(self, mechanism):
        """It is away at first, then comes and goes, then is slow, and refuses a member that starts again."""
        cluster = self.cluster(mechanism)
        first, *others = cluster.nodes
        cluster.launch([first], IMPATIENT)
        first.await_log(FAILED, 2)
        self.assertFalse(first.is_member(), first.log())
        relay = cluster.service.start_behind("flapping", cluster.nodes)
        cluster.launch(others[:1], IMPATIENT)
        cluster.await_members([first, *others[:1]])
        relay.fault = "slow"
        cluster.launch(others[1:], IMPATIENT)
        cluster.await_members()
        found = cluster.await_one_cluster()
        relay.fault = next(one for one in FAULTS if one in cluster.service.outcomes)
        first.end()
        cluster.launch([first], IMPATIENT)
        self.assertEqual(found, cluster.await_one_cluster())

    def test_dns(self):
        self.play("dns")

    def test_dns_services(self):
        self.play("dns-srv")

    def test_etcd(self):
        self.play("etcd")

    def test_consul(self):
        self.play("consul")

    def test_kubernetes_endpoints(self):
        self.play("k8s-endpoints")

    def test_aws_tags(self):
        self.play("aws")

    def test_aws_group(self):
        self.play("aws-group")

    def test_marathon(self):
        self.play("marathon")


if __name__ == "__main__":
    leveret_broker.main()
