#!/usr/bin/env python3
"""What slow-loris on the HTTP API costs the clients that are there: strangers who send a request one octet at a time.

    /usr/bin/python3 bench/slow_http.py [--binary build/release/bin/leveret] [--connections 400 10000] [--seconds 5] [--rounds 3] [--tls]

Measured without strangers, with so many at another broker of the same machine, and with so many at this one, in turns: GET /api/overview on a
connection that stays open, the same on a new connection each, and an AMQP client that publishes with confirms and reads its messages back, one
at a time. The strangers are a process of their own; each sends an octet every --pause seconds and comes again when it is sent away, 2,000 of
them a second at most. What they cost the broker is the difference between those at it and those beside it.
"""

import argparse
import http.client
import os
import random
import resource
import selectors
import socket
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/integration"))
SOURCES = 10
#: So many come in a second, at most.
COMING = 2_000
REQUEST = b"GET /api/overview HTTP/1.1\r\nHost: localhost\r\nX-Slow: " + b"x" * 20_000


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default=os.environ.get(
        "LEVERET", str(ROOT / "build/release/bin/leveret")))
    parser.add_argument("--connections", type=int, nargs="+", default=[400, 10_000])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pause", type=float, default=0.5)
    parser.add_argument("--tls", action="store_true", help="strangers come to the HTTPS port, say "
                        "a whole hello, for which the server signs (RSA-2048), and then drip")
    parser.add_argument("--set", action="append", default=[])
    return parser.parse_args()


OPTIONS = arguments()
os.environ["LEVERET"] = OPTIONS.binary

import certificates  # noqa: E402
from leveret_broker import Broker, die_with_parent  # noqa: E402
from management_api import basic  # noqa: E402
from measuring import anonymous_kib, client_hello, round_trips, timed  # noqa: E402


class Strangers:
    """A process of so many connections; none for 0."""

    def __init__(self, port, count, greeting):
        self.pid = 0
        if count == 0:
            return
        reading, writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            die_with_parent()
            drip(port, count, greeting, writing)
        os.close(writing)
        # All have come once.
        os.read(reading, 1)
        os.close(reading)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.pid:
            os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)


def drip(port, count, greeting, come):
    """For ever. Each one's next octet is due in the order in which they came or sent."""
    ended = selectors.EpollSelector()
    said = {}
    opened = 0
    order = []
    while True:
        began = time.monotonic()
        for key, _ in ended.select(0):
            try:
                # What the server says in its handshake.
                if key.fileobj.recv(65536):
                    continue
            except OSError:
                pass
            ended.unregister(key.fileobj)
            del said[key.fileobj]
            key.fileobj.close()
        for _ in range(min(count - len(said), COMING // 100)):
            client = socket.socket()
            client.bind((f"127.0.3.{1 + opened % SOURCES}", 0))
            try:
                client.connect(("127.0.0.1", port))
                client.send(greeting)
            except OSError:
                client.close()
                break
            client.setblocking(False)
            opened += 1
            said[client] = 0
            ended.register(client, selectors.EVENT_READ)
            if opened == count:
                os.write(come, b"x")
        if not order:
            order = list(said)
            random.shuffle(order)
        for _ in range(min(len(order), int(count * 0.01 / OPTIONS.pause) + 1)):
            client = order.pop()
            if client not in said:
                continue
            try:
                client.send(REQUEST[said[client]:said[client] + 1])
                said[client] += 1
            except OSError:
                pass
        time.sleep(max(0.0, 0.01 - (time.monotonic() - began)))


def overview(connection):
    connection.request("GET", "/api/overview", headers={"Authorization": basic("guest", "guest")})
    answer = connection.getresponse()
    assert answer.status == 200, answer.status
    answer.read()


def requests_on_one(port, seconds):
    # http.client connects again where the broker has closed an idle connection.
    connection = http.client.HTTPConnection("127.0.0.1", port)

    def step():
        try:
            overview(connection)
        except (ConnectionError, http.client.HTTPException):
            connection.close()
            overview(connection)

    times = timed(step, seconds)
    connection.close()
    return times


def requests_on_new(port, seconds):
    def step():
        connection = http.client.HTTPConnection("127.0.0.1", port)
        overview(connection)
        connection.close()

    return timed(step, seconds)


def quantile(times, share):
    return sorted(times)[int(len(times) * share)]


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    directory = tempfile.TemporaryDirectory(prefix="leveret-slow-http-")
    settings = ["management.tcp.port=0", *OPTIONS.set]
    if OPTIONS.tls:
        certificate, key = certificates.Authority(Path(directory.name)).issue("server", rsa=True)
        settings += ["management.ssl.port=0", f"management.ssl.certfile={certificate}",
                     f"management.ssl.keyfile={key}"]
    broker, other = (Broker(settings=settings).start() for _ in range(2))
    scheme, greeting = ("https", client_hello()) if OPTIONS.tls else ("http", b"")
    kinds = {"overview, one connection": lambda: requests_on_one(broker.http_port, OPTIONS.seconds),
             "overview, new connections": lambda: requests_on_new(broker.http_port, OPTIONS.seconds),
             "AMQP round trip": lambda: round_trips(broker.port, OPTIONS.seconds)}
    places = [(0, other)] + [(count, at) for count in OPTIONS.connections for at in (other, broker)]
    times = {(kind, place): [] for kind in kinds for place in places}
    try:
        for _ in range(OPTIONS.rounds):
            for place in places:
                count, at = place
                with Strangers(at.ports[scheme], count, greeting):
                    for kind, measure in kinds.items():
                        times[kind, place].append(measure())
        for kind in kinds:
            for place in places:
                count, at = place
                p99 = [quantile(one, 0.99) for one in times[kind, place]]
                p50 = quantile(sum(times[kind, place], []), 0.5)
                middle = sorted(p99)[len(p99) // 2]
                if at is other:
                    beside = middle
                ratio = f", {middle / beside:.2f} x" if at is broker else ""
                print(f"{kind:26}{count:6} {'here  ' if at is broker else 'beside'}: "
                      f"p50 {p50:.3f} ms, p99 {middle:.3f} ms "
                      f"({', '.join(f'{one:.3f}' for one in p99)}){ratio}", flush=True)
        print(f"anonymous memory {anonymous_kib(broker) / 1024:.0f} MiB")
    finally:
        broker.stop()
        other.stop()


if __name__ == "__main__":
    main()
