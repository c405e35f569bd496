"""Nodes of a cluster as processes of this machine, each with its own data directory and a peer port that nobody else takes."""

import json
import queue
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

import pika

from leveret_broker import LEVERET, Broker
from peer_relay import PeerRelay

# What has not happened by then does not happen; nothing is measured against it.
GIVE_UP_S = 240
SECRET = "s3cret-of-the-tests"


class PortHolder:
    """A port that is kept: others cannot have it, a listener with SO_REUSEADDR can."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", 0))
        self.number = self.socket.getsockname()[1]


class Node:
    def __init__(self, directory, name, port):
        self.directory = Path(directory) / name
        self.directory.mkdir()
        self.name = name
        self.port = port
        self.advertised = None
        self.broker = None

    @property
    def data(self):
        return self.directory / "data"

    def start(self, settings):
        self.broker = Broker(self.data, settings, {"RABBITMQ_NODENAME": f"{self.name}@127.0.0.1"},
                             self.directory / "log")
        self.broker.launch()
        return self

    def await_ready(self):
        """It is a member and serves clients."""
        self.broker.await_ready()
        return self

    def stop(self):
        if self.broker and self.broker.is_running():
            return self.broker.stop()
        return None

    def wipe(self):
        shutil.rmtree(self.data)

    def log(self):
        return (self.directory / "log").read_text(errors="replace")

    def await_log(self, text):
        await_true(lambda: text in self.log(), lambda: f"no {text!r} in\n{self.log()}")

    def status(self):
        done = subprocess.run(
            [LEVERET, "ctl", "--data-dir", str(self.data), "cluster_status", "--formatter",
             "json"], capture_output=True, text=True)
        return json.loads(done.stdout) if done.returncode == 0 else None


def await_true(true, explain, pause_s=0.05):
    give_up = time.monotonic() + GIVE_UP_S
    while not true():
        if time.monotonic() > give_up:
            raise AssertionError(explain())
        time.sleep(pause_s)


def connect(node, user="guest", password="guest"):
    return pika.BlockingConnection(pika.ConnectionParameters(
        "127.0.0.1", node.broker.port, credentials=pika.PlainCredentials(user, password)))


def hang_up(connection):
    try:
        connection.close()
    except pika.exceptions.AMQPError:
        pass  # Its node has gone.


class Cluster:
    """`size` nodes that are told of each other by classic_config, or by what `discovery` says. `relayed`: they reach each other through relays."""

    def __init__(self, directory, size, hint=None, relayed=False):
        self.directory = directory
        self.ports = [PortHolder() for _ in range(size)]
        self.nodes = [Node(directory, f"n{i}", self.ports[i].number) for i in range(size)]
        self.hint = hint
        self.relays = [PeerRelay(node.port) for node in self.nodes] if relayed else []
        for node, relay in zip(self.nodes, self.relays):
            node.advertised = f"127.0.0.1:{relay.port}"
        self.discovery = ["cluster_formation.peer_discovery_backend=classic_config"] + [
            f"cluster_formation.classic_config.nodes.{i + 1}="
            f"{node.advertised or f'127.0.0.1:{node.port}'}" for i, node in enumerate(self.nodes)]
        self.ended = threading.Event()

    def discover_by(self, service):
        """Starts it (discovery_services.py)."""
        service.start(self.nodes)
        self.discovery = service.settings(None)

    def settings(self, node, secret=SECRET, cluster_name=None):
        out = [f"cluster.listener=127.0.0.1:{node.port}", f"cluster.secret={secret}",
               "log.console.level=debug", *self.discovery]
        if node.advertised:
            out.append(f"cluster.advertise={node.advertised}")
        if self.hint:
            out.append(f"cluster_formation.target_cluster_size_hint={self.hint}")
        if cluster_name:
            out.append(f"cluster_name={cluster_name}")
        return out

    def start(self, nodes=None, **options):
        """All at once; none is waited for. A process ends with the thread that made it, so the threads stay."""
        nodes = nodes or self.nodes
        started = queue.Queue()

        def run(node):
            try:
                node.start(self.settings(node, **options))
                started.put(None)
            except Exception as failure:  # pylint: disable=broad-except
                started.put(failure)
            self.ended.wait()

        for node in nodes:
            threading.Thread(target=run, args=(node,), daemon=True).start()
        for failure in [started.get() for _ in nodes]:
            if failure:
                raise failure

    def await_ready(self):
        for node in self.nodes:
            node.await_ready()

    def await_streams(self):
        """Until all serve each other's queues, for the first time; before that these are 404."""
        for node in self.nodes:
            for other in self.nodes:
                if other is not node:
                    node.await_log(f"there is a stream to {other.name}@")

    def stop(self):
        for node in self.nodes:
            if node.broker and node.broker.is_running():
                node.broker.process.terminate()
        return [node.broker.process.wait() for node in self.nodes if node.broker]

    def kill(self):
        for node in self.nodes:
            if node.broker and node.broker.is_running():
                node.broker.kill()

    def close(self):
        self.kill()
        self.ended.set()
        self.part()
        for port in self.ports:
            port.socket.close()

    def part(self):
        """No node reaches another one any more; where there are relays."""
        for relay in self.relays:
            relay.close()
        self.relays = []

    def await_members(self, size, nodes=None, running=None):
        """Until each of them says the same cluster of so many members; answers its id."""
        seen = {}

        def agreed():
            for node in nodes or self.nodes:
                seen[node.name] = node.status()
            ids = {one and one.get("leveret", {}).get("cluster_id") for one in seen.values()}
            return (len(ids) == 1 and all(ids) and all(
                len(one["disk_nodes"]) == size and
                len(one["running_nodes"]) == (running or size) and one["leveret"]["leader"]
                for one in seen.values()))

        await_true(agreed, lambda: json.dumps(seen, indent=1) + "".join(
            f"\n== {node.name}\n{node.log()}" for node in self.nodes if node.broker))
        return next(iter(seen.values()))["leveret"]["cluster_id"]


class ServingCase(unittest.TestCase):
    """Three nodes that serve clients."""

    cluster_options = {}

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="leveret-serving-")
        self.addCleanup(scratch.cleanup)
        self.cluster = Cluster(Path(scratch.name), 3, hint=3, **self.cluster_options)
        self.addCleanup(self.cluster.close)
        self.cluster.start()
        self.cluster.await_ready()
        self.nodes = self.cluster.nodes

    def connect(self, node, **options):
        connection = connect(node, **options)
        self.addCleanup(hang_up, connection)
        return connection


class OperateCase(unittest.TestCase):
    """Clusters that are operated by `leveret ctl`."""

    settings = ()

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="leveret-operate-")
        self.addCleanup(scratch.cleanup)
        self.directory = Path(scratch.name)

    def cluster(self, size=3, **options):
        """Members that serve."""
        out = Cluster(self.directory, size, size, **options)
        out.discovery += self.settings
        self.addCleanup(out.close)
        out.start()
        out.await_members(size)
        out.await_ready()
        return out

    def ctl(self, node, *arguments, code=0):
        done = subprocess.run([LEVERET, "ctl", "--data-dir", str(node.data), *arguments],
                              capture_output=True, text=True)
        self.assertEqual(code, done.returncode, f"{arguments}: {done.stdout}{done.stderr}")
        return done.stdout if code == 0 else done.stderr

    def name(self, node):
        return f"{node.name}@127.0.0.1:{node.port}"

    def leader(self, cluster):
        told = cluster.nodes[0].status()["leveret"]["leader"]
        return next(node for node in cluster.nodes if self.name(node) == told)

    def follower(self, cluster):
        return next(node for node in cluster.nodes if node is not self.leader(cluster))

    def others(self, cluster, *nodes):
        return [node for node in cluster.nodes if node not in nodes]

    def is_removed(self, node):
        status = node.status()
        return bool(status and status["leveret"]["removed"])
