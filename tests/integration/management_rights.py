"""Every operation of the HTTP API, asked by users of every tag.

    /usr/bin/python3 -B tests/integration/management_rights.py http://127.0.0.1:15672 5672

asks a fresh RabbitMQ 3.10 and writes what it answers to management_rights.json, which test_management_rights.py holds Leveret to.
"""

import http.client
import json
import sys
import time
import urllib.parse
from pathlib import Path

import pika

from management_api import Answer, basic, quoted

RECORDED = Path(__file__).with_name("management_rights.json")

# Each has all permissions in the virtual host "/" and none in "closed".
TAGS = ("none", "management", "policymaker", "monitoring", "administrator")
PASSWORD = "pw"

ALL = {"configure": ".*", "write": ".*", "read": ".*"}
POLICY = {"pattern": "^rights", "definition": {"max-length": 5}, "priority": 1,
          "apply-to": "queues"}
TAKE = {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}
PUBLISH = {"routing_key": "none", "properties": {}, "payload": "", "payload_encoding": "string"}

# What belongs to a virtual host is asked for in these; the last is not there.
VHOSTS = ("%2F", "closed", "absent")

IN_A_VHOST = (
    ("PUT", "/queues/{vhost}/q", {}),
    ("GET", "/queues/{vhost}", None),
    ("GET", "/queues/{vhost}/q", None),
    ("GET", "/queues/{vhost}/none", None),
    ("GET", "/queues/{vhost}/q/bindings", None),
    ("POST", "/queues/{vhost}/q/get", TAKE),
    ("POST", "/queues/{vhost}/q/actions", {"action": "sync"}),
    ("DELETE", "/queues/{vhost}/q/contents", None),
    ("DELETE", "/queues/{vhost}/none", None),
    ("PUT", "/exchanges/{vhost}/x", {"type": "topic"}),
    ("GET", "/exchanges/{vhost}", None),
    ("GET", "/exchanges/{vhost}/x", None),
    ("GET", "/exchanges/{vhost}/x/bindings/source", None),
    ("GET", "/exchanges/{vhost}/x/bindings/destination", None),
    ("POST", "/exchanges/{vhost}/x/publish", PUBLISH),
    ("DELETE", "/exchanges/{vhost}/none", None),
    ("POST", "/bindings/{vhost}/e/x/q/q", {"routing_key": "k"}),
    ("GET", "/bindings/{vhost}", None),
    ("GET", "/bindings/{vhost}/e/x/q/q", None),
    ("GET", "/bindings/{vhost}/e/x/q/q/k", None),
    ("DELETE", "/bindings/{vhost}/e/x/q/q/none", None),
    ("GET", "/vhosts/{vhost}", None),
    ("GET", "/vhosts/{vhost}/permissions", None),
    ("GET", "/vhosts/{vhost}/topic-permissions", None),
    ("GET", "/vhosts/{vhost}/connections", None),
    ("GET", "/vhosts/{vhost}/channels", None),
    ("GET", "/consumers/{vhost}", None),
    ("GET", "/aliveness-test/{vhost}", None),
    ("PUT", "/policies/{vhost}/p", POLICY),
    ("GET", "/policies/{vhost}", None),
    ("GET", "/policies/{vhost}/p", None),
    ("DELETE", "/policies/{vhost}/none", None),
    ("PUT", "/operator-policies/{vhost}/p", POLICY),
    ("GET", "/operator-policies/{vhost}", None),
    ("GET", "/operator-policies/{vhost}/p", None),
    ("DELETE", "/operator-policies/{vhost}/none", None),
    ("PUT", "/vhost-limits/{vhost}/max-queues", {"value": 1000}),
    ("GET", "/vhost-limits/{vhost}", None),
    ("DELETE", "/vhost-limits/{vhost}/max-connections", None),
    ("PUT", "/parameters/operator_policy/{vhost}/r", {"value": POLICY}),
    ("GET", "/parameters/operator_policy/{vhost}", None),
    ("GET", "/parameters/operator_policy/{vhost}/r", None),
    ("DELETE", "/parameters/operator_policy/{vhost}/none", None),
    ("PUT", "/permissions/{vhost}/none", ALL),
    ("GET", "/permissions/{vhost}/none", None),
    ("DELETE", "/permissions/{vhost}/nobody", None),
    ("PUT", "/topic-permissions/{vhost}/none",
     {"exchange": "amq.topic", "write": ".*", "read": ".*"}),
    ("GET", "/topic-permissions/{vhost}/none", None),
    ("DELETE", "/topic-permissions/{vhost}/nobody", None),
    ("GET", "/definitions/{vhost}", None),
    ("POST", "/definitions/{vhost}", {}),
)

OF_THE_BROKER = (
    ("GET", "/overview", None),
    ("GET", "/whoami", None),
    ("GET", "/auth", None),
    ("GET", "/extensions", None),
    ("GET", "/cluster-name", None),
    ("PUT", "/cluster-name", {"name": "rights"}),
    ("GET", "/nodes", None),
    ("GET", "/nodes/{node}", None),
    ("GET", "/nodes/{node}/memory", None),
    ("GET", "/nodes/absent", None),
    ("GET", "/queues", None),
    ("GET", "/exchanges", None),
    ("GET", "/bindings", None),
    ("GET", "/connections", None),
    ("GET", "/channels", None),
    ("GET", "/consumers", None),
    ("GET", "/vhosts", None),
    ("PUT", "/vhosts/made", {}),
    ("DELETE", "/vhosts/none", None),
    ("GET", "/users", None),
    ("GET", "/users/none", None),
    ("GET", "/users/without-permissions", None),
    ("PUT", "/users/made", {"password": "pw", "tags": ""}),
    ("DELETE", "/users/absent", None),
    ("POST", "/users/bulk-delete", {"users": []}),
    ("GET", "/users/none/permissions", None),
    ("GET", "/users/none/topic-permissions", None),
    ("GET", "/user-limits", None),
    ("GET", "/user-limits/none", None),
    ("PUT", "/user-limits/none/max-channels", {"value": 100}),
    ("DELETE", "/user-limits/none/max-connections", None),
    ("GET", "/permissions", None),
    ("GET", "/topic-permissions", None),
    ("GET", "/policies", None),
    ("GET", "/operator-policies", None),
    ("GET", "/vhost-limits", None),
    ("GET", "/parameters", None),
    ("GET", "/parameters/operator_policy", None),
    ("PUT", "/global-parameters/rights", {"value": {"a": 1}}),
    ("GET", "/global-parameters", None),
    ("GET", "/global-parameters/rights", None),
    ("DELETE", "/global-parameters/none", None),
    ("GET", "/definitions", None),
    ("POST", "/definitions", {}),
    ("GET", "/all-configuration", None),
    ("GET", "/feature-flags", None),
    ("PUT", "/feature-flags/quorum_queue/enable", {}),
    ("GET", "/auth/attempts/{node}", None),
    ("GET", "/auth/attempts/{node}/source", None),
    ("DELETE", "/auth/attempts/{node}", None),
    ("POST", "/rebalance/queues", {}),
    ("GET", "/healthchecks/node", None),
    ("GET", "/healthchecks/node/{node}", None),
    ("GET", "/health/checks/alarms", None),
    ("GET", "/health/checks/local-alarms", None),
    ("GET", "/health/checks/certificate-expiration/1/months", None),
    ("GET", "/health/checks/port-listener/9", None),
    ("GET", "/health/checks/protocol-listener/amqp091", None),
    ("GET", "/health/checks/virtual-hosts", None),
    ("GET", "/health/checks/node-is-mirror-sync-critical", None),
    ("GET", "/health/checks/node-is-quorum-critical", None),
    # One of the administrator's, the last ends it.
    ("GET", "/connections/{connection}", None),
    ("GET", "/connections/{connection}/channels", None),
    ("GET", "/channels/{channel}", None),
    ("GET", "/connections/none", None),
    ("GET", "/connections/username/administrator", None),
    ("DELETE", "/connections/none", None),
    ("DELETE", "/connections/{connection}", None),
    ("DELETE", "/reset", None),
    ("DELETE", "/reset/{node}", None),
)


def operations():
    for verb, path, body in IN_A_VHOST:
        for vhost in VHOSTS:
            yield verb, path.replace("{vhost}", vhost), body
    yield from OF_THE_BROKER


class Rights:
    """The users, the virtual host, and a connection of the administrator's."""

    def __init__(self, http_port, amqp_port):
        self.http_port = http_port
        for tag in TAGS:
            self.make(f"/users/{tag}", {"password": PASSWORD, "tags": "" if tag == "none" else tag})
            self.make(f"/permissions/%2F/{tag}", ALL)
        self.make("/vhosts/closed", {})
        self.connection = pika.BlockingConnection(pika.ConnectionParameters(
            "127.0.0.1", amqp_port,
            credentials=pika.PlainCredentials("administrator", PASSWORD)))
        self.connection.channel()
        channel = self.shown_channel()
        self.places = {"node": quoted(self.ask("GET", "/overview").json["node"]),
                       "channel": quoted(channel["name"]),
                       "connection": quoted(channel["connection_details"]["name"])}

    def make(self, path, body):
        answer = self.ask("PUT", path, body)
        assert answer.status in (201, 204), answer.text

    def shown_channel(self):
        """RabbitMQ shows it after up to five seconds."""
        while True:
            for channel in self.ask("GET", "/channels").json:
                if channel.get("connection_details", {}).get("name"):
                    return channel
            time.sleep(0.2)

    def ask(self, verb, path, body=None, user="guest", password="guest"):
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port)
        connection.request(verb, "/api" + path, None if body is None else json.dumps(body),
                           {"Authorization": basic(user, password),
                            "Content-Type": "application/json"})
        answer = Answer(connection.getresponse())
        connection.close()
        return answer

    def answers(self):
        """{"GET /overview": {"none": "401 not_authorised: Not management user", ...}}"""
        out = {}
        for verb, path, body in operations():
            shown = path.format(**self.places)
            out[f"{verb} {path}"] = {
                tag: self.outcome(self.ask(verb, shown, body, tag, PASSWORD)) for tag in TAGS}
        return out

    @staticmethod
    def outcome(answer):
        if answer.status < 400 or answer.status == 503 or not answer.text:
            return str(answer.status)
        try:
            return f"{answer.status} {answer.json['error']}: {answer.json['reason']}"
        except (ValueError, KeyError):
            return f"{answer.status} {answer.text}"

    def close(self):
        if self.connection.is_open:
            try:
                self.connection.close()
            except pika.exceptions.AMQPError:
                pass


def record(url, amqp_port):
    rights = Rights(urllib.parse.urlsplit(url).port, amqp_port)
    answers = rights.answers()
    rights.close()
    RECORDED.write_text("{\n" + ",\n".join(
        f" {json.dumps(name)}: {json.dumps(one)}" for name, one in answers.items()) + "\n}\n")


if __name__ == "__main__":
    record(sys.argv[1], int(sys.argv[2]))
