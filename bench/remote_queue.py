#!/usr/bin/python3
"""What it costs to use a queue through another node than its home.

    bench/remote_queue.py [--seconds 4] [--rounds 2] [--leveret PATH]

Two nodes of this machine form a cluster, the queues live at the first. `leveret bench` publishes and consumes at the first node, then at
the second, where every message crosses the link twice; in the last cases it only publishes, and the queue is purged after each run.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "integration"))

CASES = {
    "transient, 1024 bytes": ["--size", "1024"],
    "transient, 40 bytes": ["--size", "40"],
    "persistent, 1024 bytes, confirms 1000, ack 50": [
        "--size", "1024", "--persistent", "--confirm", "1000", "--ack", "50", "--prefetch", "200"],
    "published only, transient, 1024 bytes": ["--size", "1024", "--consumers", "0"],
    "published only, persistent, 1024 bytes, confirms 1000": [
        "--size", "1024", "--consumers", "0", "--persistent", "--confirm", "1000"],
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", default="4")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--leveret")
    options = parser.parse_args()
    if options.leveret:
        os.environ["LEVERET"] = options.leveret
    from cluster_nodes import Cluster  # pylint: disable=import-outside-toplevel
    from leveret_broker import LEVERET  # pylint: disable=import-outside-toplevel

    def bench(node, queue, *more):
        drain = [] if "--consumers" in more else ["--drain"]
        done = subprocess.run(
            [LEVERET, "bench", "--url", f"amqp://guest:guest@127.0.0.1:{node.broker.port}", "--json",
             "--queue-prefix", queue, "--keep", *drain, *more],
            capture_output=True, text=True, check=True)
        subprocess.run([LEVERET, "ctl", "--data-dir", str(node.data), "purge_queue", f"{queue}-0"],
                       capture_output=True, check=True)
        return json.loads(done.stdout)

    with tempfile.TemporaryDirectory(prefix="leveret-remote-bench-") as directory:
        cluster = Cluster(Path(directory), 2, hint=2)
        try:
            cluster.start()
            cluster.await_ready()
            home, away = cluster.nodes
            cluster.await_streams()
            for number, (name, case) in enumerate(CASES.items()):
                queue = f"q{number}"
                bench(home, queue, "--declare", "durable", "--seconds", "1", *case)
                for _ in range(options.rounds):
                    for where, node in (("home", home), ("away", away)):
                        got = bench(node, queue, "--declare", "none", "--seconds", options.seconds,
                                    *case)
                        print(f"{name}, {where}: {got['publish_rate']:,.0f}/s published, "
                              f"{got['consume_rate']:,.0f}/s consumed, {got['lost']} lost, "
                              f"{got['reordered']} out of order", flush=True)
        finally:
            cluster.close()


if __name__ == "__main__":
    main()
