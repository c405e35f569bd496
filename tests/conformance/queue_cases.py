"""queue.declare, bind, unbind, purge, delete; names; exclusive and auto-delete queues."""

from cases import case


@case("1.2/server-named")
def declare_server_named(t):
    """An empty name gets one, another each time; it works as any other."""
    connection = t.connect()
    channel = connection.channel()
    first = channel.declare("")
    channel.declare("", exclusive=True)
    name = first.values["queue"]
    channel.publish("", name, "1")
    channel.get(name)
    channel.call("queue.delete", queue=name)


@case("1.2/last-queue")
def last_declared_queue(t):
    """An empty name means the queue last declared on this channel."""
    connection = t.connect()
    channel = connection.channel()
    channel.declare(t.q("q"))
    channel.exchange(t.x("x"), "direct")
    channel.bind("", t.x("x"), "")
    channel.publish(t.x("x"), t.q("q"), "bound by its own name")
    channel.get("")
    channel.bind("", t.x("x"), "key")
    channel.publish(t.x("x"), "key", "bound by a key")
    channel.get("")
    channel.call("queue.unbind", queue="", exchange=t.x("x"), routing_key="key")
    channel.publish("", t.q("q"), "for purge")
    channel.call("queue.purge", queue="")
    channel.call("queue.delete", queue="")
    channel.passive("")


@case("1.2/last-queue")
def last_declared_queue_of_none(t):
    """Without one: 404, each method with its text."""
    connection = t.connect()
    for name, values in (("queue.bind", {"exchange": "amq.direct"}), ("queue.purge", {}),
                         ("queue.unbind", {"exchange": "amq.direct"}), ("queue.delete", {}),
                         ("queue.declare", {"passive": True}), ("basic.consume", {}),
                         ("basic.get", {})):
        connection.channel().call(name, queue="", **values)


@case("1.2/last-queue", "1.2/passive")
def last_declared_queue_by_passive(t):
    """A passive declare sets it too; another channel's does not count."""
    connection = t.connect()
    connection.channel().declare(t.q("q"))
    channel = connection.channel()
    channel.passive(t.q("q"))
    channel.get("")


@case("1.2/reserved-prefix")
def reserved_prefix(t):
    """amq.* is the server's."""
    connection = t.connect()
    connection.channel().declare("amq.foo")
    connection.channel().passive("amq.foo")
    connection.channel().declare("amq.")
    connection.channel().declare("amq.gen-foo", exclusive=True)
    connection.channel().exchange("amq.foo", "direct")
    connection.channel().exchange("amq.foo", "direct", passive=True)
    connection.channel().call("queue.delete", queue="amq.foo")


@case("1.2/reserved-prefix", "1.2/server-named")
def reserved_prefix_redeclared(t):
    """A server-named queue can be declared again by its name."""
    connection = t.connect()
    name = connection.channel().declare("", auto_delete=True).values["queue"]
    connection.channel().declare(name, auto_delete=True)
    connection.channel().declare(name, durable=True, auto_delete=True)
    connection.channel().call("queue.delete", queue=name)


@case("1.0/crlf-names")
def names_with_line_breaks(t):
    """CR and LF are taken out of queue names."""
    connection = t.connect()
    t.q("qabc")
    connection.channel().declare(t.q("q") + "\r\nabc")
    connection.channel().passive(t.q("qabc"))
    connection.channel().passive(t.q("q") + "\n\nabc")
    channel = connection.channel()
    channel.bind(t.q("q") + "\r\nabc", "amq.direct", "names_with_line_breaks")
    channel.publish("", t.q("qabc"), "1")
    connection.channel().get(t.q("q") + "\nabc")
    connection.channel().consume(t.q("q") + "\nabc", "c")
    connection.channel().call("queue.purge", queue=t.q("q") + "\nabc")
    connection.channel().call("queue.delete", queue=t.q("q") + "\r\nabc")
    connection.channel().passive(t.q("qabc"))


@case("1.0/crlf-names")
def exchange_names_with_line_breaks(t):
    """And of exchange names."""
    connection = t.connect()
    t.x("xabc")
    connection.channel().exchange(t.x("x") + "\r\nabc", "direct")
    connection.channel().exchange(t.x("xabc"), "direct", passive=True)
    connection.channel().exchange(t.x("x") + "\nabc", "direct", passive=True)
    channel = connection.channel()
    channel.publish(t.x("x") + "\nabc", "k", "1")
    channel.nothing()
    connection.channel().call("exchange.delete", exchange=t.x("x") + "\nabc")


@case("1.2/server-named")
def names_long_and_odd(t):
    """255 octets, blanks, slashes and other alphabets are names; what is no UTF-8 is asked too."""
    connection = t.connect()
    channel = connection.channel()
    for name in (t.q("long") + "x" * (255 - len(t.q("long"))), t.q("q") + " /?#%", t.q("ünï→")):
        channel.declare(name)
        channel.publish("", name, "1")
        channel.get(name)
        channel.call("queue.delete", queue=name)


@case("1.2/passive")
def passive_declare(t):
    """Existence is all that counts."""
    connection = t.connect()
    connection.channel().passive("passive_declare.none")
    connection.channel().call("queue.declare", queue="passive_declare.none", passive=True,
                              nowait=True)
    channel = connection.channel()
    channel.declare(t.q("q"), {"x-max-length": 5}, durable=True)
    channel.declare(t.q("q"), {"x-max-length": -1}, passive=True, auto_delete=True)
    connection.channel().exchange("passive_declare.none", "direct", passive=True)
    connection.channel().exchange("amq.topic", "direct", passive=True, internal=True)
    connection.channel().exchange("", "direct", passive=True)


@case("1.0/delete-absent")
def delete_what_is_absent(t):
    """Deletes, unbinds and cancels of what is not there are fine; a purge is not."""
    connection = t.connect()
    channel = connection.channel()
    channel.call("queue.delete", queue="delete_absent.none")
    channel.call("queue.delete", queue="delete_absent.none", if_empty=True, if_unused=True)
    channel.call("exchange.delete", exchange="delete_absent.none")
    channel.call("exchange.delete", exchange="delete_absent.none", if_unused=True)
    channel.cancel("nobody")
    channel.call("queue.unbind", queue="delete_absent.none", exchange="amq.direct", routing_key="k")
    channel.declare(t.q("q"))
    channel.call("queue.unbind", queue=t.q("q"), exchange="delete_absent.x", routing_key="k")
    channel.call("queue.unbind", queue=t.q("q"), exchange="amq.direct", routing_key="k")
    channel.call("exchange.unbind", destination="delete_absent.x", source="amq.direct")
    channel.call("exchange.unbind", destination="amq.fanout", source="delete_absent.x")
    channel.call("exchange.unbind", destination="amq.fanout", source="amq.direct")
    connection.channel().call("queue.purge", queue="delete_absent.none")


@case("1.2/types")
def bind_to_what_is_absent(t):
    """404, with the name of what is missing."""
    connection = t.connect()
    connection.channel().declare(t.q("q"))
    connection.channel().bind("bind_absent.q", "amq.direct", "k")
    connection.channel().bind(t.q("q"), "bind_absent.x", "k")
    connection.channel().bind("bind_absent.q", "bind_absent.x", "k")
    for values in ({"destination": "bind_absent.x", "source": "amq.direct"},
                   {"destination": "amq.direct", "source": "bind_absent.x"},
                   {"destination": "bind_absent.x", "source": "bind_absent.y"}):
        connection.channel().call("exchange.bind", **values)


@case("1.2/types")
def bind_twice(t):
    """A binding is there once, whatever is declared again; other arguments make another."""
    channel = t.connect().channel()
    channel.declare(t.q("q"))
    channel.exchange(t.x("x"), "direct")
    channel.bind(t.q("q"), t.x("x"), "k")
    channel.bind(t.q("q"), t.x("x"), "k")
    channel.bind(t.q("q"), t.x("x"), "k", {"a": 1})
    channel.publish(t.x("x"), "k", "one copy")
    channel.get(t.q("q"))
    channel.get(t.q("q"))
    channel.call("queue.unbind", queue=t.q("q"), exchange=t.x("x"), routing_key="k")
    channel.publish(t.x("x"), "k", "still bound with arguments")
    channel.get(t.q("q"))
    channel.call("queue.unbind", queue=t.q("q"), exchange=t.x("x"), routing_key="k",
                 arguments={"a": 1})
    channel.publish(t.x("x"), "k", "returned", mandatory=True)
    channel.receive()


@case("1.2/exclusive")
def exclusive_queue_of_another(t):
    """Every use of an exclusive queue by another connection is refused."""
    connection = t.connect()
    connection.channel().declare(t.q("q"), exclusive=True)
    other = t.connect()
    other.channel().declare(t.q("q"), exclusive=True)
    other.channel().declare(t.q("q"))
    other.channel().passive(t.q("q"))
    other.channel().bind(t.q("q"), "amq.direct", "k")
    other.channel().call("queue.unbind", queue=t.q("q"), exchange="amq.direct", routing_key="k")
    other.channel().consume(t.q("q"), "c")
    other.channel().get(t.q("q"))
    other.channel().call("queue.purge", queue=t.q("q"))
    other.channel().call("queue.delete", queue=t.q("q"))
    channel = other.channel()
    channel.publish("", t.q("q"), "may be published to")
    channel.nothing()
    mine = connection.channel()
    mine.until_ready(t.q("q"), 1)
    mine.get(t.q("q"))


@case("1.2/exclusive")
def exclusive_queue_goes_with_its_connection(t):
    """Gone before close-ok: another connection may declare it at once, with other flags."""
    connection = t.connect()
    connection.channel().declare(t.q("q"), exclusive=True)
    connection.close()
    t.connect().channel().declare(t.q("q"), durable=True)


@case("1.2/exclusive")
def exclusive_queue_outlives_its_channel(t):
    """It belongs to the connection."""
    connection = t.connect()
    channel = connection.channel()
    channel.declare(t.q("q"), exclusive=True)
    channel.call("channel.close", reply_code=200)
    connection.channel().passive(t.q("q"))


@case("1.2/auto-delete")
def auto_delete_queue(t):
    """Stays until it has had a consumer; goes with the last one; a get is no consumer."""
    connection = t.connect()
    channel = connection.channel()
    channel.declare(t.q("q"), auto_delete=True)
    channel.publish("", t.q("q"), "1")
    channel.get(t.q("q"))
    channel.passive(t.q("q"))
    one, two = connection.channel(), connection.channel()
    one.consume(t.q("q"), "one")
    two.consume(t.q("q"), "two")
    one.cancel("one")
    channel.passive(t.q("q"))
    two.call("channel.close", reply_code=200)
    channel.until_gone(t.q("q"))


@case("1.2/auto-delete")
def auto_delete_exchange(t):
    """Goes with the last binding from it; one that never had a binding stays."""
    connection = t.connect()
    channel = connection.channel()
    channel.exchange(t.x("never"), "fanout", auto_delete=True)
    channel.exchange(t.x("x"), "fanout", auto_delete=True)
    channel.declare(t.q("q"))
    channel.declare(t.q("p"))
    channel.bind(t.q("q"), t.x("x"))
    channel.bind(t.q("p"), t.x("x"))
    channel.call("queue.unbind", queue=t.q("q"), exchange=t.x("x"))
    channel.exchange(t.x("x"), "fanout", passive=True)
    channel.call("queue.delete", queue=t.q("p"))
    channel.exchange(t.x("never"), "fanout", passive=True)
    channel.exchange(t.x("x"), "fanout", passive=True)


@case("1.2/auto-delete", "1.2/e2e")
def auto_delete_exchange_chain(t):
    """Bindings between exchanges count; a chain goes link by link."""
    connection = t.connect()
    channel = connection.channel()
    channel.exchange(t.x("a"), "fanout", auto_delete=True)
    channel.exchange(t.x("b"), "fanout", auto_delete=True)
    channel.declare(t.q("q"))
    channel.call("exchange.bind", destination=t.x("b"), source=t.x("a"))
    channel.bind(t.q("q"), t.x("b"))
    channel.call("queue.delete", queue=t.q("q"))
    connection.channel().exchange(t.x("b"), "fanout", passive=True)
    connection.channel().exchange(t.x("a"), "fanout", passive=True)


@case("1.2/delete-if")
def delete_if(t):
    """if-unused and if-empty, alone and together."""
    connection = t.connect()
    channel = connection.channel(awaits_confirms=True)
    channel.declare(t.q("q"))
    channel.publish("", t.q("q"), "1")
    connection.channel().call("queue.delete", queue=t.q("q"), if_empty=True)
    consumer = connection.channel()
    consumer.consume(t.q("q"), "c")
    consumer.receive()
    connection.channel().call("queue.delete", queue=t.q("q"), if_unused=True)
    connection.channel().call("queue.delete", queue=t.q("q"), if_unused=True, if_empty=True)
    connection.channel().call("queue.delete", queue=t.q("q"), if_empty=True)


@case("1.2/delete-if")
def delete_counts_ready(t):
    """delete-ok counts what was ready only; if-empty looks at ready messages only."""
    connection = t.connect()
    channel = connection.channel()
    channel.declare(t.q("q"))
    for body in "123":
        channel.publish("", t.q("q"), body)
    channel.get(t.q("q"), no_ack=False)
    channel.call("queue.delete", queue=t.q("q"))
    channel.declare(t.q("q"))
    channel.publish("", t.q("q"), "unacked")
    channel.get(t.q("q"), no_ack=False)
    channel.call("queue.delete", queue=t.q("q"), if_empty=True)


@case("1.2/delete-if")
def delete_exchange_if_unused(t):
    """An exchange with bindings is in use; as a destination it is not."""
    connection = t.connect()
    channel = connection.channel()
    channel.exchange(t.x("x"), "direct")
    channel.exchange(t.x("y"), "direct")
    channel.call("exchange.bind", destination=t.x("y"), source=t.x("x"), routing_key="k")
    connection.channel().call("exchange.delete", exchange=t.x("x"), if_unused=True)
    channel.call("exchange.delete", exchange=t.x("y"), if_unused=True)
    channel.call("exchange.delete", exchange=t.x("x"), if_unused=True)


@case("1.3/get")
def purge(t):
    """Counts and drops what is ready."""
    channel = t.connect().channel()
    channel.declare(t.q("q"))
    channel.call("queue.purge", queue=t.q("q"))
    for body in "123":
        channel.publish("", t.q("q"), body)
    channel.call("queue.purge", queue=t.q("q"))
    channel.get(t.q("q"))
    channel.send("queue.purge", queue=t.q("q"), nowait=True)
    channel.nothing()


@case("1.2/passive", "1.0/soft-error")
def nowait_methods(t):
    """nowait methods have no answer, their errors do."""
    connection = t.connect()
    channel = connection.channel()
    channel.send("exchange.declare", exchange=t.x("x"), type="fanout", nowait=True)
    channel.send("queue.declare", queue=t.q("q"), nowait=True)
    channel.send("queue.bind", queue=t.q("q"), exchange=t.x("x"), nowait=True)
    channel.publish(t.x("x"), "", "1")
    channel.get(t.q("q"))
    channel.send("queue.delete", queue=t.q("q"), nowait=True)
    channel.send("exchange.delete", exchange=t.x("x"), nowait=True)
    channel.send("queue.bind", queue=t.q("q"), exchange=t.x("x"), nowait=True)
    channel.receive()


@case("1.2/server-named")
def declare_counts(t):
    """declare-ok counts ready messages and consumers."""
    connection = t.connect()
    channel = connection.channel(awaits_confirms=True)
    channel.declare(t.q("q"))
    channel.publish("", t.q("q"), "1")
    channel.publish("", t.q("q"), "2")
    channel.get(t.q("q"), no_ack=False)
    channel.declare(t.q("q"))
    consumer = connection.channel()
    consumer.qos(1)
    consumer.consume(t.q("q"), "c")
    consumer.receive()
    channel.declare(t.q("q"))


@case("1.2/lazy")
def lazy_queue(t):
    """A lazy queue works as any other."""
    channel = t.connect().channel()
    channel.declare(t.q("q"), {"x-queue-mode": "lazy"}, durable=True)
    channel.publish("", t.q("q"), "1", {"delivery_mode": 2})
    channel.get(t.q("q"))
