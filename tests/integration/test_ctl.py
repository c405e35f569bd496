"""`leveret ctl` against a running broker whose objects pika makes."""

import datetime
import json
import subprocess
import threading
import time
import unittest

import pika
from pika.exceptions import AMQPConnectionError, ConnectionClosedByBroker

import leveret_broker
from leveret_broker import BrokerCase, needs_own_broker

PERSISTENT = pika.BasicProperties(delivery_mode=2)


@needs_own_broker
class CtlCase(BrokerCase):
    durable = True

    def connect(self, **parameters):
        url = pika.URLParameters(self.url)
        for key, value in parameters.items():
            setattr(url, key, value)
        connection = pika.BlockingConnection(url)
        self.addCleanup(self.close, connection)
        return connection

    @staticmethod
    def close(connection):
        try:
            if connection.is_open:
                connection.close()
        except AMQPConnectionError:
            pass

    def ctl(self, *words, code=0):
        """What it printed; its standard error where another exit code than 0 is expected."""
        done = subprocess.run(
            [leveret_broker.LEVERET, "ctl", "--data-dir", str(self.directory / "data"), *words],
            capture_output=True, text=True)
        self.assertEqual(code, done.returncode, done.stdout + done.stderr)
        return done.stderr if code else done.stdout

    def rows(self, *words):
        return json.loads(self.ctl("--formatter", "json", *words))

    def wait_for(self, ask, expected):
        """Closing is not done in the moment of its answer: clients answer too."""
        while (seen := ask()) != expected:
            time.sleep(0.01)
        return seen


class Tracing(CtlCase):
    def test_the_firehose_is_turned_on_and_off(self):
        channel = self.connect().channel()
        channel.queue_declare("heard", exclusive=True)
        channel.queue_bind("heard", "amq.rabbitmq.trace", "publish.#")
        channel.queue_declare("q", exclusive=True)
        channel.basic_publish("", "q", b"unheard")
        channel.basic_get("q", auto_ack=True)
        self.ctl("trace_on")
        channel.basic_publish("", "q", b"hello")
        channel.basic_get("q", auto_ack=True)
        self.ctl("trace_off")
        channel.basic_publish("", "q", b"unheard")
        channel.basic_get("q", auto_ack=True)
        method, properties, body = channel.basic_get("heard", auto_ack=True)
        self.assertEqual(("publish.", b"hello"), (method.routing_key, body))
        self.assertEqual(["q"], properties.headers["routing_keys"])
        self.assertEqual(0, method.message_count)


class Listings(CtlCase):
    def test_queues(self):
        channel = self.connect().channel()
        channel.queue_declare("plain", durable=True)
        channel.queue_declare("args", auto_delete=True, arguments={
            "x-message-ttl": 60000, "x-b": True, "x-n": None, "x-list": [1, "two", {"k": b"v"}],
            "x-tab": {"in": "side"}, "x-ts": datetime.datetime(2024, 1, 2),
            "x-bytes": b"a\xff", "x-u": 'ü"q\\'})
        channel.queue_declare("mine", exclusive=True)
        for _ in range(3):
            channel.basic_publish("", "plain", b"hello", PERSISTENT)
        channel.basic_get("plain")
        self.assertEqual(
            "Timeout: 60.0 seconds ...\nListing queues for vhost / ...\n"
            "name\tmessages\nargs\t0\nmine\t0\nplain\t3\n", self.ctl("list_queues"))
        self.assertEqual(
            "plain\t2\t1\ttrue\n", self.ctl(
                "list_queues", "-s", "name", "messages_ready,messages_unacknowledged",
                "durable").splitlines(True)[2])
        rows = {row["name"]: row for row in self.rows(
            "list_queues", "name", "durable", "auto_delete", "exclusive", "arguments", "pid",
            "owner_pid", "messages_persistent", "consumers", "state", "type", "policy", "memory")}
        plain, mine = rows["plain"], rows["mine"]
        self.assertEqual((True, False, False, "running", "classic", "", 3), (
            plain["durable"], plain["auto_delete"], plain["exclusive"], plain["state"],
            plain["type"], plain["policy"], plain["messages_persistent"]))
        self.assertTrue(mine["exclusive"])
        [connection] = self.rows("list_connections", "pid")
        self.assertEqual(connection["pid"], mine["owner_pid"])
        self.assertRegex(plain["pid"], r"^<rabbit@[^>]+\.\d+\.\d+\.1>$")
        self.assertEqual(
            [["x-message-ttl", "signedint", 60000], ["x-b", "bool", True],
             ["x-n", "void", "undefined"],
             ["x-list", "array", [["signedint", 1], ["longstr", "two"],
                                  ["table", [["k", "binary", "v"]]]]],
             ["x-tab", "table", [["in", "longstr", "side"]]],
             ["x-ts", "timestamp", 1704153600], ["x-bytes", "binary", [97, 255]],
             ["x-u", "longstr", 'ü"q\\']], rows["args"]["arguments"])
        self.assertEqual(
            '[{"x-message-ttl",60000},{"x-b",true},{"x-n",undefined},'
            '{"x-list",[1,"two",[{"k",<<"v">>}]]},{"x-tab",[{"in","side"}]},'
            '{"x-ts",1704153600},{"x-bytes",<<97,255>>},{"x-u","ü\\"q\\\\"}]\n',
            self.ctl("list_queues", "-s", "arguments").splitlines(True)[0])

    def test_what_is_not_there(self):
        self.assertEqual([], self.rows("list_queues", "-p", "nope"))
        self.assertEqual([], self.rows("list_queues", "--offline"))
        self.assertEqual([], self.rows("list_connections"))
        self.assertIn("Info key(s) bogus are not supported",
                      self.ctl("list_exchanges", "bogus", code=64))

    def test_exchanges_and_bindings(self):
        channel = self.connect().channel()
        channel.exchange_declare("x.topic", "topic", durable=True,
                                 arguments={"alternate-exchange": "amq.fanout"})
        channel.exchange_declare("x.inside", "direct", internal=True, auto_delete=True)
        channel.exchange_bind("x.inside", "x.topic", "e.key")
        channel.queue_declare("q")
        channel.queue_bind("q", "x.topic", "a.*.b", {"x": 1, "y": "z"})
        exchanges = {row["name"]: row for row in self.rows(
            "list_exchanges", "name", "type", "durable", "auto_delete", "internal", "arguments",
            "policy")}
        self.assertEqual(
            {"name": "", "type": "direct", "durable": True, "auto_delete": False,
             "internal": False, "arguments": [], "policy": ""}, exchanges[""])
        self.assertEqual([["alternate-exchange", "longstr", "amq.fanout"]],
                         exchanges["x.topic"]["arguments"])
        self.assertEqual((True, True, False), (
            exchanges["x.inside"]["internal"], exchanges["x.inside"]["auto_delete"],
            exchanges["x.inside"]["durable"]))
        self.assertLessEqual({"amq.direct", "amq.fanout", "amq.headers", "amq.match", "amq.topic"},
                             set(exchanges))
        self.assertEqual(
            "Listing bindings for vhost /...\n"
            "source_name\tsource_kind\tdestination_name\tdestination_kind\trouting_key\targuments\n"
            "\texchange\tq\tqueue\tq\t[]\n"
            "x.topic\texchange\tx.inside\texchange\te.key\t[]\n"
            'x.topic\texchange\tq\tqueue\ta.*.b\t[{"x",1},{"y","z"}]\n',
            self.ctl("list_bindings"))

    def test_connections_channels_and_consumers(self):
        connection = self.connect(client_properties={"connection_name": "mine"})
        channel = connection.channel(7)
        channel.queue_declare("q")
        channel.basic_qos(prefetch_count=2)
        channel.basic_qos(prefetch_count=9, global_qos=True)
        channel.basic_consume("q", lambda *_: None, consumer_tag="tag",
                              arguments={"x-priority": 3})
        publisher = connection.channel(3)
        publisher.tx_select()
        for _ in range(5):
            channel.basic_publish("", "q", b"m")
        publisher.basic_publish("", "q", b"later")
        publisher.queue_declare("q", passive=True)
        [row] = self.rows("list_connections")
        self.assertEqual(["user", "peer_host", "peer_port", "state"], list(row))
        self.assertEqual(("guest", "127.0.0.1", "running"),
                         (row["user"], row["peer_host"], row["state"]))
        [shown] = self.rows(
            "list_connections", "pid", "name", "port", "channels", "protocol", "auth_mechanism",
            "vhost", "frame_max", "channel_max", "client_properties", "connected_at", "ssl")
        self.assertEqual(f"127.0.0.1:{row['peer_port']} -> 127.0.0.1:{self.broker.port}",
                         shown["name"])
        self.assertEqual((self.broker.port, 2, [0, 9, 1], "PLAIN", "/", 131072, 2047, False), (
            shown["port"], shown["channels"], shown["protocol"], shown["auth_mechanism"],
            shown["vhost"], shown["frame_max"], shown["channel_max"], shown["ssl"]))
        self.assertIn(["connection_name", "longstr", "mine"], shown["client_properties"])
        self.assertLess(abs(time.time() - shown["connected_at"] / 1000), 600)
        transaction, consuming = self.rows(
            "list_channels", "connection", "name", "number", "transactional", "confirm",
            "consumer_count", "messages_unacknowledged", "messages_uncommitted",
            "acks_uncommitted", "messages_unconfirmed", "prefetch_count", "global_prefetch_count")
        self.assertEqual(
            {"connection": shown["pid"], "name": shown["name"] + " (7)", "number": 7,
             "transactional": False, "confirm": False, "consumer_count": 1,
             "messages_unacknowledged": 2, "messages_uncommitted": 0, "acks_uncommitted": 0,
             "messages_unconfirmed": 0, "prefetch_count": 2, "global_prefetch_count": 9},
            consuming)
        self.assertEqual((True, 1), (transaction["transactional"],
                                     transaction["messages_uncommitted"]))
        [consumer] = self.rows("list_consumers")
        self.assertEqual(
            {"queue_name": "q", "consumer_tag": "tag", "ack_required": True, "prefetch_count": 2,
             "active": True, "arguments": [["x-priority", "signedint", 3]]},
            {key: value for key, value in consumer.items() if key != "channel_pid"})
        self.assertIn(consumer["channel_pid"], [row["pid"] for row in self.rows("list_channels")])


class Operations(CtlCase):
    def test_purge_and_delete(self):
        channel = self.connect().channel()
        channel.queue_declare("q", durable=True)
        for _ in range(4):
            channel.basic_publish("", "q", b"m", PERSISTENT)
        channel.queue_declare("q", passive=True)
        self.assertEqual("Error:\nQueue is not empty\n",
                         self.ctl("delete_queue", "q", "--if-empty", code=64))
        self.assertEqual("Purging queue 'q' in vhost '/' ...\n", self.ctl("purge_queue", "q"))
        self.assertEqual(0, channel.queue_declare("q", passive=True).method.message_count)
        self.assertEqual("Error:\nnot_found\n", self.ctl("purge_queue", "nope", code=69))
        channel.basic_consume("q", lambda *_: None)
        self.assertEqual("Error:\nQueue is in use\n",
                         self.ctl("delete_queue", "q", "--if-unused", code=64))
        self.assertEqual(
            "Deleting queue 'q' on vhost '/' ...\n"
            "Queue was successfully deleted with 0 ready messages\n", self.ctl("delete_queue", "q"))
        self.assertEqual("Error:\nQueue not found\n", self.ctl("delete_queue", "q", code=64))

    def test_what_was_purged_or_deleted_stays_so(self):
        channel = self.connect().channel()
        for name in ("purged", "deleted"):
            channel.queue_declare(name, durable=True)
            for _ in range(4):
                channel.basic_publish("", name, b"m", PERSISTENT)
        channel.queue_declare("deleted", passive=True)
        self.ctl("purge_queue", "purged")
        self.ctl("delete_queue", "deleted")
        self.broker.kill()
        self.broker.start()
        self.assertEqual([{"name": "purged", "messages": 0}], self.rows("list_queues"))

    def assert_forced(self, connection, text):
        with self.assertRaises(ConnectionClosedByBroker) as caught:
            while True:
                connection.process_data_events(1)
        self.assertEqual((320, "CONNECTION_FORCED - " + text),
                         (caught.exception.reply_code, caught.exception.reply_text))

    def test_close_connection(self):
        first, second = self.connect(), self.connect()
        pids = [row["pid"] for row in self.rows("list_connections", "pid")]
        self.assertEqual(2, len(set(pids)))
        self.assertEqual(f"Closing connection {pids[0]}, reason: enough...\n",
                         self.ctl("close_connection", pids[0], "enough"))
        self.assert_forced(first, "enough")
        second.channel()
        self.wait_for(lambda: len(self.rows("list_connections", "pid")), 1)
        self.assertEqual('Error:\nError:\n{:invalid_pid_syntax, "foo"}\n',
                         self.ctl("close_connection", "foo", "r", code=69))
        self.ctl("close_connection", "<other@h.1.2.0>", "r")

    def test_close_all_connections(self):
        connections = [self.connect() for _ in range(3)]
        self.assertIn("Closed 0 connections", self.ctl("close_all_connections", "-p", "nope", "r"))
        self.assertIn("Closed 1 connections",
                      self.ctl("close_all_connections", "--limit", "1", "one"))
        self.assert_forced(connections[0], "one")
        self.wait_for(lambda: len(self.rows("list_connections", "pid")), 2)
        self.assertIn("Closed 2 connections", self.ctl("close_all_connections", "--global", "all"))
        self.assert_forced(connections[1], "all")
        self.assert_forced(connections[2], "all")

    def test_the_memory_alarm_can_be_set(self):
        self.ctl("set_vm_memory_high_watermark", "0")
        self.assertEqual(["memory resource limit alarm"],
                         self.rows("status")["alarms"])
        states = lambda: sorted(row["state"] for row in self.rows("list_connections", "state"))
        publisher = self.connect().channel()
        self.connect()
        self.wait_for(states, ["blocking", "blocking"])
        publisher.basic_publish("", "nowhere", b"x")
        self.wait_for(states, ["blocked", "blocking"])
        self.ctl("set_vm_memory_high_watermark", "0.4")
        self.assertEqual([], self.rows("status")["alarms"])
        self.wait_for(states, ["running", "running"])
        self.ctl("set_disk_free_limit", "123MB")
        self.assertEqual(123000000, self.rows("status")["disk_free_limit"])

    def test_stop_app_and_start_app(self):
        connection = self.connect()
        channel = connection.channel()
        channel.queue_declare("q", durable=True)
        channel.confirm_delivery()
        channel.basic_publish("", "q", b"m", PERSISTENT)
        closing = threading.Thread(target=self.assert_forced, args=(
            connection, "broker forced connection closure with reason 'shutdown'"))
        closing.start()
        self.ctl("stop_app")
        closing.join()
        with self.assertRaises(AMQPConnectionError):
            pika.BlockingConnection(pika.URLParameters(self.url))
        self.assertIn("requires the 'rabbit' app to be running", self.ctl("list_queues", code=64))
        self.ctl("check_running", code=69)
        self.ctl("ping")
        self.ctl("stop_app")
        self.ctl("start_app")
        self.ctl("start_app")
        self.ctl("await_startup")
        self.assertEqual(
            1, self.connect().channel().queue_declare("q", passive=True).method.message_count)

    def test_shims(self):
        for name in ("rabbitmqctl", "rabbitmq-diagnostics", "rabbitmq-plugins"):
            (self.directory / name).symlink_to(leveret_broker.LEVERET)
        environment = {"PATH": "/usr/bin:/bin", "LEVERET_DATA_DIR": str(self.directory / "data")}
        for words in (["rabbitmqctl", "list_vhosts"], ["rabbitmq-diagnostics", "-q", "ping"],
                      ["rabbitmq-diagnostics", "check_port_connectivity"],
                      ["rabbitmq-plugins", "enable", "--offline", "rabbitmq_management"],
                      ["rabbitmq-plugins", "list", "-m", "-e"]):
            done = subprocess.run([self.directory / words[0], *words[1:]], env=environment,
                                  capture_output=True, text=True)
            self.assertEqual(0, done.returncode, done.stderr)


class ManyQueues(CtlCase):
    """More than one slice of a listing."""

    def test_each_is_listed_once(self):
        channel = self.connect().channel()
        expected = [f"q{i:04}" for i in range(3000)]
        for name in expected:
            channel.queue_declare(name)
        self.assertEqual(expected, [row["name"] for row in self.rows("list_queues", "name")])
        self.assertEqual(expected, [row["destination_name"] for row in self.rows("list_bindings")])
        self.assertEqual(expected, [row["name"] for row in self.rows(
            "list_queues", "name", "messages", "consumers", "arguments", "memory", "state")])


if __name__ == "__main__":
    unittest.main()
