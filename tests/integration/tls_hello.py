"""The first message of TLS, octet by octet, for what no TLS library offers any more; and what a server answers."""

import collections
import socket
import struct
import subprocess

SSL3, TLS1_0, TLS1_1, TLS1_2, TLS1_3 = 0x0300, 0x0301, 0x0302, 0x0303, 0x0304

HANDSHAKE_FAILURE, PROTOCOL_VERSION, INAPPROPRIATE_FALLBACK = 40, 70, 86

FALLBACK_SCSV = 0x5600

RENEGOTIATION_INFO = 0xff01
SESSION_TICKET, HEARTBEAT, KEY_SHARE = 35, 15, 51

# x25519, P-256, P-384, P-521, x448
GOOD_GROUPS = (29, 23, 24, 25, 30)
# ECDSA and RSA-PSS and RSA with SHA-256 and up, Ed25519
GOOD_SIGNATURES = (0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0807)

# An alert (a number), or a ServerHello; without either the server has closed.
Answer = collections.namedtuple("Answer", "alert version cipher compression extensions",
                                defaults=(None,) * 5)


def known_ciphers():
    """{number: name}, of everything that openssl has ever heard of, at no security level."""
    out = subprocess.run(["openssl", "ciphers", "-V", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"],
                         capture_output=True, text=True, check=True).stdout
    return {int(high, 16) << 8 | int(low, 16): name for high, low, name in
            ((*line.split()[0].split(","), line.split()[2]) for line in out.splitlines())}


def all_numbers():
    """Every cipher that was ever given a number, those that openssl has dropped included: export, RC4, DES, null, anonymous."""
    return [high << 8 | low for high in (0x00, 0x13, 0xc0, 0xcc, 0xd0) for low in range(256)
            if (high << 8 | low) != 0x00ff]


def _vector(size, data):
    return len(data).to_bytes(size, "big") + data


def _numbers(numbers):
    return b"".join(struct.pack(">H", number) for number in numbers)


def _extension(kind, data):
    return struct.pack(">H", kind) + _vector(2, data)


def client_hello(ciphers, version=TLS1_2, versions=(), groups=GOOD_GROUPS,
                 signatures=GOOD_SIGNATURES, compressions=b"\0", more=b""):
    """As records. `versions` is the extension of TLS 1.3; `more` are extensions ready made."""
    extensions = _extension(10, _vector(2, _numbers(groups)))
    extensions += _extension(11, _vector(1, b"\0"))
    extensions += _extension(13, _vector(2, _numbers(signatures)))
    extensions += _extension(SESSION_TICKET, b"") + _extension(RENEGOTIATION_INFO, b"\0")
    extensions += _extension(HEARTBEAT, b"\1")
    if versions:
        extensions += _extension(43, _vector(1, _numbers(versions)))
        extensions += _extension(KEY_SHARE, _vector(2, struct.pack(">H", 29) + _vector(2, b"\x09" * 32)))
    hello = struct.pack(">H", version) + b"r" * 32 + _vector(1, b"")
    hello += _vector(2, _numbers(ciphers)) + _vector(1, compressions)
    hello += _vector(2, extensions + more)
    return b"\x16" + struct.pack(">H", TLS1_0 if version > SSL3 else SSL3) + \
        _vector(2, b"\1" + _vector(3, hello))


def _server_hello(body):
    version, = struct.unpack_from(">H", body)
    at = 34 + 1 + body[34]
    cipher, compression = struct.unpack_from(">HB", body, at)
    extensions, at = {}, at + 5
    while at + 4 <= len(body):
        kind, size = struct.unpack_from(">HH", body, at)
        extensions[kind] = body[at + 4:at + 4 + size]
        at += 4 + size
    if 43 in extensions:
        version, = struct.unpack(">H", extensions[43])
    return Answer(None, version, cipher, compression, extensions)


def ask(port, hello, patience_s):
    """What the server says to these octets first."""
    with socket.create_connection(("127.0.0.1", port), timeout=patience_s) as client:
        client.sendall(hello)
        data = b""
        try:
            while len(data) < 5 or len(data) < 5 + int.from_bytes(data[3:5], "big"):
                more = client.recv(65536)
                if not more:
                    return Answer()
                data += more
        except ConnectionResetError:
            return Answer()
    if data[0] == 21:
        return Answer(data[6])
    assert data[0] == 22 and data[5] == 2, data[:6]
    return _server_hello(data[9:9 + int.from_bytes(data[6:9], "big")])
