"""From the first octet to connection.open-ok."""

import wire
from cases import case
from client import CAPABILITIES

# A refused login is answered after seconds, a handshake that stalls is ended after ten.
PATIENCE_S = 30


def _greeted(t):
    """A socket that has sent the header and taken connection.start."""
    connection = t.socket(PATIENCE_S)
    connection.send_bytes(b"AMQP\x00\x00\x09\x01", "the header of 0-9-1")
    start = connection.next_quietly()
    t.note(f"gets {start.name}")
    return connection, start.values


def _start_ok(connection, mechanism="PLAIN", response=b"\0guest\0guest", capabilities=None,
              locale="en_US"):
    said = mechanism if response == b"\0guest\0guest" else f"{mechanism} with {response!r}"
    connection.log.add(f"{connection.name}.0 > connection.start-ok {said}"
                       + (f", capabilities {sorted(capabilities)}" if capabilities else ""))
    connection.send_quietly(0, "connection.start-ok", {
        "client_properties": {"capabilities": capabilities or {}}, "mechanism": mechanism,
        "response": response, "locale": locale})


def _tuned(t, channel_max=2047, frame_max=131072, heartbeat=0):
    """Says tune-ok with these and connection.open; shows how that ends."""
    connection, _ = _greeted(t)
    _start_ok(connection)
    connection.receive()
    connection.send("connection.tune-ok", channel_max=channel_max, frame_max=frame_max,
                    heartbeat=heartbeat)
    connection.send("connection.open", virtual_host="/")
    connection.is_open = connection.receive().name == "connection.open-ok"


@case("1.1/header")
def header_of_another_protocol(t):
    """Whatever else comes, the server's own header is the answer, and the end."""
    for header in (b"AMQP\x00\x01\x00\x00", b"AMQP\x03\x01\x00\x00", b"AMQP\x00\x00\x09\x02",
                   b"AMQP\x00\x00\x0a\x01", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01",
                   b"xxxxxxxx", b"AMQX\x00\x00\x09\x01"):
        connection = t.socket()
        connection.send_bytes(header, repr(header)[1:])
        t.note(f"gets {connection.read_bytes(8)!r}")
        connection.expect_end()


@case("1.1/header")
def header_of_old_versions(t):
    """0-9 as it was written once is taken."""
    connection = t.socket()
    connection.send_bytes(b"AMQP\x01\x01\x00\x09", "the old header of 0-9")
    t.note(f"gets {connection.next_quietly().name}")


@case("1.1/header")
def header_in_pieces(t):
    """An octet at a time."""
    connection = t.socket()
    for octet in b"AMQP\x00\x00\x09\x01":
        connection.send_bytes(bytes([octet]))
    t.note(f"gets {connection.next_quietly().name}")


@case("1.1/header")
def header_cut_short(t):
    """A client that goes after four octets."""
    connection = t.socket()
    connection.send_bytes(b"AMQP", "four octets of the header")
    connection.drop()
    t.connect().channel()


@case("1.0/product", "1.0/server-properties", "1.1/header")
def start_says_who_it_is(t):
    """product RabbitMQ, a version 3.x, nine capabilities, mechanisms and locales."""
    _, start = _greeted(t)
    properties = dict(start["server_properties"])
    t.note(f"version {start['version_major']}.{start['version_minor']}, "
           f"locales {start['locales']}")
    t.note(f"mechanisms {sorted(start['mechanisms'].split())}")
    t.note(f"keys {sorted(properties)}")
    t.note(f"product {properties['product'].value}")
    t.note(f"version begins with {properties['version'].value[:2]}")
    t.note("capabilities " + ", ".join(f"{key} {field.tag} {field.value}"
                                       for key, field in sorted(properties["capabilities"].value)))
    t.note("types " + "".join(field.tag for _, field in sorted(properties.items())))


@case("1.0/tune", "1.1/plain")
def tune_offers(t):
    """2047 channels, frames of 131072, a heartbeat of 60 s."""
    _tuned(t)


@case("1.1/tune-rules")
def tune_lower(t):
    """Lower values are taken."""
    _tuned(t, channel_max=1, frame_max=4096)
    _tuned(t, channel_max=100, frame_max=8192, heartbeat=1000)


@case("1.1/tune-rules")
def tune_frame_max_too_low(t):
    """Below 4096: silence, then the end."""
    _tuned(t, frame_max=4095)


@case("1.1/tune-rules")
def tune_frame_max_too_high(t):
    """Above the offer."""
    _tuned(t, frame_max=131073)


@case("1.1/tune-rules")
def tune_frame_max_zero(t):
    """0 stands for no limit, which is above the offer."""
    _tuned(t, frame_max=0)


@case("1.1/tune-rules")
def tune_channel_max_zero(t):
    """0 stands for no limit, which is above the offer."""
    _tuned(t, channel_max=0)


@case("1.1/tune-rules")
def tune_channel_max_too_high(t):
    """Above the offer."""
    _tuned(t, channel_max=2048)


@case("1.1/amqplain")
def login_amqplain(t):
    """LOGIN and PASSWORD in a table without its length."""
    connection, _ = _greeted(t)
    table = wire.encode_table({"LOGIN": "guest", "PASSWORD": "guest"})[4:]
    _start_ok(connection, "AMQPLAIN", table)
    connection.receive()


@case("1.1/amqplain", "1.1/auth-failure")
def login_amqplain_wrong(t):
    """A wrong password, and a table that lacks it."""
    for table in ({"LOGIN": "guest", "PASSWORD": "wrong"}, {"LOGIN": "guest"},
                  {"LOGIN": "guest", "PASSWORD": 1}):
        connection, _ = _greeted(t)
        _start_ok(connection, "AMQPLAIN", wire.encode_table(table)[4:], CAPABILITIES)
        connection.expect_end()


@case("1.1/auth-failure", "1.0/refused-login")
def login_refused_with_capability(t):
    """A wrong password, an unknown user: 403 to clients that want to be told."""
    for response in (b"\0guest\0wrong", b"\0nobody\0guest", b"\0guest\0", b"\0\0"):
        connection, _ = _greeted(t)
        _start_ok(connection, response=response, capabilities=CAPABILITIES)
        connection.expect_end()


@case("1.1/auth-failure", "1.0/refused-login")
def login_refused_without_capability(t):
    """Silence and the end to the others."""
    connection, _ = _greeted(t)
    _start_ok(connection, response=b"\0guest\0wrong")
    connection.expect_end()


@case("1.1/plain", "1.1/auth-failure")
def login_malformed(t):
    """A PLAIN response that cannot be read."""
    for response in (b"", b"guest", b"\0guest", b"\0guest\0guest\0more"):
        connection, _ = _greeted(t)
        _start_ok(connection, response=response, capabilities=CAPABILITIES)
        connection.expect_end()


@case("1.1/plain")
def login_with_authorization_id(t):
    """What stands before the first zero octet."""
    connection, _ = _greeted(t)
    _start_ok(connection, response=b"somebody\0guest\0guest", capabilities=CAPABILITIES)
    connection.expect_end()


@case("1.1/auth-failure")
def login_unknown_mechanism(t):
    """A mechanism that was not offered."""
    connection, _ = _greeted(t)
    _start_ok(connection, "SCRAM-SHA-256", b"x", CAPABILITIES)
    connection.expect_end()
    connection, _ = _greeted(t)
    _start_ok(connection, "", b"", CAPABILITIES)
    connection.expect_end()


@case("1.1/plain")
def login_in_any_locale(t):
    """The locale does not matter."""
    connection, _ = _greeted(t)
    _start_ok(connection, locale="xx_YY")
    connection.receive()


@case("1.1/vhost-errors")
def open_vhost_that_is_not_there(t):
    """530."""
    t.connect(vhost="nope")
    t.connect(vhost="")


@case("1.1/unexpected-method")
def open_before_tune_ok(t):
    """Methods out of turn in the handshake."""
    connection, _ = _greeted(t)
    connection.send("connection.open", virtual_host="/")
    connection.expect_end()
    connection, _ = _greeted(t)
    _start_ok(connection)
    connection.receive()
    connection.send("connection.open", virtual_host="/")
    connection.expect_end()


@case("1.1/unexpected-method")
def channel_before_open(t):
    """channel.open before connection.open."""
    connection, _ = _greeted(t)
    _start_ok(connection)
    connection.receive()
    connection.send("channel.open", channel=1)
    connection.expect_end()


@case("1.1/handshake-timeout")
def handshake_timeout_before_header(t):
    """A client that says nothing is ended after ten seconds."""
    connection = t.socket(PATIENCE_S)
    connection.expect_end()


@case("1.1/handshake-timeout")
def handshake_timeout_before_login(t):
    """And one that does not log in."""
    connection, _ = _greeted(t)
    connection.expect_end()


@case("1.1/handshake-timeout")
def handshake_timeout_before_open(t):
    """And one that stops before connection.open."""
    connection, _ = _greeted(t)
    _start_ok(connection)
    connection.receive()
    connection.send("connection.tune-ok", channel_max=2047, frame_max=131072)
    connection.expect_end()


@case("1.1/header")
def handshake_in_one_write(t):
    """A client that does not wait for any answer."""
    connection = t.socket(PATIENCE_S)
    connection.send_bytes(
        b"AMQP\x00\x00\x09\x01" + b"".join(
            wire.frame(wire.METHOD, channel, wire.encode_method(name, values))
            for channel, name, values in (
                (0, "connection.start-ok", {"mechanism": "PLAIN", "response": b"\0guest\0guest",
                                            "locale": "en_US"}),
                (0, "connection.tune-ok", {"channel_max": 2047, "frame_max": 131072}),
                (0, "connection.open", {"virtual_host": "/"}))),
        "header, start-ok, tune-ok and open in one write")
    t.note(f"gets {connection.next_quietly().name}")
    connection.receive()
    connection.is_open = connection.receive().name == "connection.open-ok"
    connection.channel().passive("handshake_in_one_write.none")
