"""Clients of a cluster that comes apart, and the ledger that knows what they were told: what is confirmed is there, once unless it says redelivered, in
order; what was declared is there, and what was deleted is not."""

import collections
import contextlib
import itertools
import random
import socket
import threading
import time

import amqp
import pika

AMQP_PORT = 28672  # of every node, on its own address
EVERYWHERE = "chaos.all"  # a fanout to all of the fixed queues
DEAD = "dead"  # where these put what is rejected
BROKEN = (OSError, EOFError, amqp.exceptions.AMQPError, pika.exceptions.AMQPError)
PERSISTENT = pika.BasicProperties(delivery_mode=2)


class Abandoned(OSError):
    """The client has hung up without a word."""


@contextlib.contextmanager
def connected(node):
    connection = pika.BlockingConnection(pika.ConnectionParameters(
        node.host, AMQP_PORT, heartbeat=0, socket_timeout=20, stack_timeout=20))
    try:
        yield connection
    finally:
        with contextlib.suppress(*BROKEN):
            connection.close()


def hang_up(connection):
    connection._impl._transport._sock.shutdown(  # pylint: disable=protected-access
        socket.SHUT_RDWR)
    raise Abandoned("hung up")


class Ledger:
    """Messages are PUBLISHER:NUMBER; a publisher is one channel, its numbers rise."""

    def __init__(self):
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self.history = []
        self.faults = []
        self.confirmed = collections.defaultdict(set)
        self.seen = collections.defaultdict(collections.Counter)
        self._last = {}  # queue, publisher -> number of the last one that was not redelivered
        self._rejected = set()  # queue, message: not seen there since
        self.dead = set()
        self.counts = collections.Counter()
        # (what, name) -> "there", "gone", or "either" where the answer never came or was no.
        self.named = {}

    def note(self, text):
        with self._lock:
            self.history.append(f"{time.monotonic() - self._began:8.3f} {text}")

    def fault(self, text):
        self.note("FAULT " + text)
        with self._lock:
            self.faults.append(text)

    def confirm(self, queues, message):
        with self._lock:
            self.counts["confirmed"] += 1
            for queue in queues:
                self.confirmed[queue].add(message)

    def arrive(self, queue, message, redelivered, where):
        self.note(f"{where} got {queue} {message}{' redelivered' if redelivered else ''}")
        publisher, number = message.rsplit(":", 1)
        with self._lock:
            self.counts["redelivered" if redelivered else "delivered"] += 1
            self._rejected.discard((queue, message))
            times = self.seen[queue][message]
            self.seen[queue][message] += 1
            last = self._last.get((queue, publisher), -1)
            if not redelivered:
                self._last[queue, publisher] = int(number)
        if not redelivered and times:
            self.fault(f"{queue}: {message} came again, and is not marked redelivered")
        elif not redelivered and int(number) < last:
            self.fault(f"{queue}: {message} came after {publisher}:{last}")

    def reject(self, queue, message):
        with self._lock:
            self.counts["rejected"] += 1
            self._rejected.add((queue, message))

    def bury(self, queue, message):
        """It may come twice."""
        with self._lock:
            self.dead.add((queue, message))

    def missing(self):
        """Confirmed, and not seen; or also rejected, and neither back nor dead."""
        with self._lock:
            out = {queue: sorted(left) for queue, all_of_it in self.confirmed.items()
                   if (left := all_of_it - set(self.seen[queue]))}
            lost = [(queue, message) for queue, message in self._rejected - self.dead
                      if message in self.confirmed[queue]]
            if lost:
                out[DEAD] = sorted(lost)
            return out

    def is_named(self, what, name, state):
        with self._lock:
            self.named[what, name] = state


class Client(threading.Thread):
    """Works through one node after the other; what breaks is begun anew at another one."""

    def __init__(self, name, ledger, nodes, seed):
        super().__init__(name=name, daemon=True)
        self.ledger = ledger
        self.nodes = nodes
        self.choice = random.Random(f"{seed} {name}")
        self.ending = threading.Event()
        self.where = ""

    def run(self):
        while not self.ending.is_set():
            node = self.choice.choice(self.nodes)
            self.where = f"{self.name}@{node.number}"
            try:
                self.session(node)
            except BROKEN as failure:
                self.ledger.note(f"{self.where}: {failure!r}")
                self.ledger.counts["broken sessions"] += 1
            except Exception as failure:  # pylint: disable=broad-except
                self.ledger.fault(f"{self.where}: {failure!r}")
            self.ending.wait(0.1)

    def session(self, node):
        raise NotImplementedError


class Publisher(Client):
    """Many confirms are under way at once; each must come, or the connection end."""

    WINDOW = 40

    def __init__(self, name, ledger, nodes, seed, queues):
        super().__init__(name, ledger, nodes, seed)
        self.queues = queues
        self.incarnations = itertools.count()
        self.unanswered = {}

    def session(self, node):
        self.unanswered = waiting = {}
        connection = amqp.Connection(f"{node.host}:{AMQP_PORT}", connect_timeout=20)
        connection.connect()
        try:
            channel = connection.channel()
            channel.confirm_select()
            channel.events["basic_ack"].add(
                lambda tag, multiple: self.answered(waiting, tag, multiple, True))
            channel.events["basic_nack"].add(
                lambda tag, multiple: self.answered(waiting, tag, multiple, False))
            self.publish(connection, channel, waiting)
            connection.close()
        finally:
            self.unanswered = {}
            connection.collect()

    def publish(self, connection, channel, waiting):
        me = f"{self.where}.{next(self.incarnations)}"
        left = self.choice.randrange(50, 1000)
        for number in itertools.count(1):
            while waiting and (len(waiting) >= self.WINDOW or self.choice.random() < 0.3
                               or number > left or self.ending.is_set()):
                try:
                    connection.drain_events(timeout=0.05)
                except socket.timeout:
                    pass
            if number > left or self.ending.is_set():
                return
            message = f"{me}:{number}"
            body = amqp.Message(message + " " * self.choice.choice((0, 0, 100, 5000)),
                                delivery_mode=2)
            if self.choice.random() < 0.1:
                waiting[number] = (self.queues, message)
                channel.basic_publish(body, EVERYWHERE, "")
            else:
                queue = self.choice.choice(self.queues)
                waiting[number] = ([queue], message)
                channel.basic_publish(body, "", queue)
            self.ending.wait(self.choice.choice((0, 0, 0, 0.002, 0.01)))

    def answered(self, waiting, tag, multiple, is_ack):
        for number in [one for one in waiting if one == tag or (multiple and one < tag)]:
            queues, message = waiting.pop(number)
            if is_ack:
                self.ledger.confirm(queues, message)
            else:
                self.ledger.note(f"{message} refused")
                self.ledger.counts["refused"] += 1


class Consumer(Client):
    """The only one of its queue."""

    def __init__(self, name, ledger, nodes, seed, queue):
        super().__init__(name, ledger, nodes, seed)
        self.queue = queue

    def session(self, node):
        with connected(node) as connection:
            self.consume(connection, connection.channel())

    def consume(self, connection, channel):
        channel.basic_qos(prefetch_count=self.choice.randrange(1, 30))
        left = self.choice.randrange(20, 2000)
        for method, properties, body in channel.consume(self.queue, inactivity_timeout=0.1):
            if self.ending.is_set() or left == 0:
                break
            if method is None:
                continue
            left -= 1
            self.take(connection, channel, method, properties, body.decode().rstrip())

    def take(self, connection, channel, method, properties, message):
        if self.queue == DEAD:
            self.ledger.bury(properties.headers["x-death"][0]["queue"], message)
            return channel.basic_ack(method.delivery_tag)
        self.ledger.arrive(self.queue, message, method.redelivered, self.where)
        fate = self.choice.random()
        if fate < 0.02:
            channel.basic_nack(method.delivery_tag, requeue=True)
        elif fate < 0.04:
            self.ledger.reject(self.queue, message)
            channel.basic_nack(method.delivery_tag, requeue=False)
        elif fate < 0.043:
            hang_up(connection)
        else:
            channel.basic_ack(method.delivery_tag)


class Declarer(Client):
    """Makes and unmakes queues, exchanges and bindings of its own, and remembers what it was answered."""

    def session(self, node):
        with connected(node) as connection:
            channel = connection.channel()
            if self.choice.random() < 0.5:
                channel.queue_declare("", exclusive=True)
            for _ in range(self.choice.randrange(5, 50)):
                if self.ending.is_set():
                    break
                step = self.choice.choice((self.queue, self.queue, self.exchange, self.binding,
                                           self.transient))
                step(channel)
                self.ledger.counts["declared or deleted"] += 1
                self.ending.wait(self.choice.choice((0, 0.01, 0.1)))

    def answer(self, what, name, state, ask):
        """Until the answer comes it may be either; a refusal may have been too late."""
        self.ledger.is_named(what, name, "either")
        ask()
        self.ledger.is_named(what, name, state)
        self.ledger.note(f"{self.where}: {what} {name} is {state}")

    def queue(self, channel):
        name = f"{self.name}.q{self.choice.randrange(4)}"
        if self.choice.random() < 0.6:
            self.answer("queue", name, "there",
                        lambda: channel.queue_declare(name, durable=True))
            return
        self.forget_bindings(name)
        self.answer("queue", name, "gone", lambda: channel.queue_delete(name))

    def exchange(self, channel):
        name = f"{self.name}.x{self.choice.randrange(3)}"
        if self.choice.random() < 0.6:
            self.answer("exchange", name, "there", lambda: channel.exchange_declare(
                name, "topic", durable=True))
            return
        self.forget_bindings(name)
        self.answer("exchange", name, "gone", lambda: channel.exchange_delete(name))

    def forget_bindings(self, name):
        for what, pair in list(self.ledger.named):
            if what == "binding" and name in pair.split(" "):
                self.ledger.is_named(what, pair, "either")

    def binding(self, channel):
        queue = f"{self.name}.q{self.choice.randrange(4)}"
        exchange = f"{self.name}.x{self.choice.randrange(3)}"
        if {self.ledger.named.get(("queue", queue)),
                self.ledger.named.get(("exchange", exchange))} != {"there"}:
            return
        pair = f"{exchange} {queue}"
        if self.choice.random() < 0.6:
            self.answer("binding", pair, "there",
                        lambda: channel.queue_bind(queue, exchange, "a.#"))
        else:
            self.answer("binding", pair, "gone",
                        lambda: channel.queue_unbind(queue, exchange, "a.#"))

    def transient(self, channel):
        """Goes with its node: nobody can say whether it is there, but all nodes say the same."""
        name = f"{self.name}.t{self.choice.randrange(3)}"
        if self.choice.random() < 0.5:
            channel.queue_declare(name)
        else:
            channel.queue_delete(name)
