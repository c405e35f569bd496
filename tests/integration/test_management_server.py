"""How HTTP reaches the API: the control socket, TLS, and clients that mean no good."""

import http.client
import json
import socket
import ssl
import subprocess
import tempfile
from pathlib import Path

import certificates
from leveret_broker import needs_own_broker
from management_api import ManagementCase, basic

MEBIBYTE = 1024 * 1024


def curl(*words):
    return subprocess.run(["curl", "--silent", "--show-error", *words],
                          capture_output=True, text=True)


@needs_own_broker
class ControlSocket(ManagementCase):
    durable = True
    settings = ()

    def curl(self, path, *words):
        """The body, and the status in a line of its own."""
        done = curl("--unix-socket", str(self.broker.data_dir / "leveret.sock"),
                    "--write-out", "\\n%{http_code}", *words, "http://localhost/api" + path)
        self.assertEqual(0, done.returncode, done.stderr)
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body

    def test_http_is_there_without_a_port(self):
        self.assertIsNone(self.broker.http_port)
        status, body = self.curl("/overview")
        self.assertEqual((200, True), (status, "rabbitmq_version" in json.loads(body)))

    def test_its_owner_may_do_everything(self):
        self.assertEqual(["administrator"], json.loads(self.curl("/whoami")[1])["tags"])
        self.assertEqual(201, self.curl("/vhosts/v", "-X", "PUT", "-d", "{}")[0])
        self.assertEqual("[]", self.curl("/vhosts/v/permissions")[1])
        self.assertEqual(201, self.curl("/queues/v/q", "-X", "PUT", "-d", "{}")[0])
        self.assertEqual((200, '{"routed":true}'), self.curl(
            "/exchanges/v/amq.default/publish", "-d",
            '{"routing_key":"q","properties":{},"payload":"x","payload_encoding":"string"}'))
        status, body = self.curl(
            "/queues/v/q/get", "-d",
            '{"count":1,"ackmode":"ack_requeue_false","encoding":"auto"}')
        self.assertEqual((200, "x"), (status, json.loads(body)[0]["payload"]))
        self.assertEqual(204, self.curl("/vhosts/v", "-X", "DELETE")[0])

    def test_who_gives_a_login_is_that_user(self):
        self.assertEqual(401, self.curl("/whoami", "-u", "guest:no")[0])
        self.assertEqual("guest", json.loads(self.curl("/whoami", "-u", "guest:guest")[1])["name"])

    def test_ctl_speaks_its_own_language_there(self):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.broker.data_dir / "leveret.sock"))
            client.sendall(b'{"verb": "ping"}\n')
            self.assertEqual(b'{"ok":true}\n', client.recv(100))

    def test_the_clusters_name_survives(self):
        self.assertEqual(204, self.curl("/cluster-name", "-X", "PUT", "-d", '{"name":"n"}')[0])
        self.assertEqual(0, self.broker.stop())
        self.broker.start()
        self.assertEqual((200, '{"name":"n"}'), self.curl("/cluster-name"))
        self.assertEqual("n", self.connect()._impl.server_properties["cluster_name"])


@needs_own_broker
class Https(ManagementCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="leveret-https-")
        self.addCleanup(directory.cleanup)
        self.authority = certificates.Authority(Path(directory.name))
        certificate, key = self.authority.issue("server")
        self.settings = ("management.ssl.port=0", f"management.ssl.certfile={certificate}",
                         f"management.ssl.keyfile={key}",
                         f"management.ssl.cacertfile={self.authority.file}")
        if "verify" in self._testMethodName:
            self.settings += ("management.ssl.verify=verify_peer",
                              "management.ssl.fail_if_no_peer_cert=true")
        super().setUp()
        self.port = self.broker.ports["https"]

    def context(self, certificate=None):
        context = ssl.create_default_context(cafile=self.authority.file)
        if certificate:
            context.load_cert_chain(*certificate)
        return context

    def connection(self, certificate=None):
        connection = http.client.HTTPSConnection(
            "localhost", self.port, context=self.context(certificate))
        self.addCleanup(connection.close)
        return connection

    def whoami(self, connection):
        connection.request("GET", "/api/whoami",
                           headers={"Authorization": basic("guest", "guest")})
        return json.load(connection.getresponse())["name"]

    def test_the_api_is_there(self):
        connection = self.connection()
        self.assertEqual("guest", self.whoami(connection))
        self.assertEqual("guest", self.whoami(connection))
        self.assertIn("https", subprocess.run(
            ["curl", "-s", "--cacert", self.authority.file, "-u", "guest:guest",
             f"https://localhost:{self.port}/api/health/checks/protocol-listener/https"],
            capture_output=True, text=True).stdout)

    def test_a_renewed_certificate_is_shown(self):
        def shown():
            with socket.create_connection(("127.0.0.1", self.port)) as raw, \
                    self.context().wrap_socket(raw, server_hostname="localhost") as wrapped:
                return dict(pair for part in wrapped.getpeercert()["subject"] for pair in part)

        before = self.connection()
        self.whoami(before)
        self.authority.issue("server", subject="/CN=renewed")
        while shown()["commonName"] != "renewed":  # the watchdog ends it
            pass
        self.assertEqual("guest", self.whoami(before))

    def test_verify_peer_wants_a_certificate(self):
        self.assertEqual(
            "guest", self.whoami(self.connection(self.authority.issue("client"))))
        with self.assertRaises((ssl.SSLError, OSError)):
            self.whoami(self.connection())

    def test_a_request_may_come_with_the_end_of_the_handshake(self):
        request = (b"GET /api/whoami HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
                   + basic("guest", "guest").encode() + b"\r\n\r\n")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = self.context()
            context.minimum_version = context.maximum_version = version
            coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
            client = context.wrap_bio(coming, going, server_hostname="localhost")
            answer = b""
            with socket.create_connection(("127.0.0.1", self.port)) as raw:
                for step in (client.do_handshake, lambda: client.write(request)):
                    while True:
                        try:
                            step()
                            break
                        except ssl.SSLWantReadError:
                            raw.sendall(going.read())
                            coming.write(raw.recv(65536))
                raw.sendall(going.read())
                while b'"guest"' not in answer:
                    try:
                        answer += client.read(65536)
                    except ssl.SSLWantReadError:
                        coming.write(raw.recv(65536))
            self.assertTrue(answer.startswith(b"HTTP/1.1 200 "), answer)

    def test_strangers_in_their_handshake_stop_nobody(self):
        strangers = [socket.create_connection(("127.0.0.1", self.port)) for _ in range(600)]
        for stranger in strangers:
            self.addCleanup(stranger.close)
            stranger.sendall(b"\x16\x03\x01")
        known = self.connection()
        for _ in range(3):
            self.assertEqual("guest", self.whoami(known))
            self.assertEqual("guest", self.whoami(self.connection()))

    def test_what_is_no_tls_is_ended(self):
        with socket.create_connection(("127.0.0.1", self.port)) as client:
            client.sendall(b"GET /api/whoami HTTP/1.1\r\n\r\n")
            try:
                while client.recv(1000):
                    pass
            except ConnectionResetError:
                pass


@needs_own_broker
class Strangers(ManagementCase):
    def raw(self, *lines):
        client = socket.create_connection(("127.0.0.1", self.broker.http_port))
        self.addCleanup(client.close)
        client.sendall("\r\n".join([*lines, "", ""]).encode())
        return client

    def test_long_bodies_come_after_the_login(self):
        """Who has not logged in is told so without a byte of the body, however long it shall be."""
        for header in (f"Content-Length: {50 * MEBIBYTE}", "Transfer-Encoding: chunked"):
            for login in ("X: y", "Authorization: " + basic("guest", "no")):
                client = self.raw("PUT /api/queues/%2F/q HTTP/1.1", "Host: x", header, login)
                self.assertTrue(client.recv(100).startswith(b"HTTP/1.1 401 "))

    def test_long_bodies_of_users_are_taken(self):
        payload = "x" * (3 * MEBIBYTE)
        self.done(201, "PUT", "/queues/%2F/q", {})
        answer = self.done(200, "POST", "/exchanges/%2F/amq.default/publish",
                           {"routing_key": "q", "properties": {}, "payload": payload,
                            "payload_encoding": "string"})
        self.assertEqual({"routed": True}, answer.json)
        self.assertEqual(len(payload), self.get("/queues/%2F/q")["message_bytes"])

    def test_pages_of_other_sites_change_nothing(self):
        """Forms and scripts of a foreign page carry the browser's login, and the browser says where they come from."""
        login = {"Authorization": basic("guest", "guest")}
        foreign = ({"Origin": "https://evil.example"}, {"Origin": "null"},
                   {"Sec-Fetch-Site": "cross-site"})
        for headers in foreign:
            for verb, path in (("PUT", "/queues/%2F/q"), ("POST", "/definitions"),
                               ("DELETE", "/vhosts/%2F")):
                self.done(403, verb, path, {}, headers={
                    **headers, **login, "Content-Type": "text/plain"})
        self.assertEqual(["/"], [vhost["name"] for vhost in self.get("/vhosts")])

    def test_a_name_that_takes_too_long_is_refused(self):
        self.done(201, "PUT", "/queues/%2F/" + "a" * 200 + "b", {})
        self.done(400, "GET", "/queues?page=1&use_regex=true&name=%5E(a%2B)%2B%24")
        self.done(400, "GET", "/queues?page=1&use_regex=true&name=(")
        page = self.get("/queues?page=1&use_regex=true&name=%5E(?!x)A%2Bb$")
        self.assertEqual(1, page["filtered_count"])


if __name__ == "__main__":
    from leveret_broker import main
    main()
