"""A client that says exactly what it is told, and writes down what it says and hears.

Nothing is read behind the script's back: events wait in the order of their channel until the script receives them,
so the transcript of a case does not depend on how connections and channels interleave.
"""

import collections
import socket
import struct
import time

import transcript
import wire

# Ends what hangs; nothing is measured against it.
WATCHDOG_S = 10

CAPABILITIES = {"publisher_confirms": True, "exchange_exchange_bindings": True, "basic.nack": True,
                "consumer_cancel_notify": True, "connection.blocked": True,
                "authentication_failure_close": True}

_REPLIES = {"basic.get": ("basic.get-ok", "basic.get-empty")}
_BODY_MAX = 131064
_SCRATCH = 2000  # a channel for what no transcript shows
_ENDS = ("channel.close", "connection.close", "socket closed")

Event = collections.namedtuple("Event", "name values properties body")


def publish_frames(channel, values, properties, body):
    data = wire.frame(wire.METHOD, channel, wire.encode_method("basic.publish", values))
    data += wire.frame(wire.HEADER, channel, wire.content_header(len(body), properties))
    for at in range(0, len(body), _BODY_MAX):
        data += wire.frame(wire.BODY, channel, body[at:at + _BODY_MAX])
    return data


class CaseOver(Exception):
    """What the script waits for will not come; the transcript says so."""


class Connection:
    """One socket. `name` is its letter in the transcript. Made by Case.connect() and Case.socket()."""

    def __init__(self, log, name, address, watchdog_s=WATCHDOG_S):
        self.log = log
        self.name = name
        self.watchdog_s = watchdog_s
        self.socket = socket.create_connection(address, timeout=watchdog_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.inbox = collections.defaultdict(collections.deque)
        self.heartbeats = 0
        self.body_frames = []  # payload sizes, in the order of arrival
        self.is_open = False
        self.at_end = False  # the peer's end of the stream has been read
        self.end_is_told = False
        self.channels = {}
        self._buffer = bytearray()
        self._contents = {}
        self._raw_mode = False

    # What is sent.

    def send_bytes(self, data, said=None):
        """Octets as they are, with the line `said` in the transcript."""
        if said is not None:
            self.log.add(f"{self.name} > {said}")
        try:
            self.socket.sendall(data)
        except OSError:
            pass  # the end is told where the script reads

    def send_frame(self, kind, channel, payload, said=None, end=b"\xce"):
        self.send_bytes(wire.frame(kind, channel, payload, end), said)

    def send_quietly(self, channel, name, values):
        self.send_bytes(wire.frame(wire.METHOD, channel, wire.encode_method(name, values)))

    def send(self, name, channel=0, **values):
        self.log.add(f"{self.name}.{channel} > {transcript.method(name, values, False)}")
        self.send_quietly(channel, name, values)

    # What is received.

    def read_bytes(self, size):
        """Octets before any frame, as after a wrong protocol header."""
        while len(self._buffer) < size and self._fill():
            pass
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _fill(self):
        if self.at_end:
            return False
        try:
            data = self.socket.recv(262144)
        except TimeoutError:
            self.log.add(f"{self.name} < (nothing came; gave up)")
            raise CaseOver from None
        except OSError:
            data = b""
        self._buffer += data
        self.at_end = not data
        return bool(data)

    def pump(self):
        """Reads once and sorts the complete frames into the inboxes. False at the end of the stream."""
        if not self._fill():
            return False
        at = 0
        while len(self._buffer) - at >= 8:
            kind, channel, size = struct.unpack_from(">BHI", self._buffer, at)
            if len(self._buffer) - at < 8 + size:
                break
            payload = bytes(self._buffer[at + 7:at + 7 + size])
            assert self._buffer[at + 7 + size] == 0xCE, "no end octet"
            at += 8 + size
            self._sort(kind, channel, payload)
        del self._buffer[:at]
        return True

    def _sort(self, kind, channel, payload):
        if kind == wire.HEARTBEAT:
            self.heartbeats += 1
        elif kind == wire.METHOD:
            name, values = wire.decode_method(payload)
            if name in wire.WITH_CONTENT:
                self._contents[channel] = [name, values, None, None, bytearray()]
            else:
                self.inbox[channel].append(Event(name, values, None, None))
        else:
            content = self._contents[channel]
            if kind == wire.HEADER:
                content[2], = struct.unpack_from(">Q", payload, 4)
                content[3] = wire.decode_properties(payload[12:])
            else:
                self.body_frames.append(len(payload))
                content[4] += payload
            if len(content[4]) == content[2]:
                name, values, _, properties, body = self._contents.pop(channel)
                self.inbox[channel].append(Event(name, values, properties, bytes(body)))

    def receive(self, channel=0):
        """The next event of a channel, written down. The connection's close comes to all channels."""
        while not self.inbox[channel]:
            if self.inbox[0] and self.inbox[0][0].name == "connection.close":
                return self._accept_close()
            if not self.pump():
                return self._tell_end()
        event = self.inbox[channel].popleft()
        if event.name == "connection.close":
            self.inbox[0].appendleft(event)
            return self._accept_close()
        self._write_down(channel, event)
        if event.name == "channel.close":
            state = self.channels.get(channel)
            if state is None or state.answers_close:
                self.send_quietly(channel, "channel.close-ok", {})
            if state is not None:
                state.is_open = False
        return event

    def _write_down(self, channel, event):
        line = f"{self.name}.{channel} < {transcript.method(event.name, event.values, True)}"
        if event.properties is not None:
            line += transcript.content(event.properties, event.body)
        self.log.add(line)

    def _accept_close(self):
        event = self.inbox[0].popleft()
        self._write_down(0, event)
        self.send_quietly(0, "connection.close-ok", {})
        self.is_open = False
        while self.pump():
            pass
        self._tell_end()
        return event

    def _tell_end(self):
        if not self.end_is_told:
            self.log.add(f"{self.name} < (socket closed)")
        self.end_is_told = True
        self.is_open = False
        return Event("socket closed", {}, None, None)

    def next_quietly(self, channel=0):
        """The next event of a channel, without a line."""
        while not self.inbox[channel]:
            if not self.pump():
                return self._tell_end()
        return self.inbox[channel].popleft()

    def expect_end(self):
        """Reads to the end of the stream; methods on channel 0 before it are written down."""
        while self.receive(0).name not in ("connection.close", "socket closed"):
            pass

    def call(self, name, channel=0, **values):
        """Sends, then receives to the reply or a close. What comes before it is written down as it comes."""
        self.send(name, channel, **values)
        wanted = _REPLIES.get(name, (name + "-ok",))
        while True:
            event = self.receive(channel)
            if event.name in wanted or event.name in _ENDS:
                return event

    # The usual way in and out.

    def log_in(self, user="guest", password="guest", vhost="/", channel_max=None, frame_max=None,
               heartbeat=0, capabilities=None):
        """Header to open-ok, unwritten where nothing goes wrong."""
        capabilities = CAPABILITIES if capabilities is None else capabilities
        self.send_bytes(b"AMQP\x00\x00\x09\x01")
        if not self._expect_quietly("connection.start"):
            return self
        self.send_quietly(0, "connection.start-ok", {
            "client_properties": {"product": "conformance", "capabilities": capabilities},
            "mechanism": "PLAIN", "response": f"\0{user}\0{password}", "locale": "en_US"})
        tune = self._expect_quietly("connection.tune")
        if not tune:
            return self
        self.send_quietly(0, "connection.tune-ok", {
            "channel_max": tune["channel_max"] if channel_max is None else channel_max,
            "frame_max": tune["frame_max"] if frame_max is None else frame_max,
            "heartbeat": heartbeat})
        self.send_quietly(0, "connection.open", {"virtual_host": vhost})
        self.is_open = self._expect_quietly("connection.open-ok") is not None
        return self

    def _expect_quietly(self, name):
        while not self.inbox[0] and self.pump():
            pass
        if self.inbox[0] and self.inbox[0][0].name == name:
            return self.inbox[0].popleft().values
        self.receive(0)
        return None

    def channel(self, number=None, answers_close=True, awaits_confirms=False):
        """Opens one. With `awaits_confirms` it is in confirm mode, and publish() returns when the broker has it."""
        number = number or max(self.channels, default=0) + 1
        channel = Channel(self, number, answers_close)
        self.channels[number] = channel
        self.log.add(f"{self.name}.{number} opens"
                     + (", awaits every confirm" if awaits_confirms else ""))
        self.send_quietly(number, "channel.open", {})
        while not self.inbox[number] and not self.inbox[0] and self.pump():
            pass
        if self.inbox[number] and self.inbox[number][0].name == "channel.open-ok":
            self.inbox[number].popleft()
            channel.is_open = True
        else:
            self.receive(number)
        if awaits_confirms:
            channel.awaits_confirms = True
            self.send_quietly(number, "confirm.select", {})
            while not self.inbox[number] and self.pump():
                pass
            self.inbox[number].popleft()
        return channel

    def through(self, queue):
        """Makes the queue, which has a consumer, refuse its deletion: it has done all that it was told before."""
        self.send_quietly(_SCRATCH, "channel.open", {})
        self.send_quietly(_SCRATCH, "queue.delete", {"queue": queue, "if_unused": True})
        names = []
        while "channel.close" not in names:
            while not self.inbox[_SCRATCH]:
                if self.inbox[0] or not self.pump():
                    return
            names.append(self.inbox[_SCRATCH].popleft().name)
            assert names[-1] != "queue.delete-ok", f"{queue} has no consumer"
        self.send_quietly(_SCRATCH, "channel.close-ok", {})

    def close(self):
        """connection.close by the client, written down."""
        self.call("connection.close", reply_code=200, reply_text="bye")
        self.is_open = False
        self.socket.close()

    def drop(self):
        """The socket goes without a word."""
        self.log.add(f"{self.name} drops its socket")
        self.is_open = False
        self.socket.close()

    def end(self):
        """At the end of a case: whatever was not received is written down, then a close without a line."""
        if self.is_open:
            for channel in self.channels.values():
                if channel.is_open and self.is_open:
                    channel.sync()
                while self.inbox[channel.number]:
                    self.receive(channel.number)
        if self.is_open:
            self.send_quietly(0, "connection.close", {"reply_code": 200})
            while all(event.name != "connection.close-ok" for event in self.inbox[0]):
                if not self.pump():
                    break
        self.socket.close()


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
            if event.name in _ENDS:
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
            if self.connection.receive(self.number).name in _ENDS:
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
                if self.receive().name in _ENDS:
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
