"""Policies and operator policies, set by ctl."""

from cases import case

DURABLE = True  # ctl finds the broker by its data directory


def _channel(t, **options):
    """(vhost of the case's own, a channel in it)"""
    vhost = t.vhost()
    return vhost, t.connect(vhost=vhost).channel(**options)


def _list_queues(t, vhost):
    t.ctl("list_queues", "-p", vhost, "name", "policy", "--formatter", "json")


@case("1.5/policies", "1.2/max-length")
def policy_on_an_existing_queue(t):
    """A policy works on queues that are there, at once; taken away, the limit is gone."""
    vhost, channel = _channel(t, awaits_confirms=True)
    channel.declare(t.q("q"))
    for body in "12345":
        channel.publish("", t.q("q"), body)
    t.ctl("set_policy", "-p", vhost, "p", "q$", '{"max-length":2}')
    channel.until_ready(t.q("q"), 2)
    channel.get(t.q("q"))
    t.ctl("clear_policy", "-p", vhost, "p")
    for body in "678":
        channel.publish("", t.q("q"), body)
    channel.until_ready(t.q("q"), 4)


@case("1.5/policies", "1.2/max-length")
def policy_on_a_new_queue(t):
    """And on queues that are declared later, where the pattern matches their names."""
    vhost, channel = _channel(t, awaits_confirms=True)
    t.ctl("set_policy", "-p", vhost, "p", "limited$", '{"max-length":1}')
    for name in ("limited", "limited too"):
        channel.declare(t.q(name))
        channel.publish("", t.q(name), "1")
        channel.publish("", t.q(name), "2")
    channel.until_ready(t.q("limited"), 1)
    channel.until_ready(t.q("limited too"), 2)


@case("1.5/policies", "1.2/max-length", "1.2/message-ttl")
def policy_and_arguments(t):
    """Where both say something the lower limit counts; of names the argument's counts."""
    vhost, channel = _channel(t, awaits_confirms=True)
    t.ctl("set_policy", "-p", vhost, "p", ".*",
          '{"max-length":2,"message-ttl":60000,"overflow":"reject-publish"}')
    channel.declare(t.q("lower"), {"x-max-length": 1})
    channel.declare(t.q("higher"), {"x-max-length": 9, "x-overflow": "drop-head"})
    for queue in ("lower", "higher"):
        for body in "123":
            channel.publish("", t.q(queue), body)
    for queue in ("lower", "higher"):
        channel.get(t.q(queue))
        channel.get(t.q(queue))


@case("1.5/policies")
def policy_of_the_highest_priority(t):
    """One policy counts, the one with the highest priority; nothing is merged."""
    vhost, channel = _channel(t, awaits_confirms=True)
    t.ctl("set_policy", "-p", vhost, "low", ".*", '{"max-length":1,"message-ttl":1}', "--priority", "1")
    t.ctl("set_policy", "-p", vhost, "high", "^policy_of", '{"max-length":2}', "--priority", "2")
    channel.declare(t.q("q"))
    for body in "123":
        channel.publish("", t.q("q"), body)
    channel.until_ready(t.q("q"), 2)
    _list_queues(t, vhost)
    t.ctl("list_policies", "-p", vhost, "--formatter", "json")


@case("1.5/policies", "1.2/max-length")
def policy_of_the_operator(t):
    """An operator's policy is laid over the user's, the lower limit counts."""
    vhost, channel = _channel(t, awaits_confirms=True)
    t.ctl("set_policy", "-p", vhost, "user", ".*", '{"max-length":5,"message-ttl":60000}')
    t.ctl("set_operator_policy", "-p", vhost, "op", ".*", '{"max-length":2,"expires":90000}')
    channel.declare(t.q("q"))
    for body in "123":
        channel.publish("", t.q("q"), body)
    channel.until_ready(t.q("q"), 2)
    _list_queues(t, vhost)
    t.ctl("list_operator_policies", "-p", vhost, "--formatter", "json")
    t.ctl("set_operator_policy", "-p", vhost, "op", ".*", '{"max-length":50}')
    for body in "4567":
        channel.publish("", t.q("q"), body)
    channel.until_ready(t.q("q"), 5)
    t.ctl("clear_operator_policy", "-p", vhost, "op")
    _list_queues(t, vhost)


@case("1.5/policies", "1.2/dead-letter")
def policy_of_dead_letters(t):
    """dead-letter-exchange and -routing-key; a queue's own argument comes first."""
    vhost, channel = _channel(t)
    channel.declare(t.q("dead"))
    channel.declare(t.q("dead.own"))
    channel.declare(t.q("q"))
    channel.declare(t.q("own"), {"x-dead-letter-exchange": "",
                                 "x-dead-letter-routing-key": t.q("dead.own")})
    t.ctl("set_policy", "-p", vhost, "p", "(q|own)$",
          '{"dead-letter-exchange":"","dead-letter-routing-key":"%s"}' % t.q("dead"))
    for tag, queue, dead in ((1, "q", "dead"), (3, "own", "dead.own")):
        channel.publish("", t.q(queue), queue)
        channel.get(t.q(queue), no_ack=False)
        channel.reject(tag)
        channel.until_ready(t.q(dead), 1)
        channel.get(t.q(dead))


@case("1.5/policies", "1.2/message-ttl",
      differs="RabbitMQ gives a message its time when it comes; in Leveret a policy's TTL counts for what is there, too")
def policy_of_ttl(t):
    """message-ttl counts for messages that are published later, not for those that are there."""
    vhost, channel = _channel(t, awaits_confirms=True)
    channel.declare(t.q("q"))
    channel.publish("", t.q("q"), "1")
    t.ctl("set_policy", "-p", vhost, "p", ".*", '{"message-ttl":50}')
    channel.publish("", t.q("q"), "2")
    t.at_least_ms(200)
    channel.get(t.q("q"))
    channel.get(t.q("q"))


@case("1.5/policies", "1.2/expires")
def policy_of_expiry(t):
    """expires."""
    vhost, channel = _channel(t)
    channel.declare(t.q("q"))
    t.ctl("set_policy", "-p", vhost, "p", ".*", '{"expires":50}', "--apply-to", "queues")
    channel.until_gone(t.q("q"))


@case("1.5/policies", "1.2/alternate")
def policy_of_exchanges(t):
    """alternate-exchange; a policy for queues does not reach exchanges."""
    vhost, channel = _channel(t)
    channel.exchange(t.x("ae"), "fanout")
    channel.exchange(t.x("x"), "direct")
    channel.declare(t.q("q"))
    channel.bind(t.q("q"), t.x("ae"))
    definition = '{"alternate-exchange":"%s"}' % t.x("ae")
    t.ctl("set_policy", "-p", vhost, "p", "x$", definition, "--apply-to", "queues")
    t.ctl("set_policy", "-p", vhost, "p", "x$", definition, "--apply-to", "exchanges")
    channel.publish(t.x("x"), "k", "alternate", mandatory=True)
    channel.nothing()
    channel.get(t.q("q"))
    t.ctl("clear_policy", "-p", vhost, "p")
    channel.publish(t.x("x"), "k", "returned", mandatory=True)
    channel.receive()


@case("1.5/policies", "1.2/delivery-limit")
def policy_of_delivery_limit(t):
    """delivery-limit works on quorum queues only."""
    vhost, channel = _channel(t, awaits_confirms=True)
    t.ctl("set_policy", "-p", vhost, "p", ".*", '{"delivery-limit":1}')
    channel.declare(t.q("quorum"), {"x-queue-type": "quorum"}, durable=True)
    channel.declare(t.q("classic"))
    for queue, tags in (("quorum", (1, 2)), ("classic", (3, 4))):
        channel.publish("", t.q(queue), queue)
        for tag in tags:
            channel.get(t.q(queue), no_ack=False)
            channel.reject(tag, requeue=True)
        channel.get(t.q(queue))


@case("1.5/policies")
def policy_that_is_refused(t):
    """What is no policy: exit codes."""
    vhost = t.vhost()
    for definition in ('{"max-lengthx":5}', "{bad", '{"max-length":-5}', '{"max-length":"5"}', "[]",
                       "{}", '{"message-ttl":"x"}', '{"overflow":"zzz"}', '{"expires":0}',
                       '{"dead-letter-exchange":1}', '{"alternate-exchange":1}',
                       '{"queue-mode":"zzz"}', '{"delivery-limit":-1}'):
        t.ctl("set_policy", "-p", vhost, "p", ".*", definition)
    t.ctl("set_policy", "-p", vhost, "p", "[", '{"max-length":5}')
    t.ctl("set_policy", "-p", vhost, "p", ".*", '{"max-length":5}', "--priority", "x")
    t.ctl("set_policy", "-p", vhost, "p", ".*", '{"max-length":5}', "--apply-to", "zzz")
    t.ctl("set_policy", "-p", "policy_that_is_refused.none", "p", ".*", '{"max-length":5}')
    t.ctl("set_operator_policy", "-p", vhost, "p", ".*", '{"dead-letter-exchange":"x"}')
    t.ctl("set_operator_policy", "-p", vhost, "p", ".*", '{"max-length":5}', "--apply-to", "exchanges")
    t.ctl("clear_policy", "-p", vhost, "none")
    t.ctl("clear_operator_policy", "-p", vhost, "none")
    t.ctl("list_policies", "-p", vhost, "--formatter", "json")


@case("1.5/policies")
def policy_that_is_accepted(t):
    """Keys that RabbitMQ knows, some of which have no effect here."""
    vhost = t.vhost()
    for number, definition in enumerate((
            '{"ha-mode":"all"}', '{"queue-mode":"lazy"}', '{"max-length-bytes":1000}',
            '{"ha-mode":"exactly","ha-params":2,"ha-sync-mode":"automatic"}',
            '{"overflow":"reject-publish-dlx"}', '{"queue-version":2}', '{"max-age":"1D"}',
            '{"max-in-memory-length":1}', '{"queue-master-locator":"min-masters"}',
            '{"dead-letter-strategy":"at-least-once"}', '{"queue-leader-locator":"balanced"}')):
        t.ctl("set_policy", "-p", vhost, f"p{number}", ".*", definition)
    t.ctl("list_policies", "-p", vhost, "--formatter", "json")


@case("1.5/policies", "1.2/priority")
def policy_of_overflow(t):
    """overflow reject-publish by policy nacks."""
    vhost = t.vhost()
    channel = t.connect(vhost=vhost).channel()
    t.ctl("set_policy", "-p", vhost, "p", ".*", '{"max-length":1,"overflow":"reject-publish"}')
    channel.declare(t.q("q"))
    channel.confirm()
    channel.publish("", t.q("q"), "1")
    channel.publish("", t.q("q"), "2")
    channel.confirms(2)
    channel.get(t.q("q"))
