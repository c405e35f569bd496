"""What a TLS listener offers, asked hello by hello, and whom it refuses with which alert: checks in the manner of testssl."""

import datetime
import re
import socket
import ssl
import subprocess
import tempfile
import unittest
from pathlib import Path

import certificates
import tls_hello
from leveret_broker import LEVERET, main, needs_own_broker
from test_tls import PATIENCE_S, TlsCase
from tls_hello import TLS1_0, TLS1_1, TLS1_2, TLS1_3, Answer

SUITES_1_3 = [0x1302, 0x1303, 0x1301]
# With ECDSA and with RSA certificates, in the server's order.
SUITES_ECDSA = [0xc02c, 0xcca9, 0xc02b]
SUITES_RSA = [0xc030, 0xcca8, 0xc02f]


class OfferCase(TlsCase):
    def ask(self, ciphers, **more):
        return tls_hello.ask(self.broker.tls_port,
                             tls_hello.client_hello(ciphers, **more), PATIENCE_S)

    def served(self, ciphers, **more):
        """All of `ciphers` that the server takes, in the order in which it prefers them."""
        left, found = list(ciphers), []
        while left:
            answer = self.ask(left, **more)
            if answer.cipher is None:
                self.assertEqual(answer, Answer(tls_hello.HANDSHAKE_FAILURE))
                break
            self.assertIn(answer.cipher, left)
            found.append(answer.cipher)
            left.remove(answer.cipher)
        return found


@needs_own_broker
class Offers(OfferCase):
    suites = SUITES_ECDSA

    def test_of_all_ciphers_there_are_only_strong_ones_are_served(self):
        known = tls_hello.known_ciphers()
        self.assertGreater(len(known), 100)
        all_of_them = sorted({*known, *tls_hello.all_numbers()})
        self.assertEqual(self.served(all_of_them), self.suites)
        self.assertEqual(self.served(all_of_them, versions=[TLS1_3]), SUITES_1_3)

    def test_the_servers_order_counts(self):
        self.assertEqual(self.served(reversed(self.suites)), self.suites)
        self.assertEqual(self.served(reversed(SUITES_1_3), versions=[TLS1_3]), SUITES_1_3)

    def test_no_version_below_1_2(self):
        refused = Answer(tls_hello.PROTOCOL_VERSION)
        everything = sorted(tls_hello.known_ciphers())
        for version in (TLS1_0, TLS1_1):
            self.assertEqual(self.ask(everything, version=version), refused)
            self.assertEqual(self.ask(everything, versions=[version]), refused)
        self.assertIsNone(self.ask(everything, version=tls_hello.SSL3).version)
        # What SSL 2 began with.
        hello = b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + b"\x07\x00\xc0" * 7 + b"r" * 16
        self.assertIsNone(tls_hello.ask(self.broker.tls_port, hello, PATIENCE_S).version)
        self.assertEqual(self.ask(self.suites).version, TLS1_2)
        self.assertEqual(self.ask(self.suites + SUITES_1_3, versions=[TLS1_2, TLS1_3]).version, TLS1_3)

    def test_a_fallback_that_need_not_be_is_refused(self):
        self.assertEqual(self.ask([*self.suites, tls_hello.FALLBACK_SCSV]),
                         Answer(tls_hello.INAPPROPRIATE_FALLBACK))

    def test_no_compression(self):
        answer = self.ask(self.suites, compressions=b"\1\0")
        self.assertEqual(answer.compression, 0)
        self.assertIsNone(self.ask(self.suites, compressions=b"\1").version)

    def test_no_tickets_no_heartbeats_and_secure_renegotiation_known(self):
        extensions = self.ask(self.suites).extensions
        self.assertNotIn(tls_hello.SESSION_TICKET, extensions)
        self.assertNotIn(tls_hello.HEARTBEAT, extensions)
        self.assertEqual(extensions[tls_hello.RENEGOTIATION_INFO], b"\0")

    def test_no_weak_curve_and_no_weak_signature(self):
        weak = [group for group in range(1, 40) if group not in tls_hello.GOOD_GROUPS]
        self.assertIsNone(self.ask(self.suites, groups=weak).version)
        # MD5 and SHA-1 with RSA, DSA and ECDSA.
        old = [digest << 8 | key for digest in (1, 2) for key in (1, 2, 3)]
        self.assertIsNone(self.ask(self.suites, signatures=old).version)
        # The certificate's own curve has to be among them.
        self.assertEqual(self.ask(self.suites, groups=[23]).version, TLS1_2)
        for group in tls_hello.GOOD_GROUPS:
            self.assertEqual(self.ask(self.suites, groups=[group, 23]).version, TLS1_2)

    def test_a_client_cannot_renegotiate(self):
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{self.broker.tls_port}", "-tls1_2",
             "-CAfile", self.authority.file], input=b"R\n", capture_output=True, timeout=PATIENCE_S)
        text = (done.stdout + done.stderr).decode(errors="replace")
        self.assertIn("RENEGOTIATING", text)
        self.assertIn("no renegotiation", text)

    def test_sessions_are_not_resumed(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = self.context()
            context.minimum_version = context.maximum_version = version
            first = self.wrapped(context)
            first.sendall(b"AMQP\0\0\x09\1")
            self.assertTrue(first.recv(100))
            session = first.session
            self.assertFalse(session and session.has_ticket)
            first.close()
            raw = socket.create_connection(("127.0.0.1", self.broker.tls_port), PATIENCE_S)
            with context.wrap_socket(raw, server_hostname="localhost", session=session) as second:
                self.assertFalse(second.session_reused)


@needs_own_broker
class OffersOfRsa(OfferCase):
    rsa = True

    def test_of_all_ciphers_there_are_only_strong_ones_are_served(self):
        all_of_them = sorted({*tls_hello.known_ciphers(), *tls_hello.all_numbers()})
        self.assertEqual(self.served(all_of_them), SUITES_RSA)
        self.assertEqual(self.served(all_of_them, versions=[TLS1_3]), SUITES_1_3)


@needs_own_broker
class Only12(OfferCase):
    more_settings = ("ssl_options.versions.1=tlsv1.2", "ssl_options.versions.2=tlsv1.1")

    def test_1_3_is_not_spoken_nor_what_is_too_old(self):
        both = SUITES_ECDSA + SUITES_1_3
        self.assertEqual(self.ask(both, versions=[TLS1_3, TLS1_2]).version, TLS1_2)
        self.assertEqual(self.ask(both, versions=[TLS1_3]), Answer(tls_hello.PROTOCOL_VERSION))
        self.assertEqual(self.ask(both, version=TLS1_1), Answer(tls_hello.PROTOCOL_VERSION))
        self.broker.await_log("tlsv1.1 is never offered")


@needs_own_broker
class Only13(OfferCase):
    more_settings = ("ssl_options.versions.1=tlsv1.3",)

    def test_1_2_is_not_spoken(self):
        both = SUITES_ECDSA + SUITES_1_3
        self.assertEqual(self.ask(both, versions=[TLS1_3, TLS1_2]).version, TLS1_3)
        self.assertEqual(self.ask(both), Answer(tls_hello.PROTOCOL_VERSION))


@needs_own_broker
class ChosenCiphers(OfferCase):
    more_settings = ("ssl_options.ciphers.1=ECDHE-ECDSA-AES128-GCM-SHA256",
                     "ssl_options.ciphers.2=TLS_AES_128_GCM_SHA256",
                     "ssl_options.ciphers.3=ECDHE-ECDSA-AES256-GCM-SHA384",
                     "ssl_options.honor_cipher_order=false")

    def test_these_and_no_others_in_the_clients_order(self):
        everything = sorted(tls_hello.known_ciphers())
        self.assertEqual(sorted(self.served(everything)), [0xc02b, 0xc02c])
        self.assertEqual(self.served([0xc02c, 0xc02b]), [0xc02c, 0xc02b])
        self.assertEqual(self.served([0xc02b, 0xc02c]), [0xc02b, 0xc02c])
        self.assertEqual(self.served(everything, versions=[TLS1_3]), [0x1301])


@needs_own_broker
class WrongSettings(unittest.TestCase):
    """What the listener does not serve ends the start with one line, or is told to have no effect."""

    def start(self, *settings):
        with tempfile.TemporaryDirectory(prefix="leveret-tls-") as directory:
            authority = certificates.Authority(Path(directory))
            command = [LEVERET, "serve", "--ephemeral"]
            for setting in (*certificates.settings(*authority.issue("server")),
                            f"ssl_options.cacertfile={authority.file}", *settings):
                command += ["--set", setting]
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
        return done.returncode, done.stderr.strip().splitlines()[-1]

    def test_what_is_not_served_ends_the_start(self):
        for settings, words in (
                (["ssl_options.crl_check=maybe"], "ssl_options.crl_check"),
                (["ssl_options.crl_check=best_effort"], "ssl_options.crl_check"),
                (["ssl_options.crl_check=true", "ssl_options.verify=verify_peer"],
                 "ssl_options.crl_check"),
                (["ssl_options.versions.1=tlsv1.1"], "ssl_options.versions"),
                (["ssl_options.versions.1=sslv3"], "ssl_options.versions"),
                (["ssl_options.versions.1=tlsv9"], "ssl_options.versions.1"),
                (["ssl_options.ciphers.1=RC4-SHA"], "ssl_options.ciphers"),
                (["ssl_options.ciphers.1=NULL-SHA256"], "ssl_options.ciphers"),
                (["ssl_options.ciphers.1=AECDH-AES128-SHA"], "ssl_options.ciphers"),
                (["ssl_options.verify=maybe"], "ssl_options.verify"),
                (["ssl_options.depth=-1"], "ssl_options.depth"),
                (["ssl_options.fail_if_no_peer_cert=true"], "ssl_options.fail_if_no_peer_cert")):
            code, line = self.start(*settings)
            self.assertEqual(code, 78, settings)
            self.assertRegex(line, f"^leveret: (--set: )?{re.escape(words)}: ")

    def test_what_has_no_effect_here_is_told(self):
        keys = {"dh": "x", "dhfile": "/x.pem", "client_renegotiation": "true",
                "secure_renegotiate": "false", "honor_ecc_order": "true", "reuse_sessions": "true",
                "log_level": "info", "log_alert": "true", "bypass_pem_cache": "true",
                "cacerts.one": "x", "cert": "x", "key.RSAPrivateKey": "x", "psk_identity": "x"}
        command = [LEVERET, "config", "--data-dir", "/tmp"]
        for key, value in keys.items():
            command += ["--set", f"ssl_options.{key}={value}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
        self.assertEqual(done.returncode, 0, done.stderr)
        for key in list(keys)[:9]:
            self.assertIn(f"ssl_options.{key} has no effect: ", done.stderr)
        self.assertIn("ssl_options.cacerts.one (and 3 more): trust in another form comes with a "
                      "later version", done.stderr)


class AskedCase(TlsCase):
    """A listener that asks its clients for certificates."""

    def alert(self, certificate, version=ssl.TLSVersion.TLSv1_3):
        """The alert that ends the handshake, as openssl calls it; None where it is through."""
        context = self.context(certificate)
        context.minimum_version = context.maximum_version = version
        try:
            with self.wrapped(context) as client:
                client.sendall(b"AMQP\0\0\x09\1")
                self.assertEqual(client.recv(1), b"\1")
        except ssl.SSLError as error:
            return error.reason
        return None

    def assert_refused(self, certificate, reason):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            self.assertEqual(self.alert(certificate, version), reason)


@needs_own_broker
class ClientCertificates(AskedCase):
    more_settings = ("ssl_options.verify=verify_peer", "ssl_options.fail_if_no_peer_cert=true",
                     "ssl_options.depth=1")

    def prepare(self):
        certificate, key = self.authority.issue("named", names="DNS:named.example.com")
        self.settings += ["ssl_options.sni_hosts.1.host=named.example.com",
                          f"ssl_options.sni_hosts.1.certfile={certificate}",
                          f"ssl_options.sni_hosts.1.keyfile={key}"]

    def test_a_good_one_gets_in(self):
        self.assert_refused(self.authority.issue("alice"), None)
        self.assert_refused(self.authority.issue("bob", purpose="clientAuth"), None)

    def test_none_is_refused(self):
        self.assertEqual(self.alert(None), "TLSV13_ALERT_CERTIFICATE_REQUIRED")
        self.assertEqual(self.alert(None, ssl.TLSVersion.TLSv1_2),
                         "SSLV3_ALERT_HANDSHAKE_FAILURE")

    def test_none_is_refused_whatever_server_is_asked_for(self):
        with self.assertRaises(ssl.SSLError) as caught:
            with self.wrapped(name="named.example.com") as client:
                client.sendall(b"AMQP\0\0\x09\1")
                client.recv(1)
        self.assertEqual(caught.exception.reason, "TLSV13_ALERT_CERTIFICATE_REQUIRED")

    def test_one_that_has_expired_or_is_not_yet_valid(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        day = datetime.timedelta(days=1)
        old = self.authority.issue("old", between=(now - 2 * day, now - day))
        self.assert_refused(old, "SSLV3_ALERT_CERTIFICATE_EXPIRED")
        self.broker.await_log("certificate has expired")
        early = self.authority.issue("early", between=(now + day, now + 2 * day))
        self.assert_refused(early, "SSLV3_ALERT_BAD_CERTIFICATE")
        self.broker.await_log("certificate is not yet valid")

    def test_one_of_another_authority(self):
        with tempfile.TemporaryDirectory(prefix="leveret-tls-") as directory:
            other = certificates.Authority(Path(directory), "other")
            self.assert_refused(other.issue("alice"), "TLSV1_ALERT_UNKNOWN_CA")
            # One that only calls itself as the trusted one does.
            impostor = certificates.Authority(Path(directory), "authority")
            self.assertIn(self.alert(impostor.issue("alice")),
                          ("TLSV1_ALERT_UNKNOWN_CA", "TLSV1_ALERT_DECRYPT_ERROR",
                           "SSLV3_ALERT_BAD_CERTIFICATE"))

    def test_one_for_another_purpose(self):
        self.assert_refused(self.authority.issue("server2", purpose="serverAuth"),
                            "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE")

    def test_depth_counts_the_authorities_between(self):
        middle = self.authority.intermediate("middle")
        self.assert_refused(middle.issue("alice"), None)
        low = middle.intermediate("low")
        self.assert_refused(low.issue("alice"), "TLSV1_ALERT_UNKNOWN_CA")
        self.broker.await_log("certificate chain too long")

    def test_one_line_a_refusal_names_client_and_reason(self):
        self.alert(None)
        self.broker.await_log(": handshake failed: TLS: peer did not return a certificate")
        self.assertRegex(self.broker.log_text(), r"connection 127\.0\.0\.1:\d+: handshake failed: ")


@needs_own_broker
class DepthOfNothing(AskedCase):
    more_settings = ("ssl_options.verify=verify_peer", "ssl_options.depth=0")

    def test_only_the_trusted_authority_signs(self):
        self.assert_refused(self.authority.issue("alice"), None)
        self.assert_refused(self.authority.intermediate("middle").issue("alice"),
                            "TLSV1_ALERT_UNKNOWN_CA")

    def test_none_need_be_shown(self):
        self.assert_refused(None, None)


if __name__ == "__main__":
    main()
