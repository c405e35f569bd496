#!/usr/bin/env python3
"""A cluster of three whose nodes are killed, stopped and cut off while clients use it; fails when anything that a client was told turns out false.

    LEVERET=build/release/bin/leveret /usr/bin/python3 tests/integration/cluster_chaos.py [--minutes 10] [--seed N]

A round is a cluster of its own: its misfortunes and its clients' choices come from the round's seed, which is printed (their moments do not). In the end everything heals,
every node must list the same, and every queue must work. Nodes are in network namespaces where these can be made; without them nothing is cut.
"""

import argparse
import collections
import faulthandler
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import leveret_broker
import node_network
from chaos_clients import (AMQP_PORT, BROKEN, DEAD, EVERYWHERE, Consumer, Declarer, Ledger,
                           PERSISTENT, Publisher, connected)
from cluster_nodes import await_true
from discovered_cluster import DiscoveredCluster
from discovery_services import ClassicConfig

NODES = 3
QUEUES = [f"q{number}.{i}" for number in range(NODES) for i in range(2)]  # by their homes


def until(true, what):
    await_true(true, lambda: f"never came true: {what}", pause_s=0.1)


class Round:
    def __init__(self, network, seed, directory):
        self.seed = seed
        self.choice = random.Random(seed)
        self.directory = Path(directory)
        self.network = network
        service = ClassicConfig(None, network)
        self.cluster = DiscoveredCluster(self.directory, NODES, service, hint=NODES)
        self.nodes = self.cluster.nodes
        self.ledger = Ledger()
        self.publishers = [Publisher(f"p{i}", self.ledger, self.nodes, seed, QUEUES)
                           for i in range(3)]
        self.consumers = [Consumer(f"c-{queue}", self.ledger, self.nodes, seed, queue)
                          for queue in (*QUEUES, DEAD)]
        self.declarers = [Declarer(f"d{i}", self.ledger, self.nodes, seed) for i in range(3)]

    def play(self, misfortunes):
        for node in self.nodes:
            self.launch(node)
        self.await_whole()
        self.declare()
        for client in (*self.publishers, *self.consumers, *self.declarers):
            client.start()
        # What has begun and not ended, and the nodes that it hits: two at once at most.
        pending = None
        hit = []
        for _ in range(misfortunes):
            self.pause()
            if pending and (len(hit) > 1 or self.choice.random() < 0.6):
                next(pending, None)
                pending, hit = None, []
                self.pause()
            begun, hit = self.misfortune(hit)
            next(begun)
            if pending:
                self.pause()
                next(pending, None)
            pending = begun
            self.check()
        next(pending, None)
        self.heal()
        self.verify()

    def pause(self):
        time.sleep(self.choice.choice((0.05, 0.3, 1, 3, 6)) * self.choice.random())

    # What goes wrong. Each is begun, and ended by another step.

    def misfortune(self, hit):
        """Of nodes that none is under way for, and those."""
        free = [node for node in self.nodes if node not in hit]
        node, other = self.choice.sample(free, 2)
        kinds = [self.kill, self.kill, self.hang]
        if self.network.has_namespaces:
            kinds += [self.wall_off, self.cut, self.pull, self.reset, self.reset]
        if not hit:
            kinds.append(self.kill_all)
        kind = self.choice.choice(kinds)
        hit = {self.kill_all: self.nodes, self.cut: [node, other],
               self.reset: [node, other]}.get(kind, [node])
        self.ledger.counts[kind.__name__] += 1
        return kind(*hit), hit

    def launch(self, node):
        self.ledger.note(f"node {node.number} starts")
        self.cluster.launch([node], [f"listeners.tcp.default={node.host}:{AMQP_PORT}",
                                     "loopback_users=none"])

    def kill(self, node):
        self.ledger.note(f"node {node.number} is killed")
        node.process.kill()
        node.process.wait()
        yield
        self.launch(node)

    def kill_all(self, *nodes):
        for node in nodes:
            node.process.kill()
        for node in nodes:
            node.process.wait()
        self.ledger.note("all nodes are killed")
        yield
        for node in nodes:
            self.launch(node)

    def hang(self, node):
        self.ledger.note(f"node {node.number} hangs")
        os.kill(node.process.pid, signal.SIGSTOP)
        yield
        os.kill(node.process.pid, signal.SIGCONT)
        self.ledger.note(f"node {node.number} hangs no more")

    def wall_off(self, node):
        self.ledger.note(f"node {node.number} is walled off")
        self.network.wall_off(node.number)
        yield
        self.network.let_in(node.number)
        self.ledger.note(f"node {node.number} is let in")

    def cut(self, node, other):
        self.ledger.note(f"nodes {node.number} and {other.number} are cut")
        self.network.cut(node.number, other.number)
        yield
        self.network.mend(node.number, other.number)
        self.ledger.note(f"nodes {node.number} and {other.number} are mended")

    def reset(self, node, other):
        """Their connections end, and can be made again at once: twice, a moment apart and later."""
        for later in (False, True):
            self.ledger.note(f"nodes {node.number} and {other.number} lose their connections")
            self.network.reset(node.number, other.number)
            time.sleep(0.1 * self.choice.random())
            self.network.reset(node.number, other.number)
            if not later:
                yield

    def pull(self, node):
        """Its cable: clients lose it too, and nobody is told."""
        self.ledger.note(f"node {node.number} has no cable")
        self.network.pull_cable(node.number)
        yield
        self.network.plug_cable(node.number)
        self.ledger.note(f"node {node.number} has its cable again")

    # What must hold.

    def check(self):
        for node in self.nodes:
            code = node.process.poll()
            if code not in (None, -signal.SIGKILL):
                raise AssertionError(f"node {node.number} ended by itself with {code}")
        if self.ledger.faults:
            raise AssertionError(self.ledger.faults[0])

    def await_whole(self):
        """All serve clients and each other's queues."""
        def whole():
            self.check()
            for node in self.nodes:
                status = node.status()
                if not status or len(status["running_nodes"]) != NODES:
                    return False
            return True
        until(whole, "all nodes are running")
        for node in self.nodes:
            def served(node=node):
                try:
                    with connected(node):
                        return True
                except BROKEN:
                    return False
            until(served, f"node {node.number} serves clients")

    def declare(self):
        for node in self.nodes:
            with connected(node) as connection:
                channel = connection.channel()
                channel.exchange_declare(EVERYWHERE, "fanout", durable=True)
                for queue in QUEUES:
                    if queue.startswith(f"q{node.number}."):
                        channel.queue_declare(queue, durable=True, arguments={
                            "x-dead-letter-exchange": "",
                            "x-dead-letter-routing-key": DEAD})
                        channel.queue_bind(queue, EVERYWHERE)
                if node is self.nodes[0]:
                    channel.queue_declare(DEAD, durable=True)
        for node in self.nodes:
            for queue in (*QUEUES, DEAD):
                until(lambda node=node, queue=queue: self.depth(node, queue) is not None,
                      f"node {node.number} serves {queue}")

    def depth(self, node, queue):
        try:
            with connected(node) as connection:
                return connection.channel().queue_declare(
                    queue, passive=True).method.message_count
        except BROKEN:
            return None

    def heal(self):
        self.network.repair()
        self.ledger.note("all heals")
        self.await_whole()
        for client in (*self.publishers, *self.declarers):
            client.ending.set()
        for client in (*self.publishers, *self.declarers):
            until(lambda client=client: not client.is_alive(),
                  f"{client.name} is answered: {getattr(client, 'unanswered', '')}")
        until(lambda: not self.ledger.missing() or self.ledger.faults,
              "all that was confirmed has come")
        self.check()

    def verify(self):
        for client in self.consumers:
            client.ending.set()
        for client in self.consumers:
            until(lambda client=client: not client.is_alive(), f"{client.name} ends")
        self.check()
        until(self.all_the_same, "all nodes list the same")
        self.compare_with_answers()
        for queue in QUEUES:
            until(lambda queue=queue: self.depth(self.nodes[0], queue) is not None,
                  f"{queue} is served")
            for node in self.nodes:
                self.use(node, queue)
        self.check()

    def all_the_same(self):
        self.said = [self.listing(node) for node in self.nodes]
        (self.directory / "listings").write_text(json.dumps(self.said, indent=1))
        leftovers = [one for said in self.said for one in said.get("list_queues", ())
                     if one["name"].startswith("amq.gen")]
        return all(self.said) and not leftovers and self.said[1:] == self.said[:-1]

    def ctl(self, node, *words):
        return subprocess.run(
            [leveret_broker.LEVERET, "ctl", "-q", "--data-dir", str(node.data), *words],
            capture_output=True, text=True, check=False)

    def leave_traces(self):
        """For whoever looks for the reason."""
        (self.directory / "history").write_text("\n".join(self.ledger.history))
        (self.directory / "missing").write_text(json.dumps(self.ledger.missing(), indent=1))
        for node in self.nodes:
            (self.directory / f"queues-{node.number}").write_text(self.ctl(
                node, "list_queues", "name", "messages_ready", "messages_unacknowledged",
                "consumers").stdout)

    def listing(self, node):
        out = {}
        for verb, *words in (["export_definitions", "-"],
                             ["list_queues", "name", "durable"],
                             ["list_exchanges", "name", "type", "durable"],
                             ["list_bindings", "source_name", "destination_name", "routing_key"]):
            form = [] if verb == "export_definitions" else ["--formatter", "json"]
            done = self.ctl(node, verb, *words, *form)
            if done.returncode != 0:
                return {}
            said = json.loads(done.stdout)
            if isinstance(said, dict):
                said = {key: in_order(value) for key, value in said.items()}
            out[verb] = in_order(said)
        return out

    def compare_with_answers(self):
        said = self.said[0]
        there = {"queue": {one["name"] for one in said["list_queues"]},
                 "exchange": {one["name"] for one in said["list_exchanges"]},
                 "binding": {f"{one['source_name']} {one['destination_name']}"
                             for one in said["list_bindings"]}}
        for (what, name), state in self.ledger.named.items():
            if state != "either" and (name in there[what]) != (state == "there"):
                self.ledger.fault(f"{what} {name} was answered to be {state}, and is not")
            self.ledger.counts[f"{state} in the end"] += 1

    def use(self, node, queue):
        text = f"last@{node.number}:1"
        with connected(node) as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            channel.basic_publish("", queue, text.encode(), PERSISTENT, mandatory=True)
            while True:
                method, _, body = channel.basic_get(queue)
                if method is None:
                    raise AssertionError(f"node {node.number}: {queue} does not give what it got")
                channel.basic_ack(method.delivery_tag)
                if body.decode() == text:
                    break
                # Left over: what was published and never confirmed.
                self.ledger.arrive(
                    queue, body.decode().rstrip(), method.redelivered, "in the end")

    def close(self):
        for client in (*self.publishers, *self.consumers, *self.declarers):
            client.ending.set()
        self.network.repair()
        for node in self.nodes:
            if node.process and node.process.poll() is None:
                node.process.kill()
                node.process.wait()


def in_order(value):
    return sorted(value, key=json.dumps) if isinstance(value, list) else value


def play_round(network, seed, misfortunes):
    """Raises where something does not hold; what there is to look at is left then."""
    # Each round has its own watchdog.
    faulthandler.dump_traceback_later(leveret_broker.WATCHDOG_S, exit=True)
    directory = tempfile.mkdtemp(prefix="leveret-chaos-")
    one = Round(network, seed, directory)
    try:
        one.play(misfortunes)
    except AssertionError as failure:
        one.leave_traces()
        raise AssertionError(f"seed {seed}: {failure}; see {directory}\n" + "\n".join(
            one.ledger.faults[:10])) from failure
    finally:
        one.close()
    shutil.rmtree(directory)
    return one.ledger.counts


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--misfortunes", type=int, default=12)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2 ** 32))
    options = parser.parse_args()
    network = node_network.make(NODES)
    if not network.has_namespaces:
        print("network namespaces cannot be made here: nothing is cut", flush=True)
    ends = time.monotonic() + options.minutes * 60
    total = collections.Counter()
    seed = options.seed
    while True:
        print(f"--seed {seed}", flush=True)
        counts = play_round(network, seed, options.misfortunes)
        print("  " + ", ".join(f"{number} {what}" for what, number in sorted(counts.items())),
              flush=True)
        total += counts
        seed += 1
        if time.monotonic() > ends:
            break
    print(f"{seed - options.seed} rounds: {total['confirmed']} confirmed, none lost")
    return 0


if __name__ == "__main__":
    sys.exit(main())
