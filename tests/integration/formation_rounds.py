"""Rounds of blank nodes that are started together; prints how long it took until each belonged to the one cluster.

    python3 formation_rounds.py [--rounds N] [--sizes 3,5,7]

A round's time is from the moment at which the last node has started to the last node's line that it has founded or joined.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from cluster_nodes import Cluster, await_true


def one_round(size):
    with tempfile.TemporaryDirectory(prefix="leveret-formation-") as scratch:
        cluster = Cluster(Path(scratch), size, hint=size)
        try:
            cluster.start()
            began = time.monotonic()
            for node in cluster.nodes:
                await_true(lambda: "this node leads" in node.log() or " leads the cluster" in
                           node.log(), node.log)
            took = time.monotonic() - began
            cluster.await_members(size)
            return took
        finally:
            cluster.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--sizes", default="3,5,7")
    options = parser.parse_args()
    for size in map(int, options.sizes.split(",")):
        times = [one_round(size) for _ in range(options.rounds)]
        print(f"{size} nodes, {len(times)} rounds, one cluster each: p50 "
              f"{statistics.median(times):.2f} s, max {max(times):.2f} s", flush=True)


if __name__ == "__main__":
    main()
