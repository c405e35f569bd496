#!/usr/bin/python3
"""How long changes of topology stand still when the leader of a cluster is killed.

    bench/failover.py [--rounds 20] [--nodes 3] [--leveret PATH]

Blank nodes of this machine form a cluster; a client at one that does not lead declares one queue after the other. The leader's
process gets SIGKILL; the gap is the time between the last declare-ok before it and the first after it. Then the node comes
back, and the next round begins. The election timeout is 500 ms. What was answered before must be there in the end.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "integration"))


def declare(channel, number):
    channel.queue_declare(f"q{number}", durable=True)
    return time.monotonic()


def leader_of(cluster, await_true):
    name = []

    def known():
        status = cluster.nodes[0].status() if cluster.nodes[0].broker.is_running() else None
        status = status or cluster.nodes[1].status()
        name[:] = [status["leveret"]["leader"]] if status else []
        return bool(name and name[0])

    await_true(known, lambda: "no leader")
    return next(node for node in cluster.nodes if name[0].startswith(node.name + "@"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--leveret", default=str(HERE.parent / "build/release/bin/leveret"))
    arguments = parser.parse_args()
    os.environ["LEVERET"] = arguments.leveret
    import pika  # pylint: disable=import-outside-toplevel
    from cluster_nodes import Cluster, await_true  # pylint: disable=import-outside-toplevel

    with tempfile.TemporaryDirectory(prefix="leveret-failover-") as scratch:
        cluster = Cluster(Path(scratch), arguments.nodes, hint=arguments.nodes)
        try:
            cluster.start()
            cluster.await_ready()
            gaps, quiet, number = [], [], 0
            for _ in range(arguments.rounds):
                leader = leader_of(cluster, await_true)
                client = next(node for node in cluster.nodes if node is not leader)
                connection = pika.BlockingConnection(
                    pika.ConnectionParameters("127.0.0.1", client.broker.port))
                channel = connection.channel()
                began = last = time.monotonic()
                for _ in range(20):
                    last = declare(channel, number := number + 1)
                quiet.append((last - began) / 20)
                leader.broker.process.kill()
                gaps.append(declare(channel, number := number + 1) - last)
                connection.close()
                leader.broker.process.wait()
                cluster.start([leader])
                leader.await_ready()
            for node in cluster.nodes:
                listed = subprocess.run(
                    [arguments.leveret, "ctl", "--data-dir", str(node.data), "list_queues", "name",
                     "--formatter", "json"], capture_output=True, text=True, check=True)
                if len(json.loads(listed.stdout)) != number:
                    sys.exit(f"{node.name} has lost queues")
            print(f"{arguments.nodes} nodes, {arguments.rounds} rounds, {number} queues at all of "
                  f"them in the end: a declare {statistics.median(quiet) * 1000:.1f} ms; over a kill -9 of the leader "
                  f"p50 {statistics.median(gaps):.2f} s, max {max(gaps):.2f} s")
        finally:
            cluster.close()


if __name__ == "__main__":
    main()
