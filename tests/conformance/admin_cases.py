"""What an operator does to a running broker: alarms, closing connections, lists, purges."""

from cases import case

DURABLE = True  # ctl finds the broker by its data directory


def _alarm(t):
    """Raises the memory alarm until the case is over."""
    t.defer("set_vm_memory_high_watermark", "0.4")
    t.ctl("set_vm_memory_high_watermark", "0")


@case("1.0/alarm", "1.1/blocked", alone=True)
def alarm_blocks_a_publisher(t):
    """A connection that publishes is told, and not read; it goes on when the alarm is over."""
    publisher = t.connect()
    channel = publisher.channel()
    channel.declare(t.q("q"))
    _alarm(t)
    channel.publish("", t.q("q"), "1")
    publisher.receive()
    channel.send("queue.declare", queue=t.q("held"))
    other = t.connect().channel()
    other.declare(t.q("other"))
    t.ctl("set_vm_memory_high_watermark", "0.4")
    publisher.receive()
    channel.receive()
    other.until_ready(t.q("q"), 1)


@case("1.0/alarm", "1.1/blocked", alone=True)
def alarm_holds_the_publish_that_meets_it(t):
    """The publish that finds the alarm on is carried out when the alarm is over; one without a body goes through."""
    channels = [t.connect().channel() for _ in range(3)]
    for name, channel in zip(("body", "none"), channels):
        channel.declare(t.q(name))
    _alarm(t)
    channels[0].publish("", t.q("body"), "1")
    channels[0].connection.receive()
    channels[1].publish("", t.q("none"), "")
    channels[1].connection.receive()
    channels[2].until_ready(t.q("none"), 1)
    channels[2].get(t.q("body"))
    t.ctl("set_vm_memory_high_watermark", "0.4")
    for channel in channels[:2]:
        channel.connection.receive()
    channels[2].until_ready(t.q("body"), 1)


@case("1.0/alarm", "1.1/blocked", alone=True)
def alarm_lets_consumers_go_on(t):
    """A connection that does not publish is neither told nor held."""
    channel = t.connect().channel(awaits_confirms=True)
    channel.declare(t.q("q"))
    channel.publish("", t.q("q"), "1")
    channel.publish("", t.q("q"), "2")
    _alarm(t)
    consumer = t.connect().channel()
    consumer.qos(1)
    consumer.consume(t.q("q"), "c")
    consumer.receive()
    consumer.ack(1)
    consumer.receive()
    consumer.declare(t.q("new"))


@case("1.1/blocked", alone=True)
def alarm_without_the_capability(t):
    """A client that did not ask for it is blocked without a word."""
    publisher = t.connect(capabilities={})
    channel = publisher.channel()
    channel.declare(t.q("q"))
    _alarm(t)
    channel.publish("", t.q("q"), "1")
    channel.send("queue.declare", queue=t.q("held"))
    t.connect().channel().declare(t.q("other"))
    t.ctl("set_vm_memory_high_watermark", "0.4")
    channel.receive()
    publisher.call("connection.close")
    publisher.is_open = False


@case("1.1/shutdown", alone=True)
def close_all_connections(t):
    """320 with the operator's words."""
    vhost = t.vhost()
    connection = t.connect(vhost=vhost)
    other = t.connect()
    connection.channel()
    t.ctl("close_all_connections", "--vhost", vhost, "maintenance, sorry")
    connection.expect_end()
    other.channel()


@case("1.5/users")
def list_queues(t):
    """Columns as JSON and as text."""
    vhost = t.vhost()
    connection = t.connect(vhost=vhost)
    channel = connection.channel(awaits_confirms=True)
    channel.declare(t.q("a"), durable=True)
    channel.declare(t.q("b"), {"x-max-length": 5}, auto_delete=True)
    for body in "12":
        channel.publish("", t.q("a"), body)
    channel.get(t.q("a"), no_ack=False)
    connection.channel().consume(t.q("b"), "c")
    channel.until_ready(t.q("b"), 0, consumers=1)
    t.ctl("list_queues", "-p", vhost, "name", "durable", "auto_delete", "exclusive", "messages_ready",
          "messages_unacknowledged", "messages", "consumers", "type", "--formatter", "json")
    t.ctl("list_queues", "-p", vhost, "name", "arguments", "--formatter", "json")
    t.ctl("list_queues", "-p", vhost, "--formatter", "json")
    t.ctl("list_queues", "-p", vhost, "zzz")
    t.ctl("list_queues", "-p", t.name("none"))


@case("1.5/users")
def list_exchanges_and_bindings(t):
    """As JSON."""
    vhost = t.vhost()
    channel = t.connect(vhost=vhost).channel()
    channel.exchange(t.x("x"), "topic", {"alternate-exchange": "ae"}, durable=True)
    channel.declare(t.q("q"))
    channel.bind(t.q("q"), t.x("x"), "a.*", {"k": "v"})
    channel.call("exchange.bind", destination="amq.fanout", source=t.x("x"), routing_key="b")
    t.ctl("list_exchanges", "-p", vhost, "name", "type", "durable", "auto_delete", "internal",
          "--formatter", "json")
    t.ctl("list_bindings", "-p", vhost, "source_name", "source_kind", "destination_name",
          "destination_kind", "routing_key", "--formatter", "json")


@case("1.5/users", "1.3/consume")
def list_consumers(t):
    """As JSON."""
    vhost = t.vhost()
    channel = t.connect(vhost=vhost).channel()
    channel.declare(t.q("q"))
    channel.qos(7)
    channel.consume(t.q("q"), "tag", {"x-priority": 3})
    t.ctl("list_consumers", "-p", vhost, "queue_name", "consumer_tag", "ack_required", "prefetch_count",
          "active", "--formatter", "json")


@case("1.5/users", "1.3/cancel-notify")
def purge_and_delete_queue(t):
    """purge_queue and delete_queue, with and without conditions."""
    vhost = t.vhost()
    connection = t.connect(vhost=vhost)
    channel = connection.channel(awaits_confirms=True)
    channel.declare(t.q("q"))
    channel.publish("", t.q("q"), "1")
    t.ctl("purge_queue", "-p", vhost, t.q("q"))
    channel.publish("", t.q("q"), "2")
    t.ctl("delete_queue", "-p", vhost, t.q("q"), "--if-empty")
    consumer = connection.channel()
    consumer.consume(t.q("q"), "c")
    consumer.receive()
    t.ctl("delete_queue", "-p", vhost, t.q("q"), "--if-unused")
    t.ctl("delete_queue", "-p", vhost, t.q("q"))
    consumer.receive()
    t.ctl("purge_queue", "-p", vhost, t.q("q"))
    t.ctl("delete_queue", "-p", vhost, t.q("q"))
