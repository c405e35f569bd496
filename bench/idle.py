#!/usr/bin/env python3
"""What connections cost that do nothing: 5,000 with a channel each, plain and with TLS, in the broker's anonymous memory.

    /usr/bin/python3 bench/idle.py [--binary build/release/bin/leveret] [--connections 5000] [--set io_threads=2]

Each kind has a broker of its own. `after their traffic` is when each of them has sent and received a message of 8 KB as well; `when they
have gone` is what the broker has kept when all are closed.
"""

import argparse
import os
import resource
import ssl
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/integration"))
BODY_BYTES = 8192
SETTLED_S = 2


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default=os.environ.get(
        "LEVERET", str(ROOT / "build/release/bin/leveret")))
    parser.add_argument("--connections", type=int, default=5_000)
    parser.add_argument("--set", action="append", default=[])
    return parser.parse_args()


OPTIONS = arguments()
os.environ["LEVERET"] = OPTIONS.binary

import certificates  # noqa: E402
from leveret_broker import Broker  # noqa: E402
from measuring import anonymous_kib  # noqa: E402
from raw_amqp import RawConnection, publish_bytes  # noqa: E402


def settled_kib(broker):
    """When it does not change any more."""
    before = -1
    while True:
        now = anonymous_kib(broker)
        if now == before:
            return now
        before = now
        time.sleep(SETTLED_S)


def say(name, kib, before):
    each = (kib - before) / OPTIONS.connections
    print(f"{name:24} {kib / 1024:8.1f} MiB, {each:6.2f} KiB a connection", flush=True)


def measure(name, broker, port, context):
    before = settled_kib(broker)
    say(f"{name}: none", before, before)
    clients = [RawConnection(f"127.0.0.1:{port}", context=context)
               for _ in range(OPTIONS.connections)]
    say("  with a channel", settled_kib(broker), before)
    clients[0].declare_queue("idle", durable=False)
    message = publish_bytes("", "idle", b"x" * BODY_BYTES, persistent=False)
    for client in clients:
        client.consume("idle", no_ack=True)
        client.send(message)
        # The delivery's method, header and body.
        for _ in range(3):
            client.read_frame()
        client.cancel()
    say("  after their traffic", settled_kib(broker), before)
    for client in clients:
        client.close()
    say("  when they have gone", settled_kib(broker), before)


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="leveret-idle-") as directory:
        authority = certificates.Authority(Path(directory))
        settings = [*certificates.settings(*authority.issue("server")), *OPTIONS.set]
        context = ssl.create_default_context(cafile=authority.file)
        for name, tls in (("plain", False), ("TLS", True)):
            broker = Broker(settings=settings).start()
            try:
                measure(name, broker, broker.tls_port if tls else broker.port,
                        context if tls else None)
            finally:
                broker.stop()


if __name__ == "__main__":
    main()
