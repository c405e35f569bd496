"""basic.get, ack, nack, reject, recover, and the order of what is returned."""

from cases import case


def _filled(t, *bodies):
    """A connection with a channel, and a queue with something in it."""
    connection = t.connect()
    channel = connection.channel()
    channel.declare(t.q("q"))
    for body in bodies:
        channel.publish("", t.q("q"), body)
    return connection, channel


def _get_all(channel, queue, count, no_ack=True):
    for _ in range(count):
        channel.get(queue, no_ack)


@case("1.3/get")
def get_counts_what_is_left(t):
    """get-ok counts the ready messages that are left; get-empty has an empty cluster id."""
    _, channel = _filled(t, "1", "2", "3")
    _get_all(channel, t.q("q"), 4)


@case("1.3/get", "1.2/last-queue")
def get_from_absent_and_empty_name(t):
    """404, in two texts."""
    connection = t.connect()
    connection.channel().get("get_from_absent.none")
    connection.channel().get("")
    channel = connection.channel()
    channel.declare(t.q("q"))
    channel.get("")


@case("1.3/get", "1.3/acks")
def get_shares_tags_with_deliver(t):
    """Delivery tags count through the channel: gets, deliveries, with and without acks."""
    connection, channel = _filled(t, "1", "2", "3", "4")
    channel.get(t.q("q"))
    channel.get(t.q("q"), no_ack=False)
    channel.consume(t.q("q"), "c", no_ack=True)
    channel.receive(2)
    channel.ack(2)
    channel.nothing()
    channel.ack(1)
    channel.nothing()


@case("1.3/acks")
def ack_unknown(t):
    """A tag that was never given."""
    connection = t.connect()
    for send in (lambda c: c.ack(99), lambda c: c.nack(99), lambda c: c.reject(99),
                 lambda c: c.ack(2 ** 64 - 1), lambda c: c.ack(1, multiple=True)):
        channel = connection.channel()
        send(channel)
        channel.nothing()


@case("1.3/acks")
def ack_twice(t):
    """The second ack of a tag, and its nack and reject."""
    connection, _ = _filled(t, "1", "2", "3")
    for send in (lambda c: c.ack(1), lambda c: c.nack(1), lambda c: c.reject(1)):
        channel = connection.channel()
        channel.get(t.q("q"), no_ack=False)
        channel.ack(1)
        send(channel)
        channel.nothing()


@case("1.3/acks")
def ack_zero(t):
    """Tag 0: all with multiple, also when there are none; alone it is unknown."""
    connection, channel = _filled(t, "1", "2")
    channel.ack(0, multiple=True)
    channel.nack(0, multiple=True)
    channel.nothing()
    _get_all(channel, t.q("q"), 2, no_ack=False)
    channel.ack(0, multiple=True)
    channel.nothing()
    channel.ack(1)
    channel.nothing()
    for send in (lambda c: c.ack(0), lambda c: c.nack(0), lambda c: c.reject(0)):
        channel = connection.channel()
        send(channel)
        channel.nothing()


@case("1.3/acks")
def ack_multiple(t):
    """Multiple settles all up to the tag; what is above stays."""
    connection, channel = _filled(t, "1", "2", "3", "4")
    _get_all(channel, t.q("q"), 4, no_ack=False)
    channel.ack(3, multiple=True)
    channel.nothing()
    channel.call("channel.close", reply_code=200)
    _get_all(connection.channel(), t.q("q"), 2)


@case("1.3/acks")
def ack_multiple_below(t):
    """Multiple with a tag below all that is open, and above."""
    connection, channel = _filled(t, "1", "2", "3")
    _get_all(channel, t.q("q"), 3, no_ack=False)
    channel.ack(1)
    channel.ack(1, multiple=True)
    channel.nothing()
    other = connection.channel()
    other.passive(t.q("q"))


@case("1.3/acks")
def ack_multiple_above(t):
    """Multiple with a tag that was not given yet acks nothing and is an error."""
    connection, channel = _filled(t, "1", "2")
    _get_all(channel, t.q("q"), 2, no_ack=False)
    channel.ack(5, multiple=True)
    channel.nothing()
    _get_all(connection.channel(), t.q("q"), 3)


@case("1.3/acks")
def ack_of_a_no_ack_delivery(t):
    """What needed no ack has an unknown tag."""
    _, channel = _filled(t, "1")
    channel.get(t.q("q"))
    channel.ack(1)
    channel.nothing()


@case("1.3/acks")
def ack_on_another_channel(t):
    """Tags are the channel's own."""
    connection, channel = _filled(t, "1")
    channel.get(t.q("q"), no_ack=False)
    other = connection.channel()
    other.ack(1)
    other.nothing()
    channel.ack(1)
    channel.nothing()


@case("1.3/acks")
def ack_out_of_order(t):
    """Any order will do."""
    connection, channel = _filled(t, "1", "2", "3")
    _get_all(channel, t.q("q"), 3, no_ack=False)
    for tag in (3, 1, 2):
        channel.ack(tag)
    channel.nothing()
    connection.channel().get(t.q("q"))


@case("1.3/acks")
def nack_multiple_without_requeue(t):
    """Dropped, all up to the tag."""
    connection, channel = _filled(t, "1", "2", "3")
    _get_all(channel, t.q("q"), 3, no_ack=False)
    channel.nack(2, multiple=True)
    channel.nack(3, requeue=True)
    connection.channel().until_ready(t.q("q"), 1)
    channel.get(t.q("q"))


@case("1.3/requeue-order")
def requeue_one_of_many(t):
    """A returned message goes back to where it was."""
    _, channel = _filled(t, "0", "1", "2", "3", "4")
    _get_all(channel, t.q("q"), 3, no_ack=False)
    channel.nack(2, requeue=True)
    _get_all(channel, t.q("q"), 4)


@case("1.3/requeue-order")
def requeue_backwards(t):
    """Returned in any order, they are back in the first one."""
    _, channel = _filled(t, "0", "1", "2", "3")
    _get_all(channel, t.q("q"), 4, no_ack=False)
    for tag in (4, 2, 3, 1):
        channel.reject(tag, requeue=True)
    _get_all(channel, t.q("q"), 5)


@case("1.3/requeue-order")
def requeue_many_times(t):
    """One message returned again and again stays at the head."""
    _, channel = _filled(t, "0", "1", "2")
    for tag in range(1, 4):
        channel.get(t.q("q"), no_ack=False)
        channel.reject(tag, requeue=True)
    _get_all(channel, t.q("q"), 3)


@case("1.3/requeue-order")
def requeue_from_two_channels(t):
    """Two channels return what they have; the order is the first one."""
    connection, one = _filled(t, "0", "1", "2", "3")
    two = connection.channel()
    one.get(t.q("q"), no_ack=False)
    two.get(t.q("q"), no_ack=False)
    one.get(t.q("q"), no_ack=False)
    two.get(t.q("q"), no_ack=False)
    two.call("channel.close", reply_code=200)
    one.nack(0, multiple=True, requeue=True)
    _get_all(one, t.q("q"), 5)


@case("1.3/requeue-order")
def requeue_by_channel_close(t):
    """A closed channel's messages are back, flagged, before close-ok."""
    connection, channel = _filled(t, "0", "1", "2")
    _get_all(channel, t.q("q"), 2, no_ack=False)
    channel.call("channel.close", reply_code=200)
    _get_all(connection.channel(), t.q("q"), 4)


@case("1.3/requeue-order", "1.0/soft-error")
def requeue_by_channel_error(t):
    """A channel error returns what was unacked."""
    connection, channel = _filled(t, "0", "1")
    channel.get(t.q("q"), no_ack=False)
    channel.passive("requeue_by_channel_error.none")
    other = connection.channel()
    other.until_ready(t.q("q"), 2)
    _get_all(other, t.q("q"), 3)


@case("1.3/recover")
def recover_requeue(t):
    """recover puts all that is unacked back in order, flagged; others stay unflagged."""
    _, channel = _filled(t, "0", "1", "2", "3", "4")
    _get_all(channel, t.q("q"), 4, no_ack=False)
    channel.call("basic.recover", requeue=True)
    _get_all(channel, t.q("q"), 6)


@case("1.3/recover")
def recover_to_the_consumer(t):
    """With a consumer what is recovered comes again, with new tags."""
    connection, channel = _filled(t, "0", "1")
    channel.qos(2)
    channel.consume(t.q("q"), "c")
    channel.receive(2)
    channel.call("basic.recover", requeue=True)
    channel.receive(2)
    channel.ack(3)
    channel.nothing()
    channel.ack(1)
    channel.nothing()


@case("1.3/recover")
def recover_async(t):
    """recover-async has no answer."""
    _, channel = _filled(t, "0", "1")
    _get_all(channel, t.q("q"), 2, no_ack=False)
    channel.send("basic.recover-async", requeue=True)
    channel.nothing()
    _get_all(channel, t.q("q"), 3)


@case("1.3/recover")
def recover_without_requeue(t):
    """requeue=false is not implemented."""
    t.connect().channel().call("basic.recover")
    other = t.connect().channel()
    other.send("basic.recover-async")
    other.nothing()


@case("1.3/recover")
def recover_nothing(t):
    """Nothing unacked: recover-ok."""
    t.connect().channel().call("basic.recover", requeue=True)


@case("1.3/acks", "1.2/exclusive")
def ack_after_queue_delete(t):
    """Acks for a queue that is gone are taken."""
    _, channel = _filled(t, "1", "2")
    _get_all(channel, t.q("q"), 2, no_ack=False)
    channel.call("queue.delete", queue=t.q("q"))
    channel.ack(1)
    channel.nack(2, requeue=True)
    channel.nothing()


@case("1.3/acks")
def ack_after_purge(t):
    """Purge leaves what is unacked."""
    _, channel = _filled(t, "1", "2", "3")
    channel.get(t.q("q"), no_ack=False)
    channel.call("queue.purge", queue=t.q("q"))
    channel.nack(1, requeue=True)
    channel.get(t.q("q"))


@case("1.3/requeue-order")
def redelivered_stays(t):
    """Once returned, flagged for ever."""
    _, channel = _filled(t, "1")
    for tag in (1, 2):
        channel.get(t.q("q"), no_ack=False)
        channel.nack(tag, requeue=True)
    channel.get(t.q("q"))


@case("1.3/requeue-order", "1.3/restart")
def redelivered_after_dropped_socket(t):
    """A dropped socket's messages are back, flagged."""
    connection, channel = _filled(t, "1", "2")
    channel.get(t.q("q"), no_ack=False)
    connection.drop()
    other = t.connect().channel()
    other.until_ready(t.q("q"), 2)
    _get_all(other, t.q("q"), 2)
