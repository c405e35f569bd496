"""The tools of RabbitMQ's operators against the HTTP API: rabbitmqadmin, the nagios plugins, kombu's management client."""

import json
import shutil
import subprocess
import unittest

import kombu

from leveret_broker import ROOT, needs_own_broker
from management_api import ManagementCase

# Installed with RabbitMQ, or taken out of Debian's package by ./dev test.
RABBITMQADMIN = shutil.which("rabbitmqadmin") or shutil.which(
    "rabbitmqadmin", path=str(ROOT / "build/tools/usr/bin"))
NAGIOS = shutil.which("check_rabbitmq_server")

LISTED = ("connections", "channels", "consumers", "exchanges", "queues", "bindings", "users",
          "vhosts", "permissions", "nodes", "parameters", "policies", "operator_policies",
          "vhost_limits")

try:
    import pyrabbit
except ImportError:
    pyrabbit = None


@needs_own_broker
@unittest.skipUnless(RABBITMQADMIN, "rabbitmqadmin is not installed (rabbitmq-server)")
class Rabbitmqadmin(ManagementCase):
    def run_admin(self, *words):
        return subprocess.run(
            [RABBITMQADMIN, "--host=127.0.0.1", f"--port={self.broker.http_port}", *words],
            capture_output=True, text=True)

    def admin(self, *words):
        done = self.run_admin(*words)
        self.assertEqual(0, done.returncode, f"{words}: {done.stdout}{done.stderr}")
        return done.stdout

    def rows(self, *words):
        return json.loads(self.admin("--format=raw_json", *words))

    def test_every_list_and_show(self):
        self.connect("admin").channel().basic_consume(
            self.declare_queue("q"), lambda *_: None)
        self.admin("declare", "policy", "name=p", "pattern=.*", 'definition={"max-length":9}')
        self.admin("declare", "operator_policy", "name=op", "pattern=.*",
                   'definition={"max-length":8}')
        self.admin("declare", "vhost_limit", "vhost=/", "name=max-queues", "value=100")
        for kind in LISTED:
            self.assertGreaterEqual(len(self.rows("list", kind)), 1, kind)
        for form in ("table", "tsv", "long", "kvp", "bash", "pretty_json"):
            self.assertIn("127.0.0.1", self.admin(f"--format={form}", "list", "connections"))
        self.admin("show", "overview")
        # Its tables cannot show a null, RabbitMQ's neither.
        self.admin("--depth=3", "--format=long", "list", "queues")
        self.admin("--vhost=/", "list", "queues", "name", "messages")
        self.admin("--sort=name", "--sort-reverse", "list", "exchanges")

    def declare_queue(self, name):
        self.admin("declare", "queue", f"name={name}")
        return name

    def test_no_command_is_left_out(self):
        """What its own help lists is what the cases here run."""
        lines = [line.split() for line in self.admin("help", "subcommands").splitlines()
                 if line.startswith("  ") and line.strip()]
        listed = {tuple(words[:2]) for words in lines
                  if words[0] in ("list", "show", "declare", "delete", "close", "purge")}
        self.assertLessEqual({"export", "import", "publish", "get"},
                             {words[0] for words in lines})
        made = ("exchange", "queue", "binding", "vhost", "user", "permission", "parameter",
                "policy", "operator_policy", "vhost_limit")
        self.assertEqual(
            {("list", kind) for kind in LISTED} | {(verb, kind) for verb in ("declare", "delete")
                                                   for kind in made} |
            {("show", "overview"), ("close", "connection"), ("purge", "queue")}, listed)

    def test_declare_and_delete_everything(self):
        commands = (
            ("exchange", ["name=x", "type=topic"], ["name=x"]),
            ("queue", ["name=q", "durable=false", 'arguments={"x-max-length":5}'], ["name=q"]),
            ("vhost", ["name=v", "tracing=true"], ["name=v"]),
            ("user", ["name=u", "password=pw", "tags=monitoring"], ["name=u"]),
            ("policy", ["name=p", "pattern=^a", 'definition={"max-length":3}', "priority=2",
                        "apply-to=queues"], ["name=p"]),
            ("operator_policy", ["name=p", "pattern=^a", 'definition={"max-length":3}'],
             ["name=p"]),
            ("vhost_limit", ["vhost=/", "name=max-connections", "value=20"],
             ["vhost=/", "name=max-connections"]),
            ("parameter", ["component=operator_policy", "name=r",
                           'value={"pattern":"^r","definition":{"max-length":1}}'],
             ["component=operator_policy", "name=r"]),
        )
        for kind, declare, delete in commands:
            self.admin("declare", kind, *declare)
            self.admin("delete", kind, *delete)
        for kind in ("policies", "operator_policies", "vhost_limits", "parameters"):
            self.assertEqual([], self.rows("list", kind))

    def test_bindings_and_permissions(self):
        self.declare_queue("q")
        self.admin("declare", "binding", "source=amq.topic", "destination=q", "routing_key=a.b")
        self.admin("delete", "binding", "source=amq.topic", "destination_type=queue",
                   "destination=q", "properties_key=a.b")
        self.admin("declare", "binding", "source=amq.topic", "destination=amq.fanout",
                   "destination_type=exchange", "routing_key=k")
        self.admin("declare", "user", "name=u", "password=pw", "tags=")
        self.admin("declare", "permission", "vhost=/", "user=u", "configure=a", "write=b", "read=c")
        self.admin("delete", "permission", "vhost=/", "user=u")

    def test_messages(self):
        self.declare_queue("q")
        self.assertIn("Message published",
                      self.admin("publish", "routing_key=q", "payload=hello",
                                 'properties={"delivery_mode":2}'))
        self.assertIn("NOT routed", self.admin("publish", "routing_key=none", "payload=x"))
        self.assertEqual("hello", self.rows("get", "queue=q")[0]["payload"])
        self.assertEqual(
            1, len(self.rows("get", "queue=q", "count=5", "ackmode=ack_requeue_false")))
        self.admin("purge", "queue", "name=q")

    def test_closing_a_connection(self):
        self.connect()
        name = self.rows("list", "connections", "name")[0]["name"]
        self.admin("close", "connection", f"name={name}")

    def test_export_and_import(self):
        self.declare_queue("q")
        file = str(self.directory / "definitions.json")
        self.admin("export", file)
        self.admin("delete", "queue", "name=q")
        self.admin("import", file)
        self.assertEqual(["q"], [row["name"] for row in self.rows("list", "queues", "name")])
        self.admin("--vhost=/", "export", file)
        self.admin("--vhost=/", "import", file)

    def test_errors_end_it_with_one(self):
        for words in (("--username=x", "list", "queues"), ("delete", "queue", "name=none"),
                      ("declare", "queue", "name=amq.x")):
            self.assertEqual(1, self.run_admin(*words).returncode, words)


@needs_own_broker
@unittest.skipUnless(NAGIOS, "the plugins are not installed (nagios-plugins-rabbitmq)")
class NagiosPlugins(ManagementCase):
    # The plugins put rabbit@ before what they are told.
    settings = ("management.tcp.port=0", "node_name=rabbit@127")

    def run_check(self, plugin, *words):
        return subprocess.run(
            ["check_rabbitmq_" + plugin, "-H", "127.0.0.1", f"--port={self.broker.http_port}",
             "--timeout=300", *words], capture_output=True, text=True)

    def check(self, plugin, *words):
        done = self.run_check(plugin, *words)
        self.assertEqual(0, done.returncode, f"{plugin}: {done.stdout}{done.stderr}")
        return done.stdout

    def test_all_that_debian_has(self):
        self.done(201, "PUT", "/queues/%2F/q", {})
        self.connect()
        self.assertIn("vhost: /", self.check("aliveness"))
        self.check("server", "-n", "127")
        self.check("watermark", "-n", "127")
        self.check("partition", "-n", "127")
        self.check("objects")
        self.check("overview")
        self.check("queue", "--queue=q")
        self.check("connections")
        # As of a RabbitMQ without shovels.
        self.assertIn("404", self.run_check("shovels").stdout)


@needs_own_broker
@unittest.skipUnless(pyrabbit, "pyrabbit is not installed: kombu's manager needs it")
class KombuManager(ManagementCase):
    def test_it_sees_the_broker(self):
        with kombu.Connection(self.kombu_url) as connection:
            manager = connection.get_manager(port=self.broker.http_port)
            self.assertTrue(manager.is_alive())
            manager.create_queue("/", "q", durable=False)
            manager.publish("/", "amq.direct", "k", "payload")
            self.assertEqual(["q"], [queue["name"] for queue in manager.get_queues()])
            self.assertEqual(["/"], manager.get_vhost_names())
            self.assertIn("queue_totals", manager.get_overview())
            manager.delete_queue("/", "q")


if __name__ == "__main__":
    from leveret_broker import main
    main()
