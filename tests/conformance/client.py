"""A client that says exactly what it is told, and writes down what it says and hears.

Nothing is read behind the script's back: events wait in the order of their channel until the script receives them,
so the transcript of a case does not depend on how connections and channels interleave.
"""

import collections
import socket
import struct

import transcript
import wire
from channel import ENDS, CaseOver, Channel, Event, publish_frames  # noqa: F401

# Ends what hangs; nothing is measured against it.
WATCHDOG_S = 10

CAPABILITIES = {"publisher_confirms": True, "exchange_exchange_bindings": True, "basic.nack": True,
                "consumer_cancel_notify": True, "connection.blocked": True,
                "authentication_failure_close": True}

_REPLIES = {"basic.get": ("basic.get-ok", "basic.get-empty")}
_SCRATCH = 2000  # a channel for what no transcript shows


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
            if event.name in wanted or event.name in ENDS:
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
        if self.end_is_told:
            raise CaseOver
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
            while not self.inbox[number] and not self.inbox[0] and self.pump():
                pass
            if not self.inbox[number]:
                self.receive(number)
                raise CaseOver
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
