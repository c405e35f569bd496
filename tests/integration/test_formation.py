"""Nodes that find each other: processes of their own, started together, one by one, cut off, moved, wiped, and told wrong things."""

import os
import shutil
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

import leveret_broker
from cluster_nodes import Cluster, Node, PortHolder, SECRET
from discovery_services import Etcd
from leveret_broker import needs_own_broker
from node_network import Loopback


@needs_own_broker
class FormationTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="leveret-formation-")
        self.addCleanup(scratch.cleanup)
        self.directory = Path(scratch.name)

    def cluster(self, size, hint=None):
        out = Cluster(self.directory, size, hint)
        self.addCleanup(out.close)
        return out

    def three_nodes(self):
        """That have formed a cluster, and its id."""
        cluster = self.cluster(3, hint=3)
        cluster.start()
        return cluster, cluster.await_members(3)

    def test_three_blank_nodes_are_one_cluster(self):
        cluster, _ = self.three_nodes()
        self.assertEqual([0, 0, 0], cluster.stop())

    def test_five_blank_nodes_are_one_cluster_without_a_hint(self):
        cluster = self.cluster(5)
        cluster.start()
        cluster.await_members(5)

    def test_the_minority_waits_and_who_comes_late_joins(self):
        cluster = self.cluster(3, hint=3)
        first, second, third = cluster.nodes
        cluster.start([first])
        first.await_log("1 of 3 nodes are here and agree, 2 are needed")
        self.assertEqual("", first.status()["leveret"]["cluster_id"])
        cluster.start([second])
        found = cluster.await_members(2, [first, second])
        cluster.start([third])
        self.assertEqual(found, cluster.await_members(3))

    def test_a_node_that_hangs_while_the_others_found_joins_later(self):
        cluster = self.cluster(3, hint=3)
        hanging = cluster.nodes[2]
        cluster.start([hanging])
        os.kill(hanging.broker.process.pid, signal.SIGSTOP)
        cluster.start(cluster.nodes[:2])
        found = cluster.await_members(2, cluster.nodes[:2])
        os.kill(hanging.broker.process.pid, signal.SIGCONT)
        self.assertEqual(found, cluster.await_members(3))

    def test_without_a_size_all_that_are_listed_must_be_there(self):
        cluster = self.cluster(3)
        cluster.start(cluster.nodes[:2])
        for node in cluster.nodes[:2]:
            node.await_log("2 of 3 nodes are here and agree, 3 are needed")
            self.assertEqual("", node.status()["leveret"]["cluster_id"])
        cluster.start(cluster.nodes[2:])
        cluster.await_members(3)

    def test_nodes_that_are_listed_by_another_address_than_they_tell_count_once(self):
        cluster = self.cluster(3)
        for node in cluster.nodes:
            node.advertised = f"localhost:{node.port}"
        cluster.start()
        cluster.await_members(3)
        logs = "".join(node.log() for node in cluster.nodes)
        self.assertIn("proposing a cluster of 3 nodes", logs)
        for node in cluster.nodes:
            self.assertIn(f"dialled at {node.advertised}", logs)

    def test_nodes_that_etcd_names_are_one_cluster(self):
        cluster = self.cluster(3, hint=3)
        cluster.discover_by(Etcd(self, Loopback()))
        cluster.start()
        cluster.await_members(3)

    def test_a_member_at_a_new_port_finds_its_cluster(self):
        cluster, found = self.three_nodes()
        moved = cluster.nodes[2]
        moved.stop()
        new_port = PortHolder()
        moved.port = new_port.number
        cluster.start([moved])
        self.assertEqual(found, cluster.await_members(3))
        moved.await_log("this node belongs to cluster " + found)

    def test_all_of_them_restart_after_a_kill(self):
        cluster, found = self.three_nodes()
        cluster.kill()
        cluster.start()
        self.assertEqual(found, cluster.await_members(3))

    def test_a_wiped_node_comes_back_as_another_one(self):
        cluster, found = self.three_nodes()
        wiped = cluster.nodes[2]
        wiped.stop()
        wiped.wipe()
        cluster.start([wiped])
        # The one that it was is still a member, until somebody removes it.
        self.assertEqual(found, cluster.await_members(4, running=3))

    def test_a_member_without_its_log_does_not_vote_again(self):
        cluster, found = self.three_nodes()
        robbed = cluster.nodes[2]
        robbed.stop()
        shutil.rmtree(robbed.data / "journal")
        done = subprocess.run(
            [leveret_broker.LEVERET, "serve", "--data-dir", str(robbed.data), "--set",
             "listeners.tcp.default=127.0.0.1:0", "--set", "cluster.listener=127.0.0.1:0",
             "--set", f"cluster.secret={SECRET}"], capture_output=True, text=True)
        self.assertEqual(1, done.returncode, done.stderr)
        self.assertIn("log is gone, by which this node may have voted", done.stderr)
        robbed.wipe()
        cluster.start([robbed])
        self.assertEqual(found, cluster.await_members(4, running=3))

    def test_a_wrong_secret_and_a_wrong_name_are_told_apart(self):
        cluster = self.cluster(3, hint=3)
        first, second, third = cluster.nodes
        cluster.start([first])
        cluster.start([second], secret="another")
        cluster.start([third], cluster_name="another")
        for node in (first, second):
            node.await_log("cluster.secret")
        for node in (first, third):
            node.await_log("'another'")
            node.await_log("(cluster_name)")
        for node in cluster.nodes:
            self.assertEqual("", node.status()["leveret"]["cluster_id"])
            self.assertNotIn(SECRET, node.log())

    def test_a_node_without_the_keys_opens_no_port_and_is_alone(self):
        node = Node(self.directory, "single", 0).start([]).await_ready()
        self.addCleanup(node.stop)
        self.assertNotIn("cluster", node.broker.ports)
        status = node.status()
        self.assertEqual(["single@127.0.0.1"], status["running_nodes"])
        self.assertNotIn("leveret", status)
        self.assertFalse((node.data / "cluster").exists())

    def test_a_listener_alone_is_a_cluster_of_one(self):
        node = Node(self.directory, "single", 0)
        node.start(["cluster.listener=127.0.0.1:0", "cluster.secret=x"])
        self.addCleanup(node.stop)
        node.await_ready()
        self.assertIn("cluster", node.broker.ports)
        node.await_log("this node leads the cluster")

    def test_without_a_secret_it_does_not_start(self):
        done = subprocess.run(
            [leveret_broker.LEVERET, "serve", "--data-dir", str(self.directory / "data"),
             "--set", "listeners.tcp.default=127.0.0.1:0", "--set",
             "cluster.listener=127.0.0.1:0"], capture_output=True, text=True)
        self.assertEqual(78, done.returncode)
        self.assertIn("cluster.secret: must be set", done.stderr)

    def test_a_permanent_error_of_discovery_ends_it_with_78(self):
        process = leveret_broker.spawn(
            [leveret_broker.LEVERET, "serve", "--data-dir", str(self.directory / "data"),
             "--set", "listeners.tcp.default=127.0.0.1:0", "--set",
             "cluster.listener=127.0.0.1:0", "--set", "cluster.secret=x",
             "--set", "cluster_formation.peer_discovery_backend=k8s",
             "--set", "cluster_formation.k8s.method=endpoints",
             "--set", "cluster_formation.k8s.host=127.0.0.1",
             "--set", f"cluster_formation.k8s.token_path={self.directory}/none",
             "--set", "cluster_formation.discovery_retry_interval=10"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        _, log = process.communicate()
        self.assertEqual(78, process.returncode, log)
        self.assertIn("peer discovery:", log)


if __name__ == "__main__":
    leveret_broker.main()
