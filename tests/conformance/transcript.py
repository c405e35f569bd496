"""What happened, a line an event, with whatever a server may choose for itself replaced.

    a.1 > queue.declare queue='q' durable arguments={x-max-length: I 1}     sent; what is zero or empty is left out
    a.1 < queue.declare-ok queue='q' message_count=0 consumer_count=0       received, complete
    a.1 < basic.deliver ... | {delivery_mode: 2} | 'body'                   properties and body
"""

import re
import time
import zlib

import wire

_CHOSEN = re.compile(r"amq\.gen-[A-Za-z0-9_-]{22}(?![A-Za-z0-9_-])"
                     r"|amq\.ctag-[A-Za-z0-9_-]{22}(?![A-Za-z0-9_-])"
                     r"|amq\.rabbitmq\.reply-to\.[^\s'\"]+")
_DAY_S = 86400
_BODY_SHOWN = 80


class Transcript:
    def __init__(self):
        self.lines = []
        self._chosen = {}

    def add(self, line):
        self.lines.append(_CHOSEN.sub(self._name, line))

    def _name(self, match):
        """Server-chosen names are numbered in the order in which they are first seen."""
        text = match.group(0)
        kind = re.match(r"amq\.(gen-|ctag-|rabbitmq\.reply-to\.)", text).group(0)
        same_kind = [known for known in self._chosen if known.startswith(kind)]
        return self._chosen.setdefault(text, f"{kind}<{len(same_kind) + 1}>")


def text_of(value):
    data = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else bytes(value)
    if len(data) > _BODY_SHOWN and len(set(data)) == 1:
        return f"<{len(data)} x {chr(data[0])!r}>"
    if len(data) > 4 * _BODY_SHOWN:
        return f"<{len(data)} octets, crc {zlib.crc32(data):08x}>"
    return repr(data)[1:]


def field(value):
    tag, inner = wire.typed(value)
    if tag == "F":
        return "F " + table(inner)
    if tag == "A":
        return "A [" + ", ".join(map(field, inner)) + "]"
    if tag in "Sx":
        return f"{tag} {text_of(inner)}"
    if tag == "T" and abs(inner - time.time()) < _DAY_S:
        return "T now"
    if tag == "V":
        return "V"
    if tag == "t":
        return f"t {str(bool(inner)).lower()}"
    if tag in "fd":
        return f"{tag} {inner!r}"
    return f"{tag} {inner}"


def table(entries):
    if isinstance(entries, bytes):
        return f"raw {entries!r}"
    pairs = entries.items() if isinstance(entries, dict) else entries
    return "{" + ", ".join(f"{key}: {field(value)}" for key, value in pairs) + "}"


def argument(kind, name, value):
    if kind == "T":
        return f"{name}={table(value)}"
    if kind == "b":
        return f"{name}={str(bool(value)).lower()}"
    if kind in "sS":
        return f"{name}={text_of(value)}"
    return f"{name}={value}"


def method(name, values, complete):
    """One method; with `complete` every field of it, else what is not zero or empty."""
    spec = wire.METHODS.get(name)
    if spec is None:
        return f"{name} {values}"
    words = [name]
    for kind, key in spec.fields:
        value = values.get(key)
        if kind.startswith("-"):
            continue
        if complete:
            words.append(argument(kind, key, value))
        elif kind == "b" and value:
            words.append(key)
        elif kind != "b" and value:
            words.append(argument(kind, key, value))
    return " ".join(words)


def properties(values):
    if isinstance(values, bytes):
        return f"raw {values!r}"
    words = []
    for name, kind in wire.PROPERTIES:
        if name in values:
            value = values[name]
            shown = table(value) if kind == "T" else text_of(value) if kind == "s" else value
            words.append(f"{name}: {shown}")
    return "{" + ", ".join(words) + "}"


def content(values, body):
    return f" | {properties(values)} | {text_of(body)}"
