"""Exchanges and routing."""

from cases import case
from wire import Field


def _route(t, kind, bindings, keys):
    """Binds a queue a pattern, publishes under each key, shows which queue got which."""
    channel = t.connect().channel()
    channel.exchange(t.x("x"), kind)
    for number, pattern in enumerate(bindings):
        channel.declare(t.q(f"q{number}"))
        channel.bind(t.q(f"q{number}"), t.x("x"), pattern)
    for key in keys:
        channel.publish(t.x("x"), key, key)
    _show(t, channel, len(bindings))


def _show(t, channel, queues):
    """What lies in q0, q1, ... by bodies, a line a queue."""
    for number in range(queues):
        bodies = []
        while True:
            channel.connection.send_quietly(channel.number, "basic.get",
                                            {"queue": t.q(f"q{number}"), "no_ack": True})
            inbox = channel.connection.inbox[channel.number]
            while not inbox and channel.connection.pump():
                pass
            if not inbox or inbox[0].name != "basic.get-ok":
                break
            bodies.append(inbox.popleft().body.decode())
        if inbox and inbox[0].name == "basic.get-empty":
            inbox.popleft()
        t.note(f"q{number} has {bodies}")


@case("1.2/types")
def route_direct(t):
    """Equal keys."""
    _route(t, "direct", ["a", "b", "", "a"], ["a", "b", "c", "", "A"])


@case("1.2/types")
def route_fanout(t):
    """Any key."""
    _route(t, "fanout", ["a", ""], ["a", "b", ""])


@case("1.2/types")
def route_topic(t):
    """* is one word, # is any number of them; words may be empty."""
    _route(t, "topic", ["#", "*", "a.*", "a.#", "*.b", "#.b", "a.*.c", "a.#.c", "#.#", "*.#", "#.*",
                        "", "a", "a.b", ".", "*.*", "a*", "a.b*", "#.a.#", "a.#.#.c"],
           ["", "a", "b", "a.b", "a.", ".a", ".", "..", "a.b.c", "a.c", "a.b.b.c", "x.a.y", "ab",
            "a*", "#", "*", "a.#", "b.c.b"])


@case("1.2/types")
def route_topic_one_copy(t):
    """A queue that several bindings match gets one copy."""
    channel = t.connect().channel()
    channel.exchange(t.x("x"), "topic")
    channel.declare(t.q("q0"))
    for pattern in ("#", "a.*", "*.b", "a.b"):
        channel.bind(t.q("q0"), t.x("x"), pattern)
    channel.publish(t.x("x"), "a.b", "once")
    _show(t, channel, 1)


@case("1.2/types")
def route_topic_unbind(t):
    """One of several bindings is taken away, then all."""
    channel = t.connect().channel()
    channel.exchange(t.x("x"), "topic")
    channel.declare(t.q("q0"))
    for pattern in ("a.#", "a.b"):
        channel.bind(t.q("q0"), t.x("x"), pattern)
    channel.call("queue.unbind", queue=t.q("q0"), exchange=t.x("x"), routing_key="a.#")
    channel.publish(t.x("x"), "a.b", "by a.b")
    channel.publish(t.x("x"), "a.c", "nowhere")
    channel.call("queue.unbind", queue=t.q("q0"), exchange=t.x("x"), routing_key="a.b")
    channel.publish(t.x("x"), "a.b", "nowhere")
    _show(t, channel, 1)


def _headers(t, bindings, messages):
    channel = t.connect().channel()
    channel.exchange(t.x("x"), "headers")
    for number, arguments in enumerate(bindings):
        channel.declare(t.q(f"q{number}"))
        channel.bind(t.q(f"q{number}"), t.x("x"), "", arguments)
    for body, headers in messages.items():
        channel.publish(t.x("x"), "", body, {} if headers is None else {"headers": headers})
    _show(t, channel, len(bindings))


@case("1.2/types", "1.2/x-match")
def route_headers_all_and_any(t):
    """x-match all, any, none given; extra headers do not matter."""
    _headers(t, [{"x-match": "all", "a": 1, "b": "x"}, {"x-match": "any", "a": 1, "b": "x"},
                 {"a": 1, "b": "x"}, {"x-match": "all"}, {"x-match": "any"}, {}],
             {"both": {"a": 1, "b": "x"}, "only a": {"a": 1}, "only b": {"b": "x"},
              "more": {"a": 1, "b": "x", "c": 3}, "other values": {"a": 2, "b": "y"},
              "empty": {}, "no table": None})


@case("1.2/x-match")
def route_headers_x_keys(t):
    """Keys that begin with x- count only in the -with-x forms."""
    _headers(t, [{"x-match": "all", "a": 1, "x-b": 2}, {"x-match": "all-with-x", "a": 1, "x-b": 2},
                 {"x-match": "any", "a": 1, "x-b": 2}, {"x-match": "any-with-x", "a": 1, "x-b": 2},
                 {"x-match": "all", "x-b": 2}, {"x-match": "any", "x-b": 2}],
             {"a": {"a": 1}, "x-b": {"x-b": 2}, "both": {"a": 1, "x-b": 2}, "neither": {"c": 1}})


@case("1.2/x-match")
def route_headers_types(t):
    """Void means present; types are not mixed, widths of integers are looked at as RabbitMQ does."""
    _headers(t, [{"a": None}, {"a": 1}, {"a": Field("l", 1)}, {"a": "1"}, {"a": True}, {"a": 1.0},
                 {"a": Field("x", b"1")}, {"a": [1]}, {"a": {"b": 1}}, {"a": Field("T", 1)}],
             {"void": {"a": None}, "I": {"a": 1}, "l": {"a": Field("l", 1)}, "S": {"a": "1"},
              "t": {"a": True}, "d": {"a": 1.0}, "x": {"a": Field("x", b"1")}, "A": {"a": [1]},
              "F": {"a": {"b": 1}}, "T": {"a": Field("T", 1)}, "u": {"a": Field("u", 1)},
              "f": {"a": Field("f", 1.0)}, "D": {"a": Field("D", (0, 1))}})


@case("1.2/x-match")
def route_headers_bad_match(t):
    """Another x-match is refused, with a text of its own for a type that is none."""
    connection = t.connect()
    connection.channel().declare(t.q("q"))
    for value in ("zz", "", 1, None, "ALL"):
        connection.channel().bind(t.q("q"), "amq.headers", "", {"x-match": value, "a": 1})


@case("1.2/default-exchange")
def default_exchange_operations(t):
    """Nothing may be done to the default exchange."""
    connection = t.connect()
    connection.channel().declare(t.q("q"))
    connection.channel().bind(t.q("q"), "", "k")
    connection.channel().call("queue.unbind", queue=t.q("q"), exchange="", routing_key=t.q("q"))
    connection.channel().exchange("", "direct")
    connection.channel().exchange("", "direct", durable=True, passive=True)
    connection.channel().call("exchange.delete", exchange="")
    connection.channel().call("exchange.bind", destination="", source="amq.direct")
    connection.channel().call("exchange.bind", destination="amq.direct", source="")
    connection.channel().call("exchange.unbind", destination="", source="amq.direct")
    connection.channel().call("exchange.unbind", destination="amq.direct", source="")


@case("1.2/default-exchange")
def default_exchange_routes(t):
    """To the queue of that name, and nowhere else."""
    channel = t.connect().channel()
    channel.declare(t.q("q0"))
    channel.publish("", t.q("q0"), "there")
    channel.publish("", "default_exchange_routes.none", "returned", mandatory=True)
    channel.receive()
    channel.publish("", "", "returned too", mandatory=True)
    channel.receive()
    _show(t, channel, 1)


@case("1.2/amq-exchanges")
def predeclared_exchanges(t):
    """They are there, durable; an equal redeclare is fine."""
    connection = t.connect()
    for name, kind in (("amq.direct", "direct"), ("amq.fanout", "fanout"), ("amq.topic", "topic"),
                       ("amq.headers", "headers"), ("amq.match", "headers")):
        connection.channel().exchange(name, kind, durable=True)
    connection.channel().exchange("amq.rabbitmq.trace", "topic", durable=True, internal=True)
    connection.channel().exchange("amq.direct", "direct")
    connection.channel().exchange("amq.direct", "topic", durable=True)
    connection.channel().exchange("amq.rabbitmq.log", "topic", passive=True)


@case("1.2/amq-exchanges")
def predeclared_exchanges_deleted(t):
    """They cannot be deleted."""
    connection = t.connect()
    for name in ("amq.direct", "amq.fanout", "amq.topic", "amq.headers", "amq.match",
                 "amq.rabbitmq.trace", "amq.none"):
        connection.channel().call("exchange.delete", exchange=name)
    connection.channel().call("exchange.delete", exchange="amq.direct", if_unused=True)


@case("1.2/amq-exchanges", "1.3/publish-errors")
def predeclared_trace_is_internal(t):
    """amq.rabbitmq.trace takes no publishes, but bindings."""
    connection = t.connect()
    channel = connection.channel()
    channel.publish("amq.rabbitmq.trace", "publish.x", "1")
    channel.nothing()
    channel = connection.channel()
    channel.declare(t.q("q"))
    channel.bind(t.q("q"), "amq.rabbitmq.trace", "none.#")


@case("1.3/publish-errors")
def internal_exchange(t):
    """No publishes to it; through a binding from another it routes."""
    connection = t.connect()
    channel = connection.channel()
    channel.exchange(t.x("internal"), "fanout", internal=True)
    channel.exchange(t.x("x"), "fanout")
    channel.declare(t.q("q0"))
    channel.bind(t.q("q0"), t.x("internal"))
    channel.call("exchange.bind", destination=t.x("internal"), source=t.x("x"))
    channel.publish(t.x("x"), "", "through")
    _show(t, channel, 1)
    channel.publish(t.x("internal"), "", "refused")
    channel.nothing()


@case("1.2/e2e")
def exchange_to_exchange(t):
    """By the binding's key, by the source's type; the message keeps its exchange."""
    channel = t.connect().channel()
    channel.exchange(t.x("source"), "topic")
    channel.exchange(t.x("dest"), "direct")
    channel.declare(t.q("q"))
    channel.bind(t.q("q"), t.x("dest"), "a.b")
    channel.call("exchange.bind", destination=t.x("dest"), source=t.x("source"), routing_key="a.*")
    channel.publish(t.x("source"), "a.b", "arrives")
    channel.publish(t.x("source"), "a.c", "matched once only")
    channel.get(t.q("q"))
    channel.get(t.q("q"))
    channel.call("exchange.unbind", destination=t.x("dest"), source=t.x("source"),
                 routing_key="a.*")
    channel.publish(t.x("source"), "a.b", "returned", mandatory=True)
    channel.receive()


@case("1.2/e2e")
def exchange_to_exchange_cycle(t):
    """Cycles are legal, a queue gets one copy; an exchange may be bound to itself."""
    channel = t.connect().channel()
    for name in ("a", "b", "c"):
        channel.exchange(t.x(name), "fanout")
    for source, destination in (("a", "b"), ("b", "c"), ("c", "a"), ("a", "a")):
        channel.call("exchange.bind", destination=t.x(destination), source=t.x(source))
    for number, exchange in enumerate(("a", "b", "c")):
        channel.declare(t.q(f"q{number}"))
        channel.bind(t.q(f"q{number}"), t.x(exchange))
    channel.bind(t.q("q0"), t.x("c"))
    channel.publish(t.x("b"), "", "once each")
    _show(t, channel, 3)


@case("1.2/e2e")
def exchange_to_exchange_deleted(t):
    """With either end the binding goes."""
    channel = t.connect().channel()
    channel.exchange(t.x("a"), "fanout")
    channel.exchange(t.x("b"), "fanout")
    channel.declare(t.q("q"))
    channel.bind(t.q("q"), t.x("b"))
    channel.call("exchange.bind", destination=t.x("b"), source=t.x("a"))
    channel.call("exchange.delete", exchange=t.x("b"))
    channel.exchange(t.x("b"), "fanout")
    channel.publish(t.x("a"), "", "returned", mandatory=True)
    channel.receive()
    channel.call("exchange.delete", exchange=t.x("a"), if_unused=True)


@case("1.2/e2e")
def exchange_deleted_with_queue_bindings(t):
    """A deleted exchange forgets its bindings."""
    channel = t.connect().channel()
    channel.exchange(t.x("x"), "fanout")
    channel.declare(t.q("q"))
    channel.bind(t.q("q"), t.x("x"))
    channel.call("exchange.delete", exchange=t.x("x"))
    channel.exchange(t.x("x"), "direct")
    channel.publish(t.x("x"), "", "returned", mandatory=True)
    channel.receive()


@case("1.2/alternate")
def alternate_exchange(t):
    """What cannot be routed goes there, and counts as routed."""
    channel = t.connect().channel()
    channel.exchange(t.x("ae"), "fanout")
    channel.exchange(t.x("x"), "direct", {"alternate-exchange": t.x("ae")})
    channel.declare(t.q("q0"))
    channel.declare(t.q("q1"))
    channel.bind(t.q("q0"), t.x("x"), "k")
    channel.bind(t.q("q1"), t.x("ae"))
    channel.publish(t.x("x"), "k", "direct", mandatory=True)
    channel.publish(t.x("x"), "other", "alternate", mandatory=True)
    channel.nothing()
    _show(t, channel, 2)


@case("1.2/alternate")
def alternate_exchange_chain(t):
    """Alternates of alternates, with a cycle in them."""
    channel = t.connect().channel()
    channel.exchange(t.x("a"), "direct", {"alternate-exchange": t.x("b")})
    channel.exchange(t.x("b"), "direct", {"alternate-exchange": t.x("c")})
    channel.exchange(t.x("c"), "direct", {"alternate-exchange": t.x("a")})
    channel.declare(t.q("q0"))
    channel.bind(t.q("q0"), t.x("c"), "k")
    channel.publish(t.x("a"), "k", "by the third")
    channel.publish(t.x("a"), "none", "returned", mandatory=True)
    channel.receive()
    _show(t, channel, 1)


@case("1.2/alternate", "1.3/mandatory")
def alternate_exchange_missing(t):
    """An alternate that is not there: not routed."""
    channel = t.connect().channel()
    channel.exchange(t.x("x"), "direct", {"alternate-exchange": "alternate_exchange_missing.none"})
    channel.publish(t.x("x"), "k", "returned", mandatory=True)
    channel.receive()


@case("1.2/alternate")
def alternate_exchange_default(t):
    """The default exchange as the alternate."""
    channel = t.connect().channel()
    channel.exchange(t.x("x"), "direct", {"alternate-exchange": ""})
    channel.declare(t.q("q0"))
    channel.publish(t.x("x"), t.q("q0"), "by the default exchange?", mandatory=True)
    channel.nothing()
    _show(t, channel, 1)


@case("1.3/cc-bcc")
def cc_and_bcc(t):
    """CC and BCC are further keys; BCC is taken out; a queue gets one copy."""
    channel = t.connect().channel()
    for name in ("to", "cc", "bcc"):
        channel.declare(t.q(name))
    channel.publish("", t.q("to"), "1", {"headers": {
        "z": 1, "CC": [t.q("cc"), t.q("to")], "BCC": [t.q("bcc")], "a": 2}})
    for name in ("to", "cc", "bcc"):
        channel.get(t.q(name))
        channel.get(t.q(name))


@case("1.3/cc-bcc")
def cc_only(t):
    """An empty or unroutable key beside a CC that routes."""
    channel = t.connect().channel()
    channel.declare(t.q("q0"))
    channel.publish("", "cc_only.none", "by CC", {"headers": {"CC": [t.q("q0")]}}, mandatory=True)
    channel.publish("", "", "by BCC", {"headers": {"BCC": [t.q("q0")]}}, mandatory=True)
    channel.nothing()
    _show(t, channel, 1)


@case("1.3/cc-bcc")
def cc_in_topics(t):
    """CC keys go through patterns too."""
    channel = t.connect().channel()
    channel.exchange(t.x("x"), "topic")
    channel.declare(t.q("q0"))
    channel.bind(t.q("q0"), t.x("x"), "a.*")
    channel.publish(t.x("x"), "b", "by CC", {"headers": {"CC": ["c", "a.b", "a.c"]}})
    _show(t, channel, 1)


@case("1.3/cc-bcc", "1.3/publish-errors")
def cc_invalid(t):
    """CC and BCC are arrays of strings."""
    connection = t.connect()
    connection.channel().declare(t.q("q"))
    for headers in ({"CC": "a"}, {"BCC": 1}, {"CC": [1]}, {"CC": []}, {"CC": None},
                    {"CC": ["ok", 1]}, {"BCC": {"a": 1}}):
        channel = connection.channel()
        channel.publish("", t.q("q"), "x", {"headers": headers})
        channel.nothing()
    connection.channel().until_ready(t.q("q"), 1)


@case("1.2/consistent-hash")
def consistent_hash(t):
    """Weights are positive integers in the key; every message goes to one queue, one key always to the same."""
    connection = t.connect()
    channel = connection.channel()
    channel.exchange(t.x("x"), "x-consistent-hash")
    for number in range(3):
        channel.declare(t.q(f"q{number}"))
        channel.bind(t.q(f"q{number}"), t.x("x"), "1")
    for number in range(60):
        channel.publish(t.x("x"), f"key {number % 6}", "x")
    counts = _counts(t, channel)
    t.note(f"{sum(counts)} messages, {sum(count % 10 for count in counts)} keys split")
    for key in ("zero", "", "0", "-1", "1.5"):
        failing = connection.channel()
        failing.declare(t.q("q"))
        failing.bind(t.q("q"), t.x("x"), key)


def _counts(t, channel):
    """Ready messages of q0 to q2, not written down."""
    counts = []
    for number in range(3):
        channel.connection.send_quietly(channel.number, "queue.purge", {"queue": t.q(f"q{number}")})
        inbox = channel.connection.inbox[channel.number]
        while not inbox and channel.connection.pump():
            pass
        counts.append(inbox.popleft().values["message_count"] if inbox else 0)
    return counts
