"""Any node serves any queue: clients of one node use queues that live at another one; processes, pika and kill -9."""

import threading
import unittest

import pika

from cluster_nodes import ServingCase, await_true, connect, hang_up
from leveret_broker import needs_own_broker

PERSISTENT = pika.BasicProperties(delivery_mode=2)


class RemoteQueuesCase(ServingCase):
    def setUp(self):
        super().setUp()
        self.cluster.await_streams()

    def channel(self, node):
        return self.connect(node).channel()

    def declared(self, name):
        """At node 0; and every node knows."""
        home = self.channel(self.nodes[0])
        home.queue_declare(name, durable=True)
        for node in self.nodes[1:]:
            self.await_declared(node, name)
        return home

    def await_declared(self, node, name):
        def there():
            channel = connect(node).channel()
            try:
                channel.queue_declare(name, passive=True)
                return True
            except pika.exceptions.ChannelClosedByBroker:
                return False
            finally:
                hang_up(channel.connection)
        await_true(there, lambda: f"{node.name} does not know {name}\n{node.log()}")

    def publish_confirmed(self, channel, name, bodies):
        channel.confirm_delivery()
        for body in bodies:
            channel.basic_publish("", name, body, PERSISTENT, mandatory=True)


@needs_own_broker
class RemoteQueuesTest(RemoteQueuesCase):
    def test_publishes_consumes_gets_purges_and_deletes_elsewhere(self):
        home = self.declared("q")
        away = self.channel(self.nodes[1])
        bodies = [str(i).encode() for i in range(200)]
        self.publish_confirmed(away, "q", bodies)
        self.assertEqual(200, home.queue_declare("q", passive=True).method.message_count)

        # Consumed at a third node, in order.
        third = self.channel(self.nodes[2])
        third.basic_qos(prefetch_count=20)
        got = []
        for method, _, body in third.consume("q", inactivity_timeout=60):
            self.assertIsNotNone(method)
            got.append(body)
            third.basic_ack(method.delivery_tag)
            if len(got) == 150:
                break
        self.assertEqual(bodies[:150], got)
        third.cancel()
        third.close()
        await_true(lambda: home.queue_declare("q", passive=True).method.message_count == 50,
                   lambda: "what was not acked is not back")

        method, _, body = away.basic_get("q")
        self.assertEqual(bodies[150], body)
        self.assertEqual(49, method.message_count)
        away.basic_nack(method.delivery_tag, requeue=True)
        method, _, body = away.basic_get("q")
        self.assertEqual(bodies[150], body)
        self.assertTrue(method.redelivered)
        away.basic_ack(method.delivery_tag)
        self.assertEqual(49, away.queue_purge("q").method.message_count)
        self.assertEqual((None, None, None), away.basic_get("q"))
        self.publish_confirmed(away, "q", [b"x"])
        self.assertEqual(1, away.queue_delete("q").method.message_count)
        with self.assertRaises(pika.exceptions.ChannelClosedByBroker) as raised:
            away.queue_declare("q", passive=True)
        self.assertEqual(404, raised.exception.reply_code)

    def test_replies_find_their_way(self):
        self.declared("rpc")
        server = self.channel(self.nodes[1])
        client = self.channel(self.nodes[2])
        replies = []
        client.basic_consume("amq.rabbitmq.reply-to",
                             lambda *got: replies.append(got[3]), auto_ack=True)
        client.basic_publish("", "rpc", b"ping",
                             pika.BasicProperties(reply_to="amq.rabbitmq.reply-to"))
        requests = []

        def requested():
            method, properties, body = server.basic_get("rpc", auto_ack=True)
            if method:
                requests.append((properties.reply_to, body))
            return method
        await_true(requested, lambda: "no request")
        server.basic_publish("", requests[0][0], requests[0][1] + b" pong")

        def replied():
            client.connection.process_data_events(0.05)
            return replies
        await_true(replied, lambda: "no reply")
        self.assertEqual([b"ping pong"], replies)

    def test_close_keeps_what_was_sent(self):
        self.declared("q")
        connection = connect(self.nodes[1])
        channel = connection.channel()
        for i in range(500):
            channel.basic_publish("", "q", str(i).encode(), PERSISTENT)
        connection.close()
        self.nodes[0].broker.kill()
        self.restart(self.nodes[0])
        home = self.channel(self.nodes[0])
        self.assertEqual(500, home.queue_declare("q", passive=True).method.message_count)

    def restart(self, node):
        threading.Thread(target=self.keep, args=(node,), daemon=True).start()
        await_true(lambda: node.broker.is_running(), lambda: "not started")
        node.await_ready()

    def keep(self, node):
        """A process ends with the thread that made it, so the thread stays."""
        node.start(self.cluster.settings(node))
        self.cluster.ended.wait()

    def test_a_home_that_is_killed_and_comes_back(self):
        self.declared("q")
        away = self.channel(self.nodes[1])
        self.publish_confirmed(away, "q", [str(i).encode() for i in range(20)])
        cancelled = []
        consumer = self.channel(self.nodes[2])
        consumer.basic_qos(prefetch_count=5)
        consumer.add_on_cancel_callback(cancelled.append)
        got = []
        consumer.basic_consume("q", lambda *one: got.append(one[3]))
        await_true(lambda: consumer.connection.process_data_events(0.05) or len(got) == 5,
                   lambda: f"only {got}")
        self.nodes[0].broker.kill()
        await_true(lambda: consumer.connection.process_data_events(0.05) or cancelled,
                   lambda: "no basic.cancel")

        def not_found():
            channel = self.channel(self.nodes[2])
            with self.assertRaises(pika.exceptions.ChannelClosedByBroker) as raised:
                channel.basic_get("q")
            return raised.exception
        error = not_found()
        self.assertEqual(404, error.reply_code)
        self.assertIn("of durable queue 'q' in vhost '/' is down or inaccessible",
                      error.reply_text)
        with self.assertRaises((pika.exceptions.NackError, pika.exceptions.UnroutableError)):
            # The node may not know yet that the other one is gone.
            for i in range(1000):
                away.basic_publish("", "q", b"lost", PERSISTENT)

        self.restart(self.nodes[0])

        def back():
            channel = connect(self.nodes[1]).channel()
            try:
                return channel.queue_declare("q", passive=True).method.message_count >= 20
            except pika.exceptions.ChannelClosedByBroker:
                return False
            finally:
                hang_up(channel.connection)
        await_true(back, lambda: "q is not back\n" + self.nodes[1].log())
        again = self.channel(self.nodes[1])
        bodies = []
        while len(bodies) < 20:
            method, _, body = again.basic_get("q", auto_ack=True)
            self.assertIsNotNone(method)
            bodies.append(body)
            if len(bodies) <= 5:
                self.assertTrue(method.redelivered)
        self.assertEqual([str(i).encode() for i in range(20)], bodies)


@needs_own_broker
class LostLinksTest(RemoteQueuesCase):
    """Links between nodes are lost and come back to the same processes: clients do not notice."""

    cluster_options = {"relayed": True}

    def setUp(self):
        super().setUp()
        self.declared("q")
        self.publisher = self.channel(self.nodes[1])
        self.publisher.confirm_delivery()
        self.sent = []
        self.consumer = self.channel(self.nodes[2])
        self.consumer.basic_qos(prefetch_count=5)
        self.cancelled = []
        self.consumer.add_on_cancel_callback(self.cancelled.append)
        self.got = []
        self.consumer.basic_consume("q", self.take)

    def take(self, channel, method, _, body):
        self.assertFalse(method.redelivered)
        self.got.append(body)
        channel.basic_ack(method.delivery_tag)

    def go_on(self, count):
        """Confirmed one by one, and consumed meanwhile."""
        for _ in range(count):
            self.sent.append(str(len(self.sent)).encode())
            self.publisher.basic_publish("", "q", self.sent[-1], PERSISTENT)
            self.consumer.connection.process_data_events(0)

    def await_all(self):
        await_true(lambda: self.consumer.connection.process_data_events(0.05) or
                   len(self.got) >= len(self.sent), lambda: f"{len(self.got)} came")
        self.assertEqual(self.sent, self.got)
        self.assertEqual([], self.cancelled)

    def test_a_cut_is_mended(self):
        for _ in range(5):
            self.go_on(40)
            for relay in self.cluster.relays:
                relay.cut()
        self.go_on(40)
        self.await_all()
        self.assertIn("goes on\n", self.nodes[0].log())
        self.assertNotIn("has ended", self.nodes[0].log())

    def test_silence_is_noticed(self):
        self.go_on(20)
        for relay in self.cluster.relays:
            relay.silence()
        self.go_on(20)
        self.await_all()
        self.assertNotIn("has ended", self.nodes[0].log())

    def test_a_cut_that_lasts_ends_the_stream(self):
        self.go_on(20)
        self.await_all()
        self.cluster.part()
        with self.assertRaises((pika.exceptions.NackError, pika.exceptions.UnroutableError)):
            self.publisher.basic_publish("", "q", b"lost", PERSISTENT)
        await_true(lambda: self.consumer.connection.process_data_events(0.05) or self.cancelled,
                   lambda: "no basic.cancel")


if __name__ == "__main__":
    unittest.main()
