"""The examples of the pages about discovery (cluster/discovery/docs) are taken as they stand there, and the first of each starts a node."""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import leveret_broker
from cluster_nodes import await_true
from leveret_broker import LEVERET, ROOT, needs_own_broker

PAGES = sorted((ROOT / "cluster" / "discovery" / "docs").glob("*.md"))
CLEAN = {name: value for name, value in os.environ.items()
         if "proxy" not in name.lower() and not name.startswith(("AWS_", "RABBITMQ_"))}
# What a page says that the node's environment holds.
ENVIRONMENT = {"k8s": {"RABBITMQ_NODENAME": "rabbit@mq-1.mq.ns.svc.cluster.local",
                       "RABBITMQ_USE_LONGNAME": "true"},
               "marathon": {"MARATHON_APP_ID": "/mq", "MESOS_TASK_ID": "mq.1", "HOST": "127.0.0.1",
                            "PORT0": "31000", "PORT_PEER": "31001"},
               # Its metadata service is nowhere here.
               "aws": {"AWS_EC2_METADATA_DISABLED": "true"}}


def examples(page):
    return re.findall(r"```ini\n(.*?)```", page.read_text(), re.S)


@needs_own_broker
class DiscoveryDocsTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="leveret-docs-")
        self.addCleanup(scratch.cleanup)
        self.directory = Path(scratch.name)

    def written(self, text):
        path = self.directory / "leveret.conf"
        path.write_text(text)
        return path

    def environment(self, page):
        return {**CLEAN, **ENVIRONMENT.get(page.stem, {})}

    def test_each_mechanism_has_a_page_that_the_readme_leads_to(self):
        readme = (ROOT / "cluster" / "discovery" / "README.md").read_text()
        self.assertEqual({page.stem for page in PAGES}, set(re.findall(r"\(docs/(\w+)\.md\)", readme)))
        self.assertEqual(len(PAGES), 7)

    def test_each_example_is_a_right_configuration(self):
        for page in PAGES:
            self.assertTrue(examples(page), page)
            for text in examples(page):
                with self.subTest(page=page.name, text=text):
                    done = subprocess.run(
                        [LEVERET, "config", "--config", str(self.written(text))],
                        env=self.environment(page), capture_output=True, text=True, check=False)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    # Nothing is said about keys without effect.
                    self.assertEqual(done.stderr, "")
                    for line in text.strip().splitlines():
                        self.assertIn(line.split(" = ")[0] + " = ", done.stdout)

    def test_each_first_example_starts_a_node_that_looks_for_others(self):
        for page in PAGES:
            with self.subTest(page=page.name):
                self.start(page)

    def start(self, page):
        settings = self.written(examples(page)[0])
        log = self.directory / (page.stem + ".log")
        with open(log, "wb") as file:
            process = leveret_broker.spawn(
                [LEVERET, "serve", "--config", str(settings), "--data-dir",
                 str(self.directory / page.stem), "--set", "listeners.tcp.default=127.0.0.1:0",
                 "--set", "cluster.listener=127.0.0.1:0"],
                env=self.environment(page), stdout=file, stderr=file)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        await_true(lambda: "cluster: this node is" in log.read_text() or
                   process.poll() is not None, log.read_text)
        mechanism = page.stem
        self.assertIn(f"peer discovery: {mechanism}", log.read_text())
        self.assertIn("cluster: this node is", log.read_text())
        if mechanism == "marathon":
            self.assertIn("dialled at 127.0.0.1:31001", log.read_text())

    def test_an_encrypted_password_starts_a_node_and_shows_nowhere(self):
        """RabbitMQ's vector for 's3cr3t'; a wrong passphrase ends it with 78 and one line."""
        text = ("cluster_formation.peer_discovery_backend = etcd\n"
                "cluster_formation.etcd.endpoints.1 = 127.0.0.1:1\n"
                "cluster_formation.etcd.username = leveret\n"
                "cluster_formation.etcd.password = encrypted:"
                "kexhyLDnn1wGwoJ9sF1RRYeIub5zZwc4yW4Amt0RaiigsJPXFv4xXMlQkI6WDFKQ\n"
                "config_entry_decoder.passphrase = ")
        said = subprocess.run([LEVERET, "config", "--config",
                               str(self.written(text + "passphrase\n"))],
                              env=CLEAN, capture_output=True, text=True, check=True)
        self.assertNotIn("s3cr3t", said.stdout)
        self.assertNotIn("= passphrase", said.stdout)
        self.assertIn("cluster_formation.etcd.password = ********", said.stdout)
        for command in (["config"], ["serve", "--data-dir", str(self.directory / "data")]):
            done = subprocess.run([LEVERET, *command, "--config", str(self.written(text + "x\n"))],
                                  env=CLEAN, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 78)
            self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
            self.assertIn("leveret.conf:4: cluster_formation.etcd.password: the encrypted value: ",
                          done.stderr)

    def test_autoclusters_variables_start_a_node(self):
        said = subprocess.run(
            [LEVERET, "config", "--config", str(self.written("cluster.secret = x\n"))],
            env={**CLEAN, "AUTOCLUSTER_TYPE": "etcd", "ETCD_HOST": "etcd.example"},
            capture_output=True, text=True, check=True)
        self.assertRegex(said.stdout, r"etcd\.host = etcd\.example +# environment ETCD_HOST")
        self.assertEqual(len(re.findall("is autocluster's and deprecated", said.stderr)), 2,
                         said.stderr)


if __name__ == "__main__":
    leveret_broker.main()
