"""Who may do what: users, permissions, topic permissions; vhost and user limits."""

from cases import case

DURABLE = True  # ctl finds the broker by its data directory


def _limited(t, configure, write, read):
    """(guest's channel, the limited user's connection), in a vhost of the case's own"""
    vhost = t.vhost()
    user = t.user("u", vhost, (configure, write, read))
    return t.connect(vhost=vhost).channel(), t.connect(user=user, password="pw", vhost=vhost)


@case("1.4/permissions", "1.5/users")
def permission_to_configure(t):
    """declare and delete need configure; passive and equal redeclares as RabbitMQ has it."""
    guest, user = _limited(t, "mine", ".*", ".*")
    guest.declare(t.q("other"))
    guest.exchange(t.x("other"), "direct")
    user.channel().declare(t.q("other"))
    user.channel().passive(t.q("other"))
    user.channel().declare(t.q("new"))
    user.channel().declare(t.q("mine"))
    user.channel().call("queue.delete", queue=t.q("other"))
    user.channel().call("queue.delete", queue=t.q("absent"))
    user.channel().call("queue.delete", queue=t.q("mine"))
    user.channel().exchange(t.x("other"), "direct")
    user.channel().exchange(t.x("other"), "direct", passive=True)
    user.channel().exchange(t.x("mine"), "direct")
    user.channel().call("exchange.delete", exchange=t.x("other"))
    user.channel().call("exchange.delete", exchange=t.x("mine"))
    user.channel().declare("")


@case("1.4/permissions", "1.5/users")
def permission_to_write(t):
    """publish needs write on the exchange; the default one is amq.default."""
    guest, user = _limited(t, ".*", "^mine", ".*")
    guest.declare(t.q("q"))
    for exchange, key in (("amq.direct", "k"), ("", t.q("q"))):
        channel = user.channel()
        channel.publish(exchange, key, "1")
        channel.nothing()
    user.channel().bind(t.q("q"), "amq.direct", "k")
    user.channel().call("exchange.bind", destination="amq.topic", source="amq.direct")
    channel = user.channel()
    channel.publish("permission_to_write.none", "k", "1")
    channel.nothing()


@case("1.4/permissions", "1.5/users")
def permission_to_read(t):
    """get, consume, purge need read on the queue; bind needs it on the exchange."""
    guest, user = _limited(t, ".*", ".*", "^mine")
    guest.declare(t.q("q"))
    user.channel().get(t.q("q"))
    user.channel().consume(t.q("q"), "c")
    user.channel().call("queue.purge", queue=t.q("q"))
    user.channel().bind(t.q("q"), "amq.direct", "k")
    user.channel().call("queue.unbind", queue=t.q("q"), exchange="amq.direct", routing_key="k")
    user.channel().call("exchange.bind", destination="amq.topic", source="amq.direct")
    user.channel().get("permission_to_read.none")


@case("1.4/permissions", "1.2/dead-letter")
def permission_of_dead_letters(t):
    """A queue with a dead-letter exchange needs read on itself and write on the exchange."""
    _, user = _limited(t, ".*", "^allowed", "q$")
    user.channel().declare(t.q("q"), {"x-dead-letter-exchange": "amq.direct"})
    user.channel().declare(t.q("q"), {"x-dead-letter-exchange": "allowed"})
    user.channel().declare(t.q("p"), {"x-dead-letter-exchange": "allowed"})
    user.channel().declare(t.q("q"), {"x-dead-letter-exchange": ""})


@case("1.4/permissions", "1.2/alternate")
def permission_of_alternate_exchanges(t):
    """An exchange with an alternate needs read on itself and write on the other."""
    _, user = _limited(t, ".*", "^allowed", "x$")
    user.channel().exchange(t.x("x"), "direct", {"alternate-exchange": "amq.fanout"})
    user.channel().exchange(t.x("x"), "direct", {"alternate-exchange": "allowed"})
    user.channel().exchange(t.x("y"), "direct", {"alternate-exchange": "allowed"})


@case("1.4/permissions")
def permission_patterns(t):
    """Unanchored unless written so; an empty one matches nothing."""
    _, user = _limited(t, "a.c$", "", "")
    for name in ("abc", "abcd", "xxabc", "ac"):
        user.channel().declare(t.q(name))
    channel = user.channel()
    channel.publish("amq.direct", "k", "1")
    channel.nothing()


@case("1.4/permissions", "1.2/server-named")
def permission_of_server_named_queues(t):
    """Checked against the name that the server makes."""
    _, user = _limited(t, "^amq\\.gen", ".*", ".*")
    user.channel().declare("")
    _, user = None, t.connect(user=t.user("v", t.name("v"), ("^mine", ".*", ".*")), password="pw",
                              vhost=t.name("v"))
    user.channel().declare("")


@case("1.1/vhost-errors", "1.5/users")
def permission_to_a_vhost(t):
    """Without any permission in a vhost it cannot be opened."""
    vhost = t.vhost()
    user = t.user("u")
    t.connect(user=user, password="pw", vhost=vhost)
    t.connect(user=user, password="pw", vhost=t.name("none"))
    t.ctl("set_permissions", "-p", vhost, user, "", "", "")
    t.connect(user=user, password="pw", vhost=vhost).channel().declare(t.q("q"))
    t.ctl("clear_permissions", "-p", vhost, user)
    t.connect(user=user, password="pw", vhost=vhost)


@case("1.5/users", "1.4/permissions")
def permission_of_topics(t):
    """Topic permissions look at the routing key of a publish and of a binding, on topic exchanges only."""
    vhost = t.vhost()
    user = t.user("u", vhost, (".*", ".*", ".*"))
    t.ctl("set_topic_permissions", "-p", vhost, user, "amq.topic", "^w\\.", "^r\\.")
    t.ctl("list_topic_permissions", "-p", vhost, "--formatter", "json")
    connection = t.connect(user=user, password="pw", vhost=vhost)
    for exchange, key in (("amq.topic", "w.1"), ("amq.topic", "x.1"), ("amq.direct", "x.1")):
        channel = connection.channel()
        channel.publish(exchange, key, "1")
        channel.nothing()
    connection.channel().declare(t.q("q"))
    for exchange, key in (("amq.topic", "r.1"), ("amq.topic", "x.1"), ("amq.direct", "x.1")):
        connection.channel().bind(t.q("q"), exchange, key)
    connection.channel().call("queue.unbind", queue=t.q("q"), exchange="amq.topic", routing_key="x")
    t.ctl("clear_topic_permissions", "-p", vhost, user, "amq.topic")
    t.ctl("list_topic_permissions", "-p", vhost, "--formatter", "json")


@case("1.5/users", "1.3/user-id")
def user_impersonator(t):
    """The tag impersonator lifts the check of user_id."""
    vhost = t.vhost()
    user = t.user("u", vhost, (".*", ".*", ".*"))
    t.ctl("set_user_tags", user, "impersonator", "other")
    channel = t.connect(user=user, password="pw", vhost=vhost).channel()
    channel.declare(t.q("q"))
    channel.publish("", t.q("q"), "1", {"user_id": "somebody else"})
    channel.get(t.q("q"))


@case("1.5/users", "1.1/auth-failure")
def user_password(t):
    """Changed, cleared, and the user deleted."""
    user = t.user("u", "/", (".*", ".*", ".*"))
    t.connect(user=user, password="pw").channel()
    t.ctl("change_password", user, "other")
    t.connect(user=user, password="pw")
    t.connect(user=user, password="other").channel()
    t.ctl("authenticate_user", user, "other")
    t.ctl("authenticate_user", user, "pw")
    t.ctl("clear_password", user)
    t.connect(user=user, password="other")
    t.connect(user=user, password="")


@case("1.5/users")
def user_commands(t):
    """Exit codes of what fails, and lists."""
    vhost = t.vhost()
    user = t.user("u")
    t.ctl("add_user", user, "pw")
    t.ctl("delete_user", t.name("none"))
    t.ctl("change_password", t.name("none"), "pw")
    t.ctl("set_user_tags", t.name("none"), "x")
    t.ctl("set_permissions", "-p", vhost, t.name("none"), ".*", ".*", ".*")
    t.ctl("set_permissions", "-p", t.name("none"), user, ".*", ".*", ".*")
    t.ctl("set_permissions", "-p", vhost, user, ".*", ".*", "[")
    t.ctl("set_permissions", "-p", vhost, user, ".*")
    t.ctl("set_permissions", "-p", vhost, user, "^a", "b$", "")
    t.ctl("list_permissions", "-p", vhost, "--formatter", "json")
    t.ctl("list_user_permissions", user, "--formatter", "json")
    t.ctl("clear_permissions", "-p", vhost, user)
    t.ctl("list_user_permissions", user, "--formatter", "json")
    t.ctl("list_user_permissions", t.name("none"), "--formatter", "json")
    t.ctl("list_permissions", "-p", t.name("none"), "--formatter", "json")


@case("1.5/users")
def vhost_commands(t):
    """Added twice, deleted twice."""
    vhost = t.vhost()
    t.ctl("add_vhost", vhost)
    t.ctl("delete_vhost", t.name("none"))
    t.ctl("delete_vhost", vhost)
    t.ctl("delete_vhost", vhost)
    t.connect(vhost=vhost)


@case("1.5/users", "1.1/shutdown")
def vhost_deleted_under_a_connection(t):
    """Its connections are closed."""
    vhost = t.vhost()
    connection = t.connect(vhost=vhost)
    connection.channel().declare(t.q("q"))
    t.ctl("delete_vhost", vhost)
    connection.expect_end()


@case("1.5/users", "1.1/shutdown")
def user_deleted_under_a_connection(t):
    """Its connections are closed."""
    vhost = t.vhost()
    user = t.user("u", vhost, (".*", ".*", ".*"))
    connection = t.connect(user=user, password="pw", vhost=vhost)
    connection.channel()
    t.ctl("delete_user", user)
    connection.expect_end()


@case("1.5/limits")
def limit_of_queues(t):
    """max-queues of a vhost."""
    vhost = t.vhost()
    t.ctl("set_vhost_limits", "-p", vhost, '{"max-queues":1}')
    connection = t.connect(vhost=vhost)
    connection.channel().declare(t.q("one"))
    connection.channel().declare(t.q("two"))
    connection.channel().declare(t.q("one"))
    connection.channel().declare("", exclusive=True)
    t.ctl("set_vhost_limits", "-p", vhost, '{"max-queues":-1}')
    connection.channel().declare(t.q("two"))
    t.ctl("clear_vhost_limits", "-p", vhost)


@case("1.5/limits")
def limit_of_connections(t):
    """max-connections of a vhost."""
    vhost = t.vhost()
    t.ctl("set_vhost_limits", "-p", vhost, '{"max-connections":1}')
    t.connect(vhost=vhost).channel()
    t.connect(vhost=vhost)
    t.ctl("set_vhost_limits", "-p", vhost, '{"max-connections":0}')
    t.connect(vhost=vhost)


@case("1.5/limits")
def limit_of_a_user(t):
    """max-connections and max-channels of a user."""
    vhost = t.vhost()
    user = t.user("u", vhost, (".*", ".*", ".*"))
    t.ctl("set_user_limits", user, '{"max-channels":2}')
    connection = t.connect(user=user, password="pw", vhost=vhost)
    for _ in range(3):
        connection.channel()
    t.ctl("set_user_limits", user, '{"max-connections":0}')
    t.connect(user=user, password="pw", vhost=vhost)
    t.ctl("clear_user_limits", user, "all")
    t.connect(user=user, password="pw", vhost=vhost).channel()


@case("1.5/limits")
def limits_that_are_refused(t):
    """Exit codes."""
    vhost, user = t.vhost(), t.user("u")
    for definition in ('{"max-queues":"1"}', '{"max-zzz":1}', "[]", "{bad", '{"max-queues":1.5}'):
        t.ctl("set_vhost_limits", "-p", vhost, definition)
        t.ctl("set_user_limits", user, definition.replace("queues", "channels"))
    t.ctl("set_vhost_limits", "-p", t.name("none"), '{"max-queues":1}')
    t.ctl("set_user_limits", t.name("none"), '{"max-channels":1}')
