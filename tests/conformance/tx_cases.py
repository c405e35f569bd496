"""Transactions."""

from cases import case


def _in_tx(t, *bodies):
    """A channel in tx mode, another one, and a queue with something in it."""
    connection = t.connect()
    channel, other = connection.channel(), connection.channel(awaits_confirms=True)
    other.declare(t.q("q"))
    for body in bodies:
        other.publish("", t.q("q"), body)
    channel.call("tx.select")
    return channel, other


@case("1.3/tx")
def tx_publish_and_commit(t):
    """Nothing is there before the commit, all of it after."""
    channel, other = _in_tx(t)
    channel.publish("", t.q("q"), "1")
    channel.publish("", t.q("q"), "2")
    channel.sync()
    other.passive(t.q("q"))
    channel.call("tx.commit")
    for _ in range(3):
        other.get(t.q("q"))


@case("1.3/tx")
def tx_publish_and_rollback(t):
    """What is rolled back never was; the next transaction begins at once."""
    channel, other = _in_tx(t)
    channel.publish("", t.q("q"), "1")
    channel.call("tx.rollback")
    channel.publish("", t.q("q"), "2")
    channel.call("tx.commit")
    other.get(t.q("q"))
    other.get(t.q("q"))


@case("1.3/tx")
def tx_ack_and_commit(t):
    """Acks take effect at the commit."""
    channel, other = _in_tx(t, "1", "2")
    channel.get(t.q("q"), no_ack=False)
    channel.get(t.q("q"), no_ack=False)
    channel.ack(1)
    channel.call("tx.commit")
    channel.call("channel.close", reply_code=200)
    other.get(t.q("q"))
    other.get(t.q("q"))


@case("1.3/tx")
def tx_ack_and_rollback(t):
    """A rolled back ack leaves its message unacked, not redelivered; its tag can be acked again."""
    channel, other = _in_tx(t, "1")
    channel.get(t.q("q"), no_ack=False)
    channel.ack(1)
    channel.call("tx.rollback")
    other.get(t.q("q"))
    channel.ack(1)
    channel.call("tx.commit")
    channel.call("channel.close", reply_code=200)
    other.get(t.q("q"))


@case("1.3/tx")
def tx_ack_not_committed(t):
    """A channel that closes without a commit gives back what it acked."""
    channel, other = _in_tx(t, "1")
    channel.get(t.q("q"), no_ack=False)
    channel.ack(1)
    channel.call("channel.close", reply_code=200)
    other.get(t.q("q"))


@case("1.3/tx")
def tx_publish_not_committed(t):
    """And drops what it published."""
    channel, other = _in_tx(t)
    channel.publish("", t.q("q"), "1")
    channel.call("channel.close", reply_code=200)
    other.get(t.q("q"))


@case("1.3/tx", "1.3/acks")
def tx_ack_twice(t):
    """A tag acked twice within a transaction is unknown at once."""
    channel, _ = _in_tx(t, "1")
    channel.get(t.q("q"), no_ack=False)
    channel.ack(1)
    channel.ack(1)
    channel.nothing()


@case("1.3/tx", "1.3/requeue-order")
def tx_nack_requeue(t):
    """A requeue waits for the commit."""
    channel, other = _in_tx(t, "1", "2")
    channel.get(t.q("q"), no_ack=False)
    channel.nack(1, requeue=True)
    other.get(t.q("q"))
    other.get(t.q("q"))
    channel.call("tx.commit")
    other.get(t.q("q"))


@case("1.3/tx", "1.3/requeue-order")
def tx_nack_rollback(t):
    """A rolled back requeue does not happen."""
    channel, other = _in_tx(t, "1")
    channel.get(t.q("q"), no_ack=False)
    channel.nack(1, requeue=True)
    channel.call("tx.rollback")
    other.get(t.q("q"))
    channel.ack(1)
    channel.call("tx.commit")


@case("1.3/tx", "1.3/mandatory")
def tx_mandatory(t):
    """A return comes with the commit, before commit-ok."""
    channel, _ = _in_tx(t)
    channel.publish("amq.direct", "tx_mandatory", "1", mandatory=True)
    channel.nothing()
    channel.call("tx.commit")


@case("1.3/tx", "1.3/publish-errors")
def tx_publish_to_missing_exchange(t):
    """Fails at the publish, not at the commit; what was before it is lost."""
    channel, other = _in_tx(t)
    channel.publish("", t.q("q"), "1")
    channel.publish("tx_publish_to_missing.x", "k", "2")
    channel.nothing()
    other.get(t.q("q"))


@case("1.3/tx", "1.3/acks")
def tx_unknown_tag(t):
    """Fails at the ack."""
    channel, _ = _in_tx(t)
    channel.ack(5)
    channel.nothing()


@case("1.3/tx", "1.3/confirms")
def tx_and_confirm(t):
    """A channel is in one mode or the other."""
    connection = t.connect()
    channel = connection.channel()
    channel.call("tx.select")
    channel.call("tx.select")
    channel.call("confirm.select")
    channel = connection.channel()
    channel.call("confirm.select")
    channel.call("tx.select")
    channel = connection.channel()
    channel.call("confirm.select")
    channel.call("tx.commit")


@case("1.3/tx")
def tx_without_select(t):
    """Commit and rollback need a select."""
    connection = t.connect()
    connection.channel().call("tx.commit")
    connection.channel().call("tx.rollback")


@case("1.3/tx")
def tx_empty(t):
    """Nothing to commit, nothing to roll back."""
    channel = t.connect().channel()
    channel.call("tx.select")
    channel.call("tx.commit")
    channel.call("tx.rollback")


@case("1.3/tx", "1.3/qos")
def tx_ack_and_window(t):
    """An ack makes room in the window at once or at the commit."""
    channel, _ = _in_tx(t, "1", "2")
    channel.qos(1)
    channel.consume(t.q("q"), "c")
    channel.receive()
    channel.ack(1)
    channel.nothing(t.q("q"))
    channel.call("tx.commit")
    channel.receive()


@case("1.3/tx", "1.3/recover")
def tx_recover(t):
    """recover works outside of the transaction."""
    channel, other = _in_tx(t, "1")
    channel.get(t.q("q"), no_ack=False)
    channel.call("basic.recover", requeue=True)
    other.get(t.q("q"))


@case("1.3/tx")
def tx_publish_to_queue_deleted_before_commit(t):
    """Routing is done at the publish: a queue that is gone by the commit takes nothing."""
    channel, other = _in_tx(t)
    channel.publish("", t.q("q"), "1")
    channel.sync()
    other.call("queue.delete", queue=t.q("q"))
    other.declare(t.q("q"))
    channel.call("tx.commit")
    other.get(t.q("q"))


@case("1.3/tx")
def tx_publish_before_queue_is_declared(t):
    """And a queue declared between publish and commit?"""
    connection = t.connect()
    channel = connection.channel()
    channel.call("tx.select")
    channel.publish("", t.q("q"), "1")
    channel.declare(t.q("q"))
    channel.call("tx.commit")
    channel.get(t.q("q"))
