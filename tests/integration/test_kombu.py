"""kombu and py-amqp beyond what Scale uses of them."""

import queue
import socket
import unittest

import amqp
import kombu
from kombu.mixins import ConsumerMixin
from kombu.pools import connections, producers

from leveret_broker import BrokerCase


class KombuCase(BrokerCase):
    def connect(self, **options):
        connection = kombu.Connection(self.kombu_url, **options)
        self.addCleanup(connection.release)
        return connection

    def receive(self, connection, queues, count, **options):
        """Consumes so many messages, acks them, returns their payloads."""
        got = []

        def on_message(body, message):
            got.append(body)
            if not options.get("no_ack"):
                message.ack()

        with connection.Consumer(queues, callbacks=[on_message], **options):
            while len(got) < count:
                connection.drain_events(timeout=60)
        return got


class Kombu(KombuCase):
    def test_producer_and_consumer(self):
        connection = self.connect()
        target = kombu.Queue(self.name, kombu.Exchange(self.name, "direct"), "key", auto_delete=True)
        producer = connection.Producer(serializer="json")
        for number in range(20):
            producer.publish({"number": number}, exchange=target.exchange, routing_key="key",
                             declare=[target], headers={"n": number}, compression="zlib")
        got = self.receive(connection, [target], 20, prefetch_count=7)
        self.assertEqual([{"number": number} for number in range(20)], got)
        target.exchange.maybe_bind(connection.default_channel).delete()

    def test_publisher_confirms(self):
        connection = self.connect(transport_options={"confirm_publish": True})
        target = kombu.Queue(self.name, exclusive=True)
        producer = connection.Producer()
        for number in range(50):
            producer.publish(number, routing_key=self.name, declare=[target])
        self.assertEqual(list(range(50)), self.receive(connection, [target], 50))

    def test_fanout(self):
        connection = self.connect()
        exchange = kombu.Exchange(self.name, "fanout", durable=False, auto_delete=True)
        queues = [kombu.Queue(f"{self.name}.{number}", exchange, exclusive=True)
                  for number in range(3)]
        for target in queues:
            target(connection.default_channel).declare()
        connection.Producer().publish("news", exchange=exchange)
        self.assertEqual(["news"] * 3, self.receive(connection, queues, 3))

    def test_topic(self):
        connection = self.connect()
        exchange = kombu.Exchange(self.name, "topic", durable=False, auto_delete=True)
        jobs = kombu.Queue(self.name + ".jobs", exchange, "job.#", exclusive=True)
        failed = kombu.Queue(self.name + ".failed", exchange, "*.failed", exclusive=True)
        for target in (jobs, failed):
            target(connection.default_channel).declare()
        producer = connection.Producer(exchange=exchange)
        for key in ("job.failed", "job.done", "task.failed", "job", "task.done"):
            producer.publish(key, routing_key=key)
        self.assertEqual(["job.failed", "job.done", "job"], self.receive(connection, [jobs], 3))
        self.assertEqual(["job.failed", "task.failed"], self.receive(connection, [failed], 2))

    def test_request_and_reply_queues(self):
        server, client = self.connect(), self.connect()
        requests = kombu.Queue(self.name, auto_delete=True)
        requests(server.default_channel).declare()
        replies = kombu.Queue(self.name + ".reply", exclusive=True, durable=False, auto_delete=True,
                              expires=60, message_ttl=30)
        replies(client.default_channel).declare()
        client.Producer().publish({"question": 6}, routing_key=self.name, reply_to=replies.name,
                                  correlation_id="1")

        def on_request(body, message):
            server.Producer().publish({"answer": body["question"] * 7},
                                      routing_key=message.properties["reply_to"],
                                      correlation_id=message.properties["correlation_id"])
            message.ack()

        with server.Consumer([requests], callbacks=[on_request]):
            server.drain_events(timeout=60)
        self.assertEqual([{"answer": 42}], self.receive(client, [replies], 1))

    def test_ack_reject_requeue(self):
        connection = self.connect()
        target = kombu.Queue(self.name, exclusive=True)(connection.default_channel)
        target.declare()
        for number in range(3):
            connection.Producer().publish(number, routing_key=self.name)
        first, second, third = target.get(), target.get(), target.get()
        first.ack()
        second.reject()
        third.requeue()
        again = target.get()
        self.assertEqual((2, True), (again.payload, again.delivery_info["redelivered"]))
        again.ack()
        self.assertIsNone(target.get())

    def test_recover(self):
        connection = self.connect()
        target = kombu.Queue(self.name, exclusive=True)(connection.default_channel)
        target.declare()
        connection.Producer().publish("again", routing_key=self.name)
        target.get()
        connection.default_channel.basic_recover(requeue=True)
        self.assertEqual(["again"], self.receive(connection, [target], 1))

    def test_purge_delete_and_size(self):
        connection = self.connect(transport_options={"confirm_publish": True})
        simple = connection.SimpleQueue(self.name)
        for number in range(5):
            simple.put(number)
        self.assertEqual(5, simple.qsize())
        self.assertEqual(5, simple.clear())
        self.assertEqual(0, simple.qsize())
        with self.assertRaises(queue.Empty):
            simple.get(block=False)
        simple.queue.delete()
        simple.producer.exchange.maybe_bind(connection.default_channel).delete()

    def test_simple_buffer(self):
        connection = self.connect()
        with connection.SimpleBuffer(self.name) as buffer:
            buffer.put("volatile")
            self.assertEqual("volatile", buffer.get(timeout=60).payload)

    def test_consumer_mixin_gives_back_what_it_did_not_ack(self):
        connection = self.connect()
        target = kombu.Queue(self.name)

        class Worker(ConsumerMixin):
            def __init__(self, connection):
                self.connection = connection
                self.seen = []

            def get_consumers(self, Consumer, channel):
                return [Consumer([target], callbacks=[self.on_message], prefetch_count=2)]

            def on_message(self, body, message):
                self.seen.append((body, message.delivery_info["redelivered"]))
                if body < 2:
                    message.ack()
                else:  # 2 and 3 fill the window
                    self.should_stop = body == 3

        for number in range(5):
            connection.Producer().publish(number, routing_key=self.name, declare=[target])
        first = Worker(self.connect())
        first.run()
        self.assertEqual([(0, False), (1, False), (2, False), (3, False)], first.seen)
        first.connection.release()
        bound = target(connection.default_channel)
        again = [bound.get(no_ack=True) for _ in range(3)]
        self.assertEqual([2, 3, 4], [message.payload for message in again])
        self.assertEqual([True, True, False],
                         [message.delivery_info["redelivered"] for message in again])
        bound.delete()

    def test_pools_and_ensure(self):
        connection = self.connect()
        target = kombu.Queue(self.name, auto_delete=True)
        with producers[connection].acquire(block=True) as producer:
            producer.publish("pooled", routing_key=self.name, declare=[target], retry=True,
                             retry_policy={"max_retries": 3})
        with connections[connection].acquire(block=True) as pooled:
            self.assertEqual(["pooled"], self.receive(pooled, [target], 1))
        kombu.pools.reset()

    def test_mandatory_message_is_returned(self):
        connection = self.connect(transport_options={"confirm_publish": True})
        returned = []
        producer = connection.Producer(on_return=lambda *arguments: returned.append(arguments))
        producer.publish("lost", routing_key=self.name, mandatory=True)
        while not returned:
            connection.drain_events(timeout=60)
        self.assertEqual(312, returned[0][0].reply_code)

    def test_heartbeat(self):
        connection = self.connect(heartbeat=2)
        connection.connect()
        self.assertEqual(2, connection.get_heartbeat_interval())
        for _ in range(20):  # longer than either side would wait for a silent one
            with self.assertRaises(socket.timeout):
                connection.drain_events(timeout=0.3)
            connection.heartbeat_check(rate=2)
        self.assertTrue(connection.connected)

    def test_wrong_password_and_absent_vhost(self):
        for url, error in ((self.kombu_url.replace(":guest@", ":wrong@"), amqp.AccessRefused),
                           (self.kombu_url[:-1] + "nope", amqp.NotAllowed)):
            with self.assertRaises(error), kombu.Connection(url) as connection:
                connection.connect()


class PyAmqp(BrokerCase):
    def connect(self, **options):
        connection = amqp.Connection(self.broker.host_port, userid="guest", password="guest",
                                     **options)
        connection.connect()
        self.addCleanup(connection.close)
        return connection

    def test_get(self):
        channel = self.connect().channel()
        channel.queue_declare(self.name, exclusive=True, auto_delete=False)
        for number in range(3):
            channel.basic_publish(amqp.Message(str(number), application_headers={
                "n": number, "big": 2 ** 40, "float": 1.5, "list": [1, "two", {"three": 3}]}),
                routing_key=self.name)
        message = channel.basic_get(self.name)
        self.assertEqual(("0", 2), (message.body, message.delivery_info["message_count"]))
        self.assertEqual({"n": 0, "big": 2 ** 40, "float": 1.5, "list": [1, "two", {"three": 3}]},
                         message.headers)
        channel.basic_ack(message.delivery_tag)
        channel.basic_get(self.name, no_ack=True)
        channel.basic_get(self.name, no_ack=True)
        self.assertIsNone(channel.basic_get(self.name))

    def test_qos_and_consume(self):
        connection = self.connect()
        channel = connection.channel()
        channel.queue_declare(self.name, exclusive=True, auto_delete=False)
        channel.basic_qos(0, 2, False)
        got = []

        def on_message(message):
            got.append(message)
            if len(got) % 2 == 0:
                channel.basic_ack(message.delivery_tag, multiple=True)

        channel.basic_consume(self.name, callback=on_message)
        for number in range(6):  # publishing reads what has arrived, too
            channel.basic_publish(amqp.Message(str(number)), routing_key=self.name)
        while len(got) < 6:
            connection.drain_events(timeout=60)
        self.assertEqual(list("012345"), [message.body for message in got])

    def test_cancel_stops_deliveries(self):
        connection = self.connect()
        channel = connection.channel()
        channel.queue_declare(self.name, exclusive=True, auto_delete=False)
        tag = channel.basic_consume(self.name, callback=lambda _: None, no_ack=True)
        channel.basic_cancel(tag)
        channel.basic_publish(amqp.Message("kept"), routing_key=self.name)
        self.assertEqual("kept", channel.basic_get(self.name).body)

    def test_confirmed_publish(self):
        channel = self.connect(confirm_publish=True).channel()
        channel.queue_declare(self.name, durable=True, auto_delete=False)
        for number in range(20):
            channel.basic_publish(amqp.Message(str(number), delivery_mode=2), routing_key=self.name)
        self.assertEqual(20, channel.queue_purge(self.name))
        self.assertEqual(0, channel.queue_delete(self.name))

    def test_return(self):
        connection = self.connect()
        channel = connection.channel()
        returned = []
        channel.events["basic_return"].add(
            lambda error, exchange, key, message: returned.append((error.reply_code, key, message.body)))
        channel.basic_publish(amqp.Message("back"), routing_key=self.name, mandatory=True)
        while not returned:
            connection.drain_events(timeout=60)
        self.assertEqual([(312, self.name, "back")], returned)

    def test_transactions(self):
        channel = self.connect().channel()
        channel.queue_declare(self.name, exclusive=True, auto_delete=False)
        channel.tx_select()
        channel.basic_publish(amqp.Message("rolled back"), routing_key=self.name)
        channel.tx_rollback()
        channel.basic_publish(amqp.Message("committed"), routing_key=self.name)
        channel.tx_commit()
        message = channel.basic_get(self.name)
        self.assertEqual("committed", message.body)
        channel.basic_ack(message.delivery_tag)
        channel.tx_commit()
        self.assertIsNone(channel.basic_get(self.name))

    def test_exchange_bind(self):
        channel = self.connect().channel()
        for name in ("a", "b"):
            channel.exchange_declare(f"{self.name}.{name}", "fanout", auto_delete=True)
        channel.exchange_bind(f"{self.name}.b", f"{self.name}.a")
        channel.queue_declare(self.name, exclusive=True, auto_delete=False)
        channel.queue_bind(self.name, f"{self.name}.b")
        channel.basic_publish(amqp.Message("through"), exchange=f"{self.name}.a")
        self.assertEqual("through", channel.basic_get(self.name).body)
        channel.exchange_unbind(f"{self.name}.b", f"{self.name}.a")

    def test_errors_leave_the_connection_alive(self):
        connection = self.connect()
        for error, call in (
                (amqp.NotFound, lambda channel: channel.queue_declare(self.name, passive=True)),
                (amqp.NotFound, lambda channel: channel.basic_consume(self.name)),
                (amqp.AccessRefused, lambda channel: channel.queue_declare("amq.mine")),
                (amqp.PreconditionFailed, lambda channel: channel.exchange_declare(
                    "amq.topic", "direct", durable=True, auto_delete=False))):
            with self.assertRaises(error):
                call(connection.channel())
        self.assertTrue(connection.channel().is_open)

    def test_flow_and_reopened_channels(self):
        connection = self.connect()
        for _ in range(20):
            channel = connection.channel(7)
            channel.flow(True)
            channel.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
