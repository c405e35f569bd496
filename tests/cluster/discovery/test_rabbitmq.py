"""RabbitMQ's own plugins against our doubles: what they ask is what Leveret asks, and they are content with the answers. That is what the doubles'
word is worth. Needs Debian's rabbitmq-server; `./dev conformance --live` runs it."""

import json
import socket
import ssl
import sys
import threading
import unittest
from pathlib import Path

from aws_double import Aws
from consul_double import Consul
from kubernetes_double import Kubernetes
from probe import Case, until

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "conformance"))
import brokers  # noqa: E402
from certificates import Authority  # noqa: E402, tests/integration, found by probe


class Proxy:
    """RabbitMQ knows no other endpoints than Amazon's, but proxies: this one leads whatever is asked for to the double, `tls` behind CONNECT."""

    def __init__(self, case, plain, tls):
        self.asked = []  # what follows CONNECT, or the whole URL, first on each connection
        self._ports = {True: tls, False: plain}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()
        case.addCleanup(self._listener.close)

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection):
        head = b""
        while b"\r\n\r\n" not in head:
            more = connection.recv(65536)
            if not more:
                return connection.close()
            head += more
        method, url, _ = head.split(b" ", 2)
        self.asked.append(url.decode())
        tunnel = method == b"CONNECT"
        server = socket.create_connection(("127.0.0.1", self._ports[tunnel]))
        if tunnel:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            server.sendall(head)
        back = threading.Thread(target=self._pipe, args=(server, connection), daemon=True)
        back.start()
        self._pipe(connection, server)
        back.join()
        connection.close()
        server.close()
        return None

    @staticmethod
    def _pipe(source, to):
        try:
            while octets := source.recv(65536):
                to.sendall(octets)
            to.shutdown(socket.SHUT_WR)
        except OSError:
            pass


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


@unittest.skipUnless(brokers.RabbitMq.BIN.exists(), "Debian's rabbitmq-server is not installed")
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

    def aws(self):
        """The double with an instance that is this machine, the proxy before it, and what both are told."""
        double = Aws(self)
        double.new_keys("AKFILE")
        double.add_instance(1, service="mq", stage="qa")
        double.instances[0]["name"] = "localhost"
        double.add_instance(2, service="another", stage="qa")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*Authority(self.directory).issue("amazon"))
        self.proxy = Proxy(self, double.port, double.listen_also("127.0.0.1", 0, context))
        return double, ["aws.region = us-west-2", "aws.access_key_id = AKFILE",
                        "aws.secret_key = secret-of-AKFILE"]

    def our_aws(self, double, lines):
        return self.probe("aws", [line.replace(" = ", "=") for line in lines],
                          arguments=["--name", self.node_name],
                          environment={"AWS_ENDPOINT_URL_EC2": double.url,
                                       "AWS_ENDPOINT_URL_AUTO_SCALING": double.url,
                                       "AWS_EC2_METADATA_SERVICE_ENDPOINT": double.url})

    def boot_with_aws(self, lines):
        self.boot("aws", *lines, f"proxy.http_proxy = {self.proxy.address}",
                  f"proxy.https_proxy = {self.proxy.address}")

    def test_aws_tags(self):
        double, lines = self.aws()
        lines += ["aws.instance_tags.service = mq", "aws.instance_tags.stage = qa"]
        self.boot_with_aws(lines)
        theirs = double.requests[-1].parameters
        self.assertIn("ec2.us-west-2.amazonaws.com:443", self.proxy.asked)
        self.assertEqual(theirs["Action"], "DescribeInstances")
        # It found itself among the instances with the tags, else it would not have started.
        self.assertIn(self.node_name, str(self.broker.ctl("cluster_status")))
        double.forget()
        node = self.our_aws(double, lines)
        self.assertEqual(node.names(), [self.node_name])
        [ours] = [request.parameters for request in double.requests]
        # Leveret also asks for the states, as RabbitMQ from 4.2.4 on.
        self.assertEqual(filters(ours).pop("instance-state-name"), ["pending", "running"])
        self.assertEqual({name: value for name, value in filters(ours).items()
                          if name != "instance-state-name"}, filters(theirs))
        self.assertEqual((ours["Action"], ours["Version"]), (theirs["Action"], theirs["Version"]))

    def test_aws_group(self):
        double, lines = self.aws()
        double.groups = {"mq": (["i-1"], 1), "another": (["i-2"], 1)}
        lines += ["aws.use_autoscaling_group = true"]
        self.boot_with_aws(lines)
        theirs = double.requests[:]
        self.assertIn("http://169.254.169.254/latest/api/token", self.proxy.asked)
        double.forget()
        node = self.our_aws(double, lines)
        self.assertEqual(node.names(), [self.node_name])
        paths = {request.path for request in theirs} - {"/"}
        self.assertEqual(paths - {request.path for request in double.requests}, set())

        def actions(requests):
            return {(request.parameters["Action"], request.parameters["Version"])
                    for request in requests if request.path == "/"}

        self.assertEqual(actions(theirs) - actions(double.requests), set())

        def instances(requests):
            return {value for request in requests for name, value in request.parameters.items()
                    if name.startswith("InstanceId.")}

        self.assertEqual(instances(theirs), instances(double.requests))


def filters(parameters):
    """{name: values} of Filter.N.Name and Filter.N.Value.M."""
    out = {}
    for key, name in parameters.items():
        if key.startswith("Filter.") and key.endswith(".Name"):
            number = key.split(".")[1]
            out[name] = sorted(value for other, value in parameters.items()
                               if other.startswith(f"Filter.{number}.Value."))
    return out


if __name__ == "__main__":
    unittest.main()
