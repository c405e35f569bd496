"""Single active consumer and exclusive consumers."""

from cases import case

SAC = {"x-single-active-consumer": True}


def _three(t, arguments=None, **flags):
    """A publisher and two consumers' channels on one connection, and a queue."""
    connection = t.connect()
    publisher = connection.channel(awaits_confirms=True)
    publisher.declare(t.q("q"), SAC if arguments is None else arguments, **flags)
    return publisher, connection.channel(), connection.channel()


@case("1.2/sac")
def sac_oldest_gets_all(t):
    """The oldest consumer gets everything."""
    publisher, one, two = _three(t)
    one.consume(t.q("q"), "one", no_ack=True)
    two.consume(t.q("q"), "two", no_ack=True)
    for body in "123":
        publisher.publish("", t.q("q"), body)
    one.receive(3)
    two.nothing(t.q("q"))
    publisher.passive(t.q("q"))


@case("1.2/sac", "1.3/cancel")
def sac_handover_on_cancel(t):
    """After a cancel the next takes over; what the first has in hand stays its own."""
    publisher, one, two = _three(t)
    one.consume(t.q("q"), "one")
    two.consume(t.q("q"), "two")
    publisher.publish("", t.q("q"), "1")
    one.receive()
    one.cancel("one")
    publisher.publish("", t.q("q"), "2")
    two.receive()
    one.ack(1)
    one.nothing(t.q("q"))


@case("1.2/sac", "1.3/requeue-order")
def sac_handover_on_channel_close(t):
    """With the channel its unacked messages go back, and to the next consumer, in order."""
    publisher, one, two = _three(t)
    one.consume(t.q("q"), "one")
    two.consume(t.q("q"), "two")
    for body in "123":
        publisher.publish("", t.q("q"), body)
    one.receive(3)
    one.ack(1)
    one.call("channel.close", reply_code=200)
    two.receive(2)


@case("1.2/sac")
def sac_full_window_is_not_passed_over(t):
    """The active consumer's full window holds everything; nobody else gets it."""
    publisher, one, two = _three(t)
    one.qos(1)
    one.consume(t.q("q"), "one")
    two.consume(t.q("q"), "two")
    publisher.publish("", t.q("q"), "1")
    publisher.publish("", t.q("q"), "2")
    one.receive()
    two.nothing(t.q("q"))
    publisher.passive(t.q("q"))
    one.ack(1)
    one.receive()


@case("1.2/sac", "1.3/consume")
def sac_and_exclusive(t):
    """An exclusive consume on such a queue is refused."""
    publisher, one, two = _three(t)
    one.consume(t.q("q"), "one", exclusive=True)
    two.consume(t.q("q"), "two")


@case("1.2/sac", "1.3/get")
def sac_and_get(t):
    """basic.get is served."""
    publisher, one, two = _three(t)
    publisher.publish("", t.q("q"), "1")
    publisher.get(t.q("q"))
    one.qos(1)
    one.consume(t.q("q"), "one")
    publisher.publish("", t.q("q"), "2")
    publisher.publish("", t.q("q"), "3")
    one.receive()
    two.get(t.q("q"))


@case("1.2/sac", "1.3/round-robin")
def sac_and_priority(t):
    """A later consumer with a higher priority does not take over from an active one."""
    publisher, one, two = _three(t)
    one.consume(t.q("q"), "one", no_ack=True)
    two.consume(t.q("q"), "two", {"x-priority": 10}, no_ack=True)
    publisher.publish("", t.q("q"), "1")
    one.receive()
    two.nothing(t.q("q"))


@case("1.2/sac", "1.3/requeue-order")
def sac_requeue_comes_back(t):
    """What the active consumer returns comes to it again."""
    publisher, one, two = _three(t)
    one.consume(t.q("q"), "one")
    two.consume(t.q("q"), "two")
    publisher.publish("", t.q("q"), "1")
    one.receive()
    one.reject(1, requeue=True)
    one.receive()
    two.nothing(t.q("q"))


@case("1.2/sac", "1.2/quorum")
def sac_on_quorum(t):
    """The same on a quorum queue; basic.get is refused there."""
    publisher, one, two = _three(t, {**SAC, "x-queue-type": "quorum"}, durable=True)
    one.consume(t.q("q"), "one")
    two.consume(t.q("q"), "two")
    publisher.publish("", t.q("q"), "1")
    one.receive()
    one.cancel("one")
    publisher.publish("", t.q("q"), "2")
    two.receive()
    publisher.get(t.q("q"))


@case("1.3/consume")
def exclusive_consumer(t):
    """An exclusive consumer refuses others, and is refused where there are others."""
    connection = t.connect()
    connection.channel().declare(t.q("q"))
    first = connection.channel()
    first.consume(t.q("q"), "c", exclusive=True)
    connection.channel().consume(t.q("q"), "d")
    connection.channel().consume(t.q("q"), "d", exclusive=True)
    first.consume(t.q("q"), "e")
    second = connection.channel()
    second.consume(t.q("q"), "plain")
    connection.channel().consume(t.q("q"), "f", exclusive=True)


@case("1.3/consume", "1.3/cancel")
def exclusive_consumer_leaves(t):
    """After its cancel the queue is free again."""
    connection = t.connect()
    channel = connection.channel()
    channel.declare(t.q("q"))
    channel.consume(t.q("q"), "c", exclusive=True)
    channel.cancel("c")
    connection.channel().consume(t.q("q"), "d", exclusive=True)


@case("1.3/consume", "1.3/get")
def exclusive_consumer_and_get(t):
    """basic.get is not refused by an exclusive consumer."""
    connection = t.connect()
    channel = connection.channel(awaits_confirms=True)
    channel.declare(t.q("q"))
    consumer = connection.channel()
    consumer.qos(1)
    consumer.consume(t.q("q"), "c", exclusive=True)
    channel.publish("", t.q("q"), "1")
    channel.publish("", t.q("q"), "2")
    consumer.receive()
    channel.get(t.q("q"))


@case("1.2/exclusive", "1.3/consume")
def exclusive_consumer_from_another_connection(t):
    """The refusal does not depend on who asks."""
    connection = t.connect()
    channel = connection.channel()
    channel.declare(t.q("q"))
    channel.consume(t.q("q"), "c", exclusive=True)
    t.connect().channel().consume(t.q("q"), "d")
