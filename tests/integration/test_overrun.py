"""A broker that is asked for more than it has: publishers that are blocked and told, backlogs that leave memory."""

import struct
import time
from pathlib import Path

import leveret_broker
from leveret_broker import needs_own_broker
from raw_amqp import RawConnection, entry, frame, method, publish_bytes, short_string, table
from test_ctl import CtlCase as _CtlCase

BLOCKED, UNBLOCKED, NACK, ACK = (10, 60), (10, 61), (60, 120), (60, 80)


def connect(broker):
    capabilities = table([entry("connection.blocked", b"t", b"\x01")])
    return RawConnection(broker.host_port,
                         properties=[entry("capabilities", b"F", capabilities)])


def ids(got):
    return struct.unpack_from(">HH", got.payload)


@needs_own_broker
class Blocked(_CtlCase):
    settings = ("publisher_nack_timeout=200",)

    def test_a_publisher_is_told_named_and_nacked(self):
        publisher = connect(self.broker)
        publisher.declare_queue("q")
        publisher.confirm_select()
        self.ctl("set_vm_memory_high_watermark", "absolute", "1")
        self.ctl("check_local_alarms", code=69)
        publisher.send(publish_bytes("", "q", b"one") + publish_bytes("", "q", b"two"))
        got = publisher.read_frame()
        self.assertEqual(BLOCKED, ids(got))
        self.assertIn(b"low on memory", got.payload)
        self.assertEqual(["blocked"],
                         [row["state"] for row in self.rows("list_connections", "state")])
        self.broker.await_log("is blocked: low on memory")
        nacked = 0
        while nacked < 2:
            got = publisher.read_frame()
            self.assertEqual(NACK, ids(got))
            nacked = struct.unpack_from(">Q", got.payload, 4)[0]
        self.ctl("set_vm_memory_high_watermark", "0.9")
        self.ctl("check_local_alarms")
        self.assertEqual(UNBLOCKED, ids(publisher.read_frame()))
        publisher.send(publish_bytes("", "q", b"three"))
        self.assertEqual(ACK, ids(publisher.read_frame()))
        self.assertEqual(1, publisher.message_count("q"))
        publisher.close()


@needs_own_broker
class Backlog(_CtlCase):
    """With 192 MiB little of a backlog stays in memory."""

    settings = ("total_memory_available_override_value=192MiB",)
    count = 60_000

    def fill(self, persistent, arguments=()):
        client = connect(self.broker)
        client.call(50, 10, b"\x00\x00" + short_string("q") + b"\x02" + table(arguments), 11)
        for first in range(0, self.count, 1000):
            client.send(b"".join(
                publish_bytes("", "q", struct.pack(">Q", number) + bytes(992), persistent)
                for number in range(first, first + 1000)))
        while client.message_count("q") < self.count:
            time.sleep(0.01)
        return client

    def take_all(self, client):
        client.qos(500)
        client.consume("q")
        for number in range(self.count):
            delivery = client.read_delivery()
            self.assertEqual(number, struct.unpack_from(">Q", delivery.body)[0])
            if number % 100 == 99:
                client.ack(delivery.tag, True)

    def paged_out(self):
        return self.rows("list_queues", "messages_paged_out")[0]["messages_paged_out"]

    def test_transient_messages_leave_memory_and_come_back_in_order(self):
        client = self.fill(persistent=False)
        self.wait_for(lambda: self.paged_out() > self.count // 2, True)
        self.take_all(client)
        client.close()

    def test_transient_messages_are_gone_after_a_restart(self):
        client = self.fill(persistent=False)
        client.send(publish_bytes("", "q", b"kept"))
        client.close()
        self.wait_for(lambda: self.paged_out() > self.count // 2, True)
        scratch = Path(self.broker.data_dir, "scratch")
        self.assertTrue(scratch.exists())
        self.assertEqual(0, self.broker.stop())
        self.broker.start()
        self.wait_for(scratch.exists, False)
        client = connect(self.broker)
        self.assertEqual(1, client.message_count("q"))
        client.close()

    def test_a_priority_queue_leaves_memory_too(self):
        client = self.fill(True, [entry("x-max-priority", b"I", struct.pack(">i", 3))])
        self.wait_for(lambda: self.paged_out() > self.count // 2, True)
        self.take_all(client)
        client.close()


@needs_own_broker
class HalfBodies(_CtlCase):
    settings = ("total_memory_available_override_value=64MiB",)

    def test_bodies_that_do_not_get_whole_do_not_fill_memory(self):
        size, sent, clients = 32 << 20, 0, []
        for _ in range(8):
            client = connect(self.broker)
            client.declare_queue("q", durable=False)
            client.send(method(1, 60, 40, b"\x00\x00" + short_string("") + short_string("q") +
                               b"\x00") + frame(2, 1, struct.pack(">HHQH", 60, 0, size, 0)))
            client.socket.setblocking(False)
            clients.append(client)
        part, pending = frame(3, 1, bytes(131_064)), {client: b"" for client in clients}
        idle = 0
        while idle < 50:
            moved = 0
            for client in clients:
                pending[client] = pending[client] or part
                if sent_by(client) + len(part) > 20 << 20:
                    continue
                try:
                    count = client.socket.send(pending[client])
                except (BlockingIOError, ConnectionError):
                    continue
                moved += count
                client.sent = sent_by(client) + count
                pending[client] = pending[client][count:]
            idle = 0 if moved else idle + 1
            time.sleep(0.01)
        self.assertLess(anonymous(self.broker.process.pid), 64 << 20)
        other = connect(self.broker)
        other.declare_queue("other", durable=False)
        other.close()
        for client in clients:
            client.socket.close()


def sent_by(client):
    return getattr(client, "sent", 0)


def anonymous(pid):
    for line in Path("/proc", str(pid), "status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    leveret_broker.main()
