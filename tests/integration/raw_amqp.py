"""AMQP 0-9-1 in bytes, for the tests that must say exactly what goes over the wire."""

import collections
import socket
import struct

FRAME_METHOD, FRAME_HEADER, FRAME_BODY, FRAME_HEARTBEAT = 1, 2, 3, 8

Frame = collections.namedtuple("Frame", "type channel payload")
Delivery = collections.namedtuple("Delivery", "tag redelivered routing_key body")


def frame(kind, channel, payload):
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce"


def short_string(text):
    data = text.encode()
    return bytes([len(data)]) + data


def long_string(data):
    data = data.encode() if isinstance(data, str) else data
    return struct.pack(">I", len(data)) + data


def table(entries):
    return long_string(b"".join(entries))


def entry(key, tag, value):
    return short_string(key) + tag + value


def method(channel, class_id, method_id, arguments=b""):
    return frame(FRAME_METHOD, channel, struct.pack(">HH", class_id, method_id) + arguments)


class Closed(ConnectionError):
    pass


class RawConnection:
    """A blocking connection, handshake with AMQPLAIN included, one channel; encrypted where an SSL context is given. `properties`
    are the client's, as encoded entries."""

    def __init__(self, host_port, user="guest", password="guest", vhost="/", channel=True,
                 context=None, properties=()):
        host, port = host_port.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context:
            self.socket = context.wrap_socket(self.socket, server_hostname=host)
        self._buffer = bytearray()
        self._at = 0
        self.send(b"AMQP\x00\x00\x09\x01")
        self.expect(10, 10)
        response = (entry("LOGIN", b"S", long_string(user)) +
                    entry("PASSWORD", b"S", long_string(password)))
        self.send(method(0, 10, 11, table(properties) + short_string("AMQPLAIN") + long_string(response) +
                         short_string("en_US")))
        channel_max, frame_max, _ = struct.unpack(">HIH", self.expect(10, 30))
        self.frame_max = frame_max
        self.send(method(0, 10, 31, struct.pack(">HIH", channel_max, frame_max, 0)))
        self.send(method(0, 10, 40, short_string(vhost) + b"\x00\x00"))
        self.expect(10, 41)
        if channel:
            self.send(method(1, 20, 10, b"\x00"))
            self.expect(20, 11)

    def send(self, data):
        self.socket.sendall(data)

    def read_frame(self):
        buffer = self._buffer
        while True:
            if len(buffer) - self._at >= 8:
                kind, channel, size = struct.unpack_from(">BHI", buffer, self._at)
                end = self._at + 8 + size
                if len(buffer) >= end:
                    payload = bytes(buffer[self._at + 7:end - 1])
                    assert buffer[end - 1] == 0xCE, "no end octet"
                    self._at = end
                    return Frame(kind, channel, payload)
            if self._at:
                del buffer[:self._at]
                self._at = 0
            data = self.socket.recv(262144)
            if not data:
                raise Closed("the broker closed the connection")
            buffer += data

    def expect(self, class_id, method_id):
        """The arguments of the next method, which must be this one."""
        got = self.read_frame()
        assert got.type == FRAME_METHOD, got
        assert struct.unpack_from(">HH", got.payload) == (class_id, method_id), got
        return got.payload[4:]

    def call(self, class_id, method_id, arguments, reply_method_id):
        self.send(method(1, class_id, method_id, arguments))
        return self.expect(class_id, reply_method_id)

    def declare_queue(self, name, durable=True):
        self.call(50, 10, b"\x00\x00" + short_string(name) + bytes([0b10 if durable else 0]) +
                  table([]), 11)

    def message_count(self, name):
        reply = self.call(50, 10, b"\x00\x00" + short_string(name) + b"\x01" + table([]), 11)
        return struct.unpack_from(">I", reply, 1 + reply[0])[0]

    def confirm_select(self):
        self.call(85, 10, b"\x00", 11)

    def qos(self, prefetch):
        self.call(60, 10, struct.pack(">IHB", 0, prefetch, 0), 11)

    def consume(self, queue, tag="t", no_ack=False):
        self.call(60, 20, b"\x00\x00" + short_string(queue) + short_string(tag) +
                  bytes([0b10 if no_ack else 0]) + table([]), 21)

    def cancel(self, tag="t"):
        self.call(60, 30, short_string(tag) + b"\x00", 31)

    def ack(self, tag, multiple=False):
        self.send(method(1, 60, 80, struct.pack(">QB", tag, multiple)))

    def read_delivery(self):
        arguments = self.expect(60, 60)
        at = 1 + arguments[0]
        tag, redelivered = struct.unpack_from(">QB", arguments, at)
        at += 9
        at += 1 + arguments[at]
        key = arguments[at + 1:at + 1 + arguments[at]].decode()
        header = self.read_frame()
        size = struct.unpack_from(">Q", header.payload, 4)[0]
        body = b""
        while len(body) < size:
            body += self.read_frame().payload
        return Delivery(tag, bool(redelivered), key, body)

    def close(self):
        """channel.close and connection.close, with deliveries that cross them read away."""
        self.send(method(1, 20, 40, b"\x00\x00\x00\x00\x00\x00\x00"))
        self._read_until(20, 41)
        self.send(method(0, 10, 50, b"\x00\x00\x00\x00\x00\x00\x00"))
        self._read_until(10, 51)
        self.socket.close()

    def _read_until(self, class_id, method_id):
        while True:
            got = self.read_frame()
            if got.type == FRAME_METHOD and \
                    struct.unpack_from(">HH", got.payload) == (class_id, method_id):
                return


def publish_bytes(exchange, routing_key, body, persistent=True):
    """method, header and body frames of one basic.publish on channel 1."""
    properties = struct.pack(">HB", 0x1000, 2 if persistent else 1)
    return (method(1, 60, 40, b"\x00\x00" + short_string(exchange) + short_string(routing_key) +
                   b"\x00") +
            frame(FRAME_HEADER, 1, struct.pack(">HHQ", 60, 0, len(body)) + properties) +
            (frame(FRAME_BODY, 1, body) if body else b""))
