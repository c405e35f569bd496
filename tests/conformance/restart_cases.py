"""What a restart of the broker leaves: stop_app and start_app there, a stop and a start here."""

from cases import case

DURABLE = True
P = {"delivery_mode": 2}


def _restart(t):
    t.note("the broker is restarted")
    t.broker.restart()


@case("1.3/restart", alone=True)
def restart_keeps_what_is_durable(t):
    """Durable exchanges, queues and bindings stay, with persistent messages in order; the rest goes."""
    channel = t.connect().channel(awaits_confirms=True)
    channel.exchange(t.x("durable"), "topic", durable=True)
    channel.exchange(t.x("transient"), "topic")
    channel.declare(t.q("durable"), durable=True)
    channel.declare(t.q("transient"))
    channel.bind(t.q("durable"), t.x("durable"), "a.#")
    for body, properties in (("1", P), ("transient", {}), ("2", {**P, "headers": {"a": 1}})):
        channel.publish(t.x("durable"), "a.b", body, properties)
    _restart(t)
    connection = t.connect()
    connection.channel().exchange(t.x("durable"), "topic", passive=True)
    connection.channel().exchange(t.x("transient"), "topic", passive=True)
    connection.channel().passive(t.q("transient"))
    channel = connection.channel()
    channel.publish(t.x("durable"), "a.c", "3", P)
    for _ in range(4):
        channel.get(t.q("durable"))


@case("1.3/restart", "1.3/requeue-order", alone=True)
def restart_with_unacked(t):
    """What was unacked is back, flagged; what was acked is gone."""
    channel = t.connect().channel(awaits_confirms=True)
    channel.declare(t.q("q"), durable=True)
    for body in "123":
        channel.publish("", t.q("q"), body, P)
    for _ in range(2):
        channel.get(t.q("q"), no_ack=False)
    channel.ack(1)
    channel.call("basic.qos", prefetch_count=0)
    _restart(t)
    channel = t.connect().channel()
    channel.get(t.q("q"))
    channel.get(t.q("q"))
    channel.get(t.q("q"))


@case("1.3/restart", "1.1/shutdown", alone=True)
def restart_closes_connections(t):
    """Connections are told 320."""
    connection = t.connect()
    connection.channel()
    _restart(t)
    connection.expect_end()


@case("1.3/restart", "1.2/priority", "1.2/max-length", "1.2/message-ttl", alone=True)
def restart_keeps_arguments(t):
    """Queues keep their arguments, messages their priority and what is left of their time."""
    channel = t.connect().channel(awaits_confirms=True)
    channel.declare(t.q("priority"), {"x-max-priority": 5}, durable=True)
    channel.declare(t.q("ttl"), {"x-message-ttl": 100}, durable=True)
    channel.declare(t.q("length"), {"x-max-length": 2}, durable=True)
    for priority in (1, 5, 3):
        channel.publish("", t.q("priority"), str(priority), {**P, "priority": priority})
    channel.publish("", t.q("ttl"), "dies", P)
    _restart(t)
    t.at_least_ms(100)
    channel = t.connect().channel(awaits_confirms=True)
    channel.get(t.q("ttl"))
    for _ in range(3):
        channel.get(t.q("priority"))
    for body in "123":
        channel.publish("", t.q("length"), body, P)
    channel.get(t.q("length"))
    t.connect().channel().declare(t.q("length"), {"x-max-length": 3}, durable=True)


@case("1.3/restart", "1.4/x-death", "1.2/dead-letter", alone=True)
def restart_keeps_dead_letters(t):
    """Dead letters of persistent messages are there, and are dead-lettered on."""
    channel = t.connect().channel(awaits_confirms=True)
    channel.declare(t.q("dead"), durable=True)
    channel.declare(t.q("q"), {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": t.q("dead")},
                    durable=True)
    for body in "12":
        channel.publish("", t.q("q"), body, P)
    channel.get(t.q("q"), no_ack=False)
    channel.reject(1)
    channel.until_ready(t.q("dead"), 1)
    _restart(t)
    channel = t.connect().channel()
    channel.get(t.q("q"), no_ack=False)
    channel.reject(1)
    channel.until_ready(t.q("dead"), 2)
    channel.get(t.q("dead"))
    channel.get(t.q("dead"))


@case("1.3/restart", "1.2/quorum", "1.2/delivery-limit", alone=True)
def restart_keeps_a_quorum_queue(t):
    """Everything in it, transient messages too, with their delivery count."""
    channel = t.connect().channel(awaits_confirms=True)
    channel.declare(t.q("q"), {"x-queue-type": "quorum"}, durable=True)
    channel.publish("", t.q("q"), "1")
    channel.publish("", t.q("q"), "2", P)
    _restart(t)
    channel = t.connect().channel()
    channel.until_ready(t.q("q"), 2)
    channel.get(t.q("q"))
    channel.get(t.q("q"))


@case("1.3/restart", "1.2/e2e", "1.2/alternate", alone=True)
def restart_keeps_bindings_of_exchanges(t):
    """Bindings between durable exchanges, and alternate exchanges."""
    channel = t.connect().channel()
    channel.exchange(t.x("a"), "direct", {"alternate-exchange": t.x("b")}, durable=True)
    channel.exchange(t.x("b"), "fanout", durable=True)
    channel.exchange(t.x("c"), "fanout", durable=True)
    channel.call("exchange.bind", destination=t.x("c"), source=t.x("a"), routing_key="k")
    for queue, exchange in (("qb", "b"), ("qc", "c")):
        channel.declare(t.q(queue), durable=True)
        channel.bind(t.q(queue), t.x(exchange))
    _restart(t)
    channel = t.connect().channel()
    channel.publish(t.x("a"), "k", "through c")
    channel.publish(t.x("a"), "other", "through b")
    channel.get(t.q("qb"))
    channel.get(t.q("qc"))
