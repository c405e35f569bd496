"""basic.publish, returns, confirms, properties, bodies, direct reply-to."""

import client
import wire
from cases import case
from wire import Field


@case("1.3/publish-errors", "1.0/soft-error")
def publish_to_missing_exchange(t):
    """404, for the channel only; another channel goes on."""
    connection = t.connect()
    channel = connection.channel()
    channel.publish("publish_to_missing.x", "k", "1")
    channel.nothing()
    other = connection.channel()
    other.declare(t.q("q"))
    other.publish("", t.q("q"), "1")
    other.get(t.q("q"))


@case("1.3/publish-errors", "1.0/close-ignores")
def publish_after_an_error(t):
    """What follows an error on the same channel is ignored, until close-ok."""
    connection = t.connect()
    connection.channel().declare(t.q("q"))
    channel = connection.channel(answers_close=False)
    channel.publish("publish_after_an_error.x", "k", "1")
    channel.receive()
    channel.publish("", t.q("q"), "ignored")
    channel.send("queue.declare", queue=t.q("never"))
    channel.send("basic.get", queue=t.q("q"))
    channel.send("channel.close-ok")
    connection.channel().get(t.q("q"))
    connection.channel().passive(t.q("never"))


@case("1.0/close-ignores", "1.0/soft-error")
def channel_number_is_free_after_close_ok(t):
    """The number can be used again at once, after a close by either side."""
    connection = t.connect()
    channel = connection.channel()
    channel.passive("channel_number.none")
    channel = connection.channel(1)
    channel.declare(t.q("q"))
    channel.call("channel.close", reply_code=200)
    connection.channel(1).passive(t.q("q"))


@case("1.0/close-ignores")
def channel_closes_cross(t):
    """A close by the client that crosses the server's is answered close-ok."""
    connection = t.connect()
    channel = connection.channel(answers_close=False)
    channel.send("queue.declare", queue="channel_closes_cross.none", passive=True)
    channel.send("channel.close", reply_code=200)
    channel.receive(2)
    channel.send("channel.close-ok")
    connection.channel(1).declare(t.q("q"))


@case("1.3/mandatory")
def mandatory_returned(t):
    """Exchange, key, properties and body come back; a routed one does not."""
    channel = t.connect().channel()
    channel.declare(t.q("q"))
    channel.publish("amq.topic", "mandatory_returned", "body",
                    {"content_type": "a/b", "headers": {"x": Field("s", 3)}, "delivery_mode": 2},
                    mandatory=True)
    channel.receive()
    channel.publish("amq.topic", "mandatory_returned", "", mandatory=True)
    channel.receive()
    channel.publish("", t.q("q"), "routed", mandatory=True)
    channel.nothing()


@case("1.3/mandatory", "1.3/confirms")
def mandatory_returned_before_its_confirm(t):
    """The return, then the ack. Not mandatory: the ack alone."""
    channel = t.connect().channel()
    channel.confirm()
    channel.publish("amq.topic", "mandatory_before", "1", mandatory=True)
    channel.receive(2)
    channel.publish("amq.topic", "mandatory_before", "2")
    channel.receive()


@case("1.3/mandatory")
def mandatory_to_queue_without_consumers(t):
    """A queue is enough; consumers do not matter."""
    channel = t.connect().channel()
    channel.declare(t.q("q"))
    channel.publish("", t.q("q"), "1", mandatory=True)
    channel.nothing()


@case("1.3/mandatory")
def mandatory_to_internal_chain(t):
    """Bound exchanges without queues do not count as routed."""
    channel = t.connect().channel()
    channel.exchange(t.x("a"), "fanout")
    channel.exchange(t.x("b"), "fanout")
    channel.call("exchange.bind", destination=t.x("b"), source=t.x("a"))
    channel.publish(t.x("a"), "k", "1", mandatory=True)
    channel.receive()


@case("1.3/immediate")
def immediate(t):
    """Not implemented: a connection error."""
    channel = t.connect().channel()
    channel.declare(t.q("q"))
    channel.publish("", t.q("q"), "1", immediate=True)
    channel.nothing()


@case("1.3/confirms")
def confirm_select(t):
    """Twice is fine; nowait has no answer; numbers begin at 1 with the first select."""
    channel = t.connect().channel()
    channel.declare(t.q("q"))
    channel.publish("", t.q("q"), "before")
    channel.confirm()
    channel.confirm()
    channel.send("confirm.select", nowait=True)
    channel.publish("", t.q("q"), "first")
    channel.receive()
    channel.publish("", t.q("q"), "second")
    channel.receive()
    channel.nothing()


@case("1.3/confirms", "1.0/confirms-multiple")
def confirm_many(t):
    """Every publish is confirmed, in whatever groups."""
    channel = t.connect().channel()
    channel.declare(t.q("q"), durable=True)
    channel.confirm()
    for number in range(40):
        channel.publish("", t.q("q"), str(number), {"delivery_mode": 1 + number % 2})
    channel.confirms(40)
    channel.until_ready(t.q("q"), 40)


@case("1.3/confirms")
def confirm_fanout(t):
    """One confirm for a publish to several queues, or to none."""
    channel = t.connect().channel()
    channel.exchange(t.x("x"), "fanout")
    channel.confirm()
    channel.publish(t.x("x"), "", "to none")
    channel.receive()
    for number in range(3):
        channel.declare(t.q(f"q{number}"), durable=number > 0)
        channel.bind(t.q(f"q{number}"), t.x("x"))
    channel.publish(t.x("x"), "", "to three", {"delivery_mode": 2})
    channel.receive()
    channel.nothing()


@case("1.3/confirms", "1.3/publish-errors")
def confirm_and_an_error(t):
    """A channel error is not followed by confirms."""
    channel = t.connect().channel()
    channel.confirm()
    channel.publish("confirm_and_an_error.x", "k", "1")
    channel.nothing()


@case("1.3/confirms", "1.3/consume")
def confirm_with_a_no_ack_consumer(t):
    """A message that is delivered at once is confirmed all the same."""
    channel, consumer = t.connect().channel(), t.connect().channel()
    channel.declare(t.q("q"), durable=True)
    consumer.consume(t.q("q"), "c", no_ack=True)
    channel.confirm()
    channel.publish("", t.q("q"), "1", {"delivery_mode": 2})
    channel.receive()
    consumer.receive()


@case("1.3/properties")
def properties_of_every_kind(t):
    """All fourteen come back as they were; none at all is none."""
    channel = t.connect().channel()
    channel.declare(t.q("q"))
    for properties in ({}, {"headers": {}}, {"content_type": ""}, {"timestamp": 0},
                       {"timestamp": 2 ** 64 - 1}, {"priority": 255}, {"cluster_id": "x" * 255},
                       {"content_type": "a", "content_encoding": "b", "headers": {"k": "v"},
                        "delivery_mode": 2, "priority": 3, "correlation_id": "c", "reply_to": "d",
                        "expiration": "60000", "message_id": "e", "timestamp": 1234567890,
                        "type": "f", "user_id": "guest", "app_id": "g", "cluster_id": "h"}):
        channel.publish("", t.q("q"), "x", properties)
        channel.get(t.q("q"))


@case("1.3/properties", "1.3/publish-errors")
def delivery_modes(t):
    """1 and 2 are known, or none."""
    connection = t.connect()
    connection.channel().declare(t.q("q"))
    for mode in (0, 1, 2, 3, 255):
        channel = connection.channel()
        channel.publish("", t.q("q"), "x", {"delivery_mode": mode})
        channel.nothing()
    connection.channel().until_ready(t.q("q"), 2)


@case("1.3/properties")
def headers_of_every_type(t):
    """Every field tag comes back bit by bit."""
    channel = t.connect().channel()
    channel.declare(t.q("q"))
    every = {"t": True, "b": Field("b", -128), "B": Field("B", 255), "s": Field("s", -32768),
             "u": Field("u", 65535), "I": -2 ** 31, "i": Field("i", 2 ** 32 - 1),
             "l": Field("l", -2 ** 63), "L": Field("L", 2 ** 64 - 1), "f": Field("f", 0.5),
             "d": -1.25e300, "D": Field("D", (2, -12345)), "S": "text", "bin": Field("S", b"\x00\xff"),
             "x": b"\x00\x01", "A": [1, "two", None, [True]], "T": Field("T", 2 ** 63), "V": None,
             "F": {"inner": {"deep": Field("l", 1)}, "": ""}}
    for key, value in every.items():
        channel.publish("", t.q("q"), "", {"headers": {key: value}})
        channel.get(t.q("q"))
    channel.publish("", t.q("q"), "all", {"headers": every})
    channel.get(t.q("q"))


@case("1.3/properties")
def headers_twice_the_same_key(t):
    """A key that comes twice stays twice."""
    channel = t.connect().channel()
    channel.declare(t.q("q"))
    channel.publish("", t.q("q"), "", {"headers": [("k", 1), ("k", "two"), ("a", None)]})
    channel.get(t.q("q"))


@case("1.3/properties")
def headers_with_an_unknown_type(t):
    """A tag that nobody knows ends the connection."""
    channel = t.connect().channel()
    channel.declare(t.q("q"))
    channel.publish("", t.q("q"), "", {"headers": {"k": Field("U", b"\x00\x01")}})
    channel.nothing()


@case("1.0/bodies")
def bodies_of_many_sizes(t):
    """Empty has no body frame; long ones are cut at frame_max - 8."""
    connection = t.connect()
    channel = connection.channel()
    channel.declare(t.q("q"))
    for size in (0, 1, 131063, 131064, 131065, 300000):
        connection.body_frames.clear()
        channel.publish("", t.q("q"), b"x" * size)
        channel.get(t.q("q"))
        t.note(f"body frames: {connection.body_frames}")


@case("1.0/bodies", "1.1/frame-max")
def bodies_with_small_frames(t):
    """The smallest frame_max, 4096."""
    connection = t.connect(frame_max=4096)
    channel = connection.channel()
    channel.declare(t.q("q"))
    body = b"y" * 10000
    connection.send_frame(wire.METHOD, 1, wire.encode_method("basic.publish",
                                                            {"routing_key": t.q("q")}),
                          "basic.publish with 10000 octets in frames of 4096")
    connection.send_frame(wire.HEADER, 1, wire.content_header(len(body), {}))
    for at in range(0, len(body), 4088):
        connection.send_frame(wire.BODY, 1, body[at:at + 4088])
    channel.get(t.q("q"))
    t.note(f"body frames: {connection.body_frames}")


@case("1.0/bodies")
def bodies_in_tiny_pieces(t):
    """Body frames of one octet, and empty ones between."""
    connection = t.connect()
    channel = connection.channel()
    channel.declare(t.q("q"))
    connection.send_frame(wire.METHOD, 1, wire.encode_method("basic.publish",
                                                            {"routing_key": t.q("q")}),
                          "basic.publish of 'abc' in frames of 1, 0, 1, 1 octets")
    connection.send_frame(wire.HEADER, 1, wire.content_header(3, {}))
    for piece in (b"a", b"", b"b", b"c"):
        connection.send_frame(wire.BODY, 1, piece)
    channel.get(t.q("q"))


@case("1.3/user-id")
def user_id(t):
    """Must be the user's own name; nothing is fine."""
    connection = t.connect()
    connection.channel().declare(t.q("q"))
    for value in ("guest", "bob", "", "Guest"):
        channel = connection.channel()
        channel.publish("", t.q("q"), "x", {"user_id": value})
        channel.nothing()
    connection.channel().until_ready(t.q("q"), 1)


@case("1.1/max-message-size", "1.3/publish-errors")
def max_message_size(t):
    """One octet above 128 MiB is refused once its body is read; the connection goes on."""
    connection = t.connect(watchdog_s=60)
    channel = connection.channel()
    channel.declare(t.q("q"))
    size = 134217729
    connection.send_frame(wire.METHOD, 1, wire.encode_method("basic.publish",
                                                            {"routing_key": t.q("q")}),
                          f"basic.publish of {size} octets")
    connection.send_frame(wire.HEADER, 1, wire.content_header(size, {}))
    full = wire.frame(wire.BODY, 1, b"x" * 131064)
    for _ in range(size // 131064):
        connection.send_bytes(full)
    connection.send_frame(wire.BODY, 1, b"x" * (size % 131064))
    channel.nothing()
    connection.channel().passive(t.q("q"))


@case("1.3/reply-to")
def reply_to_answers(t):
    """A request with the pseudo-queue as reply_to; the answer comes through the default exchange."""
    requester = t.connect().channel()
    requester.consume("amq.rabbitmq.reply-to", "r", no_ack=True)
    server = t.connect().channel()
    server.declare(t.q("q"))
    requester.publish("", t.q("q"), "request", {"reply_to": "amq.rabbitmq.reply-to",
                                                "correlation_id": "1"})
    requester.sync()
    server.until_ready(t.q("q"), 1)
    request = server.get(t.q("q"))
    address = (request.properties or {}).get("reply_to", "none")
    t.note(f"longer than its prefix: {len(address) > len('amq.rabbitmq.reply-to.')}")
    server.publish("", address, "answer", {"correlation_id": "1", "headers": {"a": 1}})
    requester.receive()
    server.publish("", address, "another")
    requester.receive()
    server.passive(address)


@case("1.3/reply-to")
def reply_to_errors(t):
    """Publish before consume, consume with acks, twice, another tag."""
    connection = t.connect()
    channel = connection.channel()
    channel.publish("", "nowhere", "x", {"reply_to": "amq.rabbitmq.reply-to"})
    channel.nothing()
    connection.channel().consume("amq.rabbitmq.reply-to", "r")
    channel = connection.channel()
    channel.consume("amq.rabbitmq.reply-to", "r", no_ack=True)
    channel.consume("amq.rabbitmq.reply-to", "s", no_ack=True)
    channel = connection.channel()
    channel.consume("amq.rabbitmq.reply-to", "r", no_ack=True)
    channel.cancel("r")
    channel.publish("", "nowhere", "x", {"reply_to": "amq.rabbitmq.reply-to"})
    channel.nothing()


@case("1.3/reply-to")
def reply_to_gone(t):
    """The address of a channel that is gone: not found, and a mandatory answer is returned."""
    requester = t.connect().channel()
    requester.consume("amq.rabbitmq.reply-to", "r", no_ack=True)
    server = t.connect().channel()
    server.declare(t.q("q"))
    requester.publish("", t.q("q"), "request", {"reply_to": "amq.rabbitmq.reply-to"})
    requester.sync()
    server.until_ready(t.q("q"), 1)
    address = (server.get(t.q("q")).properties or {}).get("reply_to", "none")
    requester.call("channel.close", reply_code=200)
    server.publish("", address, "too late", mandatory=True)
    server.receive()
    server.passive(address)


@case("1.3/reply-to")
def reply_to_operations(t):
    """The pseudo-queue declared, bound, purged, deleted, got from."""
    connection = t.connect()
    name = "amq.rabbitmq.reply-to"
    connection.channel().passive(name)
    connection.channel().declare(name)
    connection.channel().bind(name, "amq.direct", "k")
    connection.channel().get(name)
    connection.channel().call("queue.purge", queue=name)
    connection.channel().call("queue.delete", queue=name)
    connection.channel().consume(name, "r", no_ack=True, exclusive=True)


@case("1.3/reply-to", "1.3/consume")
def reply_to_server_named_tag(t):
    """Without a tag of its own; nowait."""
    connection = t.connect()
    connection.channel().consume("amq.rabbitmq.reply-to", "", no_ack=True)
    channel = connection.channel()
    channel.send("basic.consume", queue="amq.rabbitmq.reply-to", no_ack=True, nowait=True)
    channel.nothing()


@case("1.0/soft-error")
def publishes_pipelined_with_a_declare(t):
    """Methods sent in one go take effect in order."""
    connection = t.connect()
    channel = connection.channel()
    data = wire.frame(wire.METHOD, 1, wire.encode_method("queue.declare",
                                                        {"queue": t.q("q"), "nowait": True}))
    data += client.publish_frames(1, {"routing_key": t.q("q"), "mandatory": True}, {}, b"1")
    data += wire.frame(wire.METHOD, 1, wire.encode_method("basic.get",
                                                         {"queue": t.q("q"), "no_ack": True}))
    connection.send_bytes(data, "declare nowait, publish mandatory, get: in one write")
    channel.receive()
