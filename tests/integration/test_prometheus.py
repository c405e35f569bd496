"""Debian's Prometheus scrapes the broker: its checker likes what it reads, and the queries of RabbitMQ's Overview dashboard return series."""

import contextlib
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import pika

import leveret_broker
from leveret_broker import BrokerCase, needs_own_broker

# What panels multiply with, so that they know node and cluster.
JOIN = ('* on(instance, job) group_left(rabbitmq_cluster, rabbitmq_node) '
        'rabbitmq_identity_info{rabbitmq_cluster="rabbit@test", namespace="", '
        'rabbitmq_endpoint="aggregated"}')
GAUGES = """
rabbitmq_queue_messages_ready rabbitmq_queue_messages_unacked rabbitmq_queues rabbitmq_channels
rabbitmq_connections rabbitmq_global_publishers rabbitmq_global_consumers
rabbitmq_resident_memory_limit_bytes rabbitmq_process_resident_memory_bytes
rabbitmq_disk_space_available_bytes rabbitmq_disk_space_available_limit_bytes
rabbitmq_process_max_fds rabbitmq_process_open_fds rabbitmq_erlang_uptime_seconds
""".split()
COUNTERS = """
rabbitmq_queues_declared_total rabbitmq_queues_created_total rabbitmq_queues_deleted_total
rabbitmq_channels_opened_total rabbitmq_channels_closed_total
rabbitmq_connections_opened_total rabbitmq_connections_closed_total
rabbitmq_global_messages_received_total rabbitmq_global_messages_received_confirm_total
rabbitmq_global_messages_confirmed_total rabbitmq_global_messages_routed_total
rabbitmq_global_messages_unroutable_dropped_total
rabbitmq_global_messages_unroutable_returned_total rabbitmq_global_messages_delivered_total
rabbitmq_global_messages_delivered_consume_auto_ack_total
rabbitmq_global_messages_delivered_consume_manual_ack_total
rabbitmq_global_messages_delivered_get_auto_ack_total
rabbitmq_global_messages_delivered_get_manual_ack_total
rabbitmq_global_messages_get_empty_total rabbitmq_global_messages_redelivered_total
rabbitmq_global_messages_acknowledged_total
""".split()
SIZES = '100.0 1000.0 10000.0 100000.0 1e+06 1e+07 5e+07 1e+08 +Inf'.split()


def get(url):
    with urllib.request.urlopen(url) as answer:
        return answer.read().decode()


def free_port():
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@needs_own_broker
class PrometheusCase(BrokerCase):
    durable = True
    settings = ("prometheus.tcp.port=0", "prometheus.tcp.ip=127.0.0.1", "node_name=rabbit@test")

    def setUp(self):
        super().setUp()
        self.metrics = f"http://127.0.0.1:{self.broker.ports['prometheus']}/metrics"

    def traffic(self):
        """One of everything. The connection stays open, for the gauges."""
        connection = pika.BlockingConnection(pika.URLParameters(self.broker.url))
        self.addCleanup(connection.close)
        channel = connection.channel()
        channel.queue_declare("work", durable=True)
        channel.confirm_delivery()
        for size in (10, 5000, 200000):
            channel.basic_publish("", "work", b"x" * size)
        with contextlib.suppress(pika.exceptions.UnroutableError):
            channel.basic_publish("", "nowhere", b"x", mandatory=True)
        method, _, _ = channel.basic_get("work")
        channel.basic_nack(method.delivery_tag, requeue=True)
        method, _, _ = channel.basic_get("work")
        channel.basic_ack(method.delivery_tag)
        channel.basic_consume("work", lambda *_: None)
        connection.process_data_events(0)

    def check(self, text):
        done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                              capture_output=True)
        self.assertEqual((0, ""), (done.returncode, done.stdout + done.stderr))


class Metrics(PrometheusCase):
    def setUp(self):
        if not shutil.which("promtool"):
            self.skipTest("Debian's prometheus is not installed")
        super().setUp()

    def test_the_checker_finds_no_fault(self):
        self.traffic()
        self.check(get(self.metrics))
        self.check(get(self.metrics + "/per-object"))
        self.check(get(self.metrics + "/detailed?family=queue_coarse_metrics&family=queue_metrics"
                       "&vhost=/"))

    def test_counts_are_there_at_once(self):
        self.traffic()
        lines = get(self.metrics).splitlines()
        for line in ('rabbitmq_global_messages_received_total{protocol="amqp091"} 4',
                     'rabbitmq_global_messages_received_confirm_total{protocol="amqp091"} 4',
                     'rabbitmq_global_messages_confirmed_total{protocol="amqp091"} 4',
                     'rabbitmq_global_messages_unroutable_returned_total{protocol="amqp091"} 1',
                     'rabbitmq_queues 1', 'rabbitmq_queue_messages 2'):
            self.assertIn(line, lines)
        detailed = get(self.metrics + "/detailed?family=queue_coarse_metrics&vhost=%2F")
        self.assertIn('rabbitmq_detailed_queue_messages{vhost="/",queue="work"} 2',
                      detailed.splitlines())

    def test_other_addresses_are_not_found(self):
        with self.assertRaises(urllib.error.HTTPError) as refused:
            get(self.metrics + "x")
        self.assertEqual(404, refused.exception.code)
        refused.exception.close()


class Server(PrometheusCase):
    def setUp(self):
        if not shutil.which("prometheus"):
            self.skipTest("Debian's prometheus is not installed")
        super().setUp()
        self.port = free_port()
        target = urllib.parse.urlsplit(self.metrics).netloc
        config = self.directory / "prometheus.yml"
        config.write_text(json.dumps({
            "global": {"scrape_interval": "1s"},
            "scrape_configs": [{"job_name": "leveret",
                                "static_configs": [{"targets": [target]}]}]}))
        log = open(self.directory / "prometheus.log", "wb")
        self.addCleanup(log.close)
        self.prometheus = leveret_broker.spawn(
            ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.directory / 'tsdb'}",
             f"--web.listen-address=127.0.0.1:{self.port}"], stdout=log, stderr=log)
        self.addCleanup(self.prometheus.wait)
        self.addCleanup(self.prometheus.kill)

    def query(self, expression):
        """The series, as soon as there are any."""
        url = f"http://127.0.0.1:{self.port}/api/v1/query?" + urllib.parse.urlencode(
            {"query": expression})
        while self.prometheus.poll() is None:  # the watchdog ends it
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                answer = json.loads(get(url))
                self.assertEqual("success", answer["status"], expression)
                if answer["data"]["result"]:
                    return answer["data"]["result"]
            time.sleep(0.2)
        self.fail((self.directory / "prometheus.log").read_text())

    def test_the_dashboards_queries_return_series(self):
        self.traffic()
        for name in GAUGES:
            series = self.query(f"sum({name} {JOIN}) by(rabbitmq_node)")
            self.assertEqual([{"rabbitmq_node": "rabbit@test"}], [s["metric"] for s in series])
        for name in COUNTERS:
            self.query(f"sum(rate({name}[60s]) {JOIN}) by(rabbitmq_node)")
        for end in SIZES:
            self.query(f'sum(rate(rabbitmq_message_size_bytes_bucket{{le="{end}"}}[60s]) {JOIN})')
        self.query(f"rabbitmq_build_info {JOIN}")
        self.assertEqual("2", self.query(f"sum(rabbitmq_queue_messages_unacked {JOIN})")
                         [0]["value"][1])
        self.assertEqual("4", self.query(
            f"sum(rabbitmq_global_messages_received_total {JOIN})")[0]["value"][1])


if __name__ == "__main__":
    leveret_broker.main()
