"""The time that a consumer has for its acks."""

from cases import case

# RabbitMQ 3.10 has one timeout for all, and looks once a minute; the argument is Leveret's (and RabbitMQ 3.12's).
RABBITMQ_SETTINGS = ("consumer_timeout = 1000",)
RABBITMQ_ADVANCED = "[{rabbit, [{channel_tick_interval, 300}]}]."


@case("1.3/ack-timeout", differs="RabbitMQ closes the channel and returns all that it holds; Leveret returns the one message "
      "that is late, and the channel goes on (ARCHITECTURE.md)")
def ack_timeout(t):
    """A consumer that does not ack."""
    connection = t.connect()
    channel, other = connection.channel(), connection.channel()
    channel.declare(t.q("q"), {"x-consumer-timeout": 1000})
    channel.consume(t.q("q"), "c")
    other.publish("", t.q("q"), "1")
    channel.receive()
    channel.receive()
