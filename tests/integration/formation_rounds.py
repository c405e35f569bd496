"""Rounds of blank nodes that are started together; prints how long it took until each belonged to the one cluster.

    python3 formation_rounds.py [--rounds N] [--sizes 3,5,7] [--mechanisms dns,consul|all] [--cut]

A round's time is from the moment at which the last process was started to the last node's line that the cluster has a leader: starting takes
its part. After that every node must name the same cluster with every node in it. With --cut node 0 reaches no peer: the others form the cluster
without it, it forms none, and the time is from the moment at which it reaches them to its line.
"""

import argparse
import faulthandler
import math
import tempfile
import time
import unittest
from pathlib import Path

import leveret_broker
import node_network
from discovered_cluster import DiscoveredCluster
from discovery_services import SERVICES


class Case(unittest.TestCase):
    """Nothing but its clean-ups."""


def together(cluster):
    cluster.launch()
    began = time.monotonic()
    cluster.await_members()
    took = time.monotonic() - began
    cluster.await_one_cluster()
    return took


def with_one_cut_off(cluster):
    first, *others = cluster.nodes
    cluster.network.wall_off(first.number)
    try:
        cluster.launch()
        cluster.await_members(others)
        found = cluster.await_one_cluster(others)
        first.await_log("nodes are here and agree")
        if first.is_member() or "founds" in first.log():
            raise AssertionError("it formed a cluster alone:\n" + first.log())
    finally:
        cluster.network.let_in(first.number)
    began = time.monotonic()
    cluster.await_members([first])
    took = time.monotonic() - began
    if cluster.await_one_cluster() != found:
        raise AssertionError("there is another cluster")
    return took


def one_round(network, mechanism, size, play):
    # Each round has its own watchdog.
    faulthandler.dump_traceback_later(leveret_broker.WATCHDOG_S, exit=True)
    case = Case()
    service = SERVICES[mechanism](case, network)
    cluster = DiscoveredCluster(
        Path(tempfile.mkdtemp(prefix="leveret-formation-")), size, service, hint=size)
    try:
        service.start(cluster.nodes)
        return play(cluster)
    finally:
        cluster.close()
        case.doCleanups()


def shown(mechanism, size, times):
    ordered = sorted(times)

    def at(share):
        return ordered[math.ceil(share * len(ordered)) - 1]

    return (f"| {mechanism} | {size} | {len(times)} | {at(0.5):.2f} | {at(0.95):.2f} | "
            f"{ordered[-1]:.2f} |")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--sizes", default="3,5,7")
    parser.add_argument("--mechanisms", default="all")
    parser.add_argument("--cut", action="store_true")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    chosen = list(SERVICES) if options.mechanisms == "all" else options.mechanisms.split(",")
    network = node_network.make(max(sizes))
    print("| mechanism | nodes | rounds | p50 s | p95 s | max s |\n|---|---|---|---|---|---|",
          flush=True)
    for mechanism in chosen:
        lack = SERVICES[mechanism].lacks(network)
        if not lack and options.cut and not network.has_namespaces:
            lack = "without network namespaces nobody can be cut off"
        if lack:
            print(f"| {mechanism} | skipped: {lack} |", flush=True)
            continue
        for size in sizes:
            times = [one_round(network, mechanism, size,
                               with_one_cut_off if options.cut else together)
                     for _ in range(options.rounds)]
            print(shown(mechanism, size, times), flush=True)


if __name__ == "__main__":
    main()
