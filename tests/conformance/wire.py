"""AMQP 0-9-1 between octets and Python values, written apart from the broker's own codec.

A field of a table keeps its tag: `Field("l", 5)`. Plain Python values get the tag that clients mostly use: bool t,
int I, float d, str S, bytes x, None V, list A, dict F.
"""

import collections
import struct

METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8

Field = collections.namedtuple("Field", "tag value")
Frame = collections.namedtuple("Frame", "type channel payload")

# o octet, h short, l long, q longlong, s short string, S long string, b bit, T table; -x: reserved, sent as zero.
_TABLE = """
connection.start 10 10 o:version_major o:version_minor T:server_properties S:mechanisms S:locales
connection.start-ok 10 11 T:client_properties s:mechanism S:response s:locale
connection.secure 10 20 S:challenge
connection.secure-ok 10 21 S:response
connection.tune 10 30 h:channel_max l:frame_max h:heartbeat
connection.tune-ok 10 31 h:channel_max l:frame_max h:heartbeat
connection.open 10 40 s:virtual_host -s:capabilities -b:insist
connection.open-ok 10 41 -s:known_hosts
connection.close 10 50 h:reply_code s:reply_text h:class_id h:method_id
connection.close-ok 10 51
connection.blocked 10 60 s:reason
connection.unblocked 10 61
connection.update-secret 10 70 S:new_secret s:reason
connection.update-secret-ok 10 71
channel.open 20 10 -s:out_of_band
channel.open-ok 20 11 -S:channel_id
channel.flow 20 20 b:active
channel.flow-ok 20 21 b:active
channel.close 20 40 h:reply_code s:reply_text h:class_id h:method_id
channel.close-ok 20 41
access.request 30 10 s:realm b:exclusive b:passive b:active b:write b:read
access.request-ok 30 11 h:ticket
exchange.declare 40 10 -h:ticket s:exchange s:type b:passive b:durable b:auto_delete b:internal b:nowait T:arguments
exchange.declare-ok 40 11
exchange.delete 40 20 -h:ticket s:exchange b:if_unused b:nowait
exchange.delete-ok 40 21
exchange.bind 40 30 -h:ticket s:destination s:source s:routing_key b:nowait T:arguments
exchange.bind-ok 40 31
exchange.unbind 40 40 -h:ticket s:destination s:source s:routing_key b:nowait T:arguments
exchange.unbind-ok 40 51
queue.declare 50 10 -h:ticket s:queue b:passive b:durable b:exclusive b:auto_delete b:nowait T:arguments
queue.declare-ok 50 11 s:queue l:message_count l:consumer_count
queue.bind 50 20 -h:ticket s:queue s:exchange s:routing_key b:nowait T:arguments
queue.bind-ok 50 21
queue.purge 50 30 -h:ticket s:queue b:nowait
queue.purge-ok 50 31 l:message_count
queue.delete 50 40 -h:ticket s:queue b:if_unused b:if_empty b:nowait
queue.delete-ok 50 41 l:message_count
queue.unbind 50 50 -h:ticket s:queue s:exchange s:routing_key T:arguments
queue.unbind-ok 50 51
basic.qos 60 10 l:prefetch_size h:prefetch_count b:global
basic.qos-ok 60 11
basic.consume 60 20 -h:ticket s:queue s:consumer_tag b:no_local b:no_ack b:exclusive b:nowait T:arguments
basic.consume-ok 60 21 s:consumer_tag
basic.cancel 60 30 s:consumer_tag b:nowait
basic.cancel-ok 60 31 s:consumer_tag
basic.publish 60 40 -h:ticket s:exchange s:routing_key b:mandatory b:immediate
basic.return 60 50 h:reply_code s:reply_text s:exchange s:routing_key
basic.deliver 60 60 s:consumer_tag q:delivery_tag b:redelivered s:exchange s:routing_key
basic.get 60 70 -h:ticket s:queue b:no_ack
basic.get-ok 60 71 q:delivery_tag b:redelivered s:exchange s:routing_key l:message_count
basic.get-empty 60 72 s:cluster_id
basic.ack 60 80 q:delivery_tag b:multiple
basic.reject 60 90 q:delivery_tag b:requeue
basic.recover-async 60 100 b:requeue
basic.recover 60 110 b:requeue
basic.recover-ok 60 111
basic.nack 60 120 q:delivery_tag b:multiple b:requeue
confirm.select 85 10 b:nowait
confirm.select-ok 85 11
tx.select 90 10
tx.select-ok 90 11
tx.commit 90 20
tx.commit-ok 90 21
tx.rollback 90 30
tx.rollback-ok 90 31
"""

WITH_CONTENT = {"basic.publish", "basic.return", "basic.deliver", "basic.get-ok"}

# Name and kind of the properties, from bit 15 of the flags downwards.
PROPERTIES = (("content_type", "s"), ("content_encoding", "s"), ("headers", "T"),
              ("delivery_mode", "o"), ("priority", "o"), ("correlation_id", "s"), ("reply_to", "s"),
              ("expiration", "s"), ("message_id", "s"), ("timestamp", "q"), ("type", "s"),
              ("user_id", "s"), ("app_id", "s"), ("cluster_id", "s"))

Method = collections.namedtuple("Method", "name class_id method_id fields")


def _read_table():
    by_name, by_id = {}, {}
    for line in _TABLE.split("\n"):
        if line:
            name, class_id, method_id, *fields = line.split()
            found = Method(name, int(class_id), int(method_id), [f.split(":") for f in fields])
            by_name[name] = by_id[found.class_id, found.method_id] = found
    return by_name, by_id


METHODS, _BY_ID = _read_table()


def frame(kind, channel, payload, end=b"\xce"):
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + end


def short_string(value):
    data = value.encode() if isinstance(value, str) else value
    return bytes([len(data)]) + data


def long_string(value):
    data = value.encode() if isinstance(value, str) else value
    return struct.pack(">I", len(data)) + data


_FIXED = {"b": ">b", "B": ">B", "s": ">h", "u": ">H", "I": ">i", "i": ">I", "l": ">q", "L": ">Q",
          "f": ">f", "d": ">d", "T": ">Q"}


def typed(value):
    if isinstance(value, Field):
        return value
    for kind, tag in ((bool, "t"), (int, "I"), (float, "d"), (str, "S"), (bytes, "x"),
                      (type(None), "V"), (list, "A"), (dict, "F")):
        if isinstance(value, kind):
            return Field(tag, value)
    raise TypeError(repr(value))


def encode_field(value):
    tag, value = typed(value)
    if tag in _FIXED:
        data = struct.pack(_FIXED[tag], value)
    elif tag == "t":
        data = bytes([value])
    elif tag == "D":
        data = struct.pack(">Bi", *value)
    elif tag in "Sx":
        data = long_string(value)
    elif tag == "A":
        data = long_string(b"".join(map(encode_field, value)))
    elif tag == "F":
        data = encode_table(value)
    elif tag == "V":
        data = b""
    else:
        data = value  # a tag that nobody knows, its octets as they are
    return tag.encode() + data


def encode_table(entries):
    """A dict, or a list of pairs where a key comes twice, or bytes that are sent as they are."""
    if isinstance(entries, bytes):
        return long_string(entries)
    pairs = entries.items() if isinstance(entries, dict) else entries
    return long_string(b"".join(short_string(key) + encode_field(value) for key, value in pairs))


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, size):
        self.at += size
        if self.at > len(self.data):
            raise ValueError("cut short")
        return self.data[self.at - size:self.at]

    def number(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def short_string(self):
        return self.take(self.number(">B")).decode("utf-8", "backslashreplace")

    def long_string(self):
        return self.take(self.number(">I"))

    def table(self):
        inner = Reader(self.long_string())
        pairs = []
        while inner.at < len(inner.data):
            key = inner.short_string()
            pairs.append((key, inner.field()))
        return pairs

    def field(self):
        tag = chr(self.number(">B"))
        if tag in _FIXED:
            return Field(tag, self.number(_FIXED[tag]))
        if tag == "t":
            return Field(tag, bool(self.number(">B")))
        if tag == "D":
            return Field(tag, (self.number(">B"), self.number(">i")))
        if tag in "Sx":
            return Field(tag, self.long_string())
        if tag == "A":
            inner = Reader(self.long_string())
            items = []
            while inner.at < len(inner.data):
                items.append(inner.field())
            return Field(tag, items)
        if tag == "F":
            return Field(tag, self.table())
        if tag == "V":
            return Field(tag, None)
        raise ValueError(f"unknown tag {tag!r}")


_NUMBERS = {"o": ">B", "h": ">H", "l": ">I", "q": ">Q"}


def encode_method(name, arguments):
    """The payload of a method frame. What is not in `arguments` is zero or empty."""
    spec = METHODS[name]
    data, bits, bit = struct.pack(">HH", spec.class_id, spec.method_id), 0, 0
    unknown = set(arguments) - {field for _, field in spec.fields}
    assert not unknown, f"{name} has no {unknown}"
    for kind, field in spec.fields:
        kind = kind.lstrip("-")
        value = arguments.get(field)
        if kind == "b":
            bits |= bool(value) << bit
            bit += 1
            continue
        if bit:
            data, bits, bit = data + bytes([bits]), 0, 0
        if kind in _NUMBERS:
            data += struct.pack(_NUMBERS[kind], value or 0)
        else:
            data += {"s": short_string, "S": long_string, "T": encode_table}[kind](value or b"")
    return data + (bytes([bits]) if bit else b"")


def decode_method(payload):
    """(name, {field: value}); reserved fields are left out."""
    reader = Reader(payload)
    class_id, method_id = reader.number(">H"), reader.number(">H")
    spec = _BY_ID.get((class_id, method_id))
    if spec is None:
        return f"method.{class_id}.{method_id}", {"octets": payload[4:]}
    values, bits, bit = {}, 0, 0
    for kind, field in spec.fields:
        bare = kind.lstrip("-")
        if bare == "b":
            if bit == 0:
                bits = reader.number(">B")
            value, bit = bool(bits >> bit & 1), bit + 1
        else:
            bit = 0
            value = (reader.number(_NUMBERS[bare]) if bare in _NUMBERS else
                     {"s": reader.short_string, "S": reader.long_string, "T": reader.table}[bare]())
        if not kind.startswith("-"):
            values[field] = value
    return spec.name, values


def encode_properties(properties):
    flags, data = 0, b""
    for index, (name, kind) in enumerate(PROPERTIES):
        if name in properties:
            flags |= 1 << (15 - index)
            value = properties[name]
            data += (struct.pack(_NUMBERS[kind], value) if kind in _NUMBERS else
                     short_string(value) if kind == "s" else encode_table(value))
    unknown = set(properties) - {name for name, _ in PROPERTIES}
    assert not unknown, unknown
    return struct.pack(">H", flags) + data


def decode_properties(payload):
    reader = Reader(payload)
    flags = reader.number(">H")
    values = {}
    for index, (name, kind) in enumerate(PROPERTIES):
        if flags & 1 << (15 - index):
            values[name] = (reader.number(_NUMBERS[kind]) if kind in _NUMBERS else
                            reader.short_string() if kind == "s" else reader.table())
    return values


def content_header(body_size, properties, class_id=60, weight=0):
    encoded = properties if isinstance(properties, bytes) else encode_properties(properties)
    return struct.pack(">HHQ", class_id, weight, body_size) + encoded
