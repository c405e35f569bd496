#!/usr/bin/env python3
"""Minutes of churn against one durable broker; fails when its memory, threads, descriptors or files grow.

    LEVERET=build/release/bin/leveret /usr/bin/python3 tests/integration/soak.py [--minutes 10]

Every round makes and drops connections, channels, queues, bindings and consumers, publishes with and without
confirms, acks, rejects, leaves messages behind for the next round, and breaks connections off.
"""

import argparse
import faulthandler
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

import pika

import leveret_broker
import raw_amqp
import scale_client

PERSISTENT = pika.BasicProperties(delivery_mode=2)


def usage(broker):
    """Anonymous memory in KiB, threads, descriptors, and MiB on disk."""
    process = Path("/proc", str(broker.process.pid))
    fields = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    disk = sum(entry.stat().st_blocks * 512 for entry in Path(broker.data_dir).rglob("*")
               if entry.is_file())
    return {"memory": int(fields["RssAnon"].split()[0]), "threads": int(fields["Threads"]),
            "descriptors": len(list((process / "fd").iterdir())), "disk": disk >> 20}


def scale_round(broker, choice):
    scale_client.send_messages(broker.kombu_url, "scale", scale_client.messages(range(100)))
    acked = []
    while len(acked) < 100:  # one of ten fails, and comes back
        scale_client.receive_messages(
            broker.kombu_url, "scale",
            lambda payload: choice.random() < 0.9 and acked.append(payload) is None)


def topology_round(broker, choice):
    connection = pika.BlockingConnection(pika.URLParameters(broker.url))
    channel = connection.channel()
    channel.exchange_declare("soak.topic", "topic", durable=True)
    names = [channel.queue_declare("", exclusive=True).method.queue for _ in range(50)]
    for name in names:
        channel.queue_bind(name, "soak.topic", f"a.{choice.randrange(10)}.#")
        channel.basic_consume(name, lambda *_: None, auto_ack=True)
    for number in range(200):
        channel.basic_publish("soak.topic", f"a.{number % 10}.b", b"x" * choice.randrange(5000))
    for number in range(20):
        durable = f"soak.{number}"
        channel.queue_declare(durable, durable=True)
        channel.queue_bind(durable, "soak.topic", f"b.{number}")
        channel.basic_publish("soak.topic", f"b.{number}", b"kept", PERSISTENT)
        channel.queue_delete(durable)
    connection.close()


def confirmed_round(broker, choice):
    connection = pika.BlockingConnection(pika.URLParameters(broker.url))
    channel = connection.channel()
    channel.queue_declare("backlog", durable=True)
    channel.confirm_delivery()
    for _ in range(200):
        channel.basic_publish("", "backlog", b"y" * choice.randrange(20000), PERSISTENT)
    channel.basic_qos(prefetch_count=20)
    # What was there a moment ago goes; some are given back on the way.
    left = channel.queue_declare("backlog", passive=True).method.message_count - 100
    for method, _, _ in channel.consume("backlog"):
        if left <= 0:
            break
        if choice.random() < 0.1:
            channel.basic_nack(method.delivery_tag, requeue=True)
        else:
            channel.basic_ack(method.delivery_tag)
            left -= 1
    channel.cancel()
    connection.close()


def broken_round(broker, choice):
    """Clients that vanish at every stage."""
    for _ in range(20):
        raw = raw_amqp.RawConnection(broker.host_port)
        raw.declare_queue("broken")
        raw.consume("broken")
        raw.send(b"".join(raw_amqp.publish_bytes("", "broken", b"z" * 300) for _ in range(5)))
        for _ in range(choice.randrange(5)):
            raw.read_delivery()
        raw.send(raw_amqp.publish_bytes("", "broken", b"half")[:-7])
        raw.socket.close()
    raw = raw_amqp.RawConnection(broker.host_port)
    raw.call(50, 30, b"\x00\x00\x06broken\x00", 31)  # purge
    raw.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2 ** 32))
    options = parser.parse_args()
    faulthandler.cancel_dump_traceback_later()
    print(f"--seed {options.seed}", flush=True)
    choice = random.Random(options.seed)
    directory = tempfile.mkdtemp(prefix="leveret-soak-")
    broker = leveret_broker.Broker(Path(directory) / "data",
                                   log_path=Path(directory) / "log",
                                   settings=["log.connection.level=none", "journal.size=64MB"])
    samples = []
    try:
        broker.start()
        start = time.monotonic()
        while (elapsed := time.monotonic() - start) < options.minutes * 60:
            for one in (scale_round, topology_round, confirmed_round, broken_round):
                one(broker, choice)
            samples.append((elapsed, usage(broker)))
            if len(samples) % 10 == 1:
                print(f"{elapsed:6.0f} s, round {len(samples)}: {samples[-1][1]}", flush=True)
        code = broker.stop()
    finally:
        if broker.is_running():
            broker.kill()
        shutil.rmtree(directory, ignore_errors=True)
    return judge([sample for _, sample in samples], code)


def judge(samples, code):
    """The last quarter's best against the second quarter's worst: warmed up, then level."""
    quarter = len(samples) // 4
    grown = []
    if quarter:
        for what, slack in (("memory", 4096), ("threads", 0), ("descriptors", 4), ("disk", 32)):
            before = max(sample[what] for sample in samples[quarter:2 * quarter])
            after = min(sample[what] for sample in samples[3 * quarter:])
            print(f"{what}: {before} at most in the second quarter, {after} at least in the last")
            if after > before + slack:
                grown.append(what)
    print(f"{len(samples)} rounds, exit {code}, grown: {', '.join(grown) or 'nothing'}")
    return 1 if grown or code or not quarter else 0


if __name__ == "__main__":
    sys.exit(main())
