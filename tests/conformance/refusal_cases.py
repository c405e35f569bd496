"""Every operation, by clients that lack one right or all of them: what is refused, with which words, and in which order it is looked at."""

from cases import case

DURABLE = True  # ctl finds the broker by its data directory

CONFIGURE = ("", ".*", ".*")
WRITE = (".*", "", ".*")
READ = (".*", ".*", "")
NONE = ("", "", "")


class Limited:
    """A user of a vhost of the case's own; guest makes what is there, the user tries what it may not."""

    def __init__(self, t, permissions):
        self.t = t
        self.vhost = t.vhost()
        self.name = t.user("u", self.vhost, permissions)
        self.guest = t.connect(vhost=self.vhost)
        self.connection = self._connect()

    def _connect(self):
        return self.t.connect(user=self.name, password="pw", vhost=self.vhost)

    def channel(self):
        """A new one; on a new connection where the last was closed."""
        if not self.connection.is_open:
            self.connection = self._connect()
        return self.connection.channel()

    def publish(self, *words, **more):
        channel = self.channel()
        channel.publish(*words, **more)
        channel.nothing()

    def make(self):
        """What the operations are tried on."""
        t, channel = self.t, self.guest.channel()
        channel.declare(t.q("q"))
        channel.bind(t.q("q"), "amq.direct", "bound")
        for name in ("from", "to"):
            channel.exchange(t.x(name), "direct")
        channel.exchange(t.x("inner"), "direct", internal=True)
        channel.call("exchange.bind", destination=t.x("to"), source=t.x("from"), routing_key="bound")


def _declares(t, user):
    q, x = t.q("q"), t.x("from")
    user.channel().exchange(t.x("new"), "direct")
    user.channel().exchange(x, "direct")
    user.channel().exchange(x, "fanout")
    user.channel().exchange(x, "direct", passive=True)
    user.channel().exchange(t.x("absent"), "direct", passive=True)
    user.channel().exchange(t.x("with"), "direct", {"alternate-exchange": t.x("to")})
    user.channel().exchange(t.x("with absent"), "direct", {"alternate-exchange": t.x("absent")})
    user.channel().exchange(t.x("internal"), "topic", internal=True)
    user.channel().declare(t.q("new"))
    user.channel().declare(q)
    user.channel().declare(q, durable=True)
    user.channel().declare(t.q("mine"), exclusive=True)
    user.channel().declare("")
    user.channel().passive(q)
    user.channel().passive(t.q("absent"))
    user.channel().declare(t.q("letters"), {"x-dead-letter-exchange": t.x("to")})
    user.channel().declare(t.q("letters to none"), {"x-dead-letter-exchange": t.x("absent")})
    user.channel().declare(t.q("letters to default"), {"x-dead-letter-exchange": ""})


def _bindings(t, user):
    q, x, to = t.q("q"), t.x("from"), t.x("to")
    for exchange in (x, "amq.topic", t.x("absent"), ""):
        user.channel().bind(q, exchange, "k")
        user.channel().call("queue.unbind", queue=q, exchange=exchange, routing_key="k")
    user.channel().bind(t.q("absent"), x, "k")
    user.channel().call("queue.unbind", queue=t.q("absent"), exchange=x, routing_key="k")
    for destination, source in ((to, x), (to, t.x("absent")), (t.x("absent"), x), (to, ""), ("", x)):
        for method in ("exchange.bind", "exchange.unbind"):
            user.channel().call(method, destination=destination, source=source, routing_key="k")


def _messages(t, user):
    q, x = t.q("q"), t.x("from")
    for exchange in ("", x, t.x("inner"), t.x("absent")):
        user.publish(exchange, q, "1")
    user.publish(x, "nowhere", "1", mandatory=True)
    channel = user.channel()
    channel.confirm()
    channel.publish("", q, "1")
    channel.nothing()
    channel = user.channel()
    channel.call("tx.select")
    channel.publish("", q, "1")
    channel.nothing()
    user.channel().get(q)
    user.channel().get(t.q("absent"))
    user.channel().call("queue.purge", queue=q)
    user.channel().call("queue.purge", queue=t.q("absent"))
    channel = user.channel()
    channel.consume(q, "c")
    channel.cancel("c")
    user.channel().consume(t.q("absent"), "c")
    user.channel().consume("amq.rabbitmq.reply-to", "c", no_ack=True)


def _deletes(t, user):
    user.channel().call("queue.delete", queue=t.q("q"), if_empty=True, if_unused=True)
    user.channel().call("queue.delete", queue=t.q("q"))
    user.channel().call("queue.delete", queue=t.q("absent"))
    user.channel().call("exchange.delete", exchange=t.x("from"), if_unused=True)
    user.channel().call("exchange.delete", exchange=t.x("from"))
    user.channel().call("exchange.delete", exchange=t.x("absent"))
    user.channel().call("exchange.delete", exchange="amq.direct")
    user.channel().call("exchange.delete", exchange="")


def _everything(t, permissions):
    user = Limited(t, permissions)
    user.make()
    for operations in (_declares, _bindings, _messages, _deletes):
        operations(t, user)


@case("1.4/permissions")
def without_configure(t):
    """Every operation of a client that may write and read but not configure."""
    _everything(t, CONFIGURE)


@case("1.4/permissions")
def without_write(t):
    """Every operation of a client that may configure and read but not write."""
    _everything(t, WRITE)


@case("1.4/permissions")
def without_read(t):
    """Every operation of a client that may configure and write but not read."""
    _everything(t, READ)


@case("1.4/permissions")
def without_any_right(t):
    """Every operation of a client that has been let into the virtual host and no further."""
    _everything(t, NONE)


@case("1.4/permissions", "1.2/exclusive")
def rights_before_locks(t):
    """A queue that another connection has for itself: the rights are looked at before the lock, or behind it."""
    for permissions in (NONE, (".*", ".*", ".*")):
        user = Limited(t, permissions)
        user.guest.channel().declare(t.q("locked"), exclusive=True)
        q = t.q("locked")
        user.channel().declare(q)
        user.channel().passive(q)
        user.channel().bind(q, "amq.direct", "k")
        user.channel().call("queue.unbind", queue=q, exchange="amq.direct", routing_key="k")
        user.channel().get(q)
        user.channel().consume(q, "c")
        user.channel().call("queue.purge", queue=q)
        user.channel().call("queue.delete", queue=q)
        user.guest.close()
        user.connection.close()
        t.broker.ctl("delete_user", user.name)


@case("1.4/permissions", "1.2/invalid-arguments", "1.2/reserved-prefix")
def rights_before_arguments(t):
    """A declare or delete that is wrong in itself, by a client that may not do it either."""
    user = Limited(t, NONE)
    user.channel().declare(t.q("q"), {"x-message-ttl": "text"})
    user.channel().declare(t.q("q"), {"x-queue-type": "zzz"})
    user.channel().declare(t.q("q"), {"x-dead-letter-routing-key": "k"})
    user.channel().declare("amq.q")
    user.channel().exchange("amq.x", "direct")
    user.channel().exchange(t.x("x"), "direct", {"alternate-exchange": 1})
    user.channel().exchange("", "direct")
    user.channel().exchange("", "direct", passive=True)
    user.channel().exchange(t.x("x"), "zzz")


@case("1.4/permissions", "1.3/user-id", "1.2/expiration")
def rights_before_messages(t):
    """A publish that is wrong in itself, by a client that may not publish either."""
    user = Limited(t, NONE)
    user.guest.channel().declare(t.q("q"))
    for properties in ({"user_id": "other"}, {"expiration": "text"}, {"headers": {"CC": "text"}}):
        user.publish("", t.q("q"), "1", properties)
    user.publish("", "amq.rabbitmq.reply-to.x", "1")
    user.publish("", t.q("q"), "1", {"reply_to": "amq.rabbitmq.reply-to"})
    user.publish("amq.rabbitmq.trace", "k", "1")
    user.publish("", t.q("q"), "1", immediate=True)


@case("1.5/users", "1.4/permissions")
def topic_rights_of_all_operations(t):
    """Topic permissions: publish and bind on topic exchanges, queues and exchanges as destinations, keys with variables."""
    user = Limited(t, (".*", ".*", ".*"))
    t.ctl("set_topic_permissions", "-p", user.vhost, user.name, "amq.topic",
          "^w\\.", "^r\\.")
    t.ctl("set_topic_permissions", "-p", user.vhost, user.name, t.x("named"),
          "^{username}\\.", "^{vhost}\\.")
    channel = user.guest.channel()
    channel.declare(t.q("q"))
    channel.exchange(t.x("named"), "topic")
    channel.exchange(t.x("free"), "topic")
    channel.exchange(t.x("direct"), "direct")
    for exchange, key in (("amq.topic", "w.1"), ("amq.topic", "r.1"), ("amq.topic", ""),
                          (t.x("named"), f"{user.name}.1"), (t.x("named"), "{username}.1"),
                          (t.x("free"), "any"), (t.x("direct"), "any")):
        user.publish(exchange, key, "1")
    user.publish("amq.topic", "w.1", "1", {"headers": {"CC": ["x.1"]}})
    for exchange, key in (("amq.topic", "r.1"), ("amq.topic", "#"), ("amq.topic", "w.1"),
                          (t.x("named"), f"{user.vhost}.1"), (t.x("named"), "{vhost}.1"),
                          (t.x("free"), "#")):
        user.channel().bind(t.q("q"), exchange, key)
        user.channel().call("queue.unbind", queue=t.q("q"), exchange=exchange, routing_key=key)
        user.channel().call("exchange.bind", destination=t.x("direct"), source=exchange,
                            routing_key=key)
        user.channel().call("exchange.unbind", destination=t.x("direct"), source=exchange,
                            routing_key=key)
    user.channel().call("exchange.bind", destination="amq.topic", source=t.x("direct"),
                        routing_key="x.1")


@case("1.3/user-id", "1.5/users")
def user_id_of_others(t):
    """Only the tag impersonator lifts the check of user_id, also in a transaction and with confirms."""
    vhost = t.vhost()
    for tag in ("administrator", "impersonator", "none"):
        user = t.user(tag, vhost, (".*", ".*", ".*"))
        t.ctl("set_user_tags", user, *([] if tag == "none" else [tag]))
        connection = t.connect(user=user, password="pw", vhost=vhost)
        for mode in (None, "confirm.select", "tx.select"):
            for name in (user, "somebody else", ""):
                channel = connection.channel()
                if mode:
                    channel.call(mode)
                channel.publish("amq.direct", "nowhere", "1", {"user_id": name})
                channel.nothing()


@case("1.1/vhost-errors", "1.1/auth-failure", "1.5/users")
def vhosts_of_others(t):
    """Opening a virtual host: one that is not there, one of others, after the password or instead of it."""
    vhost, other = t.vhost(), t.vhost("other")
    user = t.user("u", vhost, ("", "", ""))
    for name in (vhost, other, t.name("absent"), ""):
        t.connect(user=user, password="pw", vhost=name)
        t.connect(user=user, password="wrong", vhost=name)
    t.connect(user=t.name("nobody"), password="pw", vhost=vhost)
    t.connect(user=user, password="", vhost=vhost)
    t.connect(user="", password="", vhost=vhost)


@case("1.4/permissions", "1.5/users")
def rights_that_are_taken_away(t):
    """Permissions that change while a channel is open, and while a consumer is there."""
    user = Limited(t, (".*", ".*", ".*"))
    user.make()
    consumer = user.channel()
    consumer.consume(t.q("q"), "c")
    t.ctl("set_permissions", "-p", user.vhost, user.name, "", "", "")
    guest = user.guest.channel(awaits_confirms=True)
    guest.publish("", t.q("q"), "1")
    consumer.receive()
    consumer.ack(1)
    user.channel().get(t.q("q"))
    user.publish("", t.q("q"), "2")
    user.channel().declare(t.q("new"))
    consumer.cancel("c")
    t.ctl("clear_permissions", "-p", user.vhost, user.name)
    user.channel().declare(t.q("new"))
