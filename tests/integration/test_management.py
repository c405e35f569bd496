"""The HTTP API as RabbitMQ 3.10.8 answers it: statuses, errors, what each resource takes and gives."""

import http.client
import json
import socket

from pika.exceptions import ConnectionClosedByBroker

from leveret_broker import needs_own_broker
from management_api import ManagementCase, basic, quoted

NOT_FOUND = ("Object Not Found", "Not Found")


@needs_own_broker
class Access(ManagementCase):
    def test_without_a_login(self):
        answer = self.done(401, "GET", "/overview", user=None)
        self.assertEqual("", answer.text)
        self.assertEqual('Basic realm="RabbitMQ Management"', answer.headers["www-authenticate"])

    def test_wrong_logins(self):
        for user, password in (("guest", "no"), ("nobody", "guest"), ("", "")):
            self.refused(401, "not_authorized", "Login failed", "GET", "/whoami",
                         user=user, password=password)
        self.refused(401, "not_authorized", "Login failed", "GET", "/whoami", user=None,
                     headers={"Authorization": "Bearer x"})

    def test_tags_decide(self):
        self.add_user("none")
        self.add_user("manager", "management")
        self.add_user("watcher", "monitoring", permissions=False)
        who = {"password": "pw"}
        self.refused(401, "not_authorised", "Not management user", "GET", "/whoami",
                     user="none", **who)
        self.refused(401, "not_authorised", "Not administrator user", "GET", "/users",
                     user="manager", **who)
        self.refused(401, "not_authorised", "Not monitor user", "GET", "/nodes",
                     user="manager", **who)
        self.get("/nodes", user="watcher", **who)
        self.get("/queues", user="watcher", **who)
        self.refused(401, "not_authorised", "User not authorised to access virtual host",
                     "PUT", "/queues/%2F/q", {}, user="watcher", **who)
        self.refused(401, "not_authorised", "User not authorised to access object",
                     "PUT", "/policies/%2F/p", {"pattern": ".*", "definition": {}},
                     user="manager", **who)

    def test_permissions_hold(self):
        self.done(201, "PUT", "/users/u", {"password": "pw", "tags": "management"})
        self.done(201, "PUT", "/permissions/%2F/u",
                  {"configure": "^mine", "write": "^mine", "read": "^mine"})
        who = {"user": "u", "password": "pw"}
        self.done(201, "PUT", "/queues/%2F/mine.q", {}, **who)
        self.done(201, "PUT", "/queues/%2F/other", {})
        self.refused(401, "not_authorised", "Access refused.", "PUT", "/queues/%2F/foreign", {},
                     **who)
        self.refused(401, "not_authorised", "Access refused.", "DELETE", "/queues/%2F/other",
                     **who)
        for verb, path, body in (
                ("DELETE", "/queues/%2F/other/contents", None),
                ("POST", "/queues/%2F/other/get",
                 {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}),
                ("POST", "/exchanges/%2F/amq.direct/publish",
                 {"routing_key": "k", "properties": {}, "payload": "", "payload_encoding": "string"})):
            answer = self.done(401, verb, path, body, **who)
            self.assertIn("ACCESS_REFUSED - access to", answer.json["reason"])

    def test_paths_and_verbs_that_are_not_there(self):
        self.refused(404, *NOT_FOUND, "GET", "/nope")
        self.refused(405, "Method Not Allowed", "Method Not Allowed", "DELETE", "/overview")
        self.refused(404, *NOT_FOUND, "GET", "/queues/nope")
        self.refused(404, "not_found", "vhost_not_found", "PUT", "/queues/nope/q", {})
        self.refused(400, "bad_request", "not_json", "PUT", "/queues/%2F/q", raw="{")
        self.refused(401, "not_authorized", "Login failed", "PUT", "/queues/%2F/q", raw="{",
                     password="no")

    def test_pages_of_other_origins_change_nothing(self):
        self.done(403, "PUT", "/queues/%2F/q", {}, headers={"Origin": "https://evil.example"})
        self.assertEqual([], self.get("/queues"))
        here = f"http://127.0.0.1:{self.broker.http_port}"
        self.done(201, "PUT", "/queues/%2F/q", {}, headers={"Origin": here})
        self.assertIsNone(
            self.ask("GET", "/queues", headers={"Origin": "https://evil.example"})
            .headers["access-control-allow-origin"])


@needs_own_broker
class Http(ManagementCase):
    settings = ("management.tcp.port=0", "management.http.max_body_size=4096",
                "management.cors.allow_origins.1=https://friend.example",
                "management.path_prefix=/rabbit")

    def ask(self, verb, path, *arguments, **options):
        return self.ask_below(verb, "/rabbit/api" + path, *arguments, **options)

    def ask_below(self, verb, path, body=None, headers=None, raw=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.broker.http_port)
        self.addCleanup(connection.close)
        connection.request(verb, path, raw or (json.dumps(body) if body is not None else None),
                           {"Authorization": basic("guest", "guest"), **(headers or {})})
        response = connection.getresponse()
        response.text = response.read().decode()
        return response

    def test_the_prefix_stands_before_the_api(self):
        self.assertEqual(200, self.ask("GET", "/whoami").status)
        self.assertEqual(404, self.ask_below("GET", "/api/whoami").status)

    def test_a_connection_serves_many_requests(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.broker.http_port)
        self.addCleanup(connection.close)
        for _ in range(3):
            connection.request("GET", "/rabbit/api/whoami",
                               headers={"Authorization": basic("guest", "guest")})
            self.assertEqual("guest", json.load(connection.getresponse())["name"])

    def test_head_has_the_length_and_no_body(self):
        answer = self.ask("HEAD", "/whoami")
        self.assertEqual((200, ""), (answer.status, answer.text))
        self.assertEqual(str(len(self.ask("GET", "/whoami").text)), answer.headers["content-length"])

    def test_bodies_have_a_limit(self):
        answer = self.ask("PUT", "/queues/%2F/q", raw="x" * 5000)
        self.assertEqual(413, answer.status)

    def test_allowed_origins(self):
        origin = {"Origin": "https://friend.example"}
        answer = self.ask("OPTIONS", "/queues/%2F/q", headers=origin)
        self.assertEqual("https://friend.example", answer.headers["access-control-allow-origin"])
        self.assertEqual(201, self.ask("PUT", "/queues/%2F/q", {}, headers=origin).status)

    def test_what_is_no_http_is_told_so(self):
        with socket.create_connection(("127.0.0.1", self.broker.http_port)) as client:
            client.sendall(b"AMQP\0\0\x09\x01\r\n\r\n")
            self.assertTrue(client.recv(100).startswith(b"HTTP/1.1 400 "))
        with socket.create_connection(("127.0.0.1", self.broker.http_port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 70000)
            self.assertTrue(client.recv(100).startswith(b"HTTP/1.1 431 "))


    def test_silent_clients_keep_nobody_out(self):
        silent = []
        self.addCleanup(lambda: [client.close() for client in silent])
        for _ in range(600):
            client = socket.create_connection(("127.0.0.1", self.broker.http_port))
            client.sendall(b"GET /rabbit/api/who")
            silent.append(client)
        self.assertEqual(200, self.ask("GET", "/whoami").status)


@needs_own_broker
class Queues(ManagementCase):
    def test_life_of_a_queue(self):
        self.done(201, "PUT", "/queues/%2F/hq", {"durable": "true", "arguments": []})
        self.done(204, "PUT", "/queues/%2F/hq", {"durable": True, "arguments": {}})
        self.refused(400, "bad_request",
                     "inequivalent arg 'durable' for queue 'hq' in vhost '/': received 'false' but "
                     "current is 'true'", "PUT", "/queues/%2F/hq", {"durable": False})
        self.refused(401, "not_authorised", "Access refused.", "PUT", "/queues/%2F/amq.q", {})
        self.assertEqual("hq", self.get("/queues/%2F/hq")["name"])
        self.publish("hq")
        self.refused(400, "bad_request", "queue 'hq' in vhost '/' not empty",
                     "DELETE", "/queues/%2F/hq?if-empty=true")
        self.done(204, "DELETE", "/queues/%2F/hq/contents")
        self.done(204, "DELETE", "/queues/%2F/hq?if-empty=true")
        self.refused(404, *NOT_FOUND, "DELETE", "/queues/%2F/hq")
        self.refused(404, *NOT_FOUND, "GET", "/queues/%2F/hq")

    def test_arguments_are_checked_as_in_amqp(self):
        self.refused(400, "bad_request",
                     "invalid arg 'x-message-ttl' for queue 'q' in vhost '/': {value_negative,-1}",
                     "PUT", "/queues/%2F/q", {"arguments": {"x-message-ttl": -1}})
        self.done(201, "PUT", "/queues/%2F/q", {"arguments": {"x-max-length": 1}})
        self.assertEqual({"x-max-length": 1}, self.get("/queues/%2F/q")["arguments"])

    def publish(self, key, exchange="amq.default", payload="x", **properties):
        return self.done(200, "POST", f"/exchanges/%2F/{exchange}/publish",
                         {"routing_key": key, "properties": properties, "payload": payload,
                          "payload_encoding": "string"}).json

    def take(self, queue, mode="ack_requeue_true", **more):
        return self.done(200, "POST", f"/queues/%2F/{queue}/get",
                         {"count": 10, "ackmode": mode, "encoding": "auto", **more}).json

    def test_publish_and_get(self):
        self.done(201, "PUT", "/queues/%2F/q", {})
        self.assertEqual({"routed": True}, self.publish("q", headers={"a": 1}, delivery_mode="2"))
        self.assertEqual({"routed": True}, self.publish("q", payload="two"))
        self.assertEqual({"routed": False}, self.publish("nowhere"))
        first, second = self.take("q", truncate=1)
        self.assertEqual(
            {"payload_bytes": 1, "redelivered": False, "exchange": "", "routing_key": "q",
             "message_count": 1, "properties": {"headers": {"a": 1}, "delivery_mode": 2},
             "payload": "x", "payload_encoding": "string"}, first)
        self.assertEqual(("t", 3, []),
                         (second["payload"], second["payload_bytes"], second["properties"]))
        self.assertTrue(self.take("q")[0]["redelivered"])
        self.assertEqual(2, len(self.take("q", "reject_requeue_true")))
        self.assertEqual(2, len(self.take("q", "ack_requeue_false")))
        self.assertEqual([], self.take("q"))

    def test_looking_does_not_move_messages(self):
        self.done(201, "PUT", "/queues/%2F/q", {})
        for payload in "abc":
            self.publish("q", payload=payload)
        for _ in range(8):
            self.assertEqual("abc", "".join(one["payload"] for one in self.take("q")))

    def test_payloads_in_base64(self):
        self.done(201, "PUT", "/queues/%2F/q", {})
        self.done(200, "POST", "/exchanges/%2F/amq.default/publish",
                  {"routing_key": "q", "properties": {}, "payload": "/wA=",
                   "payload_encoding": "base64"})
        got = self.take("q", "reject_requeue_false")[0]
        self.assertEqual(("/wA=", "base64", 2),
                         (got["payload"], got["payload_encoding"], got["payload_bytes"]))

    def test_what_get_and_publish_refuse(self):
        self.done(201, "PUT", "/queues/%2F/q", {})
        self.refused(400, "bad_request", "[{key_missing,encoding}]", "POST", "/queues/%2F/q/get",
                     {"count": 1, "ackmode": "ack_requeue_true"})
        self.refused(404, *NOT_FOUND, "POST", "/queues/%2F/none/get",
                     {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"})
        self.refused(404, *NOT_FOUND, "POST", "/exchanges/%2F/none/publish", {})
        foreign = {"routing_key": "q", "properties": {"user_id": "x"}, "payload": "",
                   "payload_encoding": "string"}
        self.refused(400, "bad_request",
                     "406 PRECONDITION_FAILED - user_id property set to 'x' but authenticated user "
                     "was 'guest'", "POST", "/exchanges/%2F/amq.default/publish", foreign)
        # Who may not publish there hears that first.
        self.add_user("reader", "management", permissions=False)
        self.done(201, "PUT", "/permissions/%2F/reader",
                  {"configure": "", "write": "^$", "read": ".*"})
        answer = self.done(401, "POST", "/exchanges/%2F/amq.default/publish", foreign,
                           user="reader", password="pw")
        self.assertIn("ACCESS_REFUSED - access to exchange 'amq.default'", answer.json["reason"])

    def test_counts_are_exact_at_once(self):
        channel = self.connect().channel()
        channel.confirm_delivery()
        channel.queue_declare("q")
        for number in range(1, 4):
            channel.basic_publish("", "q", b"12345")
            queue = self.get("/queues/%2F/q")
            self.assertEqual((number, number, 0, 5 * number),
                             (queue["messages"], queue["messages_ready"],
                              queue["messages_unacknowledged"], queue["message_bytes_ready"]))
        channel.basic_get("q")
        names = ("messages", "messages_ready", "messages_unacknowledged",
                 "messages_unacknowledged_ram", "message_bytes", "message_bytes_ready",
                 "message_bytes_unacknowledged", "message_bytes_ram")
        queue = self.get("/queues/%2F/q?columns=" + ",".join(names))
        self.assertEqual(dict(zip(names, (3, 2, 1, 1, 15, 10, 5, 15))), queue)

    def test_statistics_are_exact_at_once(self):
        channel = self.connect().channel()
        channel.confirm_delivery()
        channel.queue_declare("q")
        for _ in range(3):
            channel.basic_publish("", "q", b"12345")
        method, _, _ = channel.basic_get("q")
        channel.basic_ack(method.delivery_tag)
        channel.queue_declare("q", passive=True)
        queue = self.get("/queues/%2F/q")["message_stats"]
        self.assertEqual((3, 1, 1, 1), tuple(
            queue[key] for key in ("publish", "get", "deliver_get", "ack")))
        self.assertIsInstance(queue["publish_details"]["rate"], float)
        self.assertEqual(3, self.get("/channels")[0]["message_stats"]["confirm"])
        self.assertEqual({"publish_in": 3, "publish_out": 3}, {
            key: value for key, value in
            self.get("/exchanges/%2F/amq.default")["message_stats"].items()
            if not key.endswith("_details")})
        self.assertEqual(3, self.get("/vhosts/%2F")["message_stats"]["publish"])
        overview = self.get("/overview?msg_rates_age=60&msg_rates_incr=5")
        details = overview["message_stats"]["publish_details"]
        self.assertEqual(3, overview["message_stats"]["publish"])
        self.assertEqual(13, len(details["samples"]))
        self.assertIn("avg_rate", details)
        self.assertGreater(self.get("/connections")[0]["recv_oct"], 0)

    def test_exclusive_queues_name_their_owner(self):
        connection = self.connect()
        name = connection.channel().queue_declare("", exclusive=True).method.queue
        queue = self.get(f"/queues/%2F/{quoted(name)}")
        self.assertEqual("127.0.0.1", queue["owner_pid_details"]["peer_host"])
        self.refused(400, "bad_request",
                     f"cannot obtain exclusive access to locked queue '{name}' in vhost '/'. It "
                     "could be originally declared on another connection or the exclusive property "
                     "value does not match that of the original declaration.",
                     "DELETE", f"/queues/%2F/{quoted(name)}")


@needs_own_broker
class Lists(ManagementCase):
    def setUp(self):
        super().setUp()
        self.done(201, "PUT", "/vhosts/kv", {})
        for vhost, name in (("%2F", "b"), ("%2F", "a"), ("kv", "c")):
            self.done(201, "PUT", f"/queues/{vhost}/{name}", {})

    def names(self, query):
        return [row["name"] for row in self.get("/queues" + query)]

    def test_order_and_columns(self):
        self.assertEqual(["a", "b", "c"], self.names(""))
        self.assertEqual(["c", "b", "a"], self.names("?sort=name&sort_reverse=true"))
        self.assertEqual(["a", "b"], self.names("/%2F"))
        self.assertEqual([{"name": "a", "vhost": "/"}, {"name": "b", "vhost": "/"},
                          {"name": "c", "vhost": "kv"}], self.get("/queues?columns=name,vhost"))

    def test_pages(self):
        page = self.get("/queues?page=2&page_size=2&columns=name")
        self.assertEqual(
            {"filtered_count": 3, "item_count": 1, "items": [{"name": "c"}], "page": 2,
             "page_count": 2, "page_size": 2, "total_count": 3}, page)
        keda = self.get("/queues/%2F?page=1&use_regex=true&pagination=false&name=%5Ea%24"
                        "&page_size=100")
        self.assertEqual(["a"], [row["name"] for row in keda["items"]])
        answer = self.done(400, "GET", "/queues?page=1&page_size=501").json
        self.assertEqual("invalid_pagination_parameters", answer["error"])
        answer = self.done(400, "GET", "/queues?page=9").json
        self.assertEqual("page_out_of_range", answer["error"])

    def test_users_see_their_virtual_hosts(self):
        self.add_user("m", "management")
        rows = self.get("/queues", user="m", password="pw")
        self.assertEqual(["a", "b"], [row["name"] for row in rows])
        self.assertEqual(["/"], [row["name"]
                                 for row in self.get("/vhosts", user="m", password="pw")])

    def test_many_queues(self):
        channel = self.connect().channel()
        for number in range(600):
            channel.queue_declare(f"many.{number:04}")
        self.assertEqual(602, len(self.get("/queues/%2F")))
        page = self.get("/queues/%2F?page=2&page_size=500&sort=name")
        self.assertEqual((602, 102), (page["total_count"], page["item_count"]))


@needs_own_broker
class ExchangesAndBindings(ManagementCase):
    def test_life_of_an_exchange(self):
        self.done(201, "PUT", "/exchanges/%2F/hx", {"type": "topic", "durable": "true"})
        self.done(204, "PUT", "/exchanges/%2F/hx", {"type": "topic", "durable": True})
        self.refused(400, "bad_request",
                     "inequivalent arg 'type' for exchange 'hx' in vhost '/': received 'fanout' but "
                     "current is 'topic'", "PUT", "/exchanges/%2F/hx",
                     {"type": "fanout", "durable": True})
        self.refused(401, "not_authorised", "Access refused.", "PUT", "/exchanges/%2F/amq.new",
                     {"type": "topic"})
        self.assertEqual("topic", self.get("/exchanges/%2F/hx")["type"])
        self.assertIn("", [row["name"] for row in self.get("/exchanges/%2F")])
        self.assertEqual("direct", self.get("/exchanges/%2F/amq.default")["type"])
        self.done(204, "DELETE", "/exchanges/%2F/hx")
        self.refused(404, *NOT_FOUND, "DELETE", "/exchanges/%2F/hx")

    def test_life_of_a_binding(self):
        self.done(201, "PUT", "/exchanges/%2F/hx", {"type": "topic"})
        self.done(201, "PUT", "/queues/%2F/hq", {})
        between = "/bindings/%2F/e/hx/q/hq"
        answer = self.done(201, "POST", between, {"routing_key": "a.b", "arguments": {}})
        self.assertEqual("hq/a.b", answer.headers["location"])
        self.assertEqual("hq/~", self.done(201, "POST", between, {}).headers["location"])
        place = self.done(201, "POST", between, {"routing_key": "k", "arguments": {"x": 1}}
                          ).headers["location"]
        self.assertRegex(place, "^hq/k~.+")
        self.assertEqual(
            {"source": "hx", "vhost": "/", "destination": "hq", "destination_type": "queue",
             "routing_key": "a.b", "arguments": {}, "properties_key": "a.b"},
            self.get(between + "/a.b"))
        self.assertEqual(4, len(self.get("/queues/%2F/hq/bindings")))
        self.assertEqual(3, len(self.get("/exchanges/%2F/hx/bindings/source")))
        self.assertEqual(3, len(self.get(between)))
        for key in ("a.b", "~", place.split("/")[1]):
            self.done(204, "DELETE", f"{between}/{key}")
            self.refused(404, *NOT_FOUND, "DELETE", f"{between}/{key}")
        self.assertEqual([], self.get(between))
        self.refused(404, *NOT_FOUND, "POST", "/bindings/%2F/e/none/q/hq", {})

    def test_exchanges_to_exchanges(self):
        self.done(201, "PUT", "/exchanges/%2F/a", {"type": "fanout"})
        self.done(201, "PUT", "/exchanges/%2F/b", {"type": "fanout"})
        self.done(201, "POST", "/bindings/%2F/e/a/e/b", {"routing_key": "k"})
        self.assertEqual(["a"], [row["source"] for row in
                                 self.get("/exchanges/%2F/b/bindings/destination")])
        self.done(204, "DELETE", "/bindings/%2F/e/a/e/b/k")


@needs_own_broker
class Sessions(ManagementCase):
    def test_connections_channels_consumers(self):
        connection = self.connect("my-conn")
        channel = connection.channel()
        channel.basic_qos(prefetch_count=7)
        channel.queue_declare("q")
        channel.basic_consume("q", lambda *_: None, consumer_tag="ctx")
        row, = self.get("/connections")
        self.assertEqual(("my-conn", "running", 1, "guest", "/"),
                         (row["user_provided_name"], row["state"], row["channels"], row["user"],
                          row["vhost"]))
        name = quoted(row["name"])
        self.assertEqual(row["name"], self.get(f"/connections/{name}")["name"])
        one, = self.get(f"/connections/{name}/channels")
        self.assertEqual((row["name"] + " (1)", 7, 1),
                         (one["name"], one["prefetch_count"], one["consumer_count"]))
        self.assertEqual(one["name"], self.get(f"/channels/{quoted(one['name'])}")["name"])
        consumer, = self.get("/consumers/%2F")
        self.assertEqual(("ctx", {"name": "q", "vhost": "/"}, one["name"]),
                         (consumer["consumer_tag"], consumer["queue"],
                          consumer["channel_details"]["name"]))
        self.assertEqual([consumer["consumer_tag"]], [
            row["consumer_tag"] for row in self.get("/queues/%2F/q")["consumer_details"]])

    def test_closing_a_connection(self):
        connection = self.connect()
        name = quoted(self.get("/connections")[0]["name"])
        self.done(204, "DELETE", f"/connections/{name}", headers={"X-Reason": "because"})
        with self.assertRaises(ConnectionClosedByBroker) as caught:
            connection.process_data_events(time_limit=None)
        self.assertEqual((320, "CONNECTION_FORCED - because"),
                         (caught.exception.reply_code, caught.exception.reply_text))
        self.refused(404, *NOT_FOUND, "DELETE", "/connections/none")

    def test_users_see_their_own(self):
        self.add_user("m", "management")
        self.connect()
        self.assertEqual([], self.get("/connections", user="m", password="pw"))
        name = quoted(self.get("/connections")[0]["name"])
        self.done(401, "DELETE", f"/connections/{name}", user="m", password="pw")

    def test_the_api_itself_is_no_connection(self):
        self.done(201, "PUT", "/queues/%2F/q", {})
        self.assertEqual([], self.get("/connections"))
        self.assertEqual(0, self.get("/overview")["object_totals"]["connections"])


@needs_own_broker
class Administration(ManagementCase):
    def test_virtual_hosts(self):
        self.done(201, "PUT", "/vhosts/kv", {"description": "d", "tags": "a,b"})
        self.done(204, "PUT", "/vhosts/kv", {"tracing": True})
        self.assertEqual(
            {"name": "kv", "description": "d", "tags": ["a", "b"], "tracing": True},
            self.get("/vhosts/kv?columns=name,description,tags,tracing"))
        self.assertEqual(".*", self.get("/permissions/kv/guest")["configure"])
        self.done(204, "DELETE", "/vhosts/kv")
        self.refused(404, *NOT_FOUND, "DELETE", "/vhosts/kv")

    def test_users(self):
        self.done(201, "PUT", "/users/u", {"password": "pw", "tags": "monitoring, management"})
        self.done(204, "PUT", "/users/u", {"password": "pw2", "tags": ["monitoring"]})
        user = self.get("/users/u")
        self.assertEqual(["monitoring"], user["tags"])
        self.done(201, "PUT", "/users/v", {"password_hash": user["password_hash"], "tags": ""})
        self.get("/whoami", user="u", password="pw2")
        self.refused(400, "bad_request", "[{key_missing,tags}]", "PUT", "/users/w", {})
        self.assertEqual(["u", "v"],
                         [row["name"] for row in self.get("/users/without-permissions")])
        self.done(204, "POST", "/users/bulk-delete", {"users": ["v"]})
        self.done(204, "DELETE", "/users/u")
        self.refused(404, *NOT_FOUND, "DELETE", "/users/u")

    def test_permissions(self):
        self.done(201, "PUT", "/users/u", {"password": "pw", "tags": ""})
        own = {"configure": "^a", "write": "^b", "read": "^c"}
        self.done(201, "PUT", "/permissions/%2F/u", own)
        self.done(204, "PUT", "/permissions/%2F/u", own)
        self.assertEqual({"user": "u", "vhost": "/", **own}, self.get("/permissions/%2F/u"))
        self.assertEqual(1, len(self.get("/users/u/permissions")))
        self.assertEqual(2, len(self.get("/vhosts/%2F/permissions")))
        self.done(400, "PUT", "/permissions/%2F/u", {**own, "read": "("})
        topic = {"exchange": "amq.topic", "write": "^a", "read": "^b"}
        self.done(201, "PUT", "/topic-permissions/%2F/u", topic)
        self.assertEqual([{"user": "u", "vhost": "/", **topic}], self.get("/topic-permissions"))
        self.done(204, "DELETE", "/topic-permissions/%2F/u")
        self.done(204, "DELETE", "/permissions/%2F/u")
        self.refused(404, *NOT_FOUND, "GET", "/permissions/%2F/u")

    def test_policies(self):
        policy = {"pattern": "^hq$", "definition": {"max-length": 10}, "priority": 1,
                  "apply-to": "queues"}
        self.done(201, "PUT", "/policies/%2F/p1", policy)
        self.done(204, "PUT", "/policies/%2F/p1", policy)
        self.assertEqual([{"vhost": "/", "name": "p1", **policy}], self.get("/policies"))
        self.done(201, "PUT", "/operator-policies/%2F/op1",
                  {**policy, "definition": {"max-length": 5}})
        self.done(201, "PUT", "/queues/%2F/hq", {})
        queue = self.get("/queues/%2F/hq")
        self.assertEqual(("p1", "op1", {"max-length": 5}),
                         (queue["policy"], queue["operator_policy"],
                          queue["effective_policy_definition"]))
        answer = self.done(400, "PUT", "/policies/%2F/bad",
                           {"pattern": ".*", "definition": {"nope": 1}})
        self.assertTrue(answer.json["reason"].startswith("Validation failed\n\n"))
        self.done(204, "DELETE", "/policies/%2F/p1")
        self.refused(404, *NOT_FOUND, "DELETE", "/policies/%2F/p1")
        self.done(204, "DELETE", "/operator-policies/%2F/op1")

    def test_limits_and_parameters(self):
        self.done(204, "PUT", "/vhost-limits/%2F/max-queues", {"value": "1"})
        self.done(204, "PUT", "/vhost-limits/%2F/max-connections", {"value": 10})
        self.assertEqual([{"vhost": "/", "value": {"max-queues": 1, "max-connections": 10}}],
                         self.get("/vhost-limits"))
        self.assertEqual({"max-queues": 1, "max-connections": 10},
                         self.get("/parameters/vhost-limits/%2F/limits")["value"])
        self.done(201, "PUT", "/queues/%2F/one", {})
        self.assertIn("queue limit", self.done(400, "PUT", "/queues/%2F/two", {}).json["reason"])
        self.done(204, "DELETE", "/vhost-limits/%2F/max-queues")
        self.done(201, "PUT", "/queues/%2F/two", {})
        self.done(204, "PUT", "/user-limits/guest/max-channels", {"value": 5})
        self.assertEqual([{"user": "guest", "value": {"max-channels": 5}}],
                         self.get("/user-limits"))
        self.refused(400, "bad_request", "Validation failed\n\ncomponent shovel not found\n",
                     "PUT", "/parameters/shovel/%2F/s", {"value": {}})

    def test_global_parameters(self):
        value = {"value": {"a": [1, None]}}
        self.done(201, "PUT", "/global-parameters/g", value)
        self.done(204, "PUT", "/global-parameters/g", value)
        self.assertEqual({"name": "g", **value}, self.get("/global-parameters/g"))
        self.assertIn({"name": "g", **value}, self.get("/definitions")["global_parameters"])
        self.refused(400, "bad_request", "[{key_missing,value}]", "PUT", "/global-parameters/g", {})
        self.done(204, "DELETE", "/global-parameters/g")
        self.refused(404, *NOT_FOUND, "DELETE", "/global-parameters/g")
        self.refused(404, *NOT_FOUND, "GET", "/global-parameters/g")

    def test_the_cluster_has_a_name(self):
        self.assertTrue(self.get("/cluster-name")["name"])
        self.done(204, "PUT", "/cluster-name", {"name": "a cluster"})
        self.assertEqual({"name": "a cluster"}, self.get("/cluster-name"))
        self.assertEqual("a cluster", self.get("/overview")["cluster_name"])
        self.assertEqual("a cluster", self.get("/global-parameters/cluster_name")["value"])
        self.done(400, "PUT", "/cluster-name", {"name": 7})

    def test_logins_are_counted(self):
        node = quoted(self.get("/overview")["node"])
        self.ask("GET", "/overview", password="no")
        self.connect()
        http, amqp = self.get(f"/auth/attempts/{node}")
        self.assertEqual(("http", 1, "amqp091", 1, 0), (
            http["protocol"], http["auth_attempts_failed"],
            amqp["protocol"], amqp["auth_attempts"], amqp["auth_attempts_failed"]))
        self.done(204, "DELETE", f"/auth/attempts/{node}")
        http, amqp = self.get(f"/auth/attempts/{node}")
        self.assertEqual((1, 0, 0), (
            http["auth_attempts"], http["auth_attempts_failed"], amqp["auth_attempts"]))
        self.assertEqual([], self.get(f"/auth/attempts/{node}/source"))

    def test_definitions_as_a_file_of_a_form(self):
        """As a page with an upload button sends them."""
        form = ("--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"d.json\"\r\n"
                "Content-Type: application/json\r\n\r\n"
                '{"queues": [{"name": "q", "vhost": "/"}], "vhosts": [{"name": "/"}]}'
                "\r\n--x--\r\n")
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        self.done(204, "POST", "/definitions", raw=form, headers=kind)
        self.assertEqual(["q"], [queue["name"] for queue in self.get("/queues")])
        self.refused(400, "bad_request", "not_json", "POST", "/definitions",
                     raw=form.replace("file", "foil"), headers=kind)

    def test_definitions_go_out_and_in(self):
        self.done(201, "PUT", "/queues/%2F/q", {"durable": True})
        self.done(201, "PUT", "/exchanges/%2F/x", {"type": "topic", "durable": True})
        self.done(201, "POST", "/bindings/%2F/e/x/q/q", {"routing_key": "k"})
        self.add_user("u", "monitoring")
        exported = self.get("/definitions")
        of_vhost = self.get("/definitions/%2F")
        self.assertEqual(["q"], [queue["name"] for queue in of_vhost["queues"]])
        self.assertNotIn("vhost", of_vhost["queues"][0])
        for path in ("/queues/%2F/q", "/exchanges/%2F/x", "/users/u"):
            self.done(204, "DELETE", path)
        self.done(204, "POST", "/definitions", exported)
        self.assertEqual(exported, self.get("/definitions"))
        self.done(201, "PUT", "/vhosts/kv", {})
        self.done(204, "POST", "/definitions/kv", of_vhost)
        self.assertEqual(["q"], [row["name"] for row in self.get("/queues/kv")])
        self.done(400, "POST", "/definitions", {"queues": [{}]})

    def test_health(self):
        self.assertEqual({"status": "ok"}, self.get("/aliveness-test/%2F"))
        for check in ("alarms", "local-alarms", "virtual-hosts", "ready-to-serve-clients",
                      "is-in-service", "certificate-expiration/1/months",
                      "protocol-listener/amqp091", f"port-listener/{self.broker.port}",
                      "node-is-quorum-critical", "node-is-mirror-sync-critical",
                      "below-node-connection-limit"):
            self.assertEqual("ok", self.get("/health/checks/" + check)["status"], check)
        missing = self.done(503, "GET", "/health/checks/port-listener/9").json
        self.assertEqual(("failed", "No active listener", 9),
                         (missing["status"], missing["reason"], missing["missing"]))
        self.assertIn(self.broker.port, missing["ports"])
        self.assertEqual({"status": "ok"}, self.get("/healthchecks/node"))

    def test_overview_and_node(self):
        overview = self.get("/overview")
        self.assertEqual(overview["node"], self.get("/nodes")[0]["name"])
        for key in ("queue_totals", "object_totals", "message_stats"):
            self.assertIsInstance(overview[key], dict)
        node = self.get(f"/nodes/{quoted(overview['node'])}?memory=true")
        for key in ("mem_used", "mem_limit", "proc_used", "fd_used", "sockets_used", "disk_free"):
            self.assertGreater(node[key], 0, key)
        self.assertIn("memory", node)
        self.refused(404, *NOT_FOUND, "GET", "/nodes/none")


if __name__ == "__main__":
    from leveret_broker import main
    main()
