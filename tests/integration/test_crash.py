"""kill -9 under load, with everything that was not synced undone, or torn by pages.

LEVERET_CRASH_ROUNDS (3) says how often; LEVERET_SEED repeats a run.
"""

import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

import durable_files
import raw_amqp
from leveret_broker import Broker, BrokerCase, needs_own_broker

ROUNDS = int(os.environ.get("LEVERET_CRASH_ROUNDS", "3"))
SEED = int(os.environ.get("LEVERET_SEED", str(random.SystemRandom().randrange(2 ** 32))))

# The state interval is 200 ms; what is older than this stays acked.
ACKS_AT_RISK_S = 0.5


class Publisher(threading.Thread):
    """Publishes numbers, a window unconfirmed, until the connection breaks."""

    WINDOW = 200

    def __init__(self, host_port, queue, first):
        super().__init__(daemon=True)
        self.raw = raw_amqp.RawConnection(host_port)
        self.raw.declare_queue(queue)
        self.raw.confirm_select()
        self.queue = queue
        self.first = first
        self.sent = 0
        self.confirmed = set()  # numbers
        self.slowest_confirm_s = 0.0

    def run(self):
        sent_at = {}
        try:
            while True:
                while self.sent - len(self.confirmed) < self.WINDOW:
                    number = self.first + self.sent
                    body = b"%010d" % number + bytes(number * 37 % 3000)
                    self.sent += 1
                    sent_at[number] = time.monotonic()
                    self.raw.send(raw_amqp.publish_bytes("", self.queue, body))
                self.read_confirm(sent_at)
        except (OSError, AssertionError):
            self.raw.socket.close()

    def read_confirm(self, sent_at):
        arguments = self.raw.expect(60, 80)
        tag, multiple = int.from_bytes(arguments[:8], "big"), arguments[8] & 1
        last = self.first + tag - 1
        for number in [n for n in sent_at if n <= last] if multiple else [last]:
            self.slowest_confirm_s = max(self.slowest_confirm_s,
                                         time.monotonic() - sent_at.pop(number))
            self.confirmed.add(number)


class Consumer(threading.Thread):
    """Acks two of three messages at once, the third some sixty messages later."""

    def __init__(self, host_port, queue):
        super().__init__(daemon=True)
        self.raw = raw_amqp.RawConnection(host_port)
        self.raw.qos(100)
        self.raw.consume(queue)
        self.delivered = set()
        self.acked_at = {}
        self.order = []

    def ack(self, number, tag):
        self.acked_at[number] = time.monotonic()
        self.raw.ack(tag)

    def run(self):
        late = []
        try:
            while True:
                delivery = self.raw.read_delivery()
                number = int(delivery.body[:10])
                self.delivered.add(number)
                if not delivery.redelivered:
                    self.order.append(number)
                if number % 3:
                    self.ack(number, delivery.tag)
                else:
                    late.append((number, delivery.tag))
                if len(late) > 20:
                    self.ack(*late.pop(0))
        except (OSError, AssertionError):
            self.raw.socket.close()


@needs_own_broker
class Crash(BrokerCase):
    durable = True

    def setUp(self):
        super().setUp()
        self.assertEqual(0, self.broker.stop())
        print(f"LEVERET_SEED={SEED}")

    def start(self, power_cut):
        if power_cut:
            power_cut.begin()
        self.broker.env = power_cut.environment if power_cut else None
        self.broker.start()

    def rounds(self, power_cut, torn=lambda _: False):
        choice = random.Random(SEED)
        first = 0
        for round_number in range(ROUNDS):
            self.start(power_cut)
            publisher = Publisher(self.broker.host_port, self.name, first)
            consumer = Consumer(self.broker.host_port, self.name)
            publisher.start()
            consumer.start()
            time.sleep(choice.uniform(0.5, 3))  # how much load before the blow, nothing is measured
            killed_at = time.monotonic()
            self.broker.kill()
            publisher.join()
            consumer.join()
            undone = power_cut.strike(torn(round_number)) if power_cut else 0
            self.start(power_cut)
            self.check(publisher, consumer, killed_at, undone)
            first = publisher.first + publisher.sent
            self.assertEqual(0, self.broker.stop())

    def check(self, publisher, consumer, killed_at, undone):
        """What is in the queue now, against what was promised. Leaves the queue empty."""
        found = self.drain()
        numbers = [number for number, _ in found]
        self.assertEqual(sorted(set(numbers)), numbers, "twice, or out of order")
        self.assertEqual(sorted(consumer.order), consumer.order)

        lost = publisher.confirmed - set(numbers) - set(consumer.acked_at)
        self.assertEqual(set(), lost, "confirmed and lost")
        # A disk that takes its time holds the acks up as long as it does the confirms.
        at_risk_s = ACKS_AT_RISK_S + publisher.slowest_confirm_s
        back = {number: killed_at - consumer.acked_at[number]
                for number in numbers if number in consumer.acked_at}
        print(f"{len(publisher.confirmed)} confirmed of {publisher.sent}, "
              f"{len(consumer.acked_at)} acked, {len(back)} of them again (the oldest of "
              f"{max(back.values(), default=0):.2f} s), {undone} pages undone")
        self.assertEqual({}, {n: age for n, age in back.items() if age > at_risk_s})
        unflagged = [number for number, redelivered in found
                     if number in consumer.delivered and not redelivered]
        self.assertEqual([], unflagged, "delivered before and not flagged so")

    def drain(self):
        raw = raw_amqp.RawConnection(self.broker.host_port)
        raw.declare_queue(self.name)
        count = raw.message_count(self.name)
        raw.consume(self.name)
        found = []
        for _ in range(count):
            delivery = raw.read_delivery()
            found.append((int(delivery.body[:10]), delivery.redelivered))
            raw.ack(delivery.tag)
        raw.close()
        return found

    def test_kill_under_load(self):
        self.rounds(None)

    def test_kill_and_undo_what_was_not_synced(self):
        library = durable_files.compile_library(self.directory)
        self.rounds(durable_files.PowerCut(
            library, self.broker.data_dir, self.directory / "shadow", SEED))

    def test_kill_and_tear_what_was_not_synced(self):
        library = durable_files.compile_library(self.directory)
        self.rounds(durable_files.PowerCut(
            library, self.broker.data_dir, self.directory / "shadow", SEED),
            torn=lambda _: True)


class Harness(unittest.TestCase):
    def test_undoes_exactly_what_was_not_synced(self):
        with tempfile.TemporaryDirectory() as directory:
            data = Path(directory) / "data"
            data.mkdir()
            (data / "old").write_bytes(b"o" * 10000)
            (data / "gone").write_bytes(b"g")
            cut = durable_files.PowerCut(durable_files.compile_library(directory), data,
                                         Path(directory) / "shadow", 1)
            cut.begin()
            script = f"""
import os
os.chdir({str(data)!r})
old = os.open("old", os.O_RDWR)
os.pwrite(old, b"durable", 5000); os.fsync(old)
os.pwrite(old, b"not", 100); os.write(old, b"neither"); os.ftruncate(old, 12000)
for name, sync in (("synced", True), ("unsynced", False)):
    fd = os.open(name, os.O_CREAT | os.O_WRONLY)
    os.write(fd, b"content")
    if sync: os.fsync(fd)
top = os.open(".", os.O_RDONLY); os.fsync(top)
os.unlink("gone"); os.rename("synced", "renamed")
os.fsync(os.open("late", os.O_CREAT | os.O_WRONLY))
os.kill(os.getpid(), 9)
"""
            subprocess.run([sys.executable, "-c", script], env={**os.environ, **cut.environment})
            cut.strike(torn=False)
            self.assertEqual({"old", "gone", "synced", "unsynced"},
                             {path.name for path in data.iterdir()})
            old = b"o" * 5000 + b"durable" + b"o" * 4993
            self.assertEqual(old, (data / "old").read_bytes())
            self.assertEqual(b"content", (data / "synced").read_bytes())
            self.assertEqual(b"", (data / "unsynced").read_bytes())


if __name__ == "__main__":
    unittest.main(verbosity=2)
