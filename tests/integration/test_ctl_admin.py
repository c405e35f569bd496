"""Users, virtual hosts, permissions, policies, limits and definitions by `leveret ctl`, as RabbitMQ 3.10.8 answers."""

import json
import subprocess
from pathlib import Path

import pika
from pika.exceptions import (AMQPConnectionError, ChannelClosedByBroker, ConnectionClosedByBroker,
                             ProbableAuthenticationError)

import leveret_broker
from leveret_broker import BrokerCase, needs_own_broker

DEFINITIONS = Path(__file__).resolve().parents[1] / "broker/management/definitions"


class AdminCase(BrokerCase):
    durable = True

    def run_ctl(self, *words, stdin=None):
        return subprocess.run(
            [leveret_broker.LEVERET, "ctl", "--data-dir", str(self.directory / "data"), *words],
            capture_output=True, text=True, input=stdin)

    def ctl(self, *words, stdin=None):
        done = self.run_ctl(*words, stdin=stdin)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        return done.stdout

    def refused(self, code, *words):
        done = self.run_ctl(*words)
        self.assertEqual(code, done.returncode, done.stdout + done.stderr)
        return done.stderr

    def rows(self, *words):
        return json.loads(self.ctl("--formatter", "json", *words))

    def connect(self, user="guest", password="guest", vhost="/"):
        connection = pika.BlockingConnection(pika.ConnectionParameters(
            "127.0.0.1", self.broker.port, vhost, pika.PlainCredentials(user, password)))
        self.addCleanup(self.close, connection)
        return connection

    @staticmethod
    def close(connection):
        try:
            if connection.is_open:
                connection.close()
        except AMQPConnectionError:
            pass


@needs_own_broker
class Users(AdminCase):
    def test_life_of_a_user(self):
        self.assertEqual(
            'Adding user "u" ...\nDone. Don\'t forget to grant the user permissions to some '
            "virtual hosts! See 'rabbitmqctl help set_permissions' to learn more.\n",
            self.ctl("add_user", "u", "p1"))
        self.assertEqual('Error:\nUser "u" already exists\n',
                         self.refused(70, "add_user", "u", "p1"))
        self.assertEqual('Authenticating user "u" ...\nSuccess\n',
                         self.ctl("authenticate_user", "u", "p1"))
        self.assertEqual(
            'Error:\nError: failed to authenticate user "u"\nuser \'u\' - invalid credentials\n',
            self.refused(65, "authenticate_user", "u", "no"))
        self.assertEqual('Changing password for user "u" ...\n',
                         self.ctl("change_password", "u", "p2"))
        self.ctl("authenticate_user", "u", "p2")
        self.assertEqual('Setting tags for user "u" to [administrator, monitoring] ...\n',
                         self.ctl("set_user_tags", "u", "administrator", "monitoring"))
        self.assertIn({"user": "u", "tags": ["administrator", "monitoring"]},
                      self.rows("list_users"))
        self.ctl("set_permissions", "u", ".*", "^[a-z]", "")
        self.assertEqual(
            'Listing permissions for user "u" ...\nvhost\tconfigure\twrite\tread\n/\t.*\t^[a-z]\t\n',
            self.ctl("list_user_permissions", "u"))
        with self.assertRaises(ProbableAuthenticationError):
            self.connect("u", "p1")
        connection = self.connect("u", "p2")
        self.assertEqual('Deleting user "u" ...\n', self.ctl("delete_user", "u"))
        with self.assertRaises(ConnectionClosedByBroker) as closed:
            connection.channel()
        self.assertEqual((320, "CONNECTION_FORCED - user 'u' is deleted"),
                         (closed.exception.reply_code, closed.exception.reply_text))
        self.assertEqual('Error:\nUser "u" does not exist\n', self.refused(67, "delete_user", "u"))

    def test_password_from_standard_input_and_restart(self):
        self.ctl("add_user", "u", stdin="secret\n")
        self.ctl("set_permissions", "u", ".*", ".*", ".*")
        self.broker.kill()
        self.broker.start()
        self.connect("u", "secret").channel()

    def test_missing_ones(self):
        self.assertEqual("Error:\nUser x does not exist\n",
                         self.refused(67, "set_permissions", "x", ".*", ".*", ".*"))
        self.assertEqual("Error:\nVirtual host v does not exist\n",
                         self.refused(69, "set_permissions", "-p", "v", "guest", "", "", ""))
        self.assertEqual("Virtual host 'v' does not exist\n",
                         self.refused(65, "list_permissions", "-p", "v"))
        self.assertEqual('Error:\n{:no_such_user, "x"}\n',
                         self.refused(69, "list_user_permissions", "x"))


@needs_own_broker
class VirtualHosts(AdminCase):
    def test_life_of_a_virtual_host(self):
        self.assertEqual('Adding vhost "v" ...\n', self.ctl("add_vhost", "v"))
        self.ctl("add_vhost", "w", "--description", "d d", "--tags", "a,b",
                 "--default-queue-type", "quorum")
        self.assertEqual(
            [{"name": "/", "description": "Default virtual host"},
             {"name": "v", "description": ""}, {"name": "w", "description": "d d"}],
            self.rows("list_vhosts", "name", "description"))
        self.ctl("set_permissions", "-p", "v", "guest", ".*", ".*", ".*")
        connection = self.connect(vhost="v")
        connection.channel().queue_declare("q", durable=True)
        self.ctl("delete_vhost", "v")
        with self.assertRaises(ConnectionClosedByBroker) as closed:
            connection.channel()
        self.assertEqual("CONNECTION_FORCED - vhost 'v' is deleted", closed.exception.reply_text)
        self.assertEqual("Virtual host 'v' does not exist\n", self.refused(65, "delete_vhost", "v"))

    def test_limits(self):
        self.assertEqual(
            'Setting vhost limits to "{"max-queues":1}" for vhost "/" ...\n',
            self.ctl("set_vhost_limits", '{"max-queues":1}'))
        self.assertEqual('Listing limits for vhost "/" ...\n{"max-queues":1}\n',
                         self.ctl("list_vhost_limits"))
        self.assertEqual([{"vhost": "/", "limits": '{"max-queues":1}'}],
                         self.rows("list_vhost_limits", "--global"))
        channel = self.connect().channel()
        channel.queue_declare("a")
        with self.assertRaises(ChannelClosedByBroker) as closed:
            channel.queue_declare("b")
        self.assertEqual(406, closed.exception.reply_code)
        self.assertEqual(
            'Error:\nValidation failed\n\nUnrecognised terms [{<<"max-foo">>,2}] in limits\n\n',
            self.refused(69, "set_vhost_limits", '{"max-foo":2}'))
        self.ctl("clear_vhost_limits")
        self.assertEqual("Error:\nParameter does not exist\n",
                         self.refused(69, "clear_vhost_limits"))

    def test_user_limits(self):
        self.ctl("set_user_limits", "guest", '{"max-channels":1}')
        self.ctl("set_user_limits", "guest", '{"max-connections":5}')
        self.assertEqual(
            {"max-channels": 1, "max-connections": 5},
            json.loads(self.rows("list_user_limits", "--user", "guest")["message"]))
        self.assertEqual("Error:\nUnrecognised terms [{<<\"max-foo\">>,2}] in user-limits\n",
                         self.refused(69, "set_user_limits", "guest", '{"max-foo":2}'))
        self.ctl("clear_user_limits", "guest", "max-channels")
        self.assertEqual('Listing limits for user "guest" ...\n{"max-connections":5}\n',
                         self.ctl("list_user_limits"))


@needs_own_broker
class Policies(AdminCase):
    def test_life_of_a_policy(self):
        channel = self.connect().channel()
        channel.queue_declare("jobs", durable=True)
        self.assertEqual(
            'Setting policy "p" for pattern "^jobs" to "{"max-length":2}" with priority "3" for '
            'vhost "/" ...\n',
            self.ctl("set_policy", "p", "^jobs", '{"max-length":2}', "--priority", "3",
                     "--apply-to", "queues"))
        self.assertEqual(
            'Listing policies for vhost "/" ...\n'
            "vhost\tname\tpattern\tapply-to\tdefinition\tpriority\n"
            '/\tp\t^jobs\tqueues\t{"max-length":2}\t3\n',
            self.ctl("list_policies"))
        self.ctl("set_operator_policy", "o", ".*", '{"max-length":1}', "--apply-to", "queues")
        self.assertEqual(
            [{"name": "jobs", "policy": "p", "operator_policy": "o"}],
            self.rows("list_queues", "name", "policy", "operator_policy"))
        self.broker.kill()
        self.broker.start()
        self.assertEqual([{"name": "jobs", "policy": "p"}],
                         self.rows("list_queues", "name", "policy"))
        self.ctl("clear_policy", "p")
        self.ctl("clear_operator_policy", "o")
        self.assertEqual("Error:\nParameter does not exist\n", self.refused(69, "clear_policy", "p"))

    def test_refusals(self):
        self.assertEqual(
            'Error:\nValidation failed\n\n[{<<"max-lengt">>,5}] are not recognised policy settings'
            "\n\n", self.refused(69, "set_policy", "p", "a", '{"max-lengt":5}'))
        self.assertEqual("Error:\nJSON decoding error. Reason: badarg\n",
                         self.refused(69, "set_policy", "p", "a", "nojson"))
        self.assertEqual("Virtual host 'v' does not exist\n",
                         self.refused(65, "set_policy", "-p", "v", "p", "a", '{"max-length":5}'))

    def test_topic_permissions(self):
        self.ctl("add_user", "u", "p")
        self.ctl("set_permissions", "u", ".*", ".*", ".*")
        self.ctl("set_topic_permissions", "u", "amq.topic", "^a", ".*")
        self.assertEqual([{"user": "u", "exchange": "amq.topic", "write": "^a", "read": ".*"}],
                         self.rows("list_topic_permissions"))
        channel = self.connect("u", "p").channel()
        channel.confirm_delivery()
        channel.basic_publish("amq.topic", "a.b", b"")
        with self.assertRaises(ChannelClosedByBroker) as closed:
            channel.basic_publish("amq.topic", "x.y", b"")
        self.assertEqual(
            "ACCESS_REFUSED - access to topic 'x.y' in exchange 'amq.topic' in vhost '/' refused "
            "for user 'u'", closed.exception.reply_text)
        self.ctl("clear_topic_permissions", "u")
        self.assertEqual([], self.rows("list_user_topic_permissions", "u"))


@needs_own_broker
class Definitions(AdminCase):
    def test_export_of_rabbitmq_is_imported_and_exported(self):
        self.ctl("import_definitions", str(DEFINITIONS / "rabbitmq-3.10.8.json"))
        self.assertEqual({"lost", "quorum", "tq", "transient", "work"},
                         {row["name"] for row in self.rows("list_queues", "name")})
        self.connect("scale", "tiger", "orders").channel()
        exported = json.loads(self.ctl("export_definitions", "-"))
        again = self.directory / "again.json"
        self.ctl("export_definitions", str(again))
        self.ctl("import_definitions", stdin=again.read_text())
        self.assertEqual(exported, json.loads(self.ctl("export_definitions", "-")))
        self.assertEqual(["/", "orders"], [vhost["name"] for vhost in exported["vhosts"]])

    def test_faults(self):
        self.assertEqual(
            "Error:\nqueues[0]: field 'name' is missing\n",
            self.refused_import('{"queues": [{"vhost": "/"}]}'))
        self.assertIn("File /nowhere does not exist",
                      self.refused(65, "import_definitions", "/nowhere"))

    def refused_import(self, text):
        path = self.directory / "faulty.json"
        path.write_text(text)
        return self.refused(69, "import_definitions", str(path))


@needs_own_broker
class LoadedDefinitions(AdminCase):
    settings = (f"load_definitions={DEFINITIONS / 'rabbitmq-4.json'}",)

    def test_are_there_before_the_first_connection(self):
        self.connect("sha512", "tiger", "shop").channel().queue_declare("jobs", passive=True)
        self.assertEqual(["clear", "md5", "sha512"],
                         sorted(row["user"] for row in self.rows("list_users")))
