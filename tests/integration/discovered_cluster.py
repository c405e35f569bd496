"""Nodes as processes that find each other by a mechanism of discovery. They are started together and not waited for: a node that is no member yet
may serve nobody."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import leveret_broker
import node_network
from cluster_nodes import SECRET, await_true
from discovery_services import SERVICES
from leveret_broker import LEVERET

_MEMBER = re.compile("cluster: (this node leads the cluster|.* leads the cluster)")


def await_soon(true, explain):
    """Where times are taken."""
    await_true(true, explain, pause_s=0.02)


class Node:
    def __init__(self, cluster, number):
        self.all_nodes = cluster.nodes
        self.network = cluster.network
        self.service = cluster.service
        self.number = number
        self.host = self.network.host(number)
        self.port = self.service.port_of(number)
        self.directory = cluster.directory / f"node-{number}"
        self.data = self.directory / "data"
        self.process = None

    def launch(self, settings):
        self.directory.mkdir(exist_ok=True)
        given = [f"cluster.listener={self.service.listener(self)}", f"cluster.secret={SECRET}",
                 "listeners.tcp.default=127.0.0.1:0", "log.console.level=debug",
                 *self.service.settings(self), *settings]
        command = [*self.network.prefix(self.number), LEVERET, "serve", "--data-dir",
                   str(self.data)]
        for line in given:
            command += ["--set", line]
        clean = {name: value for name, value in os.environ.items()
                 if "proxy" not in name.lower() and not name.startswith(("AWS_", "RABBITMQ_"))}
        with open(self.directory / "log", "ab") as log:
            self.process = leveret_broker.spawn(
                command, stdout=log, stderr=log,
                env={**clean, "RABBITMQ_NODENAME": self.service.node_name(self.number),
                     **self.service.environment(self)})

    def end(self):
        """As a crash does; what it has logged is put away."""
        self.process.kill()
        self.process.wait()
        (self.directory / "log").unlink()

    def log(self):
        return (self.directory / "log").read_text(errors="replace")

    def await_log(self, text, times=1):
        await_soon(lambda: self.log().count(text) >= times or self.process.poll() is not None,
                   lambda: f"no {text!r} in\n{self.log()}")
        if self.log().count(text) < times:
            raise AssertionError(f"it ended without {text!r}:\n{self.log()}")

    def is_member(self):
        return bool(_MEMBER.search(self.log()))

    def status(self):
        done = subprocess.run(
            [LEVERET, "ctl", "--data-dir", str(self.data), "cluster_status", "--formatter",
             "json"], capture_output=True, text=True, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None


class DiscoveredCluster:
    def __init__(self, directory, size, service, hint=None):
        self.directory = Path(directory)
        self.service = service
        self.network = service.network
        self.nodes = []
        for number in range(size):
            self.nodes.append(Node(self, number))
        self.hint = hint

    def launch(self, nodes=None, settings=()):
        hint = [f"cluster_formation.target_cluster_size_hint={self.hint}"] if self.hint else []
        for node in nodes or self.nodes:
            node.launch([*hint, *settings])

    def await_members(self, nodes=None):
        """Until each node has found its cluster's leader."""
        for node in nodes or self.nodes:
            await_soon(node.is_member, lambda: self.explain(node))

    def explain(self, node):
        return f"node {node.number} is no member:\n" + "".join(
            f"== {one.number}\n{one.log()}" for one in self.nodes if one.process)

    def await_one_cluster(self, nodes=None):
        """Until they all say the same: one cluster, these nodes, all running. Answers its id."""
        wanted = nodes or self.nodes
        seen = {}

        def agreed():
            for node in wanted:
                seen[node.number] = node.status()
            said = list(seen.values())
            return all(said) and len({one["leveret"]["cluster_id"] for one in said}) == 1 and all(
                one["leveret"]["cluster_id"] and one["leveret"]["leader"] and
                len(one["disk_nodes"]) == len(one["running_nodes"]) == len(wanted)
                for one in said)

        await_true(agreed, lambda: json.dumps(seen, indent=1) + self.explain(wanted[0]))
        return seen[wanted[0].number]["leveret"]["cluster_id"]

    def close(self):
        for node in self.nodes:
            if node.process and node.process.poll() is None:
                node.process.kill()
        for node in self.nodes:
            if node.process:
                node.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


class DiscoveryCase(unittest.TestCase):
    """With places for three nodes."""

    network = None

    def setUp(self):
        # One for the process: it cannot be left.
        DiscoveryCase.network = DiscoveryCase.network or node_network.make(3)

    def cluster(self, mechanism, size=3, hint=None):
        lack = SERVICES[mechanism].lacks(self.network)
        if lack:
            self.skipTest(lack)
        scratch = tempfile.TemporaryDirectory(prefix="leveret-formation-")
        self.addCleanup(scratch.cleanup)
        out = DiscoveredCluster(Path(scratch.name) / "nodes", size,
                                SERVICES[mechanism](self, self.network), hint or size)
        out.directory.mkdir()
        self.addCleanup(out.close)
        return out
