"""The k8s mechanism: ordinals, which need nobody, and the API server's endpoints, against a double that kubectl reads too."""

import json
import shutil
import ssl
import subprocess
import unittest

from faults import FaultyServer, OUTCOMES
from kubernetes_double import Kubernetes
from probe import Case

from certificates import Authority  # tests/integration, found by probe


class TestOrdinals(Case):
    def pod(self, name, *settings):
        return self.probe("k8s", settings, arguments=["--name", name])

    def test_the_seed_is_the_first_of_the_stateful_set(self):
        node = self.pod("rabbit@foo-0-bar-2.mq.ns")
        self.assertEqual(node.do("list"), {"seed": 0, "candidates": [
            {"id": "", "name": "rabbit@foo-0-bar-0.mq.ns", "host": "foo-0-bar-0.mq.ns", "port": 0}]})
        self.assertFalse(node.do("about")["reports_all_nodes"])

    def test_a_size_hint_names_all(self):
        node = self.pod("rabbit@mq-7.svc", "k8s.ordinal_start=5", "target_cluster_size_hint=3")
        found = node.do("list")
        self.assertEqual([one["name"] for one in found["candidates"]],
                         ["rabbit@mq-5.svc", "rabbit@mq-6.svc", "rabbit@mq-7.svc"])
        self.assertEqual((found["seed"], found["expected_size"]), (0, 3))
        self.assertTrue(node.do("about")["reports_all_nodes"])

    def test_the_seed_may_be_said(self):
        self.assertEqual(self.pod("bunny@hop", "k8s.seed_node=bunny@hip").names(), ["bunny@hip"])

    def test_a_name_without_ordinal_ends_the_process(self):
        self.assertIn("k8s.seed_node: 'bunny@hop' is no name", self.refused(
            "kubernetes", arguments=["--name", "bunny@hop"]))

    def test_keys_of_the_other_method_are_said_to_be_idle(self):
        node = self.pod("rabbit@mq-0", "k8s.address_type=hostname")
        node.do("list")
        self.assertTrue(node.has_logged("k8s.address_type has no effect"))


class TestEndpoints(Case):
    def files(self, token="pod-token", namespace="mq"):
        (self.directory / "token").write_text(token + "\n")
        (self.directory / "namespace").write_text(namespace)
        return ["k8s.method=endpoints", f"k8s.token_path={self.directory / 'token'}",
                f"k8s.namespace_path={self.directory / 'namespace'}"]

    def pod(self, double, *settings, number=1, **named):
        return self.probe("k8s", [
            *self.files(), "k8s.scheme=http", "k8s.host=127.0.0.1", f"k8s.port={double.port}",
            *("k8s." + setting for setting in settings)], number, **named)

    def double(self, **named):
        double = Kubernetes(self, **named)
        double.subsets["rabbitmq"] = [
            {"addresses": [{"ip": "10.0.0.2", "hostname": "mq-1"}],
             "notReadyAddresses": [{"ip": "10.0.0.1", "hostname": "mq-0"}, {"ip": "10.0.0.3"}],
             "ports": [{"port": 5672}]},
            {"notReadyAddresses": [{"ip": "10.0.0.1", "hostname": "mq-0"}]}]
        return double

    def test_ready_and_unready_pods_are_candidates(self):
        double = self.double()
        self.assertEqual(self.pod(double).names(),
                         ["rabbit@10.0.0.1", "rabbit@10.0.0.2", "rabbit@10.0.0.3"])
        node = self.pod(double, "address_type=hostname", "hostname_suffix=.mq.svc")
        self.assertEqual(node.do("list")["candidates"], [
            {"id": "", "name": f"rabbit@mq-{i}.mq.svc", "host": f"mq-{i}.mq.svc", "port": 0}
            for i in (0, 1)])
        self.assertEqual(double.lines()[0], "GET /api/v1/namespaces/mq/endpoints/rabbitmq")
        self.assertTrue(node.has_logged("an endpoint without hostname"))
        self.assertFalse(node.has_logged("pod-token"))

    def test_no_pods_yet(self):
        double = self.double()
        double.subsets["rabbitmq"] = None
        self.assertEqual(self.pod(double).names(), [])

    def test_a_registration_is_an_event(self):
        double = self.double()
        self.pod(double).do("register")
        [event] = double.events
        self.assertRegex(event["metadata"].pop("name"), r"^node1\.\d{13}$")
        self.assertRegex(event.pop("lastTimestamp"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(event, {
            "apiVersion": "v1", "kind": "Event", "metadata": {"namespace": "mq"}, "type": "Normal",
            "reason": "Created", "message": "Node rabbit@node1 is registered", "count": 1,
            "involvedObject": {"apiVersion": "v1", "kind": "RabbitMQ", "name": "pod/node1",
                               "namespace": "mq"},
            "source": {"component": "node1/rabbitmq_peer_discovery", "host": "node1"}})

    def test_tokens_are_read_again_each_time(self):
        double = self.double()
        node = self.pod(double)
        node.do("list")
        double.token = "next-token"
        self.assert_fails(node.ask("list"), "permanent", "401", "Unauthorized")
        (self.directory / "token").write_text("next-token")
        self.assertEqual(len(node.names()), 3)

    def test_rights_and_names_that_are_missing(self):
        double = self.double()
        double.forbidden = {"endpoints", "events"}
        node = self.pod(double)
        self.assert_fails(node.ask("list"), "permanent", "403", "endpoints is forbidden")
        self.assert_fails(node.ask("register"), "permanent", "403", "events is forbidden")
        double.forbidden = set()
        self.assert_fails(self.pod(double, "service_name=nope").ask("list"), "permanent", "404",
                          'endpoints \\"nope\\" not found')
        (self.directory / "token").unlink()
        self.assert_fails(node.ask("list"), "permanent", "token_path")

    def test_the_environment_beats_the_file(self):
        double = self.double()
        double.subsets["env"] = [{"addresses": [{"ip": "10.9.9.9"}]}]
        node = self.pod(double, "service_name=file", environment={"K8S_SERVICE_NAME": "env"})
        self.assertEqual(node.names(), ["rabbit@10.9.9.9"])

    def test_the_servers_certificate_is_checked(self):
        authority = Authority(self.directory)
        certificate, key = authority.issue("api")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        double = self.double(context=context)
        settings = [*self.files(), "k8s.host=localhost", f"k8s.port={double.port}"]
        self.assertEqual(len(self.probe("k8s", [
            *settings, f"k8s.cert_path={authority.file}"]).names()), 3)
        self.assertEqual(len(self.probe("k8s", [
            *settings, f"k8s.tls.cacertfile={authority.file}"]).names()), 3)
        (self.directory / "other").mkdir()
        other = Authority(self.directory / "other", "other")
        stranger = self.probe("k8s", [*settings, f"k8s.cert_path={other.file}"])
        self.assert_fails(stranger.ask("list"), "permanent", "certificate")
        nowhere = self.probe("k8s", [*settings, "k8s.cert_path=/nowhere"])
        self.assert_fails(nowhere.ask("list"), "permanent", "/nowhere")

    def test_each_fault_has_its_outcome(self):
        server = FaultyServer(self)
        host, port = server.address.split(":")
        node = self.probe("k8s", [*self.files(), "k8s.scheme=http", f"k8s.host={host}",
                                  f"k8s.port={port}"])
        for fault, outcome in OUTCOMES.items():
            with self.subTest(fault=fault):
                server.fault = fault
                self.assert_fails(node.ask("list"), outcome)

    @unittest.skipUnless(shutil.which("kubectl"), "Debian's kubernetes-client is not installed")
    def test_kubectl_reads_the_same_from_the_double(self):
        authority = Authority(self.directory)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.issue("api"))
        double = self.double(context=context)  # kubectl shows its token to TLS servers only
        said = subprocess.run(
            ["kubectl", "--kubeconfig=/dev/null", f"--server={double.url}", "--token=pod-token",
             f"--certificate-authority={authority.file}", "--cache-dir",
             str(self.directory / "cache"), "get", "--raw",
             "/api/v1/namespaces/mq/endpoints/rabbitmq"], capture_output=True, text=True)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertEqual(json.loads(said.stdout)["subsets"], double.subsets["rabbitmq"])


if __name__ == "__main__":
    unittest.main()
