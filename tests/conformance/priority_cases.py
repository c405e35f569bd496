"""Priority queues."""

from cases import case


def _get_all(channel, queue, count):
    for _ in range(count):
        channel.get(queue)


def _publish(channel, queue, *bodies):
    """A body is its priority, with something behind it to tell equals apart; '-' has none."""
    for body in bodies:
        properties = {} if body.startswith("-") else {"priority": int(body.split(".")[0])}
        channel.publish("", queue, body, properties)


@case("1.2/priority")
def priority_order(t):
    """Highest first, first in first out within a level, no priority is 0."""
    channel = t.connect().channel()
    channel.declare(t.q("q"), {"x-max-priority": 10})
    _publish(channel, t.q("q"), "1.a", "5.a", "-.a", "0.a", "5.b", "-.b", "10.a")
    _get_all(channel, t.q("q"), 8)


@case("1.2/priority")
def priority_capped(t):
    """What is above the maximum counts as the maximum; its property stays."""
    channel = t.connect().channel()
    channel.declare(t.q("q"), {"x-max-priority": 3})
    _publish(channel, t.q("q"), "3.a", "9.a", "200.a", "3.b", "2.a")
    _get_all(channel, t.q("q"), 5)


@case("1.2/priority")
def priority_without_argument(t):
    """A queue without x-max-priority does not look at priorities."""
    channel = t.connect().channel()
    channel.declare(t.q("q"))
    _publish(channel, t.q("q"), "1.a", "9.a", "5.a")
    _get_all(channel, t.q("q"), 3)


@case("1.2/priority")
def priority_max_zero(t):
    """x-max-priority 0: one level."""
    channel = t.connect().channel()
    channel.declare(t.q("q"), {"x-max-priority": 0})
    _publish(channel, t.q("q"), "1.a", "9.a", "5.a")
    _get_all(channel, t.q("q"), 3)


@case("1.2/priority", "1.3/requeue-order")
def priority_requeue(t):
    """What is returned goes back to its place within its level."""
    channel = t.connect().channel()
    channel.declare(t.q("q"), {"x-max-priority": 5})
    _publish(channel, t.q("q"), "1.a", "5.a", "5.b", "1.b", "3.a")
    for _ in range(4):
        channel.get(t.q("q"), no_ack=False)
    channel.nack(2, requeue=True)
    channel.nack(4, requeue=True)
    channel.nack(1, requeue=True)
    _get_all(channel, t.q("q"), 5)


@case("1.2/priority", "1.3/requeue-order")
def priority_after_channel_close(t):
    """Unacked messages of a closed channel are back in their order."""
    connection = t.connect()
    channel = connection.channel()
    channel.declare(t.q("q"), {"x-max-priority": 5})
    _publish(channel, t.q("q"), "1.a", "5.a", "5.b", "1.b")
    for _ in range(3):
        channel.get(t.q("q"), no_ack=False)
    channel.call("channel.close", reply_code=200)
    _get_all(connection.channel(), t.q("q"), 5)


@case("1.2/priority", "1.3/consume")
def priority_does_not_overtake_what_is_sent(t):
    """What a consumer has in hand is not recalled; with prefetch 1 the highest comes next."""
    connection = t.connect()
    channel, consumer = connection.channel(awaits_confirms=True), connection.channel()
    channel.declare(t.q("q"), {"x-max-priority": 5})
    consumer.qos(1)
    consumer.consume(t.q("q"), "c")
    _publish(channel, t.q("q"), "1.a", "1.b", "5.a", "3.a")
    for tag in (1, 2, 3, 4):
        consumer.receive()
        consumer.ack(tag)


@case("1.2/priority", "1.2/max-length")
def priority_and_length(t):
    """Too long a priority queue drops at the lowest level first."""
    channel = t.connect().channel()
    channel.declare(t.q("q"), {"x-max-priority": 5, "x-max-length": 3})
    _publish(channel, t.q("q"), "5.a", "5.b", "1.a", "1.b", "5.c", "1.c")
    _get_all(channel, t.q("q"), 4)


@case("1.2/priority", "1.2/expiration",
      differs="RabbitMQ looks at the head of the whole queue only; Leveret drops at the head of every priority, in time")
def priority_and_expiration(t):
    """Expiry waits for the head of the queue, not of each level."""
    channel = t.connect().channel(awaits_confirms=True)
    channel.declare(t.q("q"), {"x-max-priority": 5})
    channel.publish("", t.q("q"), "high, lives", {"priority": 5})
    channel.publish("", t.q("q"), "low, dies", {"priority": 1, "expiration": "20"})
    channel.publish("", t.q("q"), "low, lives", {"priority": 1})
    channel.publish("", t.q("q"), "low, dies behind", {"priority": 1, "expiration": "20"})
    t.at_least_ms(100)
    channel.passive(t.q("q"))
    _get_all(channel, t.q("q"), 4)


@case("1.2/priority", "1.3/get")
def priority_purge_and_delete_count(t):
    """All levels are counted, purged and deleted."""
    channel = t.connect().channel(awaits_confirms=True)
    channel.declare(t.q("q"), {"x-max-priority": 5})
    _publish(channel, t.q("q"), "1.a", "5.a", "-.a")
    channel.passive(t.q("q"))
    channel.call("queue.purge", queue=t.q("q"))
    _publish(channel, t.q("q"), "4.a", "2.a")
    channel.call("queue.delete", queue=t.q("q"))


@case("1.2/priority", "1.4/x-death")
def priority_and_dead_letter(t):
    """A dead letter keeps its priority."""
    channel = t.connect().channel()
    channel.declare(t.q("dead"), {"x-max-priority": 9})
    channel.declare(t.q("q"), {"x-max-priority": 5, "x-dead-letter-exchange": "",
                               "x-dead-letter-routing-key": t.q("dead")})
    _publish(channel, t.q("q"), "1.a", "9.a", "3.a")
    for _ in range(3):
        channel.get(t.q("q"), no_ack=False)
    channel.nack(3, multiple=True)
    channel.until_ready(t.q("dead"), 3)
    _get_all(channel, t.q("dead"), 3)


@case("1.3/round-robin")
def consumer_priority(t):
    """The consumer with the higher x-priority first, until its window is full."""
    connection = t.connect()
    publisher = connection.channel(awaits_confirms=True)
    publisher.declare(t.q("q"))
    high, low = connection.channel(), connection.channel()
    for channel, tag, arguments in ((low, "low", {}), (high, "high", {"x-priority": 10})):
        channel.qos(2)
        channel.consume(t.q("q"), tag, arguments)
    for body in "1234":
        publisher.publish("", t.q("q"), body)
    high.receive(2)
    low.receive(2)
    publisher.publish("", t.q("q"), "5")
    high.nothing(t.q("q"))
    high.ack(1)
    high.receive()


@case("1.3/round-robin")
def consumer_priority_negative(t):
    """A negative priority is below none."""
    connection = t.connect()
    publisher = connection.channel(awaits_confirms=True)
    publisher.declare(t.q("q"))
    low, plain = connection.channel(), connection.channel()
    low.consume(t.q("q"), "low", {"x-priority": -1}, no_ack=True)
    plain.consume(t.q("q"), "plain", no_ack=True)
    for body in "12":
        publisher.publish("", t.q("q"), body)
    plain.receive(2)
    low.nothing(t.q("q"))


@case("1.3/round-robin")
def consumer_priority_ties(t):
    """Consumers of one priority take turns, the lower ones get nothing while these are ready."""
    connection = t.connect()
    publisher = connection.channel(awaits_confirms=True)
    publisher.declare(t.q("q"))
    channels = {}
    for tag, priority in (("a", 5), ("low", 1), ("b", 5)):
        channels[tag] = connection.channel()
        channels[tag].consume(t.q("q"), tag, {"x-priority": priority}, no_ack=True)
    for body in "1234":
        publisher.publish("", t.q("q"), body)
    channels["a"].receive(2)
    channels["b"].receive(2)
    channels["low"].nothing(t.q("q"))


@case("1.3/round-robin")
def consumer_turns(t):
    """Ready consumers take strict turns."""
    connection = t.connect()
    publisher = connection.channel(awaits_confirms=True)
    publisher.declare(t.q("q"))
    one, two, three = (connection.channel() for _ in range(3))
    for channel, tag in ((one, "one"), (two, "two"), (three, "three")):
        channel.consume(t.q("q"), tag, no_ack=True)
    for body in "1234567":
        publisher.publish("", t.q("q"), body)
    one.receive(3)
    two.receive(2)
    three.receive(2)
