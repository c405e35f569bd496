"""Dead lettering: what goes where, with which x-death."""

from cases import case


def _dlx(queue, **more):
    """Arguments that dead-letter to a queue by the default exchange."""
    arguments = {key.replace("_", "-"): value for key, value in more.items()}
    return {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": queue, **arguments}


def _reject_one(channel, queue, tag):
    channel.get(queue, no_ack=False)
    channel.reject(tag)


def _get_dead(channel, queue, count=1):
    """Waits for so many dead letters, then takes them."""
    channel.until_ready(queue, count)
    for _ in range(count):
        event = channel.get(queue)
    return event


def _queue_and_grave(t, channel, **more):
    channel.declare(t.q("dead"))
    channel.declare(t.q("q"), _dlx(t.q("dead"), **more))


@case("1.2/dead-letter", "1.4/x-death")
def death_by_reject(t):
    """basic.reject without requeue."""
    channel = t.connect().channel()
    _queue_and_grave(t, channel)
    channel.publish("", t.q("q"), "1", {"content_type": "text/plain", "headers": {"mine": "yes"},
                                        "delivery_mode": 2, "priority": 3, "message_id": "m"})
    _reject_one(channel, t.q("q"), 1)
    _get_dead(channel, t.q("dead"))


@case("1.2/dead-letter", "1.4/x-death", "1.3/acks")
def death_by_nack_multiple(t):
    """basic.nack of several: they die in order, each with its own x-death."""
    channel = t.connect().channel()
    _queue_and_grave(t, channel)
    for body in "123":
        channel.publish("", t.q("q"), body)
        channel.get(t.q("q"), no_ack=False)
    channel.nack(3, multiple=True)
    _get_dead(channel, t.q("dead"), 3)


@case("1.2/dead-letter", "1.4/x-death", "1.2/expiration")
def death_by_expiration(t):
    """A message's own expiration is taken out of its properties and kept in x-death."""
    channel = t.connect().channel()
    _queue_and_grave(t, channel)
    channel.publish("", t.q("q"), "1", {"expiration": "20", "type": "t"})
    _get_dead(channel, t.q("dead"))


@case("1.2/dead-letter", "1.4/x-death", "1.2/expiration")
def death_by_queue_ttl_with_expiration(t):
    """The expiration is taken out too where the queue's TTL was what killed."""
    channel = t.connect().channel()
    _queue_and_grave(t, channel, x_message_ttl=20)
    channel.publish("", t.q("q"), "1", {"expiration": "90000"})
    _get_dead(channel, t.q("dead"))


@case("1.2/dead-letter", "1.4/x-death", "1.2/expiration")
def death_by_reject_with_expiration(t):
    """What a rejected message's expiration becomes."""
    channel = t.connect().channel()
    _queue_and_grave(t, channel)
    channel.publish("", t.q("q"), "1", {"expiration": "90000"})
    _reject_one(channel, t.q("q"), 1)
    _get_dead(channel, t.q("dead"))


@case("1.2/dead-letter", "1.4/x-death")
def death_keeps_the_routing_key(t):
    """Without x-dead-letter-routing-key the message keeps its own key."""
    channel = t.connect().channel()
    channel.exchange(t.x("dlx"), "topic")
    channel.exchange(t.x("x"), "topic")
    channel.declare(t.q("dead"))
    channel.bind(t.q("dead"), t.x("dlx"), "a.#")
    channel.declare(t.q("q"), {"x-dead-letter-exchange": t.x("dlx")})
    channel.bind(t.q("q"), t.x("x"), "#")
    channel.publish(t.x("x"), "b.b", "its dead letter is routed nowhere")
    channel.publish(t.x("x"), "a.b", "1")
    for tag in (1, 2):
        _reject_one(channel, t.q("q"), tag)
    _get_dead(channel, t.q("dead"))
    channel.get(t.q("dead"))


@case("1.2/dead-letter")
def death_without_exchange(t):
    """An exchange that is not there drops the dead without a word; made later, it is used."""
    channel = t.connect().channel()
    channel.declare(t.q("dead"))
    channel.declare(t.q("q"), {"x-dead-letter-exchange": t.x("later"),
                               "x-dead-letter-routing-key": "k"})
    channel.publish("", t.q("q"), "1")
    _reject_one(channel, t.q("q"), 1)
    channel.publish("", t.q("q"), "2")
    channel.get(t.q("q"), no_ack=False)
    channel.exchange(t.x("later"), "fanout")
    channel.bind(t.q("dead"), t.x("later"))
    channel.reject(2)
    _get_dead(channel, t.q("dead"))


@case("1.2/dead-letter", "1.4/x-death")
def death_through_headers_exchange(t):
    """A dead letter is routed by the message's own headers."""
    channel = t.connect().channel()
    channel.exchange(t.x("dlx"), "headers")
    channel.declare(t.q("dead"))
    channel.bind(t.q("dead"), t.x("dlx"), "", {"x-match": "all", "color": "red"})
    channel.declare(t.q("q"), {"x-dead-letter-exchange": t.x("dlx")})
    for color in ("blue", "red"):
        channel.publish("", t.q("q"), color, {"headers": {"color": color}})
        channel.get(t.q("q"), no_ack=False)
    channel.nack(2, multiple=True)
    _get_dead(channel, t.q("dead"))


@case("1.4/x-death")
def death_in_two_queues(t):
    """The newest death stands first; x-first-death stays."""
    channel = t.connect().channel()
    channel.declare(t.q("end"))
    channel.declare(t.q("second"), _dlx(t.q("end"), x_message_ttl=20))
    channel.declare(t.q("first"), _dlx(t.q("second")))
    channel.publish("", t.q("first"), "1")
    _reject_one(channel, t.q("first"), 1)
    _get_dead(channel, t.q("end"))


@case("1.4/x-death", "1.4/cycles")
def death_again_and_again(t):
    """A further death in the same queue for the same reason counts up; its entry moves to the front."""
    channel = t.connect().channel()
    channel.declare(t.q("wait"), _dlx(t.q("work"), x_message_ttl=20))
    channel.declare(t.q("work"), _dlx(t.q("wait")))
    channel.publish("", t.q("work"), "job", {"headers": {"h": 1}})
    for tag in (1, 2, 3):
        channel.until_ready(t.q("work"), 1)
        _reject_one(channel, t.q("work"), tag)
    _get_dead(channel, t.q("work"))


@case("1.4/x-death")
def death_for_two_reasons(t):
    """One queue, two reasons: two entries."""
    channel = t.connect().channel()
    channel.declare(t.q("dead"), _dlx(t.q("q")))
    channel.declare(t.q("q"), _dlx(t.q("dead")))
    channel.publish("", t.q("q"), "1", {"expiration": "10"})
    channel.until_ready(t.q("dead"), 1)
    _reject_one(channel, t.q("dead"), 1)
    channel.until_ready(t.q("q"), 1)
    _reject_one(channel, t.q("q"), 2)
    _get_dead(channel, t.q("dead"))


@case("1.4/cycles")
def cycle_to_itself_by_ttl(t):
    """A queue that expires into itself drops the message."""
    channel = t.connect().channel(awaits_confirms=True)
    channel.declare(t.q("q"), _dlx(t.q("q"), x_message_ttl=20))
    channel.publish("", t.q("q"), "1")
    channel.until_ready(t.q("q"), 0)
    channel.get(t.q("q"))


@case("1.4/cycles")
def cycle_to_itself_by_reject(t):
    """A queue that rejects into itself keeps the message and counts."""
    channel = t.connect().channel()
    channel.declare(t.q("q"), _dlx(t.q("q")))
    channel.publish("", t.q("q"), "1")
    for tag in (1, 2):
        channel.until_ready(t.q("q"), 1)
        _reject_one(channel, t.q("q"), tag)
    _get_dead(channel, t.q("q"))


@case("1.4/cycles")
def cycle_of_two_by_ttl(t):
    """Two queues that expire into each other: it stops before the message comes back to where it was."""
    channel = t.connect().channel(awaits_confirms=True)
    channel.exchange(t.x("x"), "topic")
    channel.declare(t.q("log"))
    for queue, other in (("a", "b"), ("b", "a")):
        channel.declare(t.q(queue), {"x-message-ttl": 20, "x-dead-letter-exchange": t.x("x"),
                                     "x-dead-letter-routing-key": other})
        channel.bind(t.q(queue), t.x("x"), queue)
    channel.bind(t.q("log"), t.x("x"), "#")
    channel.publish(t.x("x"), "a", "1")
    _get_dead(channel, t.q("log"), 3)
    channel.get(t.q("log"))


@case("1.4/cycles", "1.2/max-length")
def cycle_by_max_length(t):
    """What drops for length is not dead-lettered back into the queue that dropped it."""
    channel = t.connect().channel(awaits_confirms=True)
    channel.declare(t.q("q"), _dlx(t.q("q"), x_max_length=1))
    channel.publish("", t.q("q"), "1")
    channel.publish("", t.q("q"), "2")
    channel.get(t.q("q"))
    channel.get(t.q("q"))


@case("1.4/x-death", "1.3/cc-bcc")
def death_with_cc(t):
    """CC keys count among the routing keys, and CC routes the dead letter again."""
    channel = t.connect().channel()
    channel.exchange(t.x("dlx"), "direct")
    channel.declare(t.q("q"), {"x-dead-letter-exchange": t.x("dlx")})
    for queue, key in (("one", t.q("q")), ("two", "copy"), ("three", "blind")):
        channel.declare(t.q(queue))
        channel.bind(t.q(queue), t.x("dlx"), key)
    channel.publish("", t.q("q"), "1", {"headers": {"CC": ["copy", "other"], "BCC": ["blind"]}})
    _reject_one(channel, t.q("q"), 1)
    channel.until_ready(t.q("one"), 1)
    channel.until_ready(t.q("two"), 1)
    for queue in ("one", "two", "three"):
        channel.get(t.q(queue))


@case("1.4/x-death", "1.3/cc-bcc")
def death_with_cc_and_own_key(t):
    """With x-dead-letter-routing-key CC is dropped from the headers."""
    channel = t.connect().channel()
    _queue_and_grave(t, channel)
    channel.publish("", t.q("q"), "1", {"headers": {"a": 1, "CC": ["copy"], "z": 2}})
    _reject_one(channel, t.q("q"), 1)
    _get_dead(channel, t.q("dead"))


@case("1.4/x-death")
def death_with_foreign_x_death(t):
    """An x-death that a client sends along is counted on."""
    channel = t.connect().channel()
    _queue_and_grave(t, channel)
    mine = {"count": 7, "queue": t.q("q"), "reason": "rejected", "exchange": "", "extra": "kept?"}
    channel.publish("", t.q("q"), "1",
                    {"headers": {"x-death": [mine], "x-first-death-reason": "me"}})
    _reject_one(channel, t.q("q"), 1)
    _get_dead(channel, t.q("dead"))


@case("1.4/x-death")
def death_with_nonsense_x_death(t):
    """What becomes of an x-death that is no array."""
    channel = t.connect().channel()
    _queue_and_grave(t, channel)
    channel.publish("", t.q("q"), "1", {"headers": {"x-death": "a string"}})
    _reject_one(channel, t.q("q"), 1)
    _get_dead(channel, t.q("dead"))


@case("1.4/x-death")
def death_republished_by_the_client(t):
    """A dead letter that its consumer publishes again keeps its history, counts included."""
    channel = t.connect().channel()
    _queue_and_grave(t, channel)
    channel.publish("", t.q("q"), "1")
    _reject_one(channel, t.q("q"), 1)
    event = _get_dead(channel, t.q("dead"))
    channel.publish("", t.q("q"), "1", event.properties or {})
    _reject_one(channel, t.q("q"), 3)
    _get_dead(channel, t.q("dead"))


@case("1.2/dead-letter", "1.3/consume")
def death_reaches_a_consumer(t):
    """A dead letter is delivered as any message: exchange and key are those of the dead lettering."""
    connection = t.connect()
    channel, consumer = connection.channel(), connection.channel()
    channel.exchange(t.x("dlx"), "fanout")
    channel.declare(t.q("dead"))
    channel.bind(t.q("dead"), t.x("dlx"), "whatever")
    channel.declare(t.q("q"), {"x-dead-letter-exchange": t.x("dlx"),
                               "x-dead-letter-routing-key": "grave"})
    consumer.consume(t.q("dead"), "c")
    channel.publish("", t.q("q"), "1")
    _reject_one(channel, t.q("q"), 1)
    consumer.receive()


@case("1.2/dead-letter")
def death_not_by_purge_or_delete(t):
    """Purge and delete do not dead-letter."""
    channel = t.connect().channel()
    _queue_and_grave(t, channel)
    channel.publish("", t.q("q"), "1")
    channel.call("queue.purge", queue=t.q("q"))
    channel.publish("", t.q("q"), "2")
    channel.call("queue.delete", queue=t.q("q"))
    channel.get(t.q("dead"))


@case("1.2/dead-letter", "1.2/alternate")
def death_through_alternate_exchange(t):
    """A dead letter that its exchange cannot route goes on to the alternate exchange."""
    channel = t.connect().channel()
    channel.exchange(t.x("ae"), "fanout")
    channel.exchange(t.x("dlx"), "direct", {"alternate-exchange": t.x("ae")})
    channel.declare(t.q("dead"))
    channel.bind(t.q("dead"), t.x("ae"))
    channel.declare(t.q("q"), {"x-dead-letter-exchange": t.x("dlx"),
                               "x-dead-letter-routing-key": "nobody"})
    channel.publish("", t.q("q"), "1")
    _reject_one(channel, t.q("q"), 1)
    _get_dead(channel, t.q("dead"))


@case("1.2/dead-letter", "1.3/tx")
def death_by_reject_in_tx(t):
    """A reject in a transaction dead-letters at the commit."""
    channel = t.connect().channel()
    _queue_and_grave(t, channel)
    channel.publish("", t.q("q"), "1")
    channel.call("tx.select")
    _reject_one(channel, t.q("q"), 1)
    channel.get(t.q("dead"))
    channel.call("tx.commit")
    _get_dead(channel, t.q("dead"))


@case("1.2/dead-letter", "1.3/requeue-order")
def death_and_redelivered(t):
    """A dead letter is not flagged redelivered in its new queue."""
    channel = t.connect().channel()
    _queue_and_grave(t, channel)
    channel.publish("", t.q("q"), "1")
    channel.get(t.q("q"), no_ack=False)
    channel.reject(1, requeue=True)
    _reject_one(channel, t.q("q"), 2)
    _get_dead(channel, t.q("dead"))


@case("1.2/dead-letter", "1.2/default-exchange")
def death_to_the_default_exchange_by_key(t):
    """A dead-letter exchange "" without a key goes back to the queue whose name was the key."""
    channel = t.connect().channel()
    channel.declare(t.q("q"), {"x-dead-letter-exchange": ""})
    channel.publish("", t.q("q"), "1")
    _reject_one(channel, t.q("q"), 1)
    _get_dead(channel, t.q("q"))


@case("1.2/dead-letter", "1.3/properties")
def death_keeps_all_properties(t):
    """Properties of every kind survive a death."""
    channel = t.connect().channel()
    _queue_and_grave(t, channel)
    channel.publish("", t.q("q"), "1", {
        "content_type": "a", "content_encoding": "b", "headers": {"n": None, "f": {"x": [1, 2.5]}},
        "delivery_mode": 1, "priority": 9, "correlation_id": "c", "reply_to": "d", "message_id": "e",
        "timestamp": 1234567890, "type": "f", "user_id": "guest", "app_id": "g", "cluster_id": "h"})
    _reject_one(channel, t.q("q"), 1)
    _get_dead(channel, t.q("dead"))


@case("1.2/dead-letter")
def death_to_several_queues(t):
    """A dead letter is routed as any message: to all that are bound."""
    channel = t.connect().channel()
    channel.exchange(t.x("dlx"), "fanout")
    channel.declare(t.q("q"), {"x-dead-letter-exchange": t.x("dlx")})
    for queue in ("one", "two"):
        channel.declare(t.q(queue))
        channel.bind(t.q(queue), t.x("dlx"))
    channel.publish("", t.q("q"), "1")
    _reject_one(channel, t.q("q"), 1)
    _get_dead(channel, t.q("one"))
    _get_dead(channel, t.q("two"))
