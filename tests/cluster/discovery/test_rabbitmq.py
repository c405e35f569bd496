"""RabbitMQ's own plugins against our doubles: what they ask is what Leveret asks, and they are content with the answers. That is what the doubles'
word is worth. Needs Debian's rabbitmq-server; `./dev conformance --live` runs it."""

import json
import socket
import sys
import unittest
from pathlib import Path

from consul_double import Consul
from kubernetes_double import Kubernetes
from probe import Case, until

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "conformance"))
import brokers  # noqa: E402


class RabbitMqCase(Case):
    def boot(self, plugin, *settings):
        broker = brokers.RabbitMq([f"cluster_formation.peer_discovery_backend = {plugin}",
                                   *("cluster_formation." + line for line in settings)])
        broker.PLUGINS = f"[rabbitmq_peer_discovery_{plugin}]."
        (broker.directory / "plugins").write_text(broker.PLUGINS)
        broker.start()
        self.broker = broker
        self.addCleanup(self.stop)
        self.node_name = broker._env["RABBITMQ_NODENAME"]

    def stop(self):
        if self.broker:
            broker, self.broker = self.broker, None
            broker.stop()


class TestRabbitMq(RabbitMqCase):
    def test_consul(self):
        double = Consul(self, token="t0ken")
        lines = [f"consul.port = {double.port}", "consul.host = 127.0.0.1", "consul.acl_token = t0ken",
                 "consul.svc_addr_auto = true", "consul.svc_addr_use_nodename = true",
                 "consul.cluster_name = staging", "consul.svc_ttl = 12", "consul.svc_tags.1 = qa",
                 "consul.svc_meta.owner = team-x", "consul.deregister_after = 90"]
        self.boot("consul", *lines)
        until(lambda: any("release=" in line for line in double.lines()), "it gives the lock back")
        theirs = {str(one).partition("?")[0]: one for one in double.requests}
        [registered] = double.services.values()
        self.assertEqual(registered["status"], "passing")
        self.stop()
        self.assertIn("PUT /v1/agent/service/deregister/rabbitmq:localhost", double.lines())
        self.assertEqual(double.services, {})

        double.sessions.clear()
        double.keys.clear()
        double.forget()
        node = self.probe("consul", [line.replace(" = ", "=") for line in lines],
                          arguments=["--name", self.node_name])
        for command in ("lock", "list", "register", "unlock", "unregister"):
            node.do(command)
        ours = {str(one).partition("?")[0]: one for one in double.requests}

        def known(requests):
            return {line for line in requests if "/v1/session/" not in line}

        self.assertEqual(known(theirs) - known(ours), set())
        their_body = theirs["PUT /v1/agent/service/register"].json()
        our_body = ours["PUT /v1/agent/service/register"].json()
        their_meta, our_meta = their_body.pop("meta"), our_body.pop("Meta")
        self.assertEqual({key: our_meta[key] for key in their_meta}, their_meta)
        self.assertEqual(our_body, their_body)
        self.assertEqual(ours["PUT /v1/session/create"].json(), theirs["PUT /v1/session/create"].json())

    def test_kubernetes(self):
        double = Kubernetes(self)
        double.subsets["mq"] = [{"notReadyAddresses": [{"ip": "10.0.0.1", "hostname": "localhost"}]}]
        (self.directory / "token").write_text("pod-token\n")
        (self.directory / "namespace").write_text("mq")
        (self.directory / "ca.crt").write_text("")
        lines = ["k8s.scheme = http", "k8s.host = 127.0.0.1", f"k8s.port = {double.port}",
                 f"k8s.token_path = {self.directory / 'token'}", "k8s.service_name = mq",
                 f"k8s.namespace_path = {self.directory / 'namespace'}",
                 f"k8s.cert_path = {self.directory / 'ca.crt'}", "k8s.address_type = hostname"]
        self.boot("k8s", *lines)
        until(lambda: double.events, "it registers")
        theirs = {str(one): one for one in double.requests}
        [their_event] = double.events
        double.events.clear()
        double.forget()
        node = self.probe("k8s", ["k8s.method=endpoints",
                                  *(line.replace(" = ", "=") for line in lines)],
                          arguments=["--name", self.node_name])
        self.assertEqual([one["host"] for one in node.do("list")["candidates"]], ["localhost"])
        node.do("register")
        self.assertEqual({str(one) for one in double.requests}, set(theirs))
        [our_event] = double.events

        def shape(value):
            return {key: shape(one) for key, one in value.items()} if isinstance(value, dict) \
                else type(value).__name__

        self.assertEqual(set(shape(their_event)) - set(shape(our_event)), set())
        # Theirs names the machine, ours the node's host: in a pod that is the same.
        renamed = json.loads(json.dumps(our_event).replace("localhost", socket.gethostname()))
        for key in ("type", "reason", "count", "involvedObject", "source"):
            self.assertEqual(renamed[key], their_event[key])


if __name__ == "__main__":
    unittest.main()
