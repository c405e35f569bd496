#!/usr/bin/env python3
"""A broker that is overrun: is its memory bounded, are the others served, are publishers told?

    /usr/bin/python3 bench/overrun.py [--binary build/release/bin/leveret] [--minutes 3] [--only a,b] [--url ...]

Each scenario has a broker of its own with a data directory, in a memory cgroup of 512 MiB (as root, cgroup v1 or v2; else it is
only told so by total_memory_available_override_value). Beside the load there are a witness, which publishes a small
persistent message every 20 ms and waits for its confirm, and a reader, which gets messages of a queue of its own and
never publishes. Prints a table; exit code 1 where something that must hold does not.
"""

import argparse
import json
import os
import random
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/integration"))
MIB = 1 << 20
CAPABILITIES = ["connection.blocked", "consumer_cancel_notify"]


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default=os.environ.get(
        "LEVERET", str(ROOT / "build/release/bin/leveret")))
    parser.add_argument("--minutes", type=float, default=3, help="of load, all scenarios together")
    parser.add_argument("--memory", type=int, default=512, help="MiB, the limit")
    parser.add_argument("--messages", type=int, default=10_000_000, help="of the backlog")
    parser.add_argument("--only", default="", help="letters of scenarios")
    parser.add_argument("--dir", default=None, help="where data directories are made")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--log", action="store_true", help="print the broker's log")
    return parser.parse_args()


OPTIONS = arguments()
os.environ["LEVERET"] = OPTIONS.binary

import leveret_broker  # noqa: E402
import raw_amqp  # noqa: E402
from raw_amqp import RawConnection, entry, frame, method, publish_bytes, short_string, table  # noqa: E402

leveret_broker.faulthandler.cancel_dump_traceback_later()


class Cgroup:
    """A memory cgroup, or nothing where none can be made."""

    def __init__(self, limit):
        self.path = None
        for root, limit_file in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
                                 ("/sys/fs/cgroup", "memory.max")):
            path = Path(root, f"leveret-overrun-{os.getpid()}")
            try:
                path.mkdir()
            except OSError:
                continue
            try:
                (path / limit_file).write_text(str(limit))
                (path / "cgroup.procs").read_text()
            except OSError:
                path.rmdir()
                continue
            self.path = path
            return

    def join(self):
        """In the child, before exec."""
        if self.path:
            (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def oom_kills(self):
        for name in ("memory.oom_control", "memory.events"):
            try:
                for line in (self.path / name).read_text().splitlines():
                    if line.startswith("oom_kill "):
                        return int(line.split()[1])
            except (OSError, TypeError):
                continue
        return 0

    def remove(self):
        for _ in range(50):
            try:
                if self.path:
                    self.path.rmdir()
                return
            except OSError:
                time.sleep(0.1)


def anonymous(pid):
    try:
        for line in Path("/proc", str(pid), "status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


class Client(RawConnection):
    """Says that it understands connection.blocked, and can read without waiting."""

    def __init__(self, port, **options):
        capabilities = table([entry(name, b"t", b"\x01") for name in CAPABILITIES])
        super().__init__(f"127.0.0.1:{port}",
                         properties=[entry("capabilities", b"F", capabilities)], **options)

    def readable(self, timeout):
        return self._at < len(self._buffer) or bool(select.select([self.socket], [], [], timeout)[0])


class Witness(threading.Thread):
    """Publishes with confirms, one at a time, to a queue that nobody reads but it purges."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.going = port, True
        self.blocked = self.unblocked = self.confirmed = self.nacked = 0
        self.times, self.error, self.is_blocked = [], None, False
        self.reasons = set()

    def run(self):
        try:
            client = Client(self.port)
            client.declare_queue("overrun-witness", durable=True)
            client.confirm_select()
            while self.going:
                began = time.monotonic()
                client.send(publish_bytes("", "overrun-witness", b"w" * 24))
                if not self.wait_for_answer(client):
                    break
                self.times.append(time.monotonic() - began)
                time.sleep(0.02)
            client.socket.close()
        except OSError as error:
            self.error = repr(error)

    def wait_for_answer(self, client):
        while self.going:
            if not client.readable(0.2):
                continue
            got = client.read_frame()
            ids = struct.unpack_from(">HH", got.payload)
            if ids == (10, 60):
                self.blocked += 1
                self.is_blocked = True
                self.reasons.add(got.payload[5:5 + got.payload[4]].decode())
            elif ids == (10, 61):
                self.unblocked += 1
                self.is_blocked = False
            elif ids == (60, 80):
                self.confirmed += 1
                return True
            elif ids == (60, 120):
                self.nacked += 1
                return True
            else:
                raise OSError(f"the witness got {ids}")
        return False


class Reader(threading.Thread):
    """Gets messages of its own queue, one at a time: a client that an alarm does not concern."""

    def __init__(self, port):
        super().__init__(daemon=True)
        # Is not told of an alarm: it only waits for its end.
        self.client = RawConnection(f"127.0.0.1:{port}")
        self.client.declare_queue("overrun-reader", durable=False)
        self.client.send(publish_bytes("", "overrun-reader", b"r" * 100, False) * 20_000)
        while self.client.message_count("overrun-reader") < 20_000:
            pass
        self.going, self.times, self.error = True, [], None

    def run(self):
        get = method(1, 60, 70, b"\x00\x00" + short_string("overrun-reader") + b"\x01")
        try:
            while self.going:
                began = time.monotonic()
                self.client.send(get)
                got = self.client.read_frame()
                if struct.unpack_from(">HH", got.payload) == (60, 71):
                    self.client.read_frame()
                    self.client.read_frame()
                self.times.append(time.monotonic() - began)
                time.sleep(0.02)
            self.client.socket.close()
        except OSError as error:
            self.error = repr(error)


class Sampler(threading.Thread):
    def __init__(self, broker):
        super().__init__(daemon=True)
        self.broker, self.going, self.peak, self.died = broker, True, 0, False

    def run(self):
        while self.going:
            if not self.broker.is_running():
                self.died = True
                return
            self.peak = max(self.peak, anonymous(self.broker.process.pid))
            time.sleep(0.05)


class Broker(leveret_broker.Broker):
    """In the cgroup."""

    def __init__(self, data_dir, settings=()):
        self.cgroup = Cgroup(OPTIONS.memory * MIB)
        limits = [] if self.cgroup.path else \
            [f"total_memory_available_override_value={OPTIONS.memory}MiB"]
        super().__init__(data_dir, [*limits, "prometheus.tcp.port=0",
                                    "prometheus.tcp.ip=127.0.0.1", *settings, *OPTIONS.set])

    def start(self):
        plain = leveret_broker.die_with_parent

        def prepare():
            self.cgroup.join()
            plain()

        leveret_broker.die_with_parent = prepare
        try:
            return super().start()
        finally:
            leveret_broker.die_with_parent = plain

    def ctl(self, *words):
        done = subprocess.run([OPTIONS.binary, "ctl", "--data-dir", str(self.data_dir), *words],
                              capture_output=True, text=True)
        return done.stdout

    def queue(self, name):
        """(ready, unacked) of a queue."""
        rows = json.loads(self.ctl("--silent", "--formatter", "json", "list_queues", "name",
                                   "messages_ready", "messages_unacknowledged") or "[]")
        for row in rows:
            if row["name"] == name:
                return row["messages_ready"], row["messages_unacknowledged"]
        return 0, 0


def bench(broker, *words):
    return subprocess.Popen(
        [OPTIONS.binary, "bench", "--url", f"amqp://guest:guest@127.0.0.1:{broker.port}/%2F",
         "--json", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        preexec_fn=leveret_broker.die_with_parent)


def report_of(process, seconds):
    """What `leveret bench` says at its end; nothing where it is still held back after so long."""
    try:
        return json.loads(process.communicate(timeout=seconds)[0] or "{}")
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return {}


def percentile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))] if values else float("nan")


class Row:
    """One scenario's outcome."""

    def __init__(self, title):
        self.title, self.notes, self.failures = title, [], []
        self.cells = []

    def must(self, holds, what):
        if not holds:
            self.failures.append(what)


class Scenario:
    """A broker with its witness, reader and sampler; `with` ends them and fills the row."""

    def __init__(self, title, settings=(), data_dir=None):
        self.row = Row(title)
        self.settings = settings
        self.own = None if data_dir else Path(tempfile.mkdtemp(prefix="leveret-overrun-",
                                                              dir=OPTIONS.dir))
        self.broker = Broker(data_dir or self.own / "data", settings)

    def __enter__(self):
        self.broker.start()
        self.observe()
        return self

    def observe(self):
        """From now on; after a restart again."""
        self.witness, self.reader = Witness(self.broker.port), Reader(self.broker.port)
        self.sampler = Sampler(self.broker)
        for thread in (self.witness, self.reader, self.sampler):
            thread.start()

    def end_observation(self):
        for thread in (self.witness, self.reader, self.sampler):
            thread.going = False
        for thread in (self.witness, self.reader, self.sampler):
            thread.join(10)

    def __exit__(self, kind, error, trace):
        row = self.row
        self.end_observation()
        row.must(not self.sampler.died, "the broker died")
        row.must(self.broker.cgroup.oom_kills() == 0, "OOM kill")
        row.must(self.witness.error is None, f"witness: {self.witness.error}")
        row.must(self.reader.error is None, f"reader: {self.reader.error}")
        row.must(self.sampler.peak < 0.75 * OPTIONS.memory * MIB,
                 f"peak {self.sampler.peak // MIB} MiB")
        row.must(len(self.reader.times) > 20, "the reader was not served")
        if self.witness.blocked:
            row.notes.append("blocked: " + ", ".join(sorted(self.witness.reasons)))
        row.cells = [
            f"{self.sampler.peak / MIB:.0f}",
            f"{anonymous(self.broker.process.pid) / MIB:.0f}",
            f"{self.witness.blocked} / {self.witness.unblocked}",
            f"{self.witness.confirmed} / {self.witness.nacked}",
            f"{percentile(self.witness.times, 0.99) * 1e3:.0f} / "
            f"{max(self.witness.times, default=float('nan')) * 1e3:.0f}",
            f"{percentile(self.reader.times, 0.99) * 1e3:.0f} / "
            f"{max(self.reader.times, default=float('nan')) * 1e3:.0f}"]
        if self.broker.is_running():
            began = time.monotonic()
            self.broker.process.terminate()
            try:
                code = self.broker.process.wait(60)
                row.must(code == 0, f"SIGTERM ended with {code}")
            except subprocess.TimeoutExpired:
                row.must(False, "SIGTERM did not end it in 60 s")
                self.broker.kill()
            row.notes.append(f"stop {time.monotonic() - began:.1f} s")
        if OPTIONS.log:
            print(self.broker.log_text(), file=sys.stderr)
        self.broker.cgroup.remove()
        if self.own:
            shutil.rmtree(self.own, ignore_errors=True)
        if error is not None and not isinstance(error, KeyboardInterrupt):
            row.failures.append(repr(error))
            return True
        return False


def settle_down(broker, seconds=3):
    """What the broker keeps when all is over."""
    time.sleep(seconds)
    return anonymous(broker.process.pid)


def declare(port, name, durable=True, arguments=()):
    client = Client(port)
    client.call(50, 10, b"\x00\x00" + short_string(name) + bytes([0b10 if durable else 0]) +
                table(arguments), 11)
    client.socket.close()


def fast_publisher(persistent, slow, seconds):
    kind = "persistent" if persistent else "transient"
    title = f"a. publisher flat out, 24 B {kind}, " + \
        ("a consumer of 5,000/s" if slow else "a consumer flat out")
    scenario = Scenario(title)
    with scenario as s:
        declare(s.broker.port, "overrun-0", persistent)
        common = ["--queue-prefix", "overrun", "--declare", "none", "--keep", "--size", 24]
        if persistent:
            common.append("--persistent")
        publisher = bench(s.broker, *common, "--producers", 1, "--consumers", 0,
                          "--seconds", seconds)
        taken = 0
        end = time.monotonic() + seconds
        if slow:
            client = Client(s.broker.port)
            client.qos(100)
            client.consume("overrun-0")
            began = time.monotonic()
            while time.monotonic() < end:
                delivery = client.read_delivery()
                taken += 1
                if taken % 50 == 0:
                    client.ack(delivery.tag, True)
                    time.sleep(max(0, began + taken / 5000 - time.monotonic()))
            client.socket.close()
            rate = taken / seconds
            s.row.must(rate >= 0.4 * 5000, f"the consumer got {rate:.0f}/s")
        else:
            consume = [*common, "--producers", 0, "--consumers", 1, "--prefetch", 1000, "--ack", 100]
            rate = report_of(bench(s.broker, *consume, "--seconds", seconds),
                             seconds + 30).get("consume_rate", 0)
        report = report_of(publisher, seconds + 5)
        s.row.must(report, "the publisher was held back to its end")
        published = report.get("publish_rate", 0)
        share = rate / (rate + published)
        if not slow:
            s.row.must(share >= 0.4, f"the consumer gets {share:.0%} of the queue's work")
        s.row.notes.append(f"publishes {published / 1e3:.0f}k/s, deliveries {rate / 1e3:.1f}k/s"
                           f" ({share:.0%})")
    return s.row


def never_acks(prefetch, persistent, seconds):
    kind = "persistent" if persistent else "transient"
    scenario = Scenario(f"b. never acks, prefetch {prefetch}, 1 KB {kind}")
    with scenario as s:
        declare(s.broker.port, "overrun-0", persistent)
        consumer = Client(s.broker.port)
        if prefetch:
            consumer.qos(prefetch)
        consumer.consume("overrun-0")
        publisher = bench(
            s.broker, "--queue-prefix", "overrun", "--declare", "none", "--keep", "--size", 1024,
            "--producers", 1, "--consumers", 0, "--seconds", seconds, "--rate", 100_000,
            *(["--persistent"] if persistent else []))
        got, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            if consumer.readable(0.1):
                got += len(consumer.socket.recv(MIB))
        if not report_of(publisher, 5):
            s.row.must(False, "the publisher was held back to its end")
        ready, unacked = s.broker.queue("overrun-0")
        s.row.notes.append(f"{ready / 1e3:.0f}k ready, {unacked / 1e3:.0f}k unacked")
        # It goes, and everything it had is there for another one.
        consumer.socket.close()
        deadline = time.monotonic() + 60
        while s.broker.queue("overrun-0") != (ready + unacked, 0):
            if time.monotonic() > deadline:
                s.row.must(False, f"returned: {s.broker.queue('overrun-0')}")
                break
            time.sleep(0.2)
    return s.row


def unread_sockets(seconds):
    scenario = Scenario("c. consumers that do not read, 1 GB for them")
    with scenario as s:
        clients = []
        for number in range(50):
            client = Client(s.broker.port)
            client.declare_queue(f"overrun-{number}", durable=False)
            client.consume(f"overrun-{number}", no_ack=number % 2 == 0)
            clients.append(client)
        publisher = bench(
            s.broker, "--queue-prefix", "overrun", "--declare", "none", "--keep", "--queues", 50,
            "--size", 20_000, "--producers", 1, "--consumers", 0, "--messages", 52_000,
            "--seconds", seconds * 3)
        report = report_of(publisher, seconds * 3 + 30)
        s.row.must(report.get("published", 0) >= 52_000, "1 GB could not be published")
        time.sleep(1)
        for client in clients:
            client.socket.close()
    return s.row


def half_bodies(seconds):
    """Twenty connections with ten channels each, which all have sent a part of 128 MB."""
    scenario = Scenario("c. 200 half-sent bodies of 128 MB")
    with scenario as s:
        declare(s.broker.port, "overrun-0", False)
        size, channels, clients = 128 * MIB, 10, []
        part = b"b" * (frame_payload := 131_072 - 8)
        for _ in range(20):
            client = Client(s.broker.port)
            for channel in range(2, channels + 1):
                client.send(method(channel, 20, 10, b"\x00"))
                client.read_frame()
            client.socket.settimeout(0.05)
            clients.append(client)
        sent, begun = 0, set()
        pending = {client: b"" for client in clients}
        end = time.monotonic() + seconds
        while time.monotonic() < end and sent < 2 << 30:
            for client in clients:
                for channel in range(1, channels + 1):
                    if not pending[client]:
                        data = frame(3, channel, part)
                        if (client, channel) not in begun:
                            begun.add((client, channel))
                            head = struct.pack(">HHQH", 60, 0, size, 0)
                            data = method(channel, 60, 40, b"\x00\x00" + short_string("") +
                                          short_string("overrun-0") + b"\x00") + \
                                frame(2, channel, head) + data
                        pending[client] = data
                    try:
                        client.socket.setblocking(False)
                        count = client.socket.send(pending[client])
                        sent += count
                        pending[client] = pending[client][count:]
                    except BlockingIOError:
                        break
            time.sleep(0.001)
        s.row.notes.append(f"{sent / MIB:.0f} MiB taken from the senders")
        time.sleep(min(5, seconds / 3))
        for client in clients:
            client.socket.close()
        time.sleep(2)
        s.row.must(not s.witness.is_blocked, "still blocked when they have gone")
    return s.row


def backlog(persistent, arguments, what, count, seconds):
    kind = "persistent" if persistent else "transient"
    scenario = Scenario(f"d. {count / 1e6:g} M of 200 B {kind}{what}")
    with scenario as s:
        declare(s.broker.port, "overrun-0", True, arguments)
        common = ["--queue-prefix", "overrun", "--declare", "none", "--keep", "--size", 200]
        began = time.monotonic()
        publisher = bench(s.broker, *common, *(["--persistent"] if persistent else []),
                          "--producers", 1, "--consumers", 0, "--messages", count,
                          "--seconds", seconds)
        s.row.must(report_of(publisher, 2 * seconds + 30), "the publisher was held back to its end")
        filled = time.monotonic() - began
        time.sleep(2)
        ready = s.broker.queue("overrun-0")[0]
        held = anonymous(s.broker.process.pid)
        s.row.notes.append(f"{ready / 1e6:.2f} M in {filled:.0f} s, then {held // MIB} MiB")
        began = time.monotonic()
        consumer = bench(s.broker, *common, "--producers", 0, "--consumers", 1, "--prefetch", 2000,
                         "--ack", 500, "--seconds", seconds)
        rate = report_of(consumer, seconds + 30).get("consume_rate", 0)
        s.row.notes.append(f"drained at {rate / 1e3:.0f}k/s")
    return s.row


def burst(persistent, seconds):
    kind = "persistent" if persistent else "transient"
    scenario = Scenario(f"f. burst and drain, {kind}")
    with scenario as s:
        before = anonymous(s.broker.process.pid)
        for size, count in ((24, 2_000_000), (4000, 60_000), (200_000, 1_000)):
            publisher = bench(
                s.broker, "--queue-prefix", f"burst{size}", "--queues", 4, "--size", size,
                "--messages", count, "--seconds", seconds, "--prefetch", 500, "--ack", 100,
                "--drain", *(["--persistent"] if persistent else []))
            s.row.must(report_of(publisher, seconds + 60).get("lost", 1) == 0, f"lost of {size} B")
        kept = settle_down(s.broker)
        s.row.notes.append(f"{before // MIB} MiB before, {kept // MIB} MiB after")
        s.row.must(kept - before < 48 * MIB, f"keeps {(kept - before) // MIB} MiB")
    return s.row


class LoopVolume:
    """A file system of its own on a loop device; `path` is None where that is not allowed."""

    def __init__(self, size):
        self.dir = Path(tempfile.mkdtemp(prefix="leveret-overrun-", dir=OPTIONS.dir))
        image, self.path = self.dir / "image", None
        with open(image, "wb") as file:
            file.truncate(size)
        mount = self.dir / "mount"
        mount.mkdir()
        if subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(image)], check=False).returncode == 0 \
                and subprocess.run(["mount", "-o", "loop", str(image), str(mount)],
                                   check=False).returncode == 0:
            self.path = mount

    def free(self):
        stat = os.statvfs(self.path)
        return stat.f_bavail * stat.f_frsize

    def remove(self):
        if self.path:
            subprocess.run(["umount", str(self.path)], check=False)
        shutil.rmtree(self.dir, ignore_errors=True)


def disk_full(end_with, seconds):
    """Publishers with confirms until the volume is full; what was confirmed is there after the end."""
    volume = LoopVolume(1 << 30)
    scenario = Scenario(f"e. 1 GiB volume full, {end_with.name} and restart",
                        ["disk_free_limit.absolute=50MB"],
                        (volume.path or volume.dir) / "data")
    if volume.path is None:
        scenario.row.notes.append("skipped: no loop device")
        return scenario.row
    with scenario as s:
        broker, confirmed = s.broker, set()
        lowest = volume.free()
        declare(broker.port, "overrun-0")
        publisher = Client(broker.port)
        publisher.confirm_select()
        sent, noise = 0, os.urandom(MIB)
        end = time.monotonic() + max(60, seconds)
        blocked_at = None
        publisher.socket.setblocking(False)
        out, nacked = b"", set()
        settled = 0
        while time.monotonic() < end:
            lowest = min(lowest, volume.free())
            if s.witness.is_blocked and blocked_at is None:
                blocked_at = time.monotonic()
                s.row.notes.append(f"blocked with {volume.free() // MIB} MiB free")
            if blocked_at and time.monotonic() > blocked_at + 5:
                break
            if not out and sent - settled < 200:
                sent += 1
                at = random.randrange(len(noise) - 20_000)
                out = publish_bytes("", "overrun-0",
                                    struct.pack(">Q", sent) + noise[at:at + 20_000])
            readable, writable, _ = select.select([publisher.socket],
                                                  [publisher.socket] if out else [], [], 0.2)
            if writable:
                try:
                    out = out[publisher.socket.send(out):]
                except BlockingIOError:
                    pass
            if readable:
                settled = read_confirms(publisher, confirmed, nacked, settled)
        s.row.must(blocked_at is not None, "publishers were not blocked")
        s.row.must(lowest > 0, "the volume was full to the last block")
        s.row.notes.append(f"{len(confirmed)} confirmed, lowest {lowest // MIB} MiB free")
        # The consumer goes on, and takes some.
        consumer = Client(broker.port)
        consumer.qos(50)
        consumer.consume("overrun-0")
        taken = 0
        while taken < 2000:
            delivery = consumer.read_delivery()
            confirmed.discard(struct.unpack_from(">Q", delivery.body)[0])
            taken += 1
            consumer.ack(delivery.tag)
        consumer.close()
        publisher.socket.close()
        s.end_observation()
        before = s.witness
        peak = s.sampler.peak
        broker.process.send_signal(end_with)
        code = broker.process.wait()
        s.row.must(code == (0 if end_with == signal.SIGTERM else -signal.SIGKILL),
                   f"ended with {code}")
        broker.start()
        confirmed, seen = drain(broker, s, confirmed)
        s.row.must(not confirmed, f"{len(confirmed)} confirmed messages lost")
        s.row.notes.append(f"{seen} there after the restart")
        # With space again publishers go on.
        s.observe()
        deadline = time.monotonic() + 60
        while s.witness.confirmed < 10 and time.monotonic() < deadline:
            time.sleep(0.1)
        s.row.must(s.witness.confirmed >= 10, "publishers wait though there is space")
        s.row.notes.append(f"{volume.free() // MIB} MiB free at the end")
        s.witness.blocked += before.blocked
        s.witness.unblocked += before.unblocked
        s.witness.reasons |= before.reasons
        s.sampler.peak = max(peak, s.sampler.peak)
        time.sleep(1)
    volume.remove()
    return s.row


def read_confirms(client, confirmed, nacked, settled):
    try:
        data = client.socket.recv(MIB)
    except BlockingIOError:
        return settled
    if not data:
        raise OSError("the publisher was closed")
    client._buffer += data
    while len(client._buffer) - client._at >= 8:
        size = struct.unpack_from(">I", client._buffer, client._at + 3)[0]
        if len(client._buffer) - client._at < size + 8:
            break
        got = client.read_frame()
        ids = struct.unpack_from(">HH", got.payload)
        if ids in ((60, 80), (60, 120)):
            tag, multiple = struct.unpack_from(">QB", got.payload, 4)
            first = settled + 1 if multiple else tag
            (confirmed if ids == (60, 80) else nacked).update(range(first, tag + 1))
            settled = max(settled, tag)
    return settled


def drain(broker, scenario, confirmed):
    client = Client(broker.port)
    client.qos(200)
    total = client.message_count("overrun-0")
    client.consume("overrun-0")
    for _ in range(total):
        delivery = client.read_delivery()
        confirmed.discard(struct.unpack_from(">Q", delivery.body)[0])
        client.ack(delivery.tag)
    client.close()
    return confirmed, total


def scenarios(seconds):
    priorities = [entry("x-max-priority", b"I", struct.pack(">i", 5))]
    yield "a", lambda: fast_publisher(True, False, seconds)
    yield "a", lambda: fast_publisher(True, True, seconds)
    yield "a", lambda: fast_publisher(False, False, seconds)
    yield "a", lambda: fast_publisher(False, True, seconds)
    yield "b", lambda: never_acks(0, True, seconds)
    yield "b", lambda: never_acks(65535, True, seconds)
    yield "b", lambda: never_acks(0, False, seconds)
    yield "c", lambda: unread_sockets(seconds)
    yield "c", lambda: half_bodies(seconds)
    yield "d", lambda: backlog(True, [], "", OPTIONS.messages, max(60, 2 * seconds))
    yield "d", lambda: backlog(False, [], "", OPTIONS.messages, max(60, 2 * seconds))
    yield "d", lambda: backlog(True, priorities, ", priority queue", OPTIONS.messages // 5,
                               max(60, 2 * seconds))
    yield "e", lambda: disk_full(signal.SIGTERM, seconds)
    yield "e", lambda: disk_full(signal.SIGKILL, seconds)
    yield "f", lambda: burst(True, seconds)
    yield "f", lambda: burst(False, seconds)


def main():
    seconds = OPTIONS.minutes * 60 / 16
    chosen = [run for letter, run in scenarios(seconds)
              if not OPTIONS.only or letter in OPTIONS.only.split(",")]
    print("| scenario | peak MiB | end MiB | blocked / unblocked | witness: confirmed / nacked |"
          " its p99 / max ms | reader p99 / max ms | notes | holds |")
    print("|---|---:|---:|---:|---:|---:|---:|---|---|", flush=True)
    failed = False
    for run in chosen:
        row = run()
        failed = failed or bool(row.failures)
        print(f"| {row.title} | " + " | ".join(row.cells or ["-"] * 6) +
              f" | {'; '.join(row.notes)} | {'; '.join(row.failures) or 'yes'} |", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
