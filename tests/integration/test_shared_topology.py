"""What is declared at one node of a cluster is there at all of them: processes, driven by pika, kombu's ctl and kill -9."""

import json
import subprocess
import tempfile
import unittest
from pathlib import Path

import pika

import leveret_broker
from cluster_nodes import SECRET, Cluster, ServingCase, await_true, connect
from leveret_broker import LEVERET, needs_own_broker


def ctl(node, *arguments):
    return subprocess.run([LEVERET, "ctl", "--data-dir", str(node.data), *arguments],
                          capture_output=True, text=True)


def listed(node, what, *columns):
    done = ctl(node, what, *columns, "--formatter", "json")
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr


@needs_own_broker
class SharedTopologyTest(ServingCase):
    def await_listed(self, node, what, columns, expected):
        seen = []

        def same():
            seen[:] = [listed(node, what, *columns)]
            return seen[0] == expected

        await_true(same, lambda: f"{seen[0]}\n{node.log()}")

    def test_what_one_node_declares_all_have(self):
        channel = self.connect(self.nodes[0]).channel()
        channel.exchange_declare("news", "topic", durable=True)
        channel.queue_declare("inbox", durable=True, arguments={"x-max-length": 10})
        channel.queue_bind("inbox", "news", "a.#")
        for node in self.nodes:
            self.await_listed(node, "list_queues", ["name", "durable"],
                              [{"name": "inbox", "durable": True}])
            there = self.connect(node).channel()
            there.exchange_declare("news", passive=True)
            # The same again is no error, another one is.
            there.exchange_declare("news", "topic", durable=True)
            with self.assertRaises(pika.exceptions.ChannelClosedByBroker) as refused:
                there.exchange_declare("news", "fanout", durable=True)
            self.assertEqual(406, refused.exception.reply_code)
        self.connect(self.nodes[2]).channel().exchange_delete("news")
        self.assertEqual(0, channel.queue_delete("inbox").method.message_count)
        for node in self.nodes:
            self.await_listed(node, "list_queues", ["name"], [])

    def test_many_declare_at_once_and_agree(self):
        self.cluster.await_streams()
        channels = [self.connect(node).channel() for node in self.nodes]
        for i in range(20):
            for channel in channels:
                channel.queue_declare(f"q{i}", auto_delete=False)
        names = sorted(f"q{i}" for i in range(20))
        for node in self.nodes:
            await_true(lambda node=node: sorted(
                one["name"] for one in listed(node, "list_queues", "name")) == names, node.log)

    def test_users_and_permissions_are_everywhere(self):
        self.assertEqual(0, ctl(self.nodes[1], "add_user", "ann", "pw").returncode)
        done = ctl(self.nodes[1], "set_permissions", "ann", ".*", ".*", "^$")
        self.assertEqual(0, done.returncode, done.stderr)
        for node in self.nodes:
            await_true(lambda node=node: "ann" in [
                one["user"] for one in listed(node, "list_permissions")], node.log)
            self.connect(node, user="ann", password="pw")

    def test_an_exclusive_queue_is_known_and_goes_with_its_connection(self):
        owner = self.connect(self.nodes[0])
        name = owner.channel().queue_declare("", exclusive=True).method.queue
        self.await_listed(self.nodes[1], "list_queues", ["name"], [{"name": name}])
        with self.assertRaises(pika.exceptions.ChannelClosedByBroker) as refused:
            self.connect(self.nodes[1]).channel().queue_declare(name, passive=True)
        self.assertEqual(405, refused.exception.reply_code)
        owner.close()
        for node in self.nodes:
            self.await_listed(node, "list_queues", ["name"], [])
        # Its name is free at once where it was.
        self.connect(self.nodes[0]).channel().queue_declare("mine", exclusive=True)

    def test_all_is_there_after_a_kill_of_all(self):
        connection = self.connect(self.nodes[0])
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare("kept", durable=True)
        channel.queue_declare("lost")
        channel.exchange_declare("news", durable=True)
        channel.exchange_declare("passing")
        channel.basic_publish("", "kept", b"body", pika.BasicProperties(delivery_mode=2))
        self.cluster.kill()
        self.cluster.start()
        self.cluster.await_ready()
        for node in self.nodes:
            self.await_listed(node, "list_queues", ["name"], [{"name": "kept"}])
            self.assertEqual({"news"}, self.exchanges(node))
        _, _, body = self.connect(self.nodes[0]).channel().basic_get("kept", auto_ack=True)
        self.assertEqual(b"body", body)

    def test_what_is_not_durable_outlives_each_node_as_long_as_another_one_runs(self):
        self.connect(self.nodes[0]).channel().exchange_declare("passing")
        for node in self.nodes:
            node.broker.kill()
            self.cluster.start([node])
            node.await_ready()
            self.assertEqual({"passing"}, self.exchanges(node))

    def exchanges(self, node):
        return {one["name"] for one in listed(node, "list_exchanges", "name")
                if one["name"] and not one["name"].startswith("amq.")}

    def test_without_a_majority_nothing_is_declared_and_with_it_again(self):
        channel = self.connect(self.nodes[0]).channel()
        channel.queue_declare("before", durable=True)
        for node in self.nodes[1:]:
            node.broker.kill()
        with self.assertRaises(pika.exceptions.ChannelClosedByBroker) as refused:
            channel.queue_declare("meanwhile", durable=True)
        self.assertEqual(406, refused.exception.reply_code)
        self.assertIn("no majority", refused.exception.reply_text)
        again = self.connect(self.nodes[0]).channel()
        again.confirm_delivery()
        again.basic_publish("", "before", b"still served")
        self.cluster.start(self.nodes[1:])
        self.cluster.await_ready()
        again.queue_declare("after", durable=True)
        for node in self.nodes:
            await_true(lambda node=node: {"before", "after"} <= {
                one["name"] for one in listed(node, "list_queues", "name")}, node.log)

    def test_a_node_that_was_away_catches_up(self):
        away = self.nodes[2]
        away.broker.kill()
        channel = self.connect(self.nodes[0]).channel()
        for i in range(50):
            channel.queue_declare(f"q{i}", durable=True)
        self.cluster.start([away])
        away.await_ready()
        self.assertEqual(50, len(listed(away, "list_queues", "name")))


@needs_own_broker
class FromOneNodeToMoreTest(unittest.TestCase):
    """A broker that has run alone becomes the first node of a cluster, with all that it has."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="leveret-grown-")
        self.addCleanup(scratch.cleanup)
        self.cluster = Cluster(Path(scratch.name), 2)
        self.addCleanup(self.cluster.close)
        self.first, self.second = self.cluster.nodes
        self.first.start([]).await_ready()
        channel = connect(self.first).channel()
        channel.queue_declare("old", durable=True)
        channel.basic_publish("", "old", b"kept", pika.BasicProperties(delivery_mode=2))
        self.assertEqual(0, ctl(self.first, "add_user", "ann", "pw").returncode)
        self.first.stop()

    def refusal(self, settings):
        done = subprocess.run(
            [LEVERET, "serve", "--data-dir", str(self.first.data), "--set",
             "listeners.tcp.default=127.0.0.1:0", *(f"--set={one}" for one in settings)],
            capture_output=True, text=True)
        return done.returncode, done.stderr

    def test_it_founds_a_cluster_with_what_it_has_and_others_join(self):
        alone = [f"cluster.listener=127.0.0.1:{self.first.port}", f"cluster.secret={SECRET}"]
        self.first.start(alone).await_ready()
        self.second.start(self.cluster.settings(self.second)).await_ready()
        self.assertEqual([{"name": "old"}], listed(self.second, "list_queues", "name"))
        self.assertIn("ann", [one["user"] for one in listed(self.second, "list_users")])
        _, _, body = connect(self.first).channel().basic_get("old", auto_ack=True)
        self.assertEqual(b"kept", body)
        self.first.stop()
        code, said = self.refusal([])
        self.assertEqual(78, code, said)
        self.assertIn("belongs to a node of a cluster", said)

    def test_with_definitions_of_its_own_it_joins_nobody(self):
        code, said = self.refusal(self.cluster.settings(self.first))
        self.assertEqual(78, code, said)
        self.assertIn("only a blank one can join", said)


if __name__ == "__main__":
    leveret_broker.main()
