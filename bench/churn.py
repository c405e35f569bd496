#!/usr/bin/python3
"""What coming and going costs an AMQP 0-9-1 broker: server CPU an operation, by pika.

    bench/churn.py connections --url amqp://guest:guest@127.0.0.1:5672 --pid 4711     connect, open a channel, close both
    bench/churn.py queues --url ... --pid ...                                         declare (server-named), bind, delete

Prints one JSON object: operations, their rate (pika's own speed bounds it), and the CPU of --pid an operation.
"""
import argparse
import json
import pathlib
import sys
import time

import pika


def cpu_ns(pid):
    """On-CPU time of all threads, the ended ones' in clock ticks."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except OSError:
            continue
    return total


def churn_connections(parameters, count):
    for _ in range(count):
        connection = pika.BlockingConnection(parameters)
        connection.channel()
        connection.close()


def churn_queues(parameters, count):
    connection = pika.BlockingConnection(parameters)
    channel = connection.channel()
    for _ in range(count):
        name = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(name, "amq.direct")
        channel.queue_delete(name)
    connection.close()


KINDS = {"connections": churn_connections, "queues": churn_queues}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--url", default="amqp://guest:guest@127.0.0.1:5672")
    parser.add_argument("--pid", type=int, required=True)
    parser.add_argument("--count", type=int, default=1000)
    arguments = parser.parse_args()
    churn, parameters = KINDS[arguments.kind], pika.URLParameters(arguments.url)
    churn(parameters, arguments.count // 10)  # warm
    cpu, begin = cpu_ns(arguments.pid), time.monotonic()
    churn(parameters, arguments.count)
    print(json.dumps({
        "operations": arguments.count,
        "rate": arguments.count / (time.monotonic() - begin),
        "cpu_us": (cpu_ns(arguments.pid) - cpu) / 1000 / arguments.count,
    }))


if __name__ == "__main__":
    sys.exit(main())
