"""The examples of docker/cluster: they parse, fit each other, and the broker accepts every setting in them."""

import json
import os
import re
import shlex
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml

import leveret_broker
from leveret_broker import ROOT, needs_own_broker

EXAMPLES = ROOT / "docker" / "cluster"
# `leveret config` asks no one, so that any value does.
PLACES = {"POD_NAME": "mq-1", "POD_NAMESPACE": "orders", "HOST": "10.0.0.5", "PORT_PEER": "31001"}


def filled(text):
    return re.sub(r"\$\(?([A-Z_]+)\)?", lambda found: PLACES[found[1]], text)


@needs_own_broker
class DeploymentTest(unittest.TestCase):
    def accepted(self, *, file=None, settings=(), env=None):
        """What `leveret config` makes of it, by key. Nothing in it is unknown, and nothing without effect."""
        command = [leveret_broker.LEVERET, "config", "--formatter", "json", "--data-dir",
                   "/nonexistent"]
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as conf:
            conf.write((ROOT / "docker/rabbitmq.conf").read_text() + (file or ""))
            conf.flush()
            command += ["--config", conf.name]
            for setting in settings:
                command += ["--set", setting]
            done = subprocess.run(command, capture_output=True, text=True,
                                  env={**os.environ, **(env or {})})
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual("", done.stderr)
        rows = json.loads(done.stdout)
        if isinstance(rows, dict):
            return rows
        return {row["key"]: row["value"] for row in rows}

    def test_compose(self):
        compose = yaml.safe_load((EXAMPLES / "compose.yml").read_text())
        services = compose["services"]
        conf = (EXAMPLES / compose["configs"]["cluster"]["file"]).read_text()
        self.accepted(file=conf, env={"RABBITMQ_ERLANG_COOKIE": "x"})
        listed = re.findall(r"nodes\.\d+ = rabbit@(\w+)", conf)
        self.assertEqual(sorted(services), sorted(listed))
        self.assertIn(f"target_cluster_size_hint = {len(services)}", conf)
        taken = []
        for name, service in services.items():
            self.assertEqual(name, service["hostname"])
            self.assertEqual("leveret", service["image"])
            self.assertTrue((EXAMPLES / service["build"]["context"] /
                             service["build"]["dockerfile"]).exists())
            self.assertIn(service["volumes"][0].split(":")[0], compose["volumes"])
            self.assertIn("cluster", [one["source"] for one in service["configs"]])
            self.assertIn("CLUSTER_SECRET:?", service["environment"]["RABBITMQ_ERLANG_COOKIE"])
            self.assertEqual("rabbitmq-diagnostics", service["healthcheck"]["test"][1])
            taken += [port.split(":")[0] for port in service["ports"]]
        self.assertEqual(len(taken), len(set(taken)))

    def test_stateful_set(self):
        parts = {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(
            (EXAMPLES / "statefulset.yaml").read_text())}
        spec = parts["StatefulSet", "mq"]["spec"]
        pod = spec["template"]["spec"]
        container = pod["containers"][0]
        self.assertEqual("Parallel", spec["podManagementPolicy"])
        labels = spec["template"]["metadata"]["labels"]
        for kind, name in (("Service", "mq"), ("Service", spec["serviceName"])):
            self.assertEqual(labels, parts[kind, name]["spec"]["selector"])
        self.assertEqual(labels, spec["selector"]["matchLabels"])
        headless = parts["Service", spec["serviceName"]]["spec"]
        self.assertEqual("None", headless["clusterIP"])
        self.assertTrue(headless["publishNotReadyAddresses"])
        self.assertEqual(1, parts["PodDisruptionBudget", "mq"]["spec"]["maxUnavailable"])
        conf = parts["ConfigMap", pod["volumes"][0]["configMap"]["name"]]["data"]
        text = "".join(conf.values())
        self.assertIn(f"target_cluster_size_hint = {spec['replicas']}", text)
        env = {one["name"]: filled(one["value"]) for one in container["env"] if "value" in one}
        settings = [filled(word) for word in container["args"] if "=" in word]
        seen = self.accepted(file=text, settings=settings, env=env)
        host = f"mq-1.{spec['serviceName']}.orders.svc.cluster.local"
        self.assertEqual(["rabbitmq-server", "--set"], container["args"][:2])
        self.assertEqual("rabbit@" + host, env["RABBITMQ_NODENAME"])
        self.assertEqual([f"cluster.advertise={host}"], settings)
        self.assertTrue(seen)
        ports = {one["name"]: one["containerPort"] for one in container["ports"]}
        self.assertEqual(headless["ports"][0]["port"], ports["peer"])
        mounts = {one["name"] for one in container["volumeMounts"]}
        claims = {one["metadata"]["name"] for one in spec["volumeClaimTemplates"]}
        self.assertEqual(mounts, claims | {one["name"] for one in pod["volumes"]})
        for probe in ("livenessProbe", "readinessProbe"):
            self.assertEqual("rabbitmq-diagnostics", container[probe]["exec"]["command"][0])

    def test_marathon_group(self):
        group = json.loads((EXAMPLES / "marathon-group.json").read_text())
        app = group["apps"][0]
        words = shlex.split(filled(app["cmd"]))
        self.assertEqual("RABBITMQ_NODENAME=rabbit@10.0.0.5", words[0])
        self.assertEqual(["exec", "docker-entrypoint.sh", "rabbitmq-server"], words[1:4])
        settings = [words[i + 1] for i, word in enumerate(words) if word == "--set"]
        self.assertEqual(len(words), 4 + 2 * len(settings))
        self.accepted(settings=settings, env={"MARATHON_APP_ID": "/mq/nodes"})
        given = dict(one.split("=", 1) for one in settings)
        self.assertEqual(str(app["instances"]),
                         given["cluster_formation.target_cluster_size_hint"])
        mappings = {one["name"]: one for one in app["container"]["portMappings"]}
        port_name = given["cluster_formation.marathon.port_name"]
        self.assertEqual(given["cluster.listener"], str(mappings[port_name]["containerPort"]))
        self.assertIn("$PORT_" + port_name.upper(), app["cmd"])
        secret = app["env"]["RABBITMQ_ERLANG_COOKIE"]["secret"]
        self.assertIn(secret, app["secrets"])
        volumes = app["container"]["volumes"]
        self.assertEqual(volumes[0]["hostPath"], volumes[1]["containerPath"])


if __name__ == "__main__":
    leveret_broker.main()
