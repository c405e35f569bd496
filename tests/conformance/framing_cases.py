"""Frames, methods out of place, content assembly, heartbeats, channels and their numbers."""

import struct

import wire
from cases import case


def _method(name, **values):
    return wire.encode_method(name, values)


def _publish_begun(t, size=None, **header):
    """A channel on which basic.publish has been sent, and with a size its content header."""
    connection = t.connect()
    connection.channel().declare(t.q("q"))
    connection.send_frame(wire.METHOD, 1, _method("basic.publish", routing_key=t.q("q")),
                          "basic.publish")
    if size is not None:
        connection.send_frame(wire.HEADER, 1, wire.content_header(size, {}, **header),
                              f"a content header of {size} octets {header or ''}".strip())
    return connection


@case("1.1/bad-frame")
def frame_with_a_bad_end(t):
    """501, with the octets of the payload."""
    connection = t.connect()
    connection.send_frame(wire.METHOD, 1, _method("channel.open"), "channel.open that ends in CD",
                          end=b"\xcd")
    connection.expect_end()


@case("1.1/bad-frame")
def frame_of_unknown_type(t):
    """501 for the types that nobody knows."""
    for kind in (0, 4, 5, 7, 9, 255):
        connection = t.connect()
        connection.send_frame(kind, 1, b"abc", f"a frame of type {kind}")
        connection.expect_end()


@case("1.1/bad-frame")
def frame_of_unknown_type_on_channel_0(t):
    """The same on channel 0."""
    connection = t.connect()
    connection.send_frame(9, 0, b"", "an empty frame of type 9 on channel 0")
    connection.expect_end()


@case("1.1/frame-max")
def frame_above_the_maximum(t):
    """501 with sizes; compared before the payload has come."""
    connection = t.connect()
    connection.send_bytes(struct.pack(">BHI", 1, 1, 131073), "the head of a frame of 131073")
    connection.expect_end()


@case("1.1/frame-max")
def frame_above_the_negotiated_maximum(t):
    """With 4096 negotiated a payload of 4096 octets is taken (eight more than it should be), 4097 are not."""
    connection = t.connect(frame_max=4096)
    channel = connection.channel()
    channel.declare(t.q("q"))
    for size in (4088, 4096, 4097):
        connection.send_frame(wire.METHOD, 1, _method("basic.publish", routing_key=t.q("q")),
                              f"basic.publish of {size} octets in one frame")
        connection.send_frame(wire.HEADER, 1, wire.content_header(size, {}))
        connection.send_frame(wire.BODY, 1, b"x" * size)
        channel.nothing()


@case("1.1/unexpected-method")
def method_on_a_closed_channel(t):
    """504 for whatever comes on a channel that is not open."""
    for name, values in (("queue.declare", {"queue": "q"}), ("channel.close", {}),
                         ("channel.close-ok", {}), ("basic.ack", {"delivery_tag": 1})):
        connection = t.connect()
        connection.send(name, channel=5, **values)
        connection.expect_end()


@case("1.1/unexpected-method")
def method_content_on_a_closed_channel(t):
    """A header or body there."""
    for kind in (wire.HEADER, wire.BODY):
        connection = t.connect()
        connection.send_frame(kind, 5, wire.content_header(1, {}), f"a frame of type {kind}")
        connection.expect_end()


@case("1.1/unexpected-method")
def channel_opened_twice(t):
    """504."""
    connection = t.connect()
    connection.channel()
    connection.send("channel.open", channel=1)
    connection.expect_end()


@case("1.1/unexpected-method")
def channel_method_on_channel_0(t):
    """504, for methods and for what is no method."""
    for name, values in (("channel.open", {}), ("queue.declare", {"queue": "q"}),
                         ("basic.ack", {"delivery_tag": 1})):
        connection = t.connect()
        connection.send(name, channel=0, **values)
        connection.expect_end()


@case("1.1/unexpected-method")
def connection_method_on_another_channel(t):
    """connection.close on channel 1, and before it is open."""
    connection = t.connect()
    connection.channel()
    connection.send("connection.close", channel=1, reply_code=200)
    connection.expect_end()
    connection = t.connect()
    connection.send("connection.close", channel=1, reply_code=200)
    connection.expect_end()


@case("1.1/unexpected-method",
      differs="RabbitMQ waits for a content it has no use for; Leveret says what is wrong at once")
def method_of_the_server(t):
    """What only servers send."""
    for name, values in (("basic.deliver", {"consumer_tag": "c", "delivery_tag": 1}),
                         ("queue.declare-ok", {"queue": "q"}), ("basic.get-empty", {}),
                         ("basic.qos-ok", {}), ("channel.open-ok", {}), ("channel.flow-ok", {"active": True}),
                         ("basic.cancel-ok", {"consumer_tag": "c"})):
        connection = t.connect()
        connection.channel()
        connection.send(name, channel=1, **values)
        connection.channels[1].nothing()


@case("1.1/unexpected-method")
def method_of_the_server_on_channel_0(t):
    """connection.start, tune and the like in a running connection."""
    for name in ("connection.start", "connection.tune", "connection.open-ok", "connection.start-ok",
                 "connection.tune-ok", "connection.open", "connection.blocked"):
        connection = t.connect()
        connection.send(name)
        connection.expect_end()


@case("1.1/unexpected-method")
def method_cut_short(t):
    """501 with the octets that could not be read."""
    for class_id, method_id, arguments in ((50, 10, b"\0\0"), (60, 40, b"\0\0\x05ab"),
                                           (20, 10, b""), (60, 80, b"\0\0\0")):
        connection = t.connect()
        connection.channel()
        channel = 2 if class_id == 20 else 1
        connection.send_frame(wire.METHOD, channel, struct.pack(">HH", class_id, method_id) + arguments,
                              f"method {class_id}.{method_id} with {arguments!r}")
        connection.expect_end()


@case("1.1/unexpected-method", differs="RabbitMQ's reader crashes and says INTERNAL_ERROR; Leveret says what is "
      "wrong, as for any other method")
def method_cut_short_on_channel_0(t):
    """connection.close without its arguments."""
    connection = t.connect()
    connection.send_frame(wire.METHOD, 0, struct.pack(">HHB", 10, 50, 0), "one octet of connection.close")
    connection.expect_end()


@case("1.1/unexpected-method")
def method_with_more_behind(t):
    """Octets behind the last argument."""
    connection = t.connect()
    connection.channel()
    connection.send_frame(wire.METHOD, 1, _method("basic.qos", prefetch_count=1) + b"\0\0",
                          "basic.qos with two octets more")
    connection.expect_end()


@case("1.1/unexpected-method", differs="RabbitMQ's reader crashes and resets the connection; Leveret answers with an "
      "error that names the method")
def method_that_nobody_knows(t):
    """Unknown class, unknown method of a known class, on a channel and on 0."""
    for channel, class_id, method_id in ((1, 99, 1), (1, 50, 99), (0, 10, 99), (0, 99, 1)):
        connection = t.connect()
        connection.channel()
        connection.send_frame(wire.METHOD, channel, struct.pack(">HH", class_id, method_id),
                              f"method {class_id}.{method_id} on channel {channel}")
        connection.expect_end()


@case("1.1/unexpected-method")
def method_frame_of_nothing(t):
    """A method frame without class and method."""
    connection = t.connect()
    connection.channel()
    connection.send_frame(wire.METHOD, 1, b"", "an empty method frame")
    connection.expect_end()


@case("1.1/content-assembly")
def content_header_first(t):
    """A header without its method."""
    connection = t.connect()
    connection.channel()
    connection.send_frame(wire.HEADER, 1, wire.content_header(1, {}), "a content header")
    connection.expect_end()


@case("1.1/content-assembly")
def content_body_first(t):
    """A body without its method."""
    connection = t.connect()
    connection.channel()
    connection.send_frame(wire.BODY, 1, b"x", "a body")
    connection.expect_end()


@case("1.1/content-assembly")
def content_method_instead_of_header(t):
    """Another method where the header belongs."""
    connection = _publish_begun(t)
    connection.send("basic.get", channel=1, queue=t.q("q"))
    connection.expect_end()


@case("1.1/content-assembly")
def content_body_instead_of_header(t):
    """A body where the header belongs."""
    connection = _publish_begun(t)
    connection.send_frame(wire.BODY, 1, b"x", "a body")
    connection.expect_end()


@case("1.1/content-assembly")
def content_header_instead_of_body(t):
    """A second header."""
    connection = _publish_begun(t, 5)
    connection.send_frame(wire.HEADER, 1, wire.content_header(5, {}), "a content header")
    connection.expect_end()


@case("1.1/content-assembly")
def content_method_instead_of_body(t):
    """A method where the body belongs."""
    connection = _publish_begun(t, 5)
    connection.send("basic.get", channel=1, queue=t.q("q"))
    connection.expect_end()


@case("1.1/content-assembly")
def content_header_of_another_class(t):
    """A header that names another class."""
    _publish_begun(t, 5, class_id=50).expect_end()


@case("1.1/content-assembly")
def content_header_with_weight(t):
    """A weight other than 0."""
    _publish_begun(t, 5, weight=1).expect_end()


@case("1.1/content-assembly", differs="RabbitMQ stalls without a word; Leveret says 501")
def content_longer_than_declared(t):
    """A body longer than its header says."""
    connection = _publish_begun(t, 2)
    connection.watchdog_s = 2
    connection.socket.settimeout(2)
    connection.send_frame(wire.BODY, 1, b"abc", "a body of 3")
    connection.expect_end()


@case("1.1/content-assembly", "1.1/unexpected-method")
def content_on_two_channels(t):
    """Channels' frames may be mixed."""
    connection = t.connect()
    for channel in (1, 2):
        connection.channel().declare(t.q(f"q{channel}"))
        connection.send_frame(wire.METHOD, channel,
                              _method("basic.publish", routing_key=t.q(f"q{channel}")),
                              f"basic.publish on channel {channel}")
    for channel in (1, 2):
        connection.send_frame(wire.HEADER, channel, wire.content_header(2, {}), f"header on {channel}")
    for channel in (2, 1, 2, 1):
        connection.send_frame(wire.BODY, channel, b"%d" % channel, f"an octet on {channel}")
    for channel in (1, 2):
        connection.channels[channel].get(t.q(f"q{channel}"))


@case("1.1/content-assembly")
def content_header_cut_short(t):
    """Properties that are announced and not there."""
    connection = _publish_begun(t)
    connection.send_frame(wire.HEADER, 1, struct.pack(">HHQH", 60, 0, 1, 0x8000),
                          "a header that announces content_type")
    connection.send_frame(wire.BODY, 1, b"x", "a body")
    connection.channels[1].nothing()


@case("1.1/channel-max")
def channel_max_counts(t):
    """The count of channels is limited, not their numbers."""
    connection = t.connect(channel_max=3)
    for number in (10, 20, 30):
        connection.channel(number)
    connection.channels[20].call("channel.close", reply_code=200)
    connection.channel(2000)
    connection.channel(40)


@case("1.1/heartbeat")
def heartbeats_are_sent(t):
    """With an interval of 1 s some come soon, and keep coming."""
    connection = t.connect(heartbeat=2)
    while connection.heartbeats < 2 and connection.pump():
        connection.send_bytes(wire.frame(wire.HEARTBEAT, 0, b""))
    t.note(f"{connection.heartbeats >= 2}")
    connection.channel()


@case("1.1/heartbeat")
def heartbeats_missed(t):
    """A client that is silent for long is ended."""
    connection = t.connect(watchdog_s=30, heartbeat=1)
    connection.expect_end()


@case("1.1/heartbeat")
def heartbeats_off(t):
    """With 0 nothing comes, and silence is fine."""
    connection = t.connect()
    t.at_least_ms(2500)
    connection.channel()
    t.note(f"{connection.heartbeats} heartbeats")


@case("1.1/heartbeat")
def heartbeat_on_another_channel(t):
    """505, also where the channel is open."""
    connection = t.connect()
    connection.send_frame(wire.HEARTBEAT, 1, b"", "a heartbeat on channel 1")
    connection.expect_end()
    connection = t.connect()
    connection.channel()
    connection.send_frame(wire.HEARTBEAT, 1, b"", "a heartbeat on channel 1")
    connection.expect_end()


@case("1.1/heartbeat")
def heartbeat_with_payload(t):
    """A heartbeat carries nothing."""
    connection = t.connect()
    connection.send_frame(wire.HEARTBEAT, 0, b"x", "a heartbeat with an octet in it")
    connection.expect_end()


@case("1.1/flow")
def channel_flow(t):
    """true is answered; false is not implemented."""
    connection = t.connect()
    channel = connection.channel()
    channel.call("channel.flow", active=True)
    channel.call("channel.flow", active=False)


@case("1.1/access-request")
def access_request(t):
    """Old clients get ticket 1."""
    channel = t.connect().channel()
    channel.call("access.request", realm="/data", active=True, read=True)


@case("1.1/update-secret")
def update_secret(t):
    """Answered on a PLAIN connection too."""
    connection = t.connect()
    connection.call("connection.update-secret", new_secret="new", reason="expires")


@case("1.1/shutdown")
def connection_close(t):
    """close-ok, then the end; what follows the close is not looked at."""
    connection = t.connect()
    connection.channel()
    connection.send("connection.close", reply_code=200, reply_text="bye")
    connection.send("queue.declare", channel=1, queue=t.q("q"))
    connection.receive()
    connection.is_open = False
    connection.socket.shutdown(1)
    connection.expect_end()
    t.connect().channel().passive(t.q("q"))


@case("1.1/shutdown", "1.0/soft-error")
def channel_close(t):
    """close-ok; the reason's code does not matter."""
    connection = t.connect()
    for code in (200, 0, 541):
        connection.channel(1).call("channel.close", reply_code=code, reply_text="why not")
    connection.channel(1)
