"""pika's blocking and asyncio adapters, as they come."""

import asyncio
import unittest

import pika
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.exceptions import (AMQPConnectionError, ChannelClosedByBroker, ConnectionClosedByBroker,
                             NackError, ProbableAccessDeniedError, ProbableAuthenticationError,
                             UnroutableError)

from leveret_broker import BrokerCase, needs_own_broker

PERSISTENT = pika.BasicProperties(delivery_mode=2)


class PikaCase(BrokerCase):
    def connect(self, **parameters):
        url = pika.URLParameters(self.url)
        for key, value in parameters.items():
            setattr(url, key, value)
        connection = pika.BlockingConnection(url)
        self.addCleanup(lambda: connection.is_open and connection.close())
        return connection

    def channel(self):
        return self.connect().channel()

    def assert_closed(self, code, text, call):
        with self.assertRaises(ChannelClosedByBroker) as caught:
            call()
        self.assertEqual((code, text), (caught.exception.reply_code, caught.exception.reply_text))


class Blocking(PikaCase):
    def test_publish_and_get(self):
        channel = self.channel()
        channel.queue_declare(self.name)
        properties = pika.BasicProperties(
            content_type="text/plain", content_encoding="utf-8", headers={"a": 1, "b": [True, None]},
            delivery_mode=2, priority=3, correlation_id="c", reply_to="r", expiration="60000",
            message_id="m", timestamp=1234567890, type="t", user_id="guest", app_id="app")
        channel.basic_publish("", self.name, "größe".encode(), properties)
        method, got, body = channel.basic_get(self.name, auto_ack=True)
        self.assertEqual("größe".encode(), body)
        self.assertEqual(properties, got)
        self.assertEqual(("", self.name, False, 0), (
            method.exchange, method.routing_key, method.redelivered, method.message_count))
        self.assertEqual((None, None, None), channel.basic_get(self.name))
        channel.queue_delete(self.name)

    def test_large_and_empty_bodies(self):
        channel = self.channel()
        channel.queue_declare(self.name, exclusive=True)
        for body in (b"", b"x", b"y" * 131064, b"z" * 131065, bytes(range(256)) * 20000):
            channel.basic_publish("", self.name, body)
            self.assertEqual(body, channel.basic_get(self.name, auto_ack=True)[2])

    def test_confirms(self):
        channel = self.channel()
        channel.confirm_delivery()
        channel.queue_declare(self.name, durable=True)
        for number in range(100):
            channel.basic_publish("", self.name, str(number), PERSISTENT, mandatory=True)
        self.assertEqual(100, channel.queue_declare(
            self.name, durable=True, passive=True).method.message_count)
        channel.queue_delete(self.name)

    def test_unroutable_mandatory_is_returned(self):
        channel = self.channel()
        channel.confirm_delivery()
        with self.assertRaises(UnroutableError) as caught:
            channel.basic_publish("amq.direct", self.name, b"lost", mandatory=True)
        returned = caught.exception.messages[0]
        self.assertEqual((312, "NO_ROUTE", "amq.direct", self.name, b"lost"), (
            returned.method.reply_code, returned.method.reply_text, returned.method.exchange,
            returned.method.routing_key, returned.body))
        channel.basic_publish("amq.direct", self.name, b"not missed")

    def test_return_without_confirms(self):
        connection = self.connect()
        channel = connection.channel()
        returns = []
        channel.add_on_return_callback(lambda *arguments: returns.append(arguments))
        channel.basic_publish("", self.name, b"back", mandatory=True)
        while not returns:
            connection.process_data_events(time_limit=1)
        _, method, _, body = returns[0]
        self.assertEqual((312, b"back"), (method.reply_code, body))

    def test_consume_with_qos(self):
        channel = self.channel()
        channel.queue_declare(self.name, exclusive=True)
        for number in range(50):
            channel.basic_publish("", self.name, str(number))
        channel.basic_qos(prefetch_count=5)
        seen = []
        for method, _, body in channel.consume(self.name):
            seen.append((method.delivery_tag, int(body)))
            channel.basic_ack(method.delivery_tag)
            if len(seen) == 50:
                break
        self.assertEqual([(number + 1, number) for number in range(50)], seen)
        self.assertEqual(0, channel.cancel())

    def test_qos_window_holds(self):
        connection = self.connect()
        channel = connection.channel()
        channel.queue_declare(self.name, exclusive=True)
        channel.basic_qos(prefetch_count=3)
        tags = []
        channel.basic_consume(self.name, lambda _c, method, _p, _b: tags.append(method.delivery_tag))
        for number in range(10):
            channel.basic_publish("", self.name, str(number))
        while len(tags) < 3:
            connection.process_data_events(time_limit=1)
        # A round trip behind them: a fourth would have come.
        self.assertEqual(7, channel.queue_declare(self.name, passive=True).method.message_count)
        self.assertEqual([1, 2, 3], tags)
        channel.basic_ack(2, multiple=True)
        while len(tags) < 5:
            connection.process_data_events(time_limit=1)
        self.assertEqual(5, channel.queue_declare(self.name, passive=True).method.message_count)

    def test_global_qos_is_live(self):
        connection = self.connect()
        channel = connection.channel()
        channel.queue_declare(self.name, exclusive=True)
        channel.basic_qos(prefetch_count=2, global_qos=True)
        tags = []
        for _ in range(2):
            channel.basic_consume(self.name,
                                  lambda _c, method, _p, _b: tags.append(method.delivery_tag))
        for number in range(10):
            channel.basic_publish("", self.name, str(number))
        while len(tags) < 2:
            connection.process_data_events(time_limit=1)
        self.assertEqual(8, channel.queue_declare(self.name, passive=True).method.message_count)
        channel.basic_qos(prefetch_count=4, global_qos=True)
        while len(tags) < 4:
            connection.process_data_events(time_limit=1)
        self.assertEqual(6, channel.queue_declare(self.name, passive=True).method.message_count)

    def test_cancel_returns_what_was_not_taken(self):
        channel = self.channel()
        channel.queue_declare(self.name)
        for number in range(20):
            channel.basic_publish("", self.name, str(number))
        for method, _, body in channel.consume(self.name):
            self.assertEqual(b"0", body)
            channel.basic_ack(method.delivery_tag)
            break
        channel.cancel()  # pika requeues what it had been sent
        bodies = [channel.basic_get(self.name, auto_ack=True)[2] for _ in range(19)]
        self.assertEqual([str(number).encode() for number in range(1, 20)], bodies)
        channel.queue_delete(self.name)

    def test_nack_reject_and_requeue_keep_the_order(self):
        channel = self.channel()
        channel.queue_declare(self.name, exclusive=True)
        for number in range(5):
            channel.basic_publish("", self.name, str(number))
        methods = [channel.basic_get(self.name)[0] for _ in range(5)]
        channel.basic_reject(methods[3].delivery_tag, requeue=True)
        channel.basic_reject(methods[0].delivery_tag, requeue=False)
        channel.basic_nack(methods[2].delivery_tag, multiple=True, requeue=True)
        channel.basic_ack(methods[4].delivery_tag)
        got = [channel.basic_get(self.name, auto_ack=True) for _ in range(3)]
        self.assertEqual([(b"1", True), (b"2", True), (b"3", True)],
                         [(body, method.redelivered) for method, _, body in got])
        self.assertEqual((None, None, None), channel.basic_get(self.name))

    def test_recover(self):
        channel = self.channel()
        channel.queue_declare(self.name, exclusive=True)
        for number in range(4):
            channel.basic_publish("", self.name, str(number))
        for _ in range(3):
            channel.basic_get(self.name)
        channel.basic_recover(requeue=True)
        got = [channel.basic_get(self.name, auto_ack=True) for _ in range(4)]
        self.assertEqual([(b"0", True), (b"1", True), (b"2", True), (b"3", False)],
                         [(body, method.redelivered) for method, _, body in got])

    def test_purge_and_delete(self):
        channel = self.channel()
        channel.queue_declare(self.name)
        for _ in range(7):
            channel.basic_publish("", self.name, b"x")
        self.assertEqual(7, channel.queue_purge(self.name).method.message_count)
        channel.basic_publish("", self.name, b"x")
        self.assertEqual(1, channel.queue_delete(self.name).method.message_count)
        self.assertEqual(0, channel.queue_delete(self.name).method.message_count)

    def test_exchange_types(self):
        channel = self.channel()

        def queue(exchange, key="", arguments=None):
            name = channel.queue_declare("", exclusive=True).method.queue
            channel.queue_bind(name, exchange, key, arguments)
            return name

        def count(name):
            return channel.queue_declare(name, passive=True).method.message_count

        for kind in ("direct", "fanout", "topic", "headers"):
            channel.exchange_declare(f"{self.name}.{kind}", kind, auto_delete=True)
        direct = queue(f"{self.name}.direct", "k")
        fanout = queue(f"{self.name}.fanout")
        topics = {pattern: queue(f"{self.name}.topic", pattern)
                  for pattern in ("a.*.c", "a.#", "#", "b.*")}
        every = queue(f"{self.name}.headers", arguments={"x-match": "all", "a": 1, "b": "2"})
        some = queue(f"{self.name}.headers", arguments={"x-match": "any", "a": 1, "b": "2"})
        for key in ("k", "other"):
            channel.basic_publish(f"{self.name}.direct", key, b"")
            channel.basic_publish(f"{self.name}.fanout", key, b"")
        for key in ("a.b.c", "a", "b.", "", "b.c.d"):
            channel.basic_publish(f"{self.name}.topic", key, b"")
        for headers in ({"a": 1, "b": "2"}, {"a": 1}, {"a": "1"}):
            channel.basic_publish(f"{self.name}.headers", "", b"",
                                  pika.BasicProperties(headers=headers))
        self.assertEqual((1, 2, 1, 2), (count(direct), count(fanout), count(every), count(some)))
        self.assertEqual({"a.*.c": 1, "a.#": 2, "#": 5, "b.*": 1},
                         {pattern: count(name) for pattern, name in topics.items()})

    def test_exchange_to_exchange(self):
        channel = self.channel()
        channel.exchange_declare(self.name + ".a", "topic", auto_delete=True)
        channel.exchange_declare(self.name + ".b", "fanout", auto_delete=True)
        name = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(name, self.name + ".b")
        channel.exchange_bind(self.name + ".b", self.name + ".a", "x.#")
        channel.basic_publish(self.name + ".a", "x.y", b"through")
        channel.basic_publish(self.name + ".a", "y.x", b"lost")
        self.assertEqual(b"through", channel.basic_get(name, auto_ack=True)[2])
        channel.exchange_unbind(self.name + ".b", self.name + ".a", "x.#")
        channel.exchange_declare(self.name + ".a", "topic", auto_delete=True)
        channel.basic_publish(self.name + ".a", "x.y", b"lost")
        self.assertEqual((None, None, None), channel.basic_get(name, auto_ack=True))

    def test_transactions(self):
        channel = self.channel()
        channel.queue_declare(self.name, exclusive=True)
        channel.tx_select()
        channel.basic_publish("", self.name, b"rolled back")
        channel.tx_rollback()
        channel.basic_publish("", self.name, b"committed")
        self.assertEqual((None, None, None), channel.basic_get(self.name))
        channel.tx_commit()
        self.assertEqual(b"committed", channel.basic_get(self.name)[2])
        channel.tx_commit()

    def test_exclusive_queue_is_locked_and_goes_with_its_connection(self):
        owner = self.connect()
        owner.channel().queue_declare(self.name, exclusive=True)
        other = self.connect()
        text = (f"RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{self.name}' in "
                "vhost '/'. It could be originally declared on another connection or the exclusive "
                "property value does not match that of the original declaration.")
        for call in (lambda channel: channel.queue_declare(self.name, exclusive=True),
                     lambda channel: channel.basic_get(self.name),
                     lambda channel: channel.queue_delete(self.name)):
            channel = other.channel()
            self.assert_closed(405, text, lambda: call(channel))
        owner.close()
        other.channel().queue_declare(self.name, exclusive=True)

    def test_exclusive_consumer(self):
        connection = self.connect()
        channel = connection.channel()
        channel.queue_declare(self.name)
        channel.basic_consume(self.name, lambda *_: None, exclusive=True)
        text = f"ACCESS_REFUSED - queue '{self.name}' in vhost '/' in exclusive use"
        second = connection.channel()
        self.assert_closed(403, text, lambda: second.basic_consume(self.name, lambda *_: None))
        channel.queue_delete(self.name)

    def test_channel_errors_leave_the_connection_alive(self):
        connection = self.connect()
        first = connection.channel()
        first.queue_declare(self.name, exclusive=True)
        errors = [
            (404, f"NOT_FOUND - no queue '{self.name}.no' in vhost '/'",
             lambda channel: channel.queue_declare(self.name + ".no", passive=True)),
            (404, f"NOT_FOUND - no exchange '{self.name}.no' in vhost '/'",
             lambda channel: channel.exchange_declare(self.name + ".no", passive=True)),
            (404, f"NOT_FOUND - no queue '{self.name}.no' in vhost '/'",
             lambda channel: channel.basic_get(self.name + ".no")),
            (406, f"PRECONDITION_FAILED - inequivalent arg 'auto_delete' for queue '{self.name}' in "
                  "vhost '/': received 'true' but current is 'false'",
             lambda channel: channel.queue_declare(self.name, exclusive=True, auto_delete=True)),
            (406, "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'amq.direct' in vhost "
                  "'/': received 'fanout' but current is 'direct'",
             lambda channel: channel.exchange_declare("amq.direct", "fanout", durable=True)),
            (403, "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'",
             lambda channel: channel.queue_declare("amq.mine")),
            (403, "ACCESS_REFUSED - operation not permitted on the default exchange",
             lambda channel: channel.queue_bind(self.name, "", "k")),
        ]
        for code, text, call in errors:
            with self.subTest(text):
                channel = connection.channel()
                self.assert_closed(code, text, lambda: call(channel))
        self.assertTrue(first.is_open)
        first.basic_publish("", self.name, b"alive")
        self.assertEqual(b"alive", first.basic_get(self.name)[2])

    def test_unknown_delivery_tag(self):
        connection = self.connect()
        channel = connection.channel()
        channel.queue_declare(self.name, exclusive=True)
        channel.basic_ack(99)
        self.assert_closed(406, "PRECONDITION_FAILED - unknown delivery tag 99",
                           lambda: channel.queue_declare(self.name, passive=True))
        self.assertTrue(connection.is_open)

    def test_publish_to_no_exchange_closes_the_channel_later(self):
        connection = self.connect()
        channel = connection.channel()
        channel.basic_publish(self.name, "k", b"x")
        self.assert_closed(404, f"NOT_FOUND - no exchange '{self.name}' in vhost '/'",
                           lambda: channel.queue_declare("", exclusive=True))
        connection.channel()

    def test_consumer_is_cancelled_when_its_queue_goes(self):
        connection = self.connect()
        channel = connection.channel()
        channel.queue_declare(self.name)
        cancelled = []
        channel.add_on_cancel_callback(lambda frame: cancelled.append(frame.method.consumer_tag))
        tag = channel.basic_consume(self.name, lambda *_: None)
        connection.channel().queue_delete(self.name)
        while not cancelled:
            connection.process_data_events(time_limit=1)
        self.assertEqual([tag], cancelled)

    def test_auto_delete_queue_goes_with_its_last_consumer(self):
        connection = self.connect()
        channel = connection.channel()
        channel.queue_declare(self.name, auto_delete=True)
        tag = channel.basic_consume(self.name, lambda *_: None)
        channel.basic_cancel(tag)
        self.assert_closed(404, f"NOT_FOUND - no queue '{self.name}' in vhost '/'",
                           lambda: channel.queue_declare(self.name, passive=True))

    def test_round_robin(self):
        connection = self.connect()
        channel = connection.channel()
        channel.queue_declare(self.name, exclusive=True)
        got = {"a": [], "b": []}
        for who in got:
            channel.basic_consume(self.name, auto_ack=True, consumer_tag=who, on_message_callback=
                                  lambda _c, method, _p, body: got[method.consumer_tag].append(body))
        for number in range(10):
            channel.basic_publish("", self.name, str(number))
        while sum(map(len, got.values())) < 10:
            connection.process_data_events(time_limit=1)
        self.assertEqual({"a": [b"0", b"2", b"4", b"6", b"8"], "b": [b"1", b"3", b"5", b"7", b"9"]},
                         got)

    def test_heartbeats_keep_an_idle_connection(self):
        connection = self.connect(heartbeat=1)
        # Longer than two intervals after which either side would give the other up.
        connection.sleep(4)
        self.assertTrue(connection.is_open)
        connection.channel().queue_declare("", exclusive=True)

    def test_wrong_password(self):
        with self.assertRaises(ProbableAuthenticationError):
            self.connect(credentials=pika.PlainCredentials("guest", "wrong"))

    def test_absent_vhost(self):
        with self.assertRaises((ProbableAccessDeniedError, ConnectionClosedByBroker)):
            self.connect(virtual_host="nope")

    def test_product_is_rabbitmq(self):
        properties = self.connect()._impl.server_properties
        self.assertEqual("RabbitMQ", properties["product"])
        self.assertTrue(properties["version"].startswith("3."))
        self.assertTrue(all(properties["capabilities"][name] for name in (
            "publisher_confirms", "exchange_exchange_bindings", "basic.nack",
            "consumer_cancel_notify", "connection.blocked", "authentication_failure_close",
            "per_consumer_qos")))

    def test_many_channels(self):
        connection = self.connect()
        channels = [connection.channel() for _ in range(200)]
        for channel in channels[::2]:
            channel.close()
        channels += [connection.channel() for _ in range(100)]
        channels[-1].queue_declare(self.name, exclusive=True)
        channels[1].basic_publish("", self.name, b"x")
        channels[1].close()
        self.assertEqual(b"x", channels[-1].basic_get(self.name)[2])


@needs_own_broker
class Shutdown(PikaCase):
    def test_clients_are_told(self):
        connection = self.connect()
        channel = connection.channel()
        self.broker.process.terminate()
        with self.assertRaises(AMQPConnectionError) as caught:
            while True:
                connection.process_data_events(time_limit=1)
        self.assertIsInstance(caught.exception, ConnectionClosedByBroker)
        self.assertEqual(320, caught.exception.reply_code)
        self.assertFalse(channel.is_open)
        self.assertEqual(0, self.broker.process.wait())


class Asyncio(PikaCase):
    """The asyncio adapter: a small bridge from its callbacks to futures."""

    def run_with_channel(self, scenario):
        async def run():
            loop = asyncio.get_running_loop()
            opened, closed = loop.create_future(), loop.create_future()
            connection = AsyncioConnection(
                pika.URLParameters(self.url), on_open_callback=opened.set_result,
                on_open_error_callback=lambda _, error: opened.set_exception(error),
                on_close_callback=lambda _, reason: closed.set_result(reason))
            await opened
            channel = await self.call(
                lambda done: connection.channel(on_open_callback=done))
            result = await scenario(connection, channel)
            connection.close()
            await closed
            return result
        return asyncio.run(run())

    @staticmethod
    def call(start):
        future = asyncio.get_running_loop().create_future()
        start(lambda *arguments: future.done() or future.set_result(*arguments))
        return future

    def test_publish_with_confirms_and_consume(self):
        count = 500

        async def scenario(_connection, channel):
            await self.call(lambda done: channel.queue_declare(
                self.name, exclusive=True, callback=done))
            confirmed, consumed = set(), []
            all_confirmed = asyncio.get_running_loop().create_future()
            all_consumed = asyncio.get_running_loop().create_future()

            def on_confirm(frame):
                self.assertIsInstance(frame.method, pika.spec.Basic.Ack)
                tag = frame.method.delivery_tag
                confirmed.update(range(1 if frame.method.multiple else tag, tag + 1))
                if len(confirmed) == count and not all_confirmed.done():
                    all_confirmed.set_result(None)

            def on_message(_channel, method, _properties, body):
                consumed.append(int(body))
                channel.basic_ack(method.delivery_tag)
                if len(consumed) == count:
                    all_consumed.set_result(None)

            await self.call(lambda done: channel.confirm_delivery(on_confirm, callback=done))
            await self.call(lambda done: channel.basic_qos(prefetch_count=50, callback=done))
            channel.basic_consume(self.name, on_message)
            for number in range(count):
                channel.basic_publish("", self.name, str(number), PERSISTENT)
            await all_confirmed
            await all_consumed
            return consumed

        self.assertEqual(list(range(count)), self.run_with_channel(scenario))

    def test_channel_error_leaves_the_connection_alive(self):
        async def scenario(connection, channel):
            reason = asyncio.get_running_loop().create_future()
            channel.add_on_close_callback(lambda _, error: reason.set_result(error))
            channel.queue_declare(self.name, passive=True)
            error = await reason
            second = await self.call(lambda done: connection.channel(on_open_callback=done))
            await self.call(lambda done: second.queue_declare(
                self.name, exclusive=True, callback=done))
            return error.reply_code

        self.assertEqual(404, self.run_with_channel(scenario))


if __name__ == "__main__":
    unittest.main(verbosity=2)
