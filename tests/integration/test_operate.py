"""A cluster as its operators see it: who is there, nodes that are lost, leave, are reset, join where they are told to, and are cleaned up."""

import json
import subprocess

import pika

import leveret_broker
from cluster_nodes import Cluster, OperateCase, await_true, connect
from discovery_services import Etcd
from leveret_broker import LEVERET, needs_own_broker, spawn
from node_network import Loopback


@needs_own_broker
class OperateTest(OperateCase):
    def test_who_is_there_is_known_by_all(self):
        cluster = self.cluster()
        names = sorted(map(self.name, cluster.nodes))
        asked = cluster.nodes[1]

        def told():
            status = asked.status()
            return sorted(status["versions"]) == names and sorted(status["listeners"]) == names

        await_true(told, lambda: json.dumps(asked.status(), indent=1))
        status = asked.status()
        self.assertEqual(names, sorted(status["running_nodes"]))
        self.assertEqual(names, sorted(status["disk_nodes"]))
        self.assertEqual(names, sorted(status["maintenance_status"]))
        self.assertEqual(([], {}, []),
                         (status["alarms"], status["partitions"], status["ram_nodes"]))
        for node in cluster.nodes:
            ports = {one["protocol"]: one["port"] for one in status["listeners"][self.name(node)]}
            self.assertEqual(node.broker.port, ports["amqp"])
            self.assertEqual(node.port, ports["clustering"])
        lost = self.follower(cluster)
        lost.broker.kill()
        asked = self.others(cluster, lost)[0]
        await_true(lambda: self.name(lost) not in asked.status()["running_nodes"], asked.log)
        self.assertIn(self.name(lost), asked.status()["disk_nodes"])
        text = self.ctl(asked, "cluster_status")
        for part in ("Disk Nodes", "Running Nodes", "Versions", "Maintenance status", "Alarms",
                     "Network Partitions", "Listeners"):
            self.assertIn(f"\n{part}\n", text)

    def test_start_up_is_awaited_until_clients_are_let_in(self):
        cluster = Cluster(self.directory, 3, 3)
        self.addCleanup(cluster.close)
        first = cluster.nodes[0]
        cluster.start([first])
        first.await_log("1 of 3 nodes are here and agree")
        waiting = spawn([LEVERET, "ctl", "--data-dir", str(first.data), "await_startup",
                         "--timeout", "infinity"])
        self.addCleanup(waiting.kill)
        # It is there, and answers.
        self.assertEqual([], first.status()["running_nodes"][1:])
        self.assertIsNone(waiting.poll())
        cluster.start(cluster.nodes[1:])
        self.assertEqual(0, waiting.wait())
        self.assertTrue(first.status()["leveret"]["cluster_id"])
        connect(first.await_ready()).close()

    def test_a_lost_member_is_forgotten_and_comes_back_as_a_new_one(self):
        cluster = self.cluster()
        lost = self.follower(cluster)
        one, two = self.others(cluster, lost)
        self.assertIn("{:not_a_cluster_node, 'The node selected is not in the cluster.'}",
                      self.ctl(one, "forget_cluster_node", "rabbit@nowhere", code=69))
        refused = self.ctl(one, "forget_cluster_node", self.name(two), code=69)
        self.assertIn(f"{{:failed_to_remove_node, :\"{self.name(two)}\", {{:active, 'Mnesia is "
                      "running'", refused)
        lost.await_ready()
        pika.BlockingConnection(pika.ConnectionParameters(
            "127.0.0.1", lost.broker.port)).channel().queue_declare("there", durable=True)
        lost.broker.kill()
        await_true(lambda: self.name(lost) not in one.status()["running_nodes"], one.log)
        self.assertIn("there", self.ctl(one, "list_queues", "name"))
        self.assertEqual(f"Removing node {self.name(lost)} from the cluster\n",
                         self.ctl(one, "forget_cluster_node", self.name(lost)))
        cluster.await_members(2, [one, two])
        # Its queues go with it.
        for node in (one, two):
            await_true(lambda node=node: "there" not in self.ctl(node, "list_queues", "name"),
                       node.log)
        # It does not know yet.
        cluster.start([lost])
        lost.await_log("was removed from cluster")
        await_true(lambda: self.is_removed(lost), lost.log)
        self.assertIn("reset it", self.ctl(lost, "start_app", code=69))
        # Nor does it serve after another start.
        lost.stop()
        cluster.start([lost])
        await_true(lambda: self.is_removed(lost), lost.log)
        self.assertEqual(2, len(one.status()["disk_nodes"]))
        self.ctl(lost, "reset")
        self.ctl(lost, "start_app")
        cluster.await_members(3)

    def test_the_leader_leaves_and_the_others_go_on(self):
        cluster = self.cluster()
        leader = self.leader(cluster)
        rest = self.others(cluster, leader)
        self.ctl(leader, "leave_cluster")
        cluster.await_members(2, rest)
        await_true(lambda: self.is_removed(leader), leader.log)
        self.assertIn("this command requires the 'rabbit' app to be running",
                      self.ctl(leader, "list_queues", code=64))
        self.ctl(rest[0], "add_vhost", "after")
        self.ctl(leader, "reset")
        self.assertFalse(self.is_removed(leader))
        self.assertEqual("", leader.status()["leveret"]["cluster_id"])
        self.ctl(leader, "start_app")
        cluster.await_members(3)

        def has_it():
            done = subprocess.run([LEVERET, "ctl", "--data-dir", str(leader.data), "-q",
                                   "list_vhosts"], capture_output=True, text=True)
            return "after" in done.stdout.split()

        await_true(has_it, leader.log)

    def test_reset_leaves_and_join_cluster_brings_back(self):
        cluster = self.cluster()
        node = self.follower(cluster)
        one = self.others(cluster, node)[0]
        for verb in (["reset"], ["force_reset"], ["join_cluster", self.name(one)]):
            self.assertIn("this command requires the 'rabbit' app to be stopped",
                          self.ctl(node, *verb, code=64))
        self.ctl(node, "stop_app")
        self.assertEqual("The node is already a member of this cluster",
                         self.ctl(node, "-q", "join_cluster", self.name(one)).strip())
        self.assertIn("inconsistent_cluster",
                      self.ctl(node, "join_cluster", "127.0.0.1:9", code=69))
        self.assertIn("Resetting node", self.ctl(node, "reset"))
        cluster.await_members(2, self.others(cluster, node))
        self.assertEqual(f"Error: cannot cluster node with itself: {self.name(node)}\n",
                         self.ctl(node, "join_cluster", f"127.0.0.1:{node.port}", code=70))
        self.ctl(node, "join_cluster", "no address", code=65)
        self.ctl(node, "join_cluster", "--ram", self.name(one), code=65)
        joined = self.ctl(node, "join_cluster", f"127.0.0.1:{one.port}")
        self.assertEqual(f"Clustering node {self.name(node)} with 127.0.0.1:{one.port}\n", joined)
        cluster.await_members(3)
        self.ctl(node, "start_app")
        await_true(lambda: node.broker.printed.count("Server startup complete") == 2, node.log)

    def test_without_a_majority_only_force_reset_works(self):
        cluster = self.cluster()
        last, *lost = cluster.nodes
        for node in lost:
            node.broker.kill()
        await_true(lambda: len(last.status()["running_nodes"]) == 1, last.log)
        self.ctl(last, "forget_cluster_node", self.name(lost[0]), code=69)
        self.ctl(last, "stop_app")
        self.assertIn(
            "{:no_running_cluster_nodes, 'You cannot leave a cluster if no online nodes are "
            "present.'}", self.ctl(last, "reset", code=69))
        self.assertEqual(3, len(last.status()["disk_nodes"]))
        self.ctl(last, "force_reset")
        self.assertEqual("", last.status()["leveret"]["cluster_id"])

    def test_a_member_whose_going_would_end_the_majority_stays(self):
        cluster = self.cluster()
        lost = self.follower(cluster)
        one, two = self.others(cluster, lost)
        lost.broker.kill()
        await_true(lambda: self.name(lost) not in one.status()["running_nodes"], one.log)
        self.assertIn("no majority", self.ctl(two, "leave_cluster", code=69))
        self.assertEqual(3, len(two.status()["disk_nodes"]))

    def test_discovery_is_asked_once(self):
        cluster = self.cluster()
        node = cluster.nodes[0]
        names = [f"{node.name}@127.0.0.1:{one.port}" for one in cluster.nodes]
        self.assertEqual("Discovering peers nodes ...\n" + "\n".join(names) + "\n",
                         self.ctl(node, "discover_peers"))
        self.assertEqual(names, json.loads(self.ctl(node, "discover_peers", "--formatter",
                                                    "json")))

    def test_a_node_without_a_cluster_is_reset_too(self):
        broker = leveret_broker.Broker(self.directory / "data", [], None, self.directory / "log")
        broker.start()
        self.addCleanup(broker.kill)
        node = type("Node", (), {"data": self.directory / "data"})
        self.assertEqual("No peers discovered\n", self.ctl(node, "-q", "discover_peers"))
        self.assertIn("no cluster.listener", self.ctl(node, "leave_cluster", code=69))
        self.ctl(node, "add_vhost", "gone")
        self.ctl(node, "stop_app")
        self.ctl(node, "reset")
        self.ctl(node, "start_app")
        self.assertEqual(["/"], self.ctl(node, "-q", "list_vhosts", "--no-table-headers").split())
        self.assertEqual(0, broker.stop())


@needs_own_broker
class CleanupTest(OperateCase):
    def test_a_member_is_removed_when_etcd_lists_it_no_more(self):
        cluster = Cluster(self.directory, 3, 3)
        self.addCleanup(cluster.close)
        cluster.discover_by(Etcd(self, Loopback()))
        cluster.discovery += ["cluster_formation.etcd.node_ttl=15",
                             "cluster_formation.node_cleanup.interval=3",
                             "cluster_formation.node_cleanup.only_log_warning=false"]
        cluster.start()
        cluster.await_members(3)
        lost = self.follower(cluster)
        rest = self.others(cluster, lost)
        lost.broker.kill()
        cluster.await_members(2, rest)
        leader = next(node for node in rest if "it is removed" in node.log())
        self.assertIn(f"{self.name(lost)} (", leader.log())

    def test_a_member_that_is_listed_stays_however_long_it_is_silent(self):
        cluster = Cluster(self.directory, 3, 3)
        self.addCleanup(cluster.close)
        cluster.discovery += ["cluster_formation.node_cleanup.interval=1",
                              "cluster_formation.node_cleanup.only_log_warning=false"]
        cluster.start()
        cluster.await_members(3)
        lost = self.follower(cluster)
        rest = self.others(cluster, lost)
        lost.broker.kill()
        cluster.await_members(3, rest, running=2)
        asked = [node.log().count("where no member is known to be: nobody") for node in rest]
        await_true(lambda: any(node.log().count("where no member is known to be: nobody") >
                               before + 5 for node, before in zip(rest, asked)), rest[0].log)
        self.assertEqual(3, len(rest[0].status()["disk_nodes"]))
        cluster.start([lost])
        cluster.await_members(3)


if __name__ == "__main__":
    leveret_broker.main()
