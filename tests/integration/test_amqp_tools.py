"""librabbitmq's command-line tools."""

import subprocess
import unittest

import leveret_broker
import raw_amqp
from leveret_broker import BrokerCase


class AmqpTools(BrokerCase):
    def run_tool(self, tool, *arguments, body=b"", code=0):
        done = subprocess.run([f"amqp-{tool}", "--url", self.url, *arguments], input=body,
                              capture_output=True, preexec_fn=leveret_broker.die_with_parent)
        self.assertEqual(code, done.returncode, done.stderr)
        return done.stdout

    def test_declare_publish_get_delete(self):
        self.assertEqual(self.name.encode(),
                         self.run_tool("declare-queue", "--queue", self.name, "--durable").strip())
        self.run_tool("publish", "--routing-key", self.name, "--persistent", "--content-type",
                      "text/plain", body=b"from a shell")
        self.assertEqual(b"from a shell", self.run_tool("get", "--queue", self.name))
        self.run_tool("get", "--queue", self.name, code=2)  # empty
        self.run_tool("publish", "--routing-key", self.name, "--body", "one more")
        self.assertEqual(b"1", self.run_tool("delete-queue", "--queue", self.name).strip())

    def test_server_named_queue(self):
        name = self.run_tool("declare-queue", "--queue", "").strip()
        self.assertTrue(name.startswith(b"amq.gen-"), name)
        self.run_tool("delete-queue", "--queue", name.decode())

    def test_consume(self):
        self.run_tool("declare-queue", "--queue", self.name)
        for number in range(5):
            self.run_tool("publish", "--routing-key", self.name, body=b"%d\n" % number)
        self.assertEqual(b"0\n1\n2\n3\n4\n", self.run_tool(
            "consume", "--queue", self.name, "--count", "5", "--prefetch-count", "2", "cat"))
        self.assertEqual(b"0", self.run_tool("delete-queue", "--queue", self.name).strip())

    def test_publish_to_a_bound_exchange(self):
        raw = raw_amqp.RawConnection(self.broker.host_port)
        raw.declare_queue(self.name)
        name = raw_amqp.short_string(self.name)
        raw.call(50, 20, b"\x00\x00" + name + raw_amqp.short_string("amq.topic") + b"\x07tools.#" +
                 b"\x00\x00\x00\x00\x00", 21)
        self.run_tool("publish", "--exchange", "amq.topic", "--routing-key", "tools.test",
                      body=b"routed")
        self.assertEqual(b"routed", self.run_tool("get", "--queue", self.name))
        self.run_tool("delete-queue", "--queue", self.name)
        raw.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
