"""One channel of a client: methods by their short names, and waiting for what the broker does."""

import collections
import time

import transcript
import wire

ENDS = ("channel.close", "connection.close", "socket closed")
_BODY_MAX = 131064

Event = collections.namedtuple("Event", "name values properties body")


def publish_frames(channel, values, properties, body):
    data = wire.frame(wire.METHOD, channel, wire.encode_method("basic.publish", values))
    data += wire.frame(wire.HEADER, channel, wire.content_header(len(body), properties))
    for at in range(0, len(body), _BODY_MAX):
        data += wire.frame(wire.BODY, channel, body[at:at + _BODY_MAX])
    return data


class CaseOver(Exception):
    """What the script waits for will not come; the transcript says so."""


class Channel:
    def __init__(self, connection, number, answers_close=True):
        self.connection = connection
        self.number = number
        self.answers_close = answers_close  # channel.close is answered as soon as it is received
        self.awaits_confirms = False
        self.is_open = False

    @property
    def log(self):
        return self.connection.log

    def send(self, name, **values):
        self.connection.send(name, self.number, **values)

    def call(self, name, **values):
        return self.connection.call(name, self.number, **values)

    def receive(self, count=1):
        """The last of `count` events; fewer where the channel or the connection closes."""
        event = None
        for _ in range(count):
            event = self.connection.receive(self.number)
            if event.name in ENDS:
                break
        return event

    def sync(self, queue=None):
        """A round trip that is not written down. With a queue, which must have a consumer, also through that queue:
        what it sends because of what this channel did before has arrived then. (A passive declare would not do:
        RabbitMQ's queues answer it before what came earlier.)"""
        self._round_trip()
        if queue is not None:
            self.connection.through(queue)
            self._round_trip()

    def _round_trip(self):
        inbox = self.connection.inbox[self.number]
        self.connection.send_quietly(self.number, "channel.flow", {"active": True})
        while True:
            found = next((e for e in inbox if e.name in ("channel.flow-ok", "channel.close")), None)
            if found is not None:
                if found.name == "channel.flow-ok":
                    inbox.remove(found)
                return
            if self.connection.inbox[0] or not self.connection.pump():
                return

    def nothing(self, queue=None):
        """Writes down what has come by now; what was sent to this channel before has come."""
        self.sync(queue)
        inbox = self.connection.inbox[self.number]
        if not inbox and not self.connection.inbox[0] and self.connection.is_open:
            self.log.add(f"{self.connection.name}.{self.number} < (nothing)")
        while inbox or self.connection.inbox[0]:
            if self.connection.receive(self.number).name in ENDS:
                return

    # Methods by their short names.

    def declare(self, queue, arguments=None, **flags):
        return self.call("queue.declare", queue=queue, arguments=arguments or {}, **flags)

    def passive(self, queue):
        return self.call("queue.declare", queue=queue, passive=True)

    def exchange(self, exchange, type="direct", arguments=None, **flags):
        return self.call("exchange.declare", exchange=exchange, type=type, arguments=arguments or {},
                         **flags)

    def bind(self, queue, exchange, routing_key="", arguments=None):
        return self.call("queue.bind", queue=queue, exchange=exchange, routing_key=routing_key,
                         arguments=arguments or {})

    def publish(self, exchange, routing_key, body=b"", properties=None, mandatory=False,
                immediate=False):
        body = body.encode() if isinstance(body, str) else body
        properties = {} if properties is None else properties
        values = {"exchange": exchange, "routing_key": routing_key, "mandatory": mandatory,
                  "immediate": immediate}
        self.log.add(f"{self.connection.name}.{self.number} > "
                     + transcript.method("basic.publish", values, False)
                     + transcript.content(properties, body))
        self.connection.send_bytes(publish_frames(self.number, values, properties, body))
        if self.awaits_confirms:
            self._await_confirm()

    def _await_confirm(self):
        """Takes one ack without a line; a nack or a close is written down; deliveries stay where they are."""
        inbox = self.connection.inbox[self.number]
        while True:
            for event in inbox:
                if event.name in ("basic.ack", "basic.nack", "channel.close"):
                    if event.name == "basic.ack":
                        inbox.remove(event)
                    else:
                        self.receive(1 + inbox.index(event))
                    return
            if self.connection.inbox[0] or not self.connection.pump():
                self.receive(1 + len(inbox))
                return

    def get(self, queue, no_ack=True):
        return self.call("basic.get", queue=queue, no_ack=no_ack)

    def consume(self, queue, tag="", arguments=None, **flags):
        return self.call("basic.consume", queue=queue, consumer_tag=tag, arguments=arguments or {},
                         **flags)

    def cancel(self, tag):
        return self.call("basic.cancel", consumer_tag=tag)

    def qos(self, count, **more):
        return self.call("basic.qos", prefetch_count=count, **more)

    def ack(self, tag, multiple=False):
        self.send("basic.ack", delivery_tag=tag, multiple=multiple)

    def nack(self, tag, multiple=False, requeue=False):
        self.send("basic.nack", delivery_tag=tag, multiple=multiple, requeue=requeue)

    def reject(self, tag, requeue=False):
        self.send("basic.reject", delivery_tag=tag, requeue=requeue)

    def confirm(self):
        return self.call("confirm.select")

    def confirms(self, last, first=1):
        """Receives confirms for `first` to `last`, however they are grouped; a line says which were which."""
        open_tags, said = set(range(first, last + 1)), {}
        while open_tags:
            inbox = self.connection.inbox[self.number]
            while not inbox:
                if self.connection.inbox[0] or not self.connection.pump():
                    self.receive()
                    return
            if inbox[0].name not in ("basic.ack", "basic.nack"):
                if self.receive().name in ENDS:
                    return
                continue
            event = inbox.popleft()
            tag = event.values["delivery_tag"]
            now = {t for t in open_tags if t == tag or event.values["multiple"] and t <= tag}
            said.update({t: event.name.split(".")[1] for t in now})
            open_tags -= now
            if not now:
                self.log.add(f"a confirm for {tag}, which was not open")
        tags = ", ".join(f"{said[tag]} {tag}" for tag in sorted(said))
        self.log.add(f"{self.connection.name}.{self.number} < confirms: {tags}")

    def until_ready(self, queue, count, consumers=None):
        """Asks until the queue has `count` ready messages (and consumers), and writes down what it has then."""
        deadline = time.monotonic() + self.connection.watchdog_s
        while True:
            have = self.ask(queue)
            if have is None:
                self.receive()
                return
            if have == (count, have[1] if consumers is None else consumers) or \
                    time.monotonic() > deadline:
                break
            time.sleep(0.005)
        self.log.add(f"{self.connection.name}.{self.number} = {queue!r} has {have[0]} ready"
                     + ("" if consumers is None else f", {have[1]} consumers"))

    def until_gone(self, queue):
        """Publishes empty mandatory messages, which do not count as use, until one comes back."""
        inbox = self.connection.inbox[self.number]
        deadline = time.monotonic() + self.connection.watchdog_s
        data = publish_frames(self.number, {"routing_key": queue, "mandatory": True}, {}, b"")
        while not any(event.name == "basic.return" for event in inbox):
            if time.monotonic() > deadline:
                self.log.add(f"{self.connection.name} = {queue!r} is still there; gave up")
                raise CaseOver
            time.sleep(0.005)
            self.connection.send_bytes(data)
            self._round_trip()
            if not self.is_open or self.connection.at_end:
                self.receive()
                return
        inbox.remove(next(event for event in inbox if event.name == "basic.return"))
        self.log.add(f"{self.connection.name}.{self.number} = {queue!r} is gone")

    def ask(self, queue):
        """(ready, consumers), or None where the channel closes. Deliveries wait in the inbox."""
        inbox = self.connection.inbox[self.number]
        self.connection.send_quietly(self.number, "queue.declare", {"queue": queue, "passive": True})
        while True:
            for event in inbox:
                if event.name == "queue.declare-ok":
                    inbox.remove(event)
                    return event.values["message_count"], event.values["consumer_count"]
                if event.name == "channel.close":
                    return None
            if self.connection.inbox[0] or not self.connection.pump():
                return None
