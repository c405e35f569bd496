"""basic.consume, cancel, qos: who gets what, and when not."""

from cases import case


def _publisher(t, *bodies, **flags):
    """A channel on a connection of its own, a queue with something in it."""
    channel = t.connect().channel(awaits_confirms=True)
    channel.declare(t.q("q"), **flags)
    for body in bodies:
        channel.publish("", t.q("q"), body)
    return channel


@case("1.3/consume")
def consume_ok_first(t):
    """consume-ok comes before the first delivery."""
    _publisher(t, "1", "2")
    channel = t.connect().channel()
    channel.consume(t.q("q"), "c", no_ack=True)
    channel.receive(2)


@case("1.3/consume")
def consume_missing_queue(t):
    """404."""
    connection = t.connect()
    connection.channel().consume("consume_missing_queue.none", "c")
    connection.channel().consume("consume_missing_queue.none", "c", nowait=True)


@case("1.3/consume", "1.2/last-queue")
def consume_empty_queue_name(t):
    """An empty name is the last queue declared on this channel; without one it is 404."""
    connection = t.connect()
    connection.channel().consume("", "c")
    channel = connection.channel()
    channel.declare(t.q("q"))
    channel.consume("", "c")


@case("1.3/consume")
def consume_tag_twice(t):
    """A tag a second time on its channel closes the connection; on another channel it is fine."""
    _publisher(t)
    connection = t.connect()
    channel = connection.channel()
    channel.consume(t.q("q"), "c")
    connection.channel().consume(t.q("q"), "c")
    channel.consume(t.q("q"), "c")


@case("1.3/consume")
def consume_tag_again_after_cancel(t):
    """A cancelled tag is free."""
    _publisher(t)
    channel = t.connect().channel()
    channel.consume(t.q("q"), "c")
    channel.cancel("c")
    channel.consume(t.q("q"), "c")


@case("1.3/consume", "1.2/server-named")
def consume_server_named_tags(t):
    """An empty tag gets one from the server."""
    publisher = _publisher(t)
    channel = t.connect().channel()
    channel.consume(t.q("q"))
    channel.consume(t.q("q"))
    publisher.publish("", t.q("q"), "1")
    publisher.publish("", t.q("q"), "2")
    channel.receive(2)


@case("1.3/consume")
def consume_nowait(t):
    """nowait has no answer; without a tag the delivery tells it first."""
    _publisher(t, "1")
    channel = t.connect().channel()
    channel.send("basic.consume", queue=t.q("q"), nowait=True, no_ack=True)
    channel.receive()


@case("1.3/consume")
def consume_tag_of_any_octets(t):
    """A long tag and one that is not ASCII come back as they are."""
    publisher = _publisher(t)
    channel = t.connect().channel()
    channel.consume(t.q("q"), "x" * 255, no_ack=True)
    channel.cancel("x" * 255)
    channel.consume(t.q("q"), "täg mit blank", no_ack=True)
    publisher.publish("", t.q("q"), "1")
    channel.receive()


@case("1.3/consume")
def consume_no_local_is_ignored(t):
    """no_local has no effect."""
    channel = t.connect().channel()
    channel.declare(t.q("q"))
    channel.consume(t.q("q"), "c", no_local=True, no_ack=True)
    channel.publish("", t.q("q"), "from the same connection")
    channel.receive()


@case("1.3/consume")
def consume_two_on_one_channel(t):
    """Two consumers of one channel take turns and share the channel's delivery tags."""
    publisher = _publisher(t)
    channel = t.connect().channel()
    channel.consume(t.q("q"), "a")
    channel.consume(t.q("q"), "b")
    for body in "1234":
        publisher.publish("", t.q("q"), body)
    channel.receive(4)


@case("1.3/cancel")
def cancel_unknown(t):
    """An unknown tag is answered cancel-ok."""
    channel = t.connect().channel()
    channel.cancel("nobody")
    channel.cancel("")


@case("1.3/cancel")
def cancel_keeps_unacked(t):
    """What was delivered stays unacked, can be acked or returned."""
    publisher = _publisher(t, "1", "2", "3")
    channel = t.connect().channel()
    channel.consume(t.q("q"), "c")
    channel.receive(3)
    channel.cancel("c")
    publisher.get(t.q("q"))
    channel.ack(1)
    channel.reject(2, requeue=True)
    publisher.until_ready(t.q("q"), 1)
    publisher.get(t.q("q"))
    channel.ack(3)
    channel.nothing()


@case("1.3/cancel")
def cancel_nowait(t):
    """nowait: no answer, and the tag is free at once."""
    _publisher(t)
    channel = t.connect().channel()
    channel.consume(t.q("q"), "c")
    channel.send("basic.cancel", consumer_tag="c", nowait=True)
    channel.nothing()
    channel.consume(t.q("q"), "c")


@case("1.3/cancel", "1.2/auto-delete")
def cancel_last_of_auto_delete(t):
    """The last cancel takes an auto-delete queue with it, and what is unacked of it."""
    publisher = _publisher(t, "1", auto_delete=True)
    channel = t.connect().channel()
    channel.consume(t.q("q"), "c")
    channel.receive()
    channel.cancel("c")
    channel.ack(1)
    channel.nothing()
    publisher.passive(t.q("q"))


@case("1.3/cancel-notify")
def cancel_notify_on_delete(t):
    """A deleted queue's consumers are told, in every channel."""
    publisher = _publisher(t)
    connection = t.connect()
    channel, other = connection.channel(), connection.channel()
    channel.consume(t.q("q"), "a")
    other.consume(t.q("q"), "b")
    publisher.call("queue.delete", queue=t.q("q"))
    channel.receive()
    other.receive()


@case("1.3/cancel-notify")
def cancel_notify_not_asked_for(t):
    """Without the capability the client hears nothing; the consumer is gone."""
    publisher = _publisher(t)
    channel = t.connect(capabilities={}).channel()
    channel.consume(t.q("q"), "a")
    publisher.call("queue.delete", queue=t.q("q"))
    t.at_least_ms(100)  # declared at once the queue may get its consumer again: RabbitMQ tries
    channel.nothing()
    publisher.declare(t.q("q"))
    publisher.until_ready(t.q("q"), 0, consumers=0)


@case("1.3/cancel-notify", "1.3/acks")
def cancel_notify_then_ack(t):
    """Acks for what died with its queue are taken; the tag is free."""
    publisher = _publisher(t, "1", "2")
    channel = t.connect().channel()
    channel.consume(t.q("q"), "a")
    channel.receive(2)
    publisher.call("queue.delete", queue=t.q("q"))
    channel.receive()
    channel.ack(1)
    channel.nack(2, requeue=True)
    channel.nothing()
    channel.cancel("a")


@case("1.3/cancel-notify", "1.2/exclusive")
def cancel_notify_on_own_delete(t):
    """The deleting channel's own consumer is told before delete-ok or after: as RabbitMQ does it."""
    channel = t.connect().channel()
    channel.declare(t.q("q"))
    channel.consume(t.q("q"), "a")
    channel.call("queue.delete", queue=t.q("q"))
    channel.nothing()


@case("1.3/qos")
def qos_per_consumer(t):
    """Each consumer has a window of its own; a new value is for later consumers."""
    publisher = _publisher(t)
    channel = t.connect().channel()
    channel.qos(1)
    channel.consume(t.q("q"), "one")
    channel.qos(2)
    channel.consume(t.q("q"), "two")
    for body in "12345":
        publisher.publish("", t.q("q"), body)
    channel.receive(3)
    channel.nothing(t.q("q"))
    channel.ack(1)
    channel.receive()


@case("1.3/qos")
def qos_global(t):
    """A global window is shared by the channel's consumers, and live: raising it delivers at once."""
    publisher = _publisher(t, "1", "2", "3", "4", "5", "6")
    channel = t.connect().channel()
    channel.qos(3, **{"global": True})
    channel.consume(t.q("q"), "c")
    channel.receive(3)
    channel.nothing(t.q("q"))
    channel.qos(5, **{"global": True})
    channel.receive(2)
    channel.nothing(t.q("q"))
    channel.ack(2, multiple=True)
    channel.receive()
    publisher.passive(t.q("q"))


@case("1.3/qos")
def qos_global_lowered(t):
    """Lowered below what is out, nothing more comes until there is room."""
    _publisher(t, "1", "2", "3", "4")
    channel = t.connect().channel()
    channel.qos(3, **{"global": True})
    channel.consume(t.q("q"), "c")
    channel.receive(3)
    channel.qos(1, **{"global": True})
    channel.ack(2, multiple=True)
    channel.nothing(t.q("q"))
    channel.ack(3)
    channel.receive()


@case("1.3/qos")
def qos_both(t):
    """Both limits hold at once."""
    publisher = _publisher(t)
    channel = t.connect().channel()
    channel.qos(2)
    channel.qos(3, **{"global": True})
    channel.consume(t.q("q"), "one")
    channel.consume(t.q("q"), "two")
    for body in "12345":
        publisher.publish("", t.q("q"), body)
    channel.receive(3)
    channel.nothing(t.q("q"))


@case("1.3/qos")
def qos_zero_is_unlimited(t):
    """A global 0 takes the limit away."""
    _publisher(t, "1", "2", "3")
    channel = t.connect().channel()
    channel.qos(1, **{"global": True})
    channel.consume(t.q("q"), "c")
    channel.receive()
    channel.qos(0, **{"global": True})
    channel.receive(2)


@case("1.3/qos")
def qos_prefetch_size(t):
    """A prefetch size is not implemented."""
    t.connect().channel().qos(1, prefetch_size=10)


@case("1.3/qos")
def qos_does_not_hold_no_ack(t):
    """A consumer without acks is not limited."""
    _publisher(t, "1", "2", "3")
    channel = t.connect().channel()
    channel.qos(1)
    channel.consume(t.q("q"), "c", no_ack=True)
    channel.receive(3)


@case("1.3/qos", "1.3/get")
def qos_does_not_hold_get(t):
    """basic.get is not limited, and does not fill the window of a consumer."""
    publisher = _publisher(t, "1", "2", "3")
    channel = t.connect().channel()
    channel.qos(1)
    channel.get(t.q("q"), no_ack=False)
    channel.get(t.q("q"), no_ack=False)
    channel.consume(t.q("q"), "c")
    channel.receive()
    publisher.passive(t.q("q"))


@case("1.3/qos", "1.3/acks")
def qos_window_refilled_by_reject(t):
    """reject, nack and requeue make room as ack does."""
    _publisher(t, "1", "2", "3", "4")
    channel = t.connect().channel()
    channel.qos(1)
    channel.consume(t.q("q"), "c")
    channel.receive()
    channel.reject(1)
    channel.receive()
    channel.nack(2)
    channel.receive()
    channel.reject(3, requeue=True)
    channel.receive()


@case("1.3/round-robin", "1.3/requeue-order")
def requeue_goes_to_another_consumer(t):
    """What one consumer returns, the next in turn gets, flagged."""
    publisher = _publisher(t)
    connection = t.connect()
    one, two = connection.channel(), connection.channel()
    for channel, tag in ((one, "one"), (two, "two")):
        channel.qos(1)
        channel.consume(t.q("q"), tag)
    publisher.publish("", t.q("q"), "1")
    one.receive()
    one.nack(1, requeue=True)
    two.receive()
    one.nothing(t.q("q"))


@case("1.3/round-robin", "1.3/consume")
def consumer_of_closed_connection(t):
    """With a dropped socket its unacked messages come to the next consumer, in order and flagged."""
    publisher = _publisher(t, "1", "2", "3")
    dying = t.connect()
    channel = dying.channel()
    channel.consume(t.q("q"), "dying")
    channel.receive(3)
    channel.ack(2)
    channel.sync(t.q("q"))
    dying.drop()
    publisher.until_ready(t.q("q"), 2)
    other = t.connect().channel()
    other.consume(t.q("q"), "other", no_ack=True)
    other.receive(2)


@case("1.3/consume", "1.3/cancel-notify")
def consume_without_any_capability(t):
    """A client that declares nothing gets deliveries as any other."""
    _publisher(t, "1")
    channel = t.connect(capabilities={}).channel()
    channel.consume(t.q("q"), "c", no_ack=True)
    channel.receive()
