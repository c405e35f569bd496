"""Who may connect, from where, and how long he may take: loopback_users, PROXY headers, limits before login, secrets."""

import os
import re
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

import pika

import certificates
from leveret_broker import Broker, BrokerCase, LEVERET, main, needs_own_broker
from raw_amqp import RawConnection, entry, long_string, method, short_string, table

PATIENCE_S = 120
HEADER = b"AMQP\x00\x00\x09\x01"
FROM_AFAR = b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 5672\r\n"


def proxy_v2(command, family, rest):
    return b"\r\n\r\n\x00\r\nQUIT\n" + struct.pack(">BBH", 0x20 | command, family, len(rest)) + rest


def v4_ends(source, destination, source_port, destination_port):
    return (socket.inet_aton(source) + socket.inet_aton(destination) +
            struct.pack(">HH", source_port, destination_port))


def dial(port, source="127.0.0.1"):
    client = socket.socket()
    client.settimeout(PATIENCE_S)
    client.bind((source, 0))
    client.connect(("127.0.0.1", port))
    return client


def is_closed(client):
    """Waits for what comes: the end of the stream, or the broker's first frame."""
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


def ends(client):
    """Reads whatever comes up to the end of the stream; a broker that never ends it is a timeout."""
    try:
        while client.recv(65536):
            pass
    except ConnectionResetError:
        pass


def wait_until(condition, message):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(message)
        time.sleep(0.05)


def login(client, user="guest", password="guest"):
    """The method that answers start-ok: connection.tune is (10, 30), connection.close (10, 50)."""
    client.sendall(HEADER)
    read_frame(client)
    response = f"\0{user}\0{password}"
    capabilities = entry("capabilities", b"F", table(
        [entry("authentication_failure_close", b"t", b"\x01")]))
    client.sendall(method(0, 10, 11, table([capabilities]) + short_string("PLAIN") +
                          long_string(response) + short_string("en_US")))
    return struct.unpack_from(">HH", read_frame(client))


def read_frame(client):
    head = read_exactly(client, 7)
    return read_exactly(client, struct.unpack_from(">I", head, 3)[0] + 1)[:-1]


def read_exactly(client, size):
    data = b""
    while len(data) < size:
        more = client.recv(size - len(data))
        if not more:
            raise ConnectionError("closed")
        data += more
    return data


TUNE, CLOSE = (10, 30), (10, 50)


@needs_own_broker
class Proxy(BrokerCase):
    durable = True
    settings = ("proxy_protocol=true", "login_failure_delay=10")

    def test_real_client_is_listed(self):
        for header in (FROM_AFAR,
                       proxy_v2(1, 0x11, v4_ends("192.0.2.1", "198.51.100.1", 56324, 5672))):
            with dial(self.broker.port) as client:
                client.sendall(header)
                self.assertEqual(login(client, "alice", "x"), CLOSE)
        self.broker.await_log("connection 192.0.2.1:56324: login of user 'alice'")

    def test_listed_with_both_ends(self):
        with dial(self.broker.port) as client:
            client.sendall(proxy_v2(0, 0, b""))
            self.assertEqual(login(client), TUNE)
            client.sendall(method(0, 10, 31, struct.pack(">HIH", 100, 131072, 0)) +
                           method(0, 10, 40, short_string("/") + b"\x00\x00"))
            read_frame(client)
            own_port = client.getsockname()[1]
            out = subprocess.run(
                [LEVERET, "ctl", "--data-dir", str(self.broker.data_dir), "-q",
                 "list_connections", "peer_host", "peer_port"],
                capture_output=True, text=True, check=True).stdout
            self.assertIn(f"127.0.0.1\t{own_port}", out)

    def test_claimed_loopback_is_loopback_only_from_loopback(self):
        with dial(self.broker.port) as client:
            client.sendall(b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n")
            self.assertEqual(login(client), TUNE)

    def test_guest_comes_from_loopback_only(self):
        with dial(self.broker.port) as client:
            client.sendall(FROM_AFAR)
            self.assertEqual(login(client), CLOSE)
        self.broker.await_log("user can only log in via localhost")

    def test_without_or_with_a_bad_header_it_is_closed(self):
        bad = [HEADER, b"PROXY TCP4 1.2.3.4\r\n", b"PROXY " + b"x" * 200, proxy_v2(3, 0x11, b""),
               proxy_v2(1, 0x11, b"short"), proxy_v2(1, 0x11, b"x" * 60_000)]
        for header in bad:
            with dial(self.broker.port) as client:
                client.sendall(header)
                self.assertTrue(is_closed(client), header)

    def test_header_may_come_in_pieces(self):
        with dial(self.broker.port) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for octet in b"PROXY UNKNOWN\r\n":
                client.sendall(bytes([octet]))
            self.assertEqual(login(client), TUNE)


@needs_own_broker
class ProxyTrust(BrokerCase):
    settings = ("proxy_protocol=true", "proxy_protocol.trusted.1=127.0.0.2",
                "loopback_users=none")

    def test_untrusted_source_is_closed_whatever_it_says(self):
        with dial(self.broker.port, "127.0.0.3") as client:
            try:
                client.sendall(FROM_AFAR + HEADER)
            except ConnectionError:
                pass
            self.assertTrue(is_closed(client))
        self.broker.await_log("127.0.0.3 is no trusted proxy")

    def test_trusted_source_is_believed_and_guest_may_come_from_afar(self):
        with dial(self.broker.port, "127.0.0.2") as client:
            client.sendall(FROM_AFAR)
            self.assertEqual(login(client), TUNE)


@needs_own_broker
class ProxyBeforeTls(BrokerCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="leveret-tls-")
        self.addCleanup(directory.cleanup)
        self.authority = certificates.Authority(Path(directory.name))
        self.settings = certificates.settings(*self.authority.issue("server"),
                                              "proxy_protocol=true", "loopback_users=none")
        super().setUp()

    def test_header_comes_first(self):
        import ssl
        raw = dial(self.broker.tls_port)
        raw.sendall(FROM_AFAR)
        context = ssl.create_default_context(cafile=self.authority.file)
        with context.wrap_socket(raw, server_hostname="localhost") as client:
            self.assertEqual(login(client), TUNE)


@needs_own_broker
class LimitOfASource(BrokerCase):
    settings = ("pre_login.connections_per_source_max=5", "handshake_timeout=120000")

    def test_a_source_has_so_many_and_others_are_served(self):
        held = [dial(self.broker.port, "127.0.0.9") for _ in range(5)]
        wait_until(lambda: is_closed(dial(self.broker.port, "127.0.0.9")), "no limit")
        with dial(self.broker.port, "127.0.0.8") as other:
            self.assertEqual(login(other), TUNE)
        self.broker.await_log("127.0.0.9 has 5 connections that have not logged in")
        for one in held:
            one.close()

    def test_who_has_logged_in_does_not_count(self):
        connections = [RawConnection(self.broker.host_port) for _ in range(12)]
        for connection in connections:
            connection.close()


@needs_own_broker
class SlowLoris(BrokerCase):
    settings = ("handshake_timeout=8000",)

    def test_slow_loris_ends_at_the_handshakes_limit(self):
        clients = [dial(self.broker.port, f"127.0.1.{i}") for i in range(1, 60)]
        ended = threading.Event()

        def drip():
            for octet in HEADER + b"\x01\x00\x00\x00\x00\x0f\x00" + b"x" * 3000:
                if ended.wait(0.1):
                    return
                for client in clients:
                    try:
                        client.send(bytes([octet]))
                    except OSError:
                        pass
        thread = threading.Thread(target=drip)
        thread.start()
        try:
            connection = RawConnection(self.broker.host_port)
            connection.declare_queue("q", durable=False)
            connection.close()
            for client in clients:
                ends(client)
        finally:
            ended.set()
            thread.join()
            for client in clients:
                client.close()


@needs_own_broker
class HalfOpenHandshakes(BrokerCase):
    """A small version of bench/half_open.py."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="leveret-tls-")
        self.addCleanup(directory.cleanup)
        authority = certificates.Authority(Path(directory.name))
        self.settings = certificates.settings(*authority.issue("server"),
                                              "ssl_handshake_timeout=1500")
        super().setUp()

    def test_others_are_served_and_all_are_ended(self):
        # The head of a ClientHello that never ends.
        clients = [dial(self.broker.tls_port, f"127.0.2.{1 + i % 4}") for i in range(300)]
        for client in clients[::2]:
            client.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
        for _ in range(5):
            RawConnection(self.broker.host_port).close()
        self.assertTrue(all([is_closed(client) for client in clients]))
        for client in clients:
            client.close()


@needs_own_broker
class Secrets(unittest.TestCase):
    """No secret that the broker knows or is told gets into its log or its listings."""

    def test_none_is_logged_at_debug_level(self):
        with tempfile.TemporaryDirectory(prefix="leveret-secret-") as name:
            directory = Path(name)
            authority = certificates.Authority(directory)
            certificate, key = authority.issue("server", password="s3cretKeyPass")
            other, other_key = authority.issue("other", password="s3cretSniPass")
            settings = certificates.settings(
                certificate, key, "ssl_options.password=s3cretKeyPass",
                "ssl_options.sni_hosts.1.host=x.example.com",
                f"ssl_options.sni_hosts.1.certfile={other}",
                f"ssl_options.sni_hosts.1.keyfile={other_key}",
                "ssl_options.sni_hosts.1.password=s3cretSniPass",
                "default_user=boss", "default_pass=s3cretDefaultPass", "log.default.level=debug",
                "login_failure_delay=10")
            broker = Broker(directory / "data", settings, log_path=directory / "log").start()
            try:
                self.use(broker, directory)
                self.load(broker, authority)
                self.assert_no_secret(self.command_lines())
            finally:
                self.assertEqual(broker.stop(), 0)
            logged = broker.log_text()
            self.assertIn("login of user 'boss'", logged)
            self.assert_no_secret(logged)
            self.assert_no_secret(broker.printed)

    def assert_no_secret(self, text):
        self.assertEqual(re.findall("(?i)s3cret[A-Za-z]*", text), [])

    def ctl(self, directory, *arguments):
        done = subprocess.run([LEVERET, "ctl", "--data-dir", str(directory / "data"), *arguments],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_no_secret(done.stdout + done.stderr)

    def command_lines(self):
        """Of this user's processes of the broker, as everybody sees them."""
        lines = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0] == LEVERET.encode():
                lines.append(b" ".join(words).decode(errors="replace"))
        return "\n".join(lines)

    def load(self, broker, authority):
        """`leveret bench` is told URLs with passwords: right and wrong ones, plain and with TLS, and what is no URL."""
        more = f"?cacertfile={authority.file}&server_name_indication=localhost"
        for url, code in (
                (f"amqp://boss:s3cretDefaultPass@{broker.host_port}", 0),
                (f"amqps://boss:s3cretDefaultPass@127.0.0.1:{broker.tls_port}{more}", 0),
                (f"amqps://boss:s3cretDefaultPass@127.0.0.1:{broker.tls_port}", 2),
                (f"amqp://boss:s3cretNotIt@{broker.host_port}", 2),
                ("amqp://boss:s3cretNoPort@127.0.0.1:0", 2), ("ampq://boss:s3cretNoUrl@host", 2),
                ("amqp://boss:s3cret%Broken@host", 2)):
            done = subprocess.Popen(
                [LEVERET, "bench", "--url", url, "--messages", "20000", "--drain"],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            printed = done.communicate()[0]
            self.assertEqual(done.returncode, code, printed)
            self.assert_no_secret(printed)

    def test_none_is_in_the_configuration_that_is_printed(self):
        with tempfile.TemporaryDirectory(prefix="leveret-secret-") as name:
            (Path(name) / "leveret.conf").write_text(
                "default_pass = s3cretFile\nssl_options.password = s3cretKey\n"
                "ssl_options.sni_hosts.1.password = s3cretSni\n"
                "ssl_options.sni_hosts.1.host = h\nssl_options.sni_hosts.1.certfile = /x\n")
            for more, environment in (
                    ([], {}), (["--set", "default_pass=s3cretSet"], {}),
                    ([], {"RABBITMQ_DEFAULT_PASS": "s3cretVariable"}),
                    (["--set", "default_pass=s3cretTwice", "--set", "nonsense=1"], {})):
                for formatter in ("table", "json"):
                    done = subprocess.run(
                        [LEVERET, "config", "--config", f"{name}/leveret.conf", "--data-dir", name,
                         "--formatter", formatter, *more],
                        capture_output=True, text=True, env={**os.environ, **environment})
                    self.assertIn(done.returncode, (0, 78))
                    self.assert_no_secret(done.stdout + done.stderr)

    def use(self, broker, directory):
        for user, password in (("boss", "s3cretWrong"), ("nobody", "s3cretNobody"),
                               ("boss", "s3cretDefaultPass")):
            parameters = pika.ConnectionParameters(
                "127.0.0.1", broker.port, credentials=pika.PlainCredentials(user, password))
            try:
                connection = pika.BlockingConnection(parameters)
                connection.add_callback_threadsafe(lambda: None)
                connection.close()
            except pika.exceptions.AMQPError:
                pass
        # A PLAIN response that is malformed, and one of a mechanism that is none.
        for mechanism, response in (("PLAIN", "s3cretMalformed"), ("NONE", "s3cretUnknown")):
            with dial(broker.port) as client:
                client.sendall(HEADER)
                read_frame(client)
                client.sendall(method(0, 10, 11, table([]) + short_string(mechanism) +
                                      long_string(response) + short_string("en_US")))
                self.assertTrue(is_closed(client))
        for arguments in (["add_user", "carol", "s3cretCarol"],
                          ["change_password", "carol", "s3cretChanged"],
                          ["authenticate_user", "carol", "s3cretChanged"], ["environment"],
                          ["status"], ["list_users"],
                          ["list_connections", "user", "client_properties", "auth_mechanism"]):
            self.ctl(directory, *arguments)


if __name__ == "__main__":
    main()
