"""What README.md shows works as it stands there."""

import os
import re
import subprocess
import sys
import types
import unittest

import pika

import leveret_broker
from leveret_broker import BrokerCase, needs_own_broker

README = (leveret_broker.ROOT / "README.md").read_text()


class Readme(BrokerCase):
    durable = True

    def test_scale_example(self):
        script = re.search(r"<<'END'\n(.*?)\nEND\n", README, re.S).group(1)
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True,
            env={**os.environ, "SCALE_BROKER_URL": self.kombu_url, "SCALE_QUEUE_NAME": self.name})
        self.assertEqual("{'type': 'running_jobs', 'body': {'ids': [1]}}", done.stdout.strip(),
                         done.stderr)

    @needs_own_broker
    def test_pytest_fixture(self):
        code = re.search(r"```python\n(.*?)```", README, re.S).group(1)
        module = types.ModuleType("shown")
        pytest = types.ModuleType("pytest")
        pytest.fixture = lambda function: function
        before = sys.modules.get("pytest")
        sys.modules["pytest"] = pytest
        os.environ["LEVERET"] = leveret_broker.LEVERET
        try:
            exec(code, vars(module))
        finally:
            del sys.modules["pytest"]
            if before:
                sys.modules["pytest"] = before
        fixture = module.amqp_url()
        url = next(fixture)
        with pika.BlockingConnection(pika.URLParameters(url)) as connection:
            connection.channel().queue_declare(self.name)
        with self.assertRaises(StopIteration):
            next(fixture)
        with self.assertRaises(pika.exceptions.AMQPConnectionError):
            pika.BlockingConnection(pika.URLParameters(url))


if __name__ == "__main__":
    unittest.main(verbosity=2)
