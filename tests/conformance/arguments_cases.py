"""Arguments of queue.declare and exchange.declare: which are refused with which words, and which must be equal."""

from cases import case
from wire import Field


def _declare_each(t, *argument_sets, **flags):
    """Each set of arguments on a channel and for a queue of its own."""
    connection = t.connect()
    for number, arguments in enumerate(argument_sets):
        connection.channel().declare(t.q(f"q{number}"), arguments, **flags)


def _redeclare(t, first, *others):
    """A queue with `first`, then declares of it with other arguments, each on a channel of its own."""
    connection = t.connect()
    connection.channel().declare(t.q("q"), first)
    for other in others:
        connection.channel().declare(t.q("q"), other)


@case("1.2/invalid-arguments", "1.2/message-ttl")
def invalid_message_ttl(t):
    """x-message-ttl: a whole number from 0 to ten years."""
    key = "x-message-ttl"
    _declare_each(t, {key: "1000"}, {key: -1}, {key: 1.5}, {key: None}, {key: True},
                  {key: Field("l", 315360000000)}, {key: Field("l", 315360000001)},
                  {key: Field("l", 4294967296)}, {key: 0}, {key: []}, {key: {}},
                  {key: Field("T", 5)}, {key: Field("D", (1, 5))})


@case("1.2/invalid-arguments")
def invalid_integer_widths(t):
    """Integers of every width are taken; what is no integer is named by its type."""
    key = "x-message-ttl"
    _declare_each(t, *({key: Field(tag, 100)} for tag in "bBsuIil"), {key: Field("L", 100)},
                  {key: Field("f", 1.0)}, {key: Field("d", 1.0)}, {key: Field("x", b"1")})


@case("1.2/invalid-arguments", "1.2/expires")
def invalid_expires(t):
    """x-expires: above 0, at most ten years."""
    key = "x-expires"
    _declare_each(t, {key: 0}, {key: -1}, {key: "1"}, {key: Field("l", 315360000001)}, {key: 60000},
                  {key: None}, {key: Field("l", 315360000000)})


@case("1.2/invalid-arguments", "1.2/max-length")
def invalid_max_length(t):
    """x-max-length and x-max-length-bytes: not negative."""
    _declare_each(t, {"x-max-length": -1}, {"x-max-length": "1"}, {"x-max-length": 1.0},
                  {"x-max-length-bytes": -1}, {"x-max-length-bytes": "1"},
                  {"x-max-length": Field("l", 2 ** 62)}, {"x-max-length-bytes": Field("l", 2 ** 62)},
                  {"x-max-length": 0, "x-max-length-bytes": 0})


@case("1.2/invalid-arguments", "1.2/max-length")
def invalid_overflow(t):
    """x-overflow: one of three words."""
    key = "x-overflow"
    _declare_each(t, {key: "drop-tail"}, {key: 1}, {key: ""}, {key: "drop-head"},
                  {key: "reject-publish"}, {key: "reject-publish-dlx"}, {key: "Drop-Head"})


@case("1.2/invalid-arguments", "1.2/dead-letter")
def invalid_dead_letter(t):
    """x-dead-letter-*: strings, and no key without an exchange."""
    _declare_each(t, {"x-dead-letter-exchange": 1}, {"x-dead-letter-routing-key": "k"},
                  {"x-dead-letter-exchange": "x", "x-dead-letter-routing-key": 1},
                  {"x-dead-letter-exchange": "nowhere"}, {"x-dead-letter-exchange": ""},
                  {"x-dead-letter-strategy": "at-most-once"}, {"x-dead-letter-strategy": "zzz"},
                  {"x-dead-letter-strategy": "at-least-once"}, {"x-dead-letter-exchange": None})


@case("1.2/invalid-arguments", "1.2/priority")
def invalid_max_priority(t):
    """x-max-priority: 0 to 255."""
    key = "x-max-priority"
    _declare_each(t, {key: 256}, {key: -1}, {key: "5"}, {key: 0}, {key: 255}, {key: 1.0},
                  {key: Field("B", 10)})


@case("1.2/invalid-arguments", "1.2/quorum")
def invalid_queue_type(t):
    """x-queue-type: known words."""
    key = "x-queue-type"
    _declare_each(t, {key: "zzz"}, {key: 1}, {key: ""}, {key: "classic"}, {key: "Classic"}, {key: None})


@case("1.2/invalid-arguments", "1.2/lazy")
def invalid_queue_mode(t):
    """x-queue-mode: default or lazy."""
    key = "x-queue-mode"
    _declare_each(t, {key: "lazy"}, {key: "default"}, {key: "other"}, {key: 1})


@case("1.2/invalid-arguments", "1.2/sac")
def invalid_single_active_consumer(t):
    """x-single-active-consumer: a boolean."""
    key = "x-single-active-consumer"
    _declare_each(t, {key: "true"}, {key: 1}, {key: True}, {key: False}, {key: None})


@case("1.2/invalid-arguments", "1.2/delivery-limit")
def invalid_on_classic(t):
    """Arguments that only other types of queue take."""
    _declare_each(t, {"x-delivery-limit": 3}, {"x-quorum-initial-group-size": 1},
                  {"x-max-age": "1D"}, {"x-stream-max-segment-size-bytes": 1000000},
                  {"x-max-in-memory-length": 1}, {"x-max-in-memory-bytes": 1},
                  {"x-initial-cluster-size": 1}, {"x-queue-leader-locator": "zzz"},
                  {"x-queue-leader-locator": "client-local"},
                  {"x-queue-master-locator": "min-masters"}, {"x-queue-version": 2},
                  {"x-queue-version": 3}, {"x-queue-version": "2"}, {"x-consumer-timeout": 1000})


@case("1.2/invalid-arguments", "1.2/quorum")
def invalid_on_quorum(t):
    """Arguments and properties that quorum queues do not take."""
    connection = t.connect()
    key = {"x-queue-type": "quorum"}
    for number, more in enumerate((
            {"x-max-priority": 5}, {"x-queue-mode": "lazy"}, {"x-message-ttl": 60000},
            {"x-overflow": "reject-publish-dlx"}, {"x-delivery-limit": -1}, {"x-delivery-limit": "1"},
            {"x-delivery-limit": 0}, {"x-max-age": "1D"}, {"x-single-active-consumer": True},
            {"x-expires": 60000}, {"x-queue-version": 2}, {"x-dead-letter-strategy": "at-least-once"},
            {"x-quorum-initial-group-size": 0}, {"x-quorum-initial-group-size": 3})):
        connection.channel().declare(t.q(f"q{number}"), {**key, **more}, durable=True)
    for flags in ({}, {"durable": True, "exclusive": True}, {"durable": True, "auto_delete": True}):
        connection.channel().declare(t.q("other"), key, **flags)


@case("1.0/unknown-arguments")
def unknown_arguments(t):
    """Arguments that nobody knows are accepted, and not compared."""
    _redeclare(t, {"x-mine": 1, "other": [1, {"a": None}]}, {}, {"x-mine": "two"},
               {"x-mine": Field("T", 1)})


@case("1.2/invalid-arguments")
def invalid_among_valid(t):
    """The first invalid argument is named."""
    _declare_each(t, {"x-max-length": -1, "x-message-ttl": -1}, {"x-message-ttl": -1, "x-max-length": -1},
                  {"x-overflow": "zzz", "x-expires": 0})


@case("1.2/inequivalent")
def inequivalent_flags(t):
    """durable, then auto_delete, then arguments; exclusive is another error."""
    connection = t.connect()
    connection.channel().declare(t.q("q"))
    connection.channel().declare(t.q("q"), durable=True)
    connection.channel().declare(t.q("q"), auto_delete=True)
    connection.channel().declare(t.q("q"), {"x-max-length": 1}, durable=True, auto_delete=True)
    connection.channel().declare(t.q("q"), {"x-max-length": 1}, auto_delete=True)
    connection.channel().declare(t.q("q"), exclusive=True)
    connection.channel().declare(t.q("q"), {"x-max-length": 1}, exclusive=True)
    connection.channel().declare(t.q("q"), durable=True, exclusive=True)
    connection.channel().declare(t.q("durable"), durable=True)
    connection.channel().declare(t.q("durable"))
    connection.channel().declare(t.q("deletes"), auto_delete=True)
    connection.channel().declare(t.q("deletes"))


@case("1.2/inequivalent", "1.2/exclusive")
def inequivalent_exclusive(t):
    """An exclusive queue redeclared by its owner."""
    connection = t.connect()
    connection.channel().declare(t.q("q"), exclusive=True)
    connection.channel().declare(t.q("q"))
    connection.channel().declare(t.q("q"), durable=True, exclusive=True)
    connection.channel().declare(t.q("q"), auto_delete=True, exclusive=True)
    connection.channel().declare(t.q("q"), exclusive=True)


@case("1.2/inequivalent")
def inequivalent_integers(t):
    """Integers of any width are equal by value."""
    key = "x-message-ttl"
    _redeclare(t, {key: 1000}, {key: Field("l", 1000)}, {key: Field("s", 1000)}, {key: Field("i", 1000)},
               {key: 1001}, {key: Field("l", 1001)}, {}, {key: "1000"}, {key: Field("L", 1000)},
               {key: Field("u", 1000)})


@case("1.2/inequivalent")
def inequivalent_none_and_some(t):
    """An argument that the queue does not have."""
    _redeclare(t, {}, {"x-message-ttl": 1000}, {"x-message-ttl": Field("l", 1000)}, {"x-expires": 1000},
               {"x-max-length": 1}, {"x-max-length-bytes": 1}, {"x-dead-letter-exchange": "x"},
               {"x-overflow": "reject-publish"}, {"x-max-priority": 2},
               {"x-single-active-consumer": True}, {"x-queue-mode": "lazy"},
               {"x-queue-type": "quorum"}, {"x-queue-type": "classic"}, {"x-queue-version": 2},
               {"x-queue-master-locator": "min-masters"})


@case("1.2/inequivalent")
def inequivalent_some_and_none(t):
    """An argument that the redeclare leaves out, or gives another value."""
    connection = t.connect()
    some = {"x-message-ttl": 60000, "x-expires": 60000, "x-max-length": 10, "x-max-length-bytes": 1000,
            "x-dead-letter-exchange": "x", "x-dead-letter-routing-key": "k",
            "x-overflow": "drop-head", "x-max-priority": 2, "x-single-active-consumer": True,
            "x-queue-mode": "lazy"}
    others = {"x-message-ttl": 1, "x-expires": 1, "x-max-length": 1, "x-max-length-bytes": 1,
              "x-dead-letter-exchange": "y", "x-dead-letter-routing-key": "l",
              "x-overflow": "reject-publish", "x-max-priority": 3, "x-single-active-consumer": False,
              "x-queue-mode": "default"}
    connection.channel().declare(t.q("q"), some)
    for key in some:
        connection.channel().declare(t.q("q"), {k: v for k, v in some.items() if k != key})
        connection.channel().declare(t.q("q"), {**some, key: others[key]})
    connection.channel().declare(t.q("q"), dict(reversed(some.items())))


@case("1.2/inequivalent")
def inequivalent_order_of_arguments(t):
    """With several differences, which one is named."""
    connection = t.connect()
    keys = ["x-single-active-consumer", "x-max-priority", "x-overflow", "x-max-length-bytes",
            "x-max-length", "x-dead-letter-routing-key", "x-dead-letter-exchange", "x-message-ttl",
            "x-expires"]
    values = {"x-single-active-consumer": True, "x-overflow": "drop-head",
              "x-dead-letter-routing-key": "k", "x-dead-letter-exchange": "x"}
    connection.channel().declare(t.q("q"))
    while keys:
        channel = connection.channel()
        event = channel.declare(t.q("q"), {key: values.get(key, 7) for key in keys})
        text = event.values.get("reply_text", "")
        named = next((key for key in keys if f"'{key}'" in text), keys[-1])
        keys.remove(named)


@case("1.2/inequivalent")
def inequivalent_queue_type(t):
    """No type, classic and quorum."""
    connection = t.connect()
    connection.channel().declare(t.q("classic"), {"x-queue-type": "classic"}, durable=True)
    connection.channel().declare(t.q("classic"), durable=True)
    connection.channel().declare(t.q("classic"), {"x-queue-type": "quorum"}, durable=True)
    connection.channel().declare(t.q("quorum"), {"x-queue-type": "quorum"}, durable=True)
    connection.channel().declare(t.q("quorum"), durable=True)
    connection.channel().declare(t.q("quorum"), {"x-queue-type": "classic"}, durable=True)
    connection.channel().declare(t.q("quorum"), {"x-queue-type": "quorum", "x-delivery-limit": 3},
                                 durable=True)
    connection.channel().passive(t.q("quorum"))


@case("1.2/inequivalent")
def inequivalent_exchange(t):
    """Exchanges: type, durable, auto_delete, internal and the alternate exchange."""
    connection = t.connect()
    connection.channel().exchange(t.x("x"), "direct")
    connection.channel().exchange(t.x("x"), "fanout")
    connection.channel().exchange(t.x("x"), "direct", durable=True)
    connection.channel().exchange(t.x("x"), "direct", auto_delete=True)
    connection.channel().exchange(t.x("x"), "direct", internal=True)
    connection.channel().exchange(t.x("x"), "direct", {"alternate-exchange": "ae"})
    connection.channel().exchange(t.x("x"), "topic", durable=True, auto_delete=True, internal=True)
    connection.channel().exchange(t.x("x"), "direct", {"other": 1})
    connection.channel().exchange(t.x("y"), "direct", {"alternate-exchange": "ae"})
    connection.channel().exchange(t.x("y"), "direct")
    connection.channel().exchange(t.x("y"), "direct", {"alternate-exchange": "other"})
    connection.channel().exchange(t.x("y"), "direct", {"alternate-exchange": "ae"})


@case("1.2/invalid-arguments", "1.2/alternate")
def invalid_exchange_arguments(t):
    """The alternate exchange is a name."""
    connection = t.connect()
    for number, value in enumerate((1, "", "not.there", None)):
        connection.channel().exchange(t.x(f"x{number}"), "direct", {"alternate-exchange": value})


@case("1.2/unknown-type")
def unknown_exchange_type(t):
    """A type that nobody knows closes the connection."""
    t.connect().channel().exchange(t.x("x"), "zzz")
    t.connect().channel().exchange(t.x("x"), "")
    t.connect().channel().exchange(t.x("x"), "Direct")
    t.connect().channel().exchange(t.x("x"), "x-no-such-type")


@case("1.2/unknown-type", "1.2/passive")
def unknown_exchange_type_passive(t):
    """A passive declare does not look at the type."""
    connection = t.connect()
    connection.channel().exchange("amq.direct", "zzz", passive=True)
    connection.channel().exchange("amq.direct", "", passive=True)
    connection.channel().exchange(t.x("absent"), "zzz", passive=True)


@case("1.2/unknown-type", "1.2/inequivalent")
def unknown_exchange_type_redeclare(t):
    """An unknown type for an exchange that is there."""
    t.connect().channel().exchange("amq.direct", "zzz")


@case("1.3/consume", "1.2/invalid-arguments", "1.3/round-robin")
def invalid_consume_arguments(t):
    """x-priority is an integer; what nobody knows is ignored."""
    connection = t.connect()
    connection.channel().declare(t.q("q"))
    for value in ("high", 1.5, True, None, Field("l", 5), -5, Field("b", -1)):
        connection.channel().consume(t.q("q"), "c", {"x-priority": value})
    connection.channel().consume(t.q("q"), "d", {"x-unknown": "x", "x-cancel-on-ha-failover": True})
    connection.channel().consume(t.q("q"), "e", {"x-cancel-on-ha-failover": "yes"})
    connection.channel().consume(t.q("q"), "f", {"x-stream-offset": "first"})
