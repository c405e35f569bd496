"""Quorum queues: what differs from classic ones on the wire."""

from cases import case

QUORUM = {"x-queue-type": "quorum"}


def _queue(t, channel, **more):
    arguments = {key.replace("_", "-"): value for key, value in more.items()}
    channel.declare(t.q("q"), {**QUORUM, **arguments}, durable=True)


def _publisher(t, **more):
    channel = t.connect().channel(awaits_confirms=True)
    _queue(t, channel, **more)
    return channel


@case("1.2/quorum")
def quorum_publish_and_get(t):
    """Declare, publish, get, ack."""
    channel = _publisher(t)
    channel.publish("", t.q("q"), "1", {"delivery_mode": 2})
    channel.publish("", t.q("q"), "2", {"delivery_mode": 1, "headers": {"a": 1}})
    channel.get(t.q("q"), no_ack=False)
    channel.ack(1)
    channel.get(t.q("q"))
    channel.get(t.q("q"))
    channel.call("queue.delete", queue=t.q("q"))


@case("1.2/quorum", "1.2/delivery-limit")
def quorum_delivery_count(t):
    """x-delivery-count appears with the first redelivery, and counts."""
    channel = _publisher(t)
    channel.publish("", t.q("q"), "1")
    for tag in (1, 2, 3):
        channel.get(t.q("q"), no_ack=False)
        channel.nack(tag, requeue=True)
    channel.get(t.q("q"))


@case("1.2/delivery-limit")
def quorum_delivery_limit(t):
    """With a limit of 2 a message is handed out three times, then dropped."""
    channel = _publisher(t, x_delivery_limit=2)
    channel.publish("", t.q("q"), "1")
    for tag in (1, 2, 3):
        channel.get(t.q("q"), no_ack=False)
        channel.reject(tag, requeue=True)
    channel.get(t.q("q"))


@case("1.2/delivery-limit", "1.4/x-death")
def quorum_delivery_limit_dead_letters(t):
    """What has reached the limit is dead-lettered with reason delivery_limit."""
    connection = t.connect()
    channel = connection.channel(awaits_confirms=True)
    channel.declare(t.q("dead"))
    _queue(t, channel, x_delivery_limit=1, x_dead_letter_exchange="",
           x_dead_letter_routing_key=t.q("dead"))
    channel.publish("", t.q("q"), "1", {"headers": {"a": 1}})
    for tag in (1, 2):
        channel.get(t.q("q"), no_ack=False)
        channel.reject(tag, requeue=True)
    channel.until_ready(t.q("dead"), 1)
    channel.get(t.q("dead"))


@case("1.2/delivery-limit", "1.3/consume")
def quorum_delivery_limit_by_channel_close(t):
    """A delivery that a closing channel gives back counts too."""
    connection = t.connect()
    channel = connection.channel(awaits_confirms=True)
    _queue(t, channel, x_delivery_limit=1)
    channel.publish("", t.q("q"), "1")
    for _ in range(2):
        consumer = connection.channel()
        consumer.consume(t.q("q"), "c")
        consumer.receive()
        consumer.call("channel.close", reply_code=200)
    channel.get(t.q("q"))


@case("1.2/delivery-limit", "1.2/quorum")
def quorum_delivery_limit_zero(t):
    """A limit of 0: one delivery."""
    channel = _publisher(t, x_delivery_limit=0)
    channel.publish("", t.q("q"), "1")
    channel.get(t.q("q"), no_ack=False)
    channel.reject(1, requeue=True)
    channel.get(t.q("q"))


@case("1.2/quorum", "1.3/requeue-order")
def quorum_requeue_order(t):
    """What is returned comes before what was not handed out."""
    channel = _publisher(t)
    for body in "01234":
        channel.publish("", t.q("q"), body)
    for _ in range(3):
        channel.get(t.q("q"), no_ack=False)
    channel.nack(2, requeue=True)
    channel.until_ready(t.q("q"), 3)
    channel.nack(1, requeue=True)
    channel.until_ready(t.q("q"), 4)
    for _ in range(5):
        channel.get(t.q("q"), no_ack=False)


@case("1.2/quorum", "1.3/requeue-order")
def quorum_requeue_order_of_a_consumer(t):
    """What a consumer returns, with its window full and more waiting."""
    connection = t.connect()
    channel, consumer = connection.channel(awaits_confirms=True), connection.channel()
    _queue(t, channel)
    for body in "01234":
        channel.publish("", t.q("q"), body)
    consumer.qos(2)
    consumer.consume(t.q("q"), "c")
    consumer.receive(2)
    consumer.nack(1, requeue=True)
    consumer.receive()
    consumer.ack(2)
    consumer.receive()
    consumer.ack(3)
    consumer.receive()
    consumer.ack(4)
    consumer.receive()


@case("1.2/quorum", "1.3/qos")
def quorum_global_qos(t):
    """A channel with a global prefetch cannot consume."""
    channel = _publisher(t)
    channel.qos(5, **{"global": True})
    channel.consume(t.q("q"), "c")


@case("1.2/quorum", "1.3/qos")
def quorum_global_qos_after_consume(t):
    """Nor can a channel that consumes ask for a global prefetch later."""
    channel = _publisher(t)
    channel.consume(t.q("q"), "c")
    channel.qos(5, **{"global": True})
    channel.publish("", t.q("q"), "1")
    channel.receive()


@case("1.2/quorum", "1.2/delete-if")
def quorum_delete_if(t):
    """if-empty and if-unused."""
    _publisher(t).call("queue.delete", queue=t.q("q"), if_empty=True)
    _publisher(t).call("queue.delete", queue=t.q("q"), if_unused=True)


@case("1.2/quorum", "1.2/max-length", "1.4/x-death")
def quorum_length_and_dead_letter(t):
    """Maximum length drops at the head, with a death."""
    connection = t.connect()
    channel = connection.channel(awaits_confirms=True)
    channel.declare(t.q("dead"))
    _queue(t, channel, x_max_length=1, x_dead_letter_exchange="",
           x_dead_letter_routing_key=t.q("dead"))
    channel.publish("", t.q("q"), "1")
    channel.publish("", t.q("q"), "2")
    channel.until_ready(t.q("dead"), 1)
    channel.get(t.q("dead"))
    channel.get(t.q("q"))


@case("1.2/quorum", "1.2/message-ttl", "1.2/expiration", "1.4/x-death")
def quorum_expiration(t):
    """A message's own expiration, dead-lettered."""
    connection = t.connect()
    channel = connection.channel(awaits_confirms=True)
    channel.declare(t.q("dead"))
    _queue(t, channel, x_dead_letter_exchange="", x_dead_letter_routing_key=t.q("dead"))
    channel.publish("", t.q("q"), "1", {"expiration": "20"})
    channel.until_ready(t.q("dead"), 1)
    channel.get(t.q("dead"))


@case("1.2/quorum", "1.2/dead-letter", "1.4/x-death")
def quorum_reject_dead_letters(t):
    """A rejected message's x-death."""
    connection = t.connect()
    channel = connection.channel(awaits_confirms=True)
    channel.declare(t.q("dead"))
    _queue(t, channel, x_dead_letter_exchange="", x_dead_letter_routing_key=t.q("dead"))
    channel.publish("", t.q("q"), "1")
    channel.get(t.q("q"), no_ack=False)
    channel.nack(1, requeue=True)
    channel.get(t.q("q"), no_ack=False)
    channel.nack(2)
    channel.until_ready(t.q("dead"), 1)
    channel.get(t.q("dead"))


@case("1.2/quorum", "1.3/consume", "1.3/round-robin")
def quorum_consumers(t):
    """Consumers with prefetch take turns; priority comes first."""
    connection = t.connect()
    channel = connection.channel(awaits_confirms=True)
    _queue(t, channel)
    low, high = connection.channel(), connection.channel()
    low.qos(2)
    low.consume(t.q("q"), "low")
    high.qos(1)
    high.consume(t.q("q"), "high", {"x-priority": 5})
    for body in "123":
        channel.publish("", t.q("q"), body)
    high.receive()
    low.receive(2)


@case("1.2/quorum", "1.3/cancel-notify")
def quorum_delete_cancels(t):
    """Deleting the queue cancels its consumers."""
    connection = t.connect()
    channel = connection.channel(awaits_confirms=True)
    _queue(t, channel)
    consumer = connection.channel()
    consumer.consume(t.q("q"), "c")
    channel.call("queue.delete", queue=t.q("q"))
    consumer.receive()


@case("1.2/quorum", "1.3/get")
def quorum_purge(t):
    """Purge counts what was ready."""
    channel = _publisher(t)
    for body in "123":
        channel.publish("", t.q("q"), body)
    channel.get(t.q("q"), no_ack=False)
    channel.call("queue.purge", queue=t.q("q"))
    channel.nack(1, requeue=True)
    channel.get(t.q("q"))


@case("1.2/quorum", "1.2/max-length", "1.3/confirms")
def quorum_reject_publish(t):
    """reject-publish on a quorum queue, which lets a few more in."""
    channel = t.connect().channel()
    _queue(t, channel, x_max_length=1, x_overflow="reject-publish")
    channel.confirm()
    seen = set()
    for number in range(1, 50):
        channel.connection.send_bytes(_quiet_publish(channel, t.q("q")))
        seen.add(_next_confirm(channel, number))
        if "nack" in seen:
            break
    t.note("sooner or later: " + ", ".join(sorted(seen)))


def _quiet_publish(channel, queue):
    from client import publish_frames
    return publish_frames(channel.number, {"routing_key": queue}, {}, b"x")


def _next_confirm(channel, number):
    inbox = channel.connection.inbox[channel.number]
    while not inbox and channel.connection.pump():
        pass
    return inbox.popleft().name.split(".")[1] if inbox else "nothing"
