"""Maximum length in messages and octets, and what happens to what does not fit."""

from cases import case


def _dead_lettering_to(queue, **more):
    arguments = {key.replace("_", "-"): value for key, value in more.items()}
    return {**arguments, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": queue}


def _get_all(channel, queue, count):
    for _ in range(count):
        channel.get(queue)


@case("1.2/max-length")
def length_drops_head(t):
    """By default the oldest goes."""
    channel = t.connect().channel()
    channel.declare(t.q("q"), {"x-max-length": 2})
    for body in "1234":
        channel.publish("", t.q("q"), body)
    _get_all(channel, t.q("q"), 3)


@case("1.2/max-length")
def length_drop_head_said(t):
    """x-overflow drop-head is the default's name."""
    channel = t.connect().channel()
    channel.declare(t.q("q"), {"x-max-length": 1, "x-overflow": "drop-head"})
    for body in "123":
        channel.publish("", t.q("q"), body)
    _get_all(channel, t.q("q"), 2)


@case("1.2/max-length")
def length_zero(t):
    """With a length of 0 only what can be delivered at once lives."""
    channel = t.connect().channel()
    channel.declare(t.q("q"), {"x-max-length": 0})
    channel.confirm()
    channel.publish("", t.q("q"), "nobody there")
    channel.confirms(1)
    channel.get(t.q("q"))
    consumer = t.connect().channel()
    consumer.consume(t.q("q"), "c", no_ack=True)
    channel.publish("", t.q("q"), "somebody there")
    channel.confirms(2, first=2)
    consumer.receive()


@case("1.2/max-length")
def length_counts_ready_only(t):
    """Unacked messages do not count; returned ones do."""
    channel = t.connect().channel(awaits_confirms=True)
    channel.declare(t.q("q"), {"x-max-length": 2})
    for body in "12":
        channel.publish("", t.q("q"), body)
    channel.get(t.q("q"), no_ack=False)
    channel.get(t.q("q"), no_ack=False)
    for body in "34":
        channel.publish("", t.q("q"), body)
    channel.passive(t.q("q"))
    channel.nack(2, multiple=True, requeue=True)
    _get_all(channel, t.q("q"), 3)


@case("1.2/max-length")
def length_in_octets(t):
    """x-max-length-bytes counts bodies."""
    channel = t.connect().channel(awaits_confirms=True)
    channel.declare(t.q("q"), {"x-max-length-bytes": 10})
    for body in ("aaaa", "bbbb", "cc", "dddd"):
        channel.publish("", t.q("q"), body, {"headers": {"long": "h" * 50}})
    channel.passive(t.q("q"))
    _get_all(channel, t.q("q"), 3)


@case("1.2/max-length")
def length_one_message_above_octets(t):
    """A body larger than the limit drops all, and itself."""
    channel = t.connect().channel(awaits_confirms=True)
    channel.declare(t.q("q"), {"x-max-length-bytes": 10})
    channel.publish("", t.q("q"), "12345")
    channel.publish("", t.q("q"), "12345678901")
    channel.passive(t.q("q"))
    channel.publish("", t.q("q"), "")
    channel.publish("", t.q("q"), "1234567890")
    channel.passive(t.q("q"))


@case("1.2/max-length")
def length_and_octets(t):
    """Both limits hold."""
    channel = t.connect().channel(awaits_confirms=True)
    channel.declare(t.q("q"), {"x-max-length": 3, "x-max-length-bytes": 6})
    for body in ("1", "2", "3", "4", "55555"):
        channel.publish("", t.q("q"), body)
    channel.passive(t.q("q"))
    _get_all(channel, t.q("q"), 3)


@case("1.2/max-length", "1.3/confirms")
def length_reject_publish(t):
    """reject-publish answers a publisher that wants confirms with a nack, one each."""
    channel = t.connect().channel()
    channel.declare(t.q("q"), {"x-max-length": 2, "x-overflow": "reject-publish"})
    channel.confirm()
    for number, body in enumerate("1234", 1):
        channel.publish("", t.q("q"), body)
        channel.receive()
    _get_all(channel, t.q("q"), 3)
    channel.publish("", t.q("q"), "5")
    channel.receive()


@case("1.2/max-length")
def length_reject_publish_without_confirms(t):
    """Without confirms what is rejected is dropped without a word."""
    channel = t.connect().channel()
    channel.declare(t.q("q"), {"x-max-length": 1, "x-overflow": "reject-publish"})
    channel.publish("", t.q("q"), "1")
    channel.publish("", t.q("q"), "2", mandatory=True)
    channel.nothing()
    _get_all(channel, t.q("q"), 2)


@case("1.2/max-length", "1.2/dead-letter")
def length_reject_publish_does_not_dead_letter(t):
    """reject-publish with a dead-letter exchange does not dead-letter what it rejects."""
    channel = t.connect().channel()
    channel.declare(t.q("dead"))
    channel.declare(t.q("q"), _dead_lettering_to(t.q("dead"), x_max_length=1,
                                                 x_overflow="reject-publish"))
    channel.confirm()
    for body in "12":
        channel.publish("", t.q("q"), body)
        channel.receive()
    channel.get(t.q("dead"))


@case("1.2/max-length", "1.4/x-death")
def length_reject_publish_dlx(t):
    """reject-publish-dlx nacks and dead-letters what it rejects."""
    channel = t.connect().channel()
    channel.declare(t.q("dead"))
    channel.declare(t.q("q"), _dead_lettering_to(t.q("dead"), x_max_length=1,
                                                 x_overflow="reject-publish-dlx"))
    channel.confirm()
    for body in "12":
        channel.publish("", t.q("q"), body)
        channel.receive()
    channel.until_ready(t.q("dead"), 1)
    channel.get(t.q("dead"))
    channel.get(t.q("q"))


@case("1.2/max-length", "1.4/x-death")
def length_drop_head_dead_letters(t):
    """What drops at the head is dead-lettered with reason maxlen."""
    channel = t.connect().channel()
    channel.declare(t.q("dead"))
    channel.declare(t.q("q"), _dead_lettering_to(t.q("dead"), x_max_length=1))
    channel.publish("", t.q("q"), "1", {"delivery_mode": 2, "headers": {"mine": 7}})
    channel.publish("", t.q("q"), "2")
    channel.until_ready(t.q("dead"), 1)
    channel.get(t.q("dead"))
    channel.get(t.q("q"))


@case("1.2/max-length", "1.3/confirms")
def length_fanout_one_rejects(t):
    """A publish to several queues is nacked where one rejects it; the others have it."""
    channel = t.connect().channel()
    channel.exchange(t.x("x"), "fanout")
    channel.declare(t.q("full"), {"x-max-length": 1, "x-overflow": "reject-publish"})
    channel.declare(t.q("free"))
    channel.bind(t.q("full"), t.x("x"))
    channel.bind(t.q("free"), t.x("x"))
    channel.confirm()
    for body in "12":
        channel.publish(t.x("x"), "", body)
        channel.receive()
    channel.until_ready(t.q("full"), 1)
    channel.until_ready(t.q("free"), 2)


@case("1.2/max-length", "1.3/consume")
def length_reject_publish_with_a_consumer(t):
    """A full queue takes again once a consumer has taken from it, acked or not."""
    connection = t.connect()
    channel, consumer = connection.channel(), connection.channel()
    channel.declare(t.q("q"), {"x-max-length": 1, "x-overflow": "reject-publish"})
    channel.confirm()
    consumer.qos(1)
    consumer.consume(t.q("q"), "c")
    for number, body in enumerate("123", 1):
        channel.publish("", t.q("q"), body)
        channel.receive()
    consumer.receive()
    consumer.ack(1)
    consumer.receive()
    channel.publish("", t.q("q"), "4")
    channel.receive()


@case("1.2/max-length", "1.2/expiration")
def length_and_ttl_dead_letter_in_order(t):
    """Dropped by length and expired by time: each with its reason, in the order of the deaths."""
    channel = t.connect().channel()
    channel.declare(t.q("dead"))
    channel.declare(t.q("q"), _dead_lettering_to(t.q("dead"), x_max_length=1, x_message_ttl=40))
    channel.publish("", t.q("q"), "1")
    channel.publish("", t.q("q"), "2")
    channel.until_ready(t.q("dead"), 2)
    _get_all(channel, t.q("dead"), 2)


@case("1.2/max-length", "1.3/tx")
def length_reject_publish_in_tx(t):
    """In a transaction a rejected publish makes the commit fail, and what was not rejected stays."""
    connection = t.connect()
    channel = connection.channel()
    channel.declare(t.q("q"), {"x-max-length": 1, "x-overflow": "reject-publish"})
    channel.call("tx.select")
    channel.publish("", t.q("q"), "1")
    channel.publish("", t.q("q"), "2")
    channel.call("tx.commit")
    _get_all(connection.channel(), t.q("q"), 2)
