"""What tells nodes of each other, one class a mechanism: the real thing where Debian has it, else the doubles of tests/cluster/discovery.

`settings(node)` and `environment(node)` are what that node is started with; `start()` starts the service. Nodes have number, host, port.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import leveret_broker

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cluster" / "discovery"))
from aws_double import Aws  # noqa: E402
from consul_double import Consul  # noqa: E402
from faults import FaultyNames, FaultyServer, NAME_OUTCOMES, OUTCOMES  # noqa: E402
from kubernetes_double import Kubernetes  # noqa: E402
from marathon_double import Marathon  # noqa: E402
from probe import free_port, until  # noqa: E402

# Where peers are expected that are named without a port.
PEER_PORT = 25672


class Service:
    """`case` ends what was started (addCleanup); `network` says where servers and nodes are."""

    mechanism = ""
    needs = None  # a program
    needs_namespaces = False
    peer_port = None  # that all nodes must have
    # What stands before it where it is unwell, and what it can do.
    faulty = FaultyServer
    outcomes = OUTCOMES

    def __init__(self, case, network):
        self.case = case
        self.network = network
        # Where nodes ask, and where it listens.
        self.port = self.own_port = free_port()

    @classmethod
    def lacks(cls, network):
        """Why it cannot be had here, or nothing."""
        if cls.needs and not shutil.which(cls.needs):
            return f"{cls.needs} is not installed"
        if cls.needs_namespaces and not network.has_namespaces:
            return "network namespaces cannot be made here"
        return None

    def start(self, nodes):
        pass

    def start_behind(self, fault, nodes):
        """With something before it that has this fault; answers that."""
        self.own_port = free_port()
        self.start(nodes)
        server = self.network.server
        relay = self.faulty(self.case, server, self.port, (server, self.own_port))
        relay.fault = fault
        return relay

    def node_name(self, number):
        return f"rabbit@{self.network.host(number)}"

    def port_of(self, number):
        return self.peer_port or 31000 + number

    def listener(self, node):
        return f"{node.host}:{node.port}"

    def environment(self, node):
        return {}

    def settings(self, node):
        return [f"cluster_formation.peer_discovery_backend={self.mechanism}",
                *("cluster_formation." + line for line in self.lines(node))]

    def lines(self, node):
        return []

    def process(self, words):
        """Somebody else's server; it ends with the case."""
        self.log = tempfile.NamedTemporaryFile(prefix="leveret-service-")
        process = leveret_broker.spawn(words, stdout=self.log, stderr=self.log)

        def end():
            process.kill()
            process.wait()

        self.case.addCleanup(end)
        return process


class ClassicConfig(Service):
    mechanism = "classic_config"

    def start(self, nodes):
        self.nodes = nodes

    def settings(self, node):
        return [f"cluster_formation.classic_config.nodes.{one.number + 1}={one.host}:{one.port}"
                for one in node.all_nodes]


class Etcd(Service):
    mechanism = "etcd"
    needs = "etcd"

    def start(self, nodes):
        directory = tempfile.TemporaryDirectory(prefix="leveret-etcd-")
        self.case.addCleanup(directory.cleanup)
        url = f"http://{self.network.server}:{self.own_port}"
        peers = f"http://{self.network.server}:{free_port()}"
        self.process(["etcd", "--data-dir", directory.name, "--listen-client-urls", url,
                      "--advertise-client-urls", url, "--listen-peer-urls", peers,
                      "--initial-advertise-peer-urls", peers, "--initial-cluster",
                      f"default={peers}"])

        def is_well():
            said = subprocess.run(["etcdctl", "--endpoints", url, "endpoint", "health"],
                                  env={"ETCDCTL_API": "3", "PATH": "/usr/bin:/bin"},
                                  capture_output=True, check=False)
            return said.returncode == 0

        if shutil.which("etcdctl"):
            until(is_well, "etcd is well")

    def lines(self, node):
        return [f"etcd.endpoints.1={self.network.server}:{self.port}"]


class Dns(Service):
    """A records, each with a PTR record."""

    mechanism = "dns"
    needs = "dnsmasq"
    peer_port = PEER_PORT
    faulty = FaultyNames
    outcomes = NAME_OUTCOMES

    def records(self, node):
        return [f"--host-record=mq.test,{node.host}",
                "--ptr-record=%s.in-addr.arpa,mq-%d.mq" % (
                    ".".join(reversed(node.host.split("."))), node.number)]

    def start(self, nodes):
        self.process(["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts",
                      "--conf-file=/dev/null", f"--listen-address={self.network.server}",
                      "--bind-interfaces", f"--port={self.own_port}", "--pid-file", "--user=",
                      "--local=/test/", "--local=/arpa/",
                      *(record for node in nodes for record in self.records(node))])

    def lines(self, node):
        return ["dns.hostname=mq.test", *self.servers()]

    def servers(self):
        return [f"dns.servers.1={self.network.server}:{self.port}", "dns.timeout=500"]


class DnsServices(Dns):
    """SRV records, each with a port of its own, as schedulers keep them."""

    needs_namespaces = True
    peer_port = None

    def records(self, node):
        return [f"--srv-host=_mq._tcp.test,mq-{node.number}.mq,{node.port},0"]

    def lines(self, node):
        return ["dns.srv=_mq._tcp.test", *self.servers()]

    def settings(self, node):
        """Nodes are listed by the names that they advertise."""
        return [*super().settings(node), f"cluster.advertise=mq-{node.number}.mq:{node.port}"]


class OfDouble(Service):
    """`make()` makes the double at self.own_port."""

    def start(self, nodes):
        self.nodes = nodes
        self.double = self.make(host=self.network.server, port=self.own_port)
        self.fill(nodes)

    def make(self, **where):
        raise NotImplementedError

    def fill(self, nodes):
        pass


class ConsulAgent(OfDouble):
    mechanism = "consul"

    def make(self, **where):
        return Consul(self.case, token="t0ken", **where)

    def lines(self, node):
        return [f"consul.host={self.network.server}", f"consul.port={self.port}",
                "consul.acl_token=t0ken", f"consul.svc_addr={node.host}",
                "consul.cluster_name=orders", f"consul.svc_id=mq-{node.number}"]


class StatefulSet(Service):
    """Ordinals: nobody is asked. The names are in /etc/hosts, as a headless service has them."""

    mechanism = "k8s"
    needs_namespaces = True
    peer_port = PEER_PORT

    def node_name(self, number):
        return f"rabbit@mq-{number}.mq"

    def listener(self, node):
        """Everywhere, so that the name says where it is dialled."""
        return str(node.port)


class KubernetesEndpoints(OfDouble):
    mechanism = "k8s"
    peer_port = PEER_PORT

    def __init__(self, case, network):
        super().__init__(case, network)
        directory = tempfile.TemporaryDirectory(prefix="leveret-pod-")
        case.addCleanup(directory.cleanup)
        self.account = Path(directory.name)
        (self.account / "token").write_text("pod-token\n")
        (self.account / "namespace").write_text("mq")

    def make(self, **where):
        return Kubernetes(self.case, **where)

    def fill(self, nodes):
        self.double.subsets["mq"] = [
            {"notReadyAddresses": [{"ip": node.host} for node in nodes]}]

    def lines(self, node):
        return ["k8s.method=endpoints", "k8s.scheme=http", f"k8s.host={self.network.server}",
                f"k8s.port={self.port}", "k8s.service_name=mq",
                f"k8s.token_path={self.account}/token",
                f"k8s.namespace_path={self.account}/namespace"]


class AwsTags(OfDouble):
    mechanism = "aws"
    peer_port = PEER_PORT

    def make(self, **where):
        return Aws(self.case, **where)

    def fill(self, nodes):
        self.double.new_keys("AKFILE")
        for node in nodes:
            self.double.add_instance(node.number, service="mq")
            self.double.instances[-1]["ip"] = node.host
        self.double.add_instance(99, service="another")

    def endpoint(self):
        return f"http://{self.network.server}:{self.port}"

    def lines(self, node):
        return ["aws.region=us-west-2", "aws.access_key_id=AKFILE",
                "aws.secret_key=secret-of-AKFILE", "aws.instance_tags.service=mq",
                "aws.use_private_ip=true", f"aws.endpoint.ec2={self.endpoint()}"]


class AwsGroup(AwsTags):
    """The autoscaling group of each node's instance; region, instance and keys are the metadata service's, at the address that it has."""

    needs_namespaces = True

    def start(self, nodes):
        super().start(nodes)
        self.double.role_keys = self.double.new_keys("AKROLE", "role-session")
        self.double.imds_v2_only = True
        self.double.groups = {"mq": ([f"i-{node.number}" for node in nodes], len(nodes)),
                              "another": (["i-99"], 1)}
        # The same double, where instances ask for themselves.
        self.double.listen_also("169.254.169.254", 80)

    def lines(self, node):
        return ["aws.use_autoscaling_group=true", "aws.use_private_ip=true",
                f"aws.endpoint.ec2={self.endpoint()}",
                f"aws.endpoint.autoscaling={self.endpoint()}"]


class MarathonTasks(OfDouble):
    mechanism = "marathon"

    def make(self, **where):
        return Marathon(self.case, **where)

    def fill(self, nodes):
        for node in nodes:
            self.double.add_task("/mq/leveret", node.number + 1, node.host, [30000, node.port])
        self.double.apps["/mq/leveret"]["portDefinitions"] = [{"name": "amqp"}, {"name": "peer"}]

    def environment(self, node):
        return {"MARATHON_APP_ID": "/mq/leveret", "MESOS_TASK_ID": f"mq.{node.number}",
                "HOST": node.host, "PORT0": "30000", "PORT_PEER": str(node.port)}

    def lines(self, node):
        return [f"marathon.endpoints.1=http://{self.network.server}:{self.port}",
                "marathon.port_name=peer"]


SERVICES = {
    "classic_config": ClassicConfig,
    "dns": Dns,
    "dns-srv": DnsServices,
    "etcd": Etcd,
    "consul": ConsulAgent,
    "k8s": StatefulSet,
    "k8s-endpoints": KubernetesEndpoints,
    "aws": AwsTags,
    "aws-group": AwsGroup,
    "marathon": MarathonTasks,
}

