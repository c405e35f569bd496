"""TLS as clients meet it: pika, py-amqp and openssl s_client against listeners.ssl."""

import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

import amqp
import pika

import certificates
from leveret_broker import BrokerCase, LEVERET, main, needs_own_broker

PATIENCE_S = 120


class TlsCase(BrokerCase):
    """A broker with a TLS listener and a certificate of an authority of its own."""

    more_settings = ()
    rsa = False

    def setUp(self):
        certificate_directory = tempfile.TemporaryDirectory(prefix="leveret-tls-")
        self.addCleanup(certificate_directory.cleanup)
        self.authority = certificates.Authority(Path(certificate_directory.name))
        self.settings = certificates.settings(
            *self.authority.issue("server", rsa=self.rsa), f"ssl_options.cacertfile={self.authority.file}",
            "ssl_handshake_timeout=60000", "handshake_timeout=60000",
            *self.more_settings)
        self.prepare()
        super().setUp()

    def prepare(self):
        """Before the broker starts."""

    def context(self, certificate=None):
        context = ssl.create_default_context(cafile=self.authority.file)
        if certificate:
            context.load_cert_chain(*certificate)
        return context

    def pika_connection(self, context=None, credentials=None, host="localhost"):
        return pika.BlockingConnection(pika.ConnectionParameters(
            "127.0.0.1", self.broker.tls_port,
            ssl_options=pika.SSLOptions(context or self.context(), host),
            credentials=credentials or pika.PlainCredentials("guest", "guest")))

    def wrapped(self, context=None, name="localhost"):
        raw = socket.create_connection(("127.0.0.1", self.broker.tls_port))
        raw.settimeout(PATIENCE_S)
        return (context or self.context()).wrap_socket(raw, server_hostname=name)

    def s_client(self, *arguments):
        """Whether openssl gets through, and what it says."""
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{self.broker.tls_port}",
             "-CAfile", self.authority.file, *arguments],
            input=b"", capture_output=True, timeout=PATIENCE_S)
        text = (done.stdout + done.stderr).decode(errors="replace")
        return "Verify return code: 0" in text and "Cipher is (NONE)" not in text, text

    def shown_name(self, name):
        with self.wrapped(name=name) as wrapped:
            subject = dict(pair for part in wrapped.getpeercert()["subject"] for pair in part)
            return subject["commonName"]

    def columns(self, *names):
        """list_connections needs a control socket."""
        out = subprocess.run(
            [LEVERET, "ctl", "--data-dir", str(self.broker.data_dir), "-q", "--formatter", "json",
             "list_connections", *names], capture_output=True, text=True, check=True)
        return out.stdout


@needs_own_broker
class Tls(TlsCase):
    durable = True

    def test_messages_of_all_sizes_go_both_ways(self):
        connection = self.pika_connection()
        channel = connection.channel()
        channel.queue_declare(self.name)
        channel.confirm_delivery()
        sizes = [0, 1, 24, 16_383, 16_384, 16_385, 131_064, 131_065, 5_000_000]
        for size in sizes:
            channel.basic_publish("", self.name, bytes([size % 251]) * size)
        for size in sizes:
            body = channel.basic_get(self.name, auto_ack=True)[2]
            self.assertEqual(body, bytes([size % 251]) * size)
        connection.close()

    def test_a_flood_through_one_connection(self):
        connection = self.pika_connection()
        channel = connection.channel()
        channel.queue_declare(self.name)
        for number in range(20_000):
            channel.basic_publish("", self.name, b"%d" % number)
        got = []
        for _, _, body in channel.consume(self.name, auto_ack=True):
            got.append(int(body))
            if len(got) == 20_000:
                break
        self.assertEqual(got, list(range(20_000)))
        connection.close()

    def test_py_amqp_speaks_it(self):
        connection = amqp.Connection(
            f"127.0.0.1:{self.broker.tls_port}", ssl={
                "ca_certs": self.authority.file, "server_hostname": "localhost"})
        connection.connect()
        channel = connection.channel()
        channel.queue_declare(self.name, durable=False)
        channel.basic_publish(amqp.Message("x"), "", self.name)
        self.assertEqual(channel.basic_get(self.name, no_ack=True).body, "x")
        connection.close()

    def test_list_connections_shows_it(self):
        connection = self.pika_connection()
        shown = self.columns("ssl", "ssl_protocol", "ssl_cipher", "ssl_hash", "user")
        self.assertIn('"ssl":true', shown)
        self.assertIn('"ssl_protocol":"tlsv1.3"', shown)
        self.assertIn('"ssl_cipher":"aes_256_gcm"', shown)
        connection.close()

    def test_nothing_below_1_2_and_no_weak_cipher(self):
        weakest = "ALL:@SECLEVEL=0"
        for version in ("-tls1", "-tls1_1"):
            self.assertFalse(self.s_client(version, "-cipher", weakest)[0], version)
        for version in ("-tls1_2", "-tls1_3"):
            fine, text = self.s_client(version)
            self.assertTrue(fine, text)
        for cipher in ("AES128-SHA", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384",
                       "NULL", "eNULL", "aNULL", "AES256-GCM-SHA384"):
            fine, text = self.s_client("-tls1_2", "-cipher", cipher + ":@SECLEVEL=0")
            self.assertFalse(fine, text)
        fine, text = self.s_client("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256")
        self.assertTrue(fine, text)

    def test_no_renegotiation_no_resumption(self):
        fine, text = self.s_client("-tls1_2", "-reconnect")
        self.assertTrue(fine, text)
        self.assertNotIn("Reused, ", text)

    def test_plain_client_at_the_tls_port_is_closed(self):
        with socket.create_connection(("127.0.0.1", self.broker.tls_port)) as plain:
            plain.settimeout(PATIENCE_S)
            plain.sendall(b"AMQP\x00\x00\x09\x01")
            try:
                while plain.recv(1000):
                    pass
            except ConnectionResetError:
                pass

    def test_close_tells_the_client_that_nothing_follows(self):
        with self.wrapped() as wrapped:
            wrapped.sendall(b"AMQP\x01\x01\x00\x0a")
            self.assertEqual(wrapped.recv(8), b"AMQP\x00\x00\x09\x01")
            # Without close_notify this would raise.
            wrapped.suppress_ragged_eofs = False
            self.assertEqual(wrapped.recv(8), b"")

    def test_frames_before_login_are_small(self):
        with self.wrapped() as wrapped:
            wrapped.sendall(b"AMQP\x00\x00\x09\x01")
            wrapped.recv(4096)
            wrapped.sendall(b"\x01\x00\x00\x00\x10\x00\x00" + b"x" * 9000)
            self.assertIn(b"", [wrapped.recv(4096)])

    def test_listeners_name_the_protocol(self):
        out = subprocess.run(
            [LEVERET, "ctl", "--data-dir", str(self.broker.data_dir), "listeners"],
            capture_output=True, text=True, check=True).stdout
        self.assertIn(f"port: {self.broker.tls_port}, protocol: amqp/ssl", out)

    def test_certificates_that_expire_are_told(self):
        def check(*arguments):
            return subprocess.run(
                [LEVERET, "ctl", "--data-dir", str(self.broker.data_dir),
                 "check_certificate_expiration", *arguments], capture_output=True).returncode
        self.assertNotEqual(check("--within", "2", "--unit", "days"), 0)
        self.assertEqual(check("--within", "0", "--unit", "days"), 0)


@needs_own_broker
class Sni(TlsCase):
    def prepare(self):
        names = "DNS:localhost,DNS:one.example.com,DNS:two.example.com"
        for number, (name, host) in enumerate(
                (("one", "one.example.com"), ("any", "*.example.com")), 1):
            certificate, key = self.authority.issue(name, names=names)
            self.settings += [f"ssl_options.sni_hosts.{number}.host={host}",
                              f"ssl_options.sni_hosts.{number}.certfile={certificate}",
                              f"ssl_options.sni_hosts.{number}.keyfile={key}"]

    def test_the_name_picks_the_certificate(self):
        self.assertEqual(self.shown_name("one.example.com"), "one")
        self.assertEqual(self.shown_name("two.example.com"), "any")
        self.assertEqual(self.shown_name("localhost"), "server")

    def test_a_name_is_a_name_in_capitals_too_and_a_star_is_one_word(self):
        context = self.context()
        context.check_hostname = False
        for name, shown in (("ONE.Example.COM", "one"), ("a.b.example.com", "server"),
                            ("example.com", "server"), ("*.example.com", "any"),
                            ("unknown", "server"), (None, "server")):
            with self.wrapped(context, name) as wrapped:
                subject = dict(pair for part in wrapped.getpeercert()["subject"] for pair in part)
                self.assertEqual(subject["commonName"], shown, name)


@needs_own_broker
class Reload(TlsCase):
    def serial(self):
        with self.wrapped() as wrapped:
            return wrapped.getpeercert()["serialNumber"]

    def wait_for_change(self, before):
        end = time.monotonic() + PATIENCE_S
        while self.serial() == before:
            self.assertLess(time.monotonic(), end, "the new certificate is not served")
            time.sleep(0.1)

    def publish_all_the_time(self, queue):
        connection = self.pika_connection()
        channel = connection.channel()
        channel.confirm_delivery()
        number = 0
        while not self.stop.is_set():
            channel.basic_publish("", queue, b"%d" % number)
            number += 1
        channel.basic_publish("", queue, b"end")
        connection.close()
        self.published[queue] = number

    def consume_all_the_time(self, queue):
        """Every message, once and in order."""
        connection = self.pika_connection()
        channel = connection.channel()
        channel.queue_declare(queue)
        self.ready.wait()
        expected = 0
        for method, _, body in channel.consume(queue):
            channel.basic_ack(method.delivery_tag)
            if body == b"end":
                break
            self.assertEqual((int(body), method.redelivered), (expected, False))
            expected += 1
        connection.close()
        self.consumed[queue] = expected

    def connect_all_the_time(self, _):
        self.ready.wait()
        while not self.stop.is_set():
            self.pika_connection().close()

    def test_reload_under_load_drops_nobody(self):
        self.stop, self.ready = threading.Event(), threading.Barrier(4)
        self.published, self.consumed = {}, {}
        failures = []

        def guarded(target, queue):
            try:
                target(queue)
            except Exception as error:  # whatever it is, it is the case's failure
                failures.append(repr(error))
                self.stop.set()
                self.ready.abort()

        queues = [self.name + "-1", self.name + "-2"]

        def begin(target, queue):
            threads.append(threading.Thread(target=guarded, args=(target, queue)))
            threads[-1].start()

        threads = []
        for queue in queues:
            begin(self.consume_all_the_time, queue)
        begin(self.connect_all_the_time, None)
        try:
            self.ready.wait()
            for queue in queues:
                begin(self.publish_all_the_time, queue)
            for _ in range(20):
                before = self.serial()
                self.authority.issue("server")
                self.wait_for_change(before)
                if failures:
                    break
        finally:
            self.stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failures, [])
        self.assertEqual(self.published, self.consumed)
        self.assertGreater(min(self.consumed.values()), 20)
        # Who looks between the key's and the certificate's rename loads both, and sees the second one change once more.
        self.assertGreaterEqual(self.broker.log_text().count("certificates have changed"), 20)

    def test_a_bad_file_keeps_the_old_certificate(self):
        before = self.serial()
        (self.authority.directory / "server.pem").write_text("nonsense")
        end = time.monotonic() + PATIENCE_S
        while "TLS goes on with the certificates it has" not in self.broker.log_text():
            self.assertLess(time.monotonic(), end, "nothing is logged")
            self.assertEqual(self.serial(), before)
            time.sleep(0.1)
        self.assertEqual(self.serial(), before)
        self.authority.issue("server")
        self.wait_for_change(before)
        self.assertEqual(
            self.broker.log_text().count("TLS goes on with the certificates it has"), 1)


class RevocationCase(TlsCase):
    """With a list of the authority, one of the intermediate "listed" and none of "unlisted". The authority has revoked "bad" and
    "revoked", an intermediate with a list."""

    more_settings = ("ssl_options.verify=verify_peer", "ssl_options.fail_if_no_peer_cert=true")

    def prepare(self):
        self.lists = {}
        self.shown = {name: self.authority.issue(name) for name in ("good", "bad")}
        for name in ("listed", "unlisted", "revoked"):
            intermediate = self.authority.intermediate(name)
            self.shown[name] = intermediate.issue("below-" + name)
            if name != "unlisted":
                self.lists[name] = intermediate.revoke()
        self.trusted = Path(self.authority.file).read_text()
        self.revoke("bad", "revoked")

    def revoke(self, *names):
        """Written beside and moved into place."""
        self.lists["authority"] = self.authority.revoke(*names)
        new = Path(self.authority.file + ".new")
        new.write_text(self.trusted + "".join(self.lists.values()))
        new.rename(self.authority.file)

    def comes_in(self, name):
        try:
            self.pika_connection(self.context(self.shown[name])).close()
        except (ssl.SSLError, ConnectionError, pika.exceptions.AMQPError):
            return False
        return True

    def who_comes_in(self):
        return sorted(name for name in self.shown if self.comes_in(name))


@needs_own_broker
class RevocationOfChains(RevocationCase):
    more_settings = (*RevocationCase.more_settings, "ssl_options.crl_check=true")

    def test_every_certificate_needs_a_list_that_does_not_name_it(self):
        self.assertEqual(self.who_comes_in(), ["good", "listed"])

    def test_a_new_list_is_in_force_without_a_restart(self):
        connection = self.pika_connection(self.context(self.shown["good"]))
        self.revoke("good")
        end = time.monotonic() + PATIENCE_S
        while self.comes_in("good"):
            self.assertLess(time.monotonic(), end, "the new list is not in force")
        # Who is there stays.
        connection.channel().queue_declare(self.name)
        connection.close()


@needs_own_broker
class RevocationOfPeers(RevocationCase):
    more_settings = (*RevocationCase.more_settings, "ssl_options.crl_check=peer")

    def test_the_clients_own_certificate_needs_a_list(self):
        self.assertEqual(self.who_comes_in(), ["good", "listed", "revoked"])


@needs_own_broker
class RevocationWhereItIsKnown(RevocationCase):
    more_settings = (*RevocationCase.more_settings, "ssl_options.crl_check=best_effort")

    def test_whom_no_list_names_comes_in(self):
        self.assertEqual(self.who_comes_in(), ["good", "listed", "unlisted"])


@needs_own_broker
class Mutual(TlsCase):
    more_settings = ("ssl_options.verify=verify_peer", "ssl_options.fail_if_no_peer_cert=true",
                     "auth_mechanisms.1=EXTERNAL", "auth_mechanisms.2=PLAIN",
                     "ssl_cert_login_from=common_name", "default_user=alice",
                     "default_pass=wonderland")
    external = pika.credentials.ExternalCredentials

    def test_without_a_certificate_nobody_comes_in(self):
        with self.assertRaises((ssl.SSLError, ConnectionError, pika.exceptions.AMQPError)):
            self.pika_connection()

    def test_strangers_certificate_is_refused(self):
        with tempfile.TemporaryDirectory() as directory:
            stranger = certificates.Authority(Path(directory)).issue("alice")
            with self.assertRaises((ssl.SSLError, ConnectionError, pika.exceptions.AMQPError)):
                self.pika_connection(self.context(stranger))

    def test_certificate_logs_in(self):
        context = self.context(self.authority.issue("alice"))
        connection = self.pika_connection(context, self.external())
        connection.channel().queue_declare(self.name)
        connection.close()

    def test_certificate_of_nobody_does_not(self):
        context = self.context(self.authority.issue("mallory"))
        with self.assertRaises(pika.exceptions.ProbableAuthenticationError):
            self.pika_connection(context, self.external())
        self.broker.await_log("login of user 'mallory' by EXTERNAL refused: there is no such user")

    def test_password_goes_on_working(self):
        context = self.context(self.authority.issue("somebody"))
        self.pika_connection(context, pika.PlainCredentials("alice", "wonderland")).close()


@needs_own_broker
class DistinguishedName(TlsCase):
    more_settings = ("ssl_options.verify=verify_peer", "auth_mechanisms.1=EXTERNAL",
                     "auth_mechanisms.2=PLAIN", "default_user=CN=client,O=Example",
                     "default_pass=p")

    def test_subject_as_rfc_4514_is_the_user(self):
        context = self.context(self.authority.issue("client", "/O=Example/CN=client"))
        self.pika_connection(context, pika.credentials.ExternalCredentials()).close()

    def test_external_without_a_certificate_says_why(self):
        with self.assertRaises(pika.exceptions.ProbableAuthenticationError):
            self.pika_connection(None, pika.credentials.ExternalCredentials())
        self.broker.await_log("the client has shown no certificate")


@needs_own_broker
class WrongFiles(unittest.TestCase):
    def start(self, *settings):
        command = [LEVERET, "serve", "--ephemeral", "--set", "listeners.ssl.1=127.0.0.1:0"]
        for setting in settings:
            command += ["--set", setting]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
        return done.returncode, done.stderr.strip()

    def test_one_line_names_the_key(self):
        self.assertEqual(self.start(), (78, "leveret: ssl_options.certfile: a TLS listener needs it"))
        self.assertEqual(
            self.start("ssl_options.certfile=/nowhere.pem"),
            (78, "leveret: ssl_options.certfile: /nowhere.pem: No such file or directory"))

    def test_keys_that_do_not_fit(self):
        with tempfile.TemporaryDirectory() as directory:
            authority = certificates.Authority(Path(directory))
            certificate, _ = authority.issue("one")
            _, other_key = authority.issue("two")
            _, secret_key = authority.issue("three", password="tops3cret")
            for key in (other_key, secret_key):
                code, line = self.start(f"ssl_options.certfile={certificate}",
                                        f"ssl_options.keyfile={key}")
                self.assertEqual(code, 78)
                self.assertTrue(line.startswith(f"leveret: ssl_options.keyfile: {key}: "), line)
                self.assertEqual(len(line.splitlines()), 1)


if __name__ == "__main__":
    main()
