#!/usr/bin/env python3
"""What strangers cost the clients that are there: 10,000 half-open handshakes and slow-loris, before and during.

    /usr/bin/python3 bench/half_open.py [--binary build/release/bin/leveret] [--connections 10000] [--seconds 10]

One client publishes with confirms and reads its messages back, one at a time; its round trips are measured alone and while the
strangers are there. They come from ten addresses of loopback, so that the limit of one source does not help.
"""

import argparse
import os
import random
import resource
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/integration"))
SOURCES = 10


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default=os.environ.get(
        "LEVERET", str(ROOT / "build/release/bin/leveret")))
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--set", action="append", default=[])
    return parser.parse_args()


OPTIONS = arguments()
os.environ["LEVERET"] = OPTIONS.binary

import certificates  # noqa: E402
from leveret_broker import Broker  # noqa: E402
from measuring import anonymous_kib, client_hello, round_trips  # noqa: E402


class Strangers:
    """Connections that come and say `say(number)`, again as soon as they are closed, until they are told to go."""

    def __init__(self, port, count, say):
        self.port, self.count, self.say = port, count, say
        self.going = threading.Event()
        self.opened = 0
        self.sockets = []
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.going.is_set():
            if len(self.sockets) < self.count:
                for _ in range(min(50, self.count - len(self.sockets))):
                    self.open()
            else:
                self.go_on()
            time.sleep(0.005)
        for one in self.sockets:
            one.close()

    def open(self):
        client = socket.socket()
        client.bind((f"127.0.3.{1 + self.opened % SOURCES}", 0))
        try:
            client.connect(("127.0.0.1", self.port))
            client.setblocking(False)
            client.send(self.say(self.opened))
        except OSError:
            client.close()
            return
        self.opened += 1
        self.sockets.append(client)

    def go_on(self):
        """Some that were ended are opened anew; the others say one octet more."""
        for place in random.sample(range(len(self.sockets)), min(100, len(self.sockets))):
            client = self.sockets[place]
            try:
                if client.recv(65536) != b"":
                    continue
            except BlockingIOError:
                try:
                    client.send(b"\x00")
                    continue
                except OSError:
                    pass
            except OSError:
                pass
            client.close()
            self.sockets[place] = self.sockets[-1]
            self.sockets.pop()
            return


def report(name, times, broker, more=""):
    times = sorted(times)
    print(f"{name:34} {len(times):7} round trips, p50 {times[len(times) // 2]:.3f} ms, "
          f"p99 {times[len(times) * 99 // 100]:.3f} ms, p99.9 {times[len(times) * 999 // 1000]:.3f} ms, "
          f"max {times[-1]:.1f} ms, {anonymous_kib(broker) / 1024:.0f} MiB {more}", flush=True)


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="leveret-half-open-") as name:
        authority = certificates.Authority(Path(name))
        certificate = authority.issue("server", rsa=True)
        broker = Broker(settings=[*certificates.settings(*certificate), *OPTIONS.set]).start()
        try:
            hello = client_hello()
            report("alone", round_trips(broker.port, OPTIONS.seconds), broker)
            for label, port, say in (
                    ("TLS, silent", broker.tls_port, lambda _: b""),
                    ("TLS, half a hello, then drips", broker.tls_port, lambda _: hello[:40]),
                    ("TLS, a whole hello, then drips", broker.tls_port, lambda _: hello),
                    ("AMQP, half a header, then drips", broker.port, lambda _: b"AMQ")):
                strangers = Strangers(port, OPTIONS.connections, say)
                strangers.thread.start()
                while strangers.opened < OPTIONS.connections * 0.9:
                    time.sleep(0.1)
                report(label, round_trips(broker.port, OPTIONS.seconds), broker,
                       f"(open {len(strangers.sockets)}, came {strangers.opened})")
                strangers.going.set()
                strangers.thread.join()
            report("alone again", round_trips(broker.port, OPTIONS.seconds), broker)
        finally:
            broker.stop()


if __name__ == "__main__":
    main()
