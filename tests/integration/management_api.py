"""A client of the HTTP API that hides nothing: status, headers and JSON as they come."""

import base64
import http.client
import json
import urllib.parse

import pika
from pika.exceptions import AMQPConnectionError

from leveret_broker import BrokerCase


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.text = response.read().decode()

    @property
    def json(self):
        return json.loads(self.text)


def quoted(*names):
    return "/".join(urllib.parse.quote(name, safe="") for name in names)


class ManagementCase(BrokerCase):
    settings = ("management.tcp.port=0",)

    def ask(self, verb, path, body=None, user="guest", password="guest", headers=None, raw=None):
        """`path` behind /api; user None: no login at all."""
        connection = http.client.HTTPConnection("127.0.0.1", self.broker.http_port)
        self.addCleanup(connection.close)
        fields = dict(headers or {})
        if user is not None:
            fields.setdefault("Authorization", basic(user, password))
        data = raw if raw is not None else json.dumps(body) if body is not None else None
        connection.request(verb, "/api" + path, data, fields)
        answer = Answer(connection.getresponse())
        connection.close()
        return answer

    def get(self, path, status=200, **options):
        answer = self.ask("GET", path, **options)
        self.assertEqual(status, answer.status, answer.text)
        return answer.json

    def done(self, status, verb, path, body=None, **options):
        answer = self.ask(verb, path, body, **options)
        self.assertEqual(status, answer.status, answer.text)
        return answer

    def refused(self, status, error, reason, verb, path, body=None, **options):
        answer = self.done(status, verb, path, body, **options)
        self.assertEqual({"error": error, "reason": reason}, answer.json)

    def add_user(self, name, tags="", permissions=True):
        self.done(201, "PUT", f"/users/{name}", {"password": "pw", "tags": tags})
        if permissions:
            self.done(201, "PUT", f"/permissions/%2F/{name}",
                      {"configure": ".*", "write": ".*", "read": ".*"})

    def connect(self, name=None):
        connection = pika.BlockingConnection(pika.ConnectionParameters(
            "127.0.0.1", self.broker.port,
            client_properties={"connection_name": name} if name else None))
        self.addCleanup(self.close, connection)
        return connection

    @staticmethod
    def close(connection):
        try:
            if connection.is_open:
                connection.close()
        except AMQPConnectionError:
            pass
