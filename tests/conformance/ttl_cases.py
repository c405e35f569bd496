"""Message TTL, per-message expiration, queue expiry."""

from cases import case


@case("1.2/message-ttl")
def ttl_of_queue(t):
    """A message older than the queue's TTL is gone."""
    channel = t.connect().channel(awaits_confirms=True)
    channel.declare(t.q("q"), {"x-message-ttl": 50})
    channel.publish("", t.q("q"), "1")
    channel.until_ready(t.q("q"), 0)
    channel.get(t.q("q"))


@case("1.2/message-ttl")
def ttl_zero(t):
    """A TTL of 0 expires a message unless it can be delivered at once."""
    channel = t.connect().channel()
    channel.declare(t.q("q"), {"x-message-ttl": 0})
    channel.publish("", t.q("q"), "nobody there")
    channel.get(t.q("q"))
    channel.consume(t.q("q"), "c", no_ack=True)
    channel.publish("", t.q("q"), "somebody there")
    channel.receive()
    channel.nothing(t.q("q"))


@case("1.2/message-ttl", "1.3/qos")
def ttl_zero_with_a_full_window(t):
    """With a TTL of 0 a consumer whose window is full is nobody."""
    channel = t.connect().channel(awaits_confirms=True)
    channel.declare(t.q("q"), {"x-message-ttl": 0})
    channel.qos(1)
    channel.consume(t.q("q"), "c")
    channel.publish("", t.q("q"), "fills the window")
    channel.receive()
    channel.publish("", t.q("q"), "expires")
    channel.sync(t.q("q"))
    channel.ack(1)
    channel.nothing(t.q("q"))
    channel.passive(t.q("q"))


@case("1.2/message-ttl")
def ttl_of_unacked(t):
    """What is unacked does not expire; returned after its time it does."""
    channel = t.connect().channel()
    channel.declare(t.q("q"), {"x-message-ttl": 50})
    channel.publish("", t.q("q"), "held")
    channel.get(t.q("q"), no_ack=False)
    t.at_least_ms(100)
    channel.nack(1, requeue=True)
    channel.get(t.q("q"))


@case("1.2/expiration")
def expiration_of_message(t):
    """A message's own expiration, kept in its properties when it is delivered before."""
    channel = t.connect().channel(awaits_confirms=True)
    channel.declare(t.q("q"))
    channel.publish("", t.q("q"), "lives", {"expiration": "60000"})
    channel.get(t.q("q"))
    channel.publish("", t.q("q"), "dies", {"expiration": "50"})
    channel.until_ready(t.q("q"), 0)


@case("1.2/expiration")
def expiration_at_head_only(t):
    """An expired message behind a live one is still counted; it goes when it reaches the head."""
    channel = t.connect().channel(awaits_confirms=True)
    channel.declare(t.q("q"))
    channel.publish("", t.q("q"), "lives")
    channel.publish("", t.q("q"), "dies", {"expiration": "1"})
    channel.publish("", t.q("q"), "lives too")
    t.at_least_ms(100)
    channel.passive(t.q("q"))
    channel.get(t.q("q"))
    channel.get(t.q("q"))
    channel.get(t.q("q"))


@case("1.2/expiration", "1.2/message-ttl")
def expiration_and_queue_ttl(t):
    """The smaller of the message's expiration and the queue's TTL counts."""
    channel = t.connect().channel(awaits_confirms=True)
    channel.declare(t.q("short"), {"x-message-ttl": 30})
    channel.publish("", t.q("short"), "1", {"expiration": "60000"})
    channel.until_ready(t.q("short"), 0)
    channel.declare(t.q("long"), {"x-message-ttl": 60000})
    channel.publish("", t.q("long"), "2", {"expiration": "30"})
    channel.until_ready(t.q("long"), 0)


@case("1.2/expiration")
def expiration_zero(t):
    """An expiration of 0 is gone unless it can be delivered at once."""
    channel = t.connect().channel()
    channel.declare(t.q("q"))
    channel.publish("", t.q("q"), "nobody there", {"expiration": "0"})
    channel.get(t.q("q"))
    channel.consume(t.q("q"), "c", no_ack=True)
    channel.publish("", t.q("q"), "somebody there", {"expiration": "0"})
    channel.receive()


@case("1.2/expiration", "1.3/publish-errors")
def expiration_invalid(t):
    """An expiration that is not a string of milliseconds closes the channel."""
    connection = t.connect()
    connection.channel().declare(t.q("q"))
    for text in ("abc", "-1", "", "1.5", " 1", "1 ", "+5", "4294967296", "315360000001",
                 "99999999999999999999", "0x10", "1e3"):
        channel = connection.channel()
        channel.publish("", t.q("q"), "x", {"expiration": text})
        channel.nothing()
    connection.channel().until_ready(t.q("q"), 1)


@case("1.2/expiration", "1.3/publish-errors")
def expiration_invalid_unroutable(t):
    """An invalid expiration is an error even where the message is routed nowhere."""
    channel = t.connect().channel()
    channel.publish("amq.direct", "nobody", "x", {"expiration": "abc"})
    channel.nothing()


@case("1.2/expires")
def expires_unused(t):
    """A queue that nobody uses goes, with what is in it."""
    connection = t.connect()
    channel = connection.channel()
    channel.declare(t.q("q"), {"x-expires": 50})
    channel.publish("", t.q("q"), "1")
    connection.channel().until_gone(t.q("q"))


@case("1.2/expires")
def expires_while_consumed(t):
    """A queue with a consumer does not expire; after the last cancel its time starts."""
    connection = t.connect()
    channel = connection.channel()
    channel.declare(t.q("q"), {"x-expires": 50})
    channel.consume(t.q("q"), "c", no_ack=True)
    t.at_least_ms(200)
    channel.publish("", t.q("q"), "still here")
    channel.receive()
    channel.cancel("c")
    connection.channel().until_gone(t.q("q"))


@case("1.2/expires", "1.2/dead-letter")
def expires_does_not_dead_letter(t):
    """What lies in an expiring queue is not dead-lettered."""
    connection = t.connect()
    channel = connection.channel()
    channel.declare(t.q("dead"))
    channel.declare(t.q("q"), {"x-expires": 30, "x-dead-letter-exchange": "",
                               "x-dead-letter-routing-key": t.q("dead")})
    channel.publish("", t.q("q"), "lost")
    connection.channel().until_gone(t.q("q"))
    channel.get(t.q("dead"))


@case("1.2/expires", "1.3/cancel-notify")
def expires_under_unacked(t):
    """A message in hand by basic.get does not keep its queue; its ack is taken without a word."""
    connection = t.connect()
    channel = connection.channel()
    channel.declare(t.q("q"), {"x-expires": 40})
    channel.publish("", t.q("q"), "1")
    channel.get(t.q("q"), no_ack=False)
    connection.channel().until_gone(t.q("q"))
    channel.ack(1)
    channel.nothing()


@case("1.2/expires")
def expires_passive_declare_keeps(t):
    """Asking for a queue uses it: it outlives its expiry by far."""
    channel = t.connect().channel()
    channel.declare(t.q("q"), {"x-expires": 1000})
    for _ in range(30):
        t.at_least_ms(50, said=False)
        channel.ask(t.q("q"))
    channel.passive(t.q("q"))


@case("1.2/message-ttl", "1.4/x-death")
def ttl_order_of_expiry(t):
    """Messages expire in order; their dead letters arrive in that order."""
    channel = t.connect().channel()
    channel.declare(t.q("dead"))
    channel.declare(t.q("q"), {"x-message-ttl": 30, "x-dead-letter-exchange": "",
                               "x-dead-letter-routing-key": t.q("dead")})
    for body in "123":
        channel.publish("", t.q("q"), body)
    channel.until_ready(t.q("dead"), 3)
    for _ in range(3):
        channel.get(t.q("dead"))


@case("1.2/message-ttl", "1.3/get")
def ttl_redeclared_queue_keeps_its_own(t):
    """A redeclare with another TTL is refused and changes nothing."""
    connection = t.connect()
    connection.channel().declare(t.q("q"), {"x-message-ttl": 60000})
    connection.channel().declare(t.q("q"), {"x-message-ttl": 1})
    channel = connection.channel()
    channel.publish("", t.q("q"), "1")
    channel.get(t.q("q"))
