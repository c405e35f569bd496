"""The classic_config mechanism: the nodes stand in the configuration."""

import unittest

from probe import Case


class TestClassicConfig(Case):
    def test_the_list_is_what_is_written(self):
        node = self.probe("rabbit_peer_discovery_classic_config", [
            "classic_config.nodes.1=rabbit@node1", "classic_config.nodes.2=rabbit@node2:31001",
            "classic_config.nodes.10=node3:7", "classic_config.nodes.3=rabbit@node2:31001"])
        self.assertEqual(node.do("list"), {"expected_size": 3, "candidates": [
            {"id": "", "name": "rabbit@node1", "host": "node1", "port": 0},
            {"id": "", "name": "rabbit@node2:31001", "host": "node2", "port": 31001},
            {"id": "", "name": "rabbit@node3:7", "host": "node3", "port": 7}]})
        self.assertTrue(node.has_logged("rabbit@node2:31001 twice"))
        self.assertFalse(node.do("about")["supports_registration"])
        node.do("register")  # nothing to do, and no error

    def test_a_list_without_this_node_is_said_aloud(self):
        node = self.probe("classic_config", ["classic_config.nodes.1=rabbit@other"])
        self.assertEqual(node.names(), ["rabbit@other"])
        self.assertTrue(node.has_logged("does not name this node (rabbit@node1)"))

    def test_no_list_is_no_error(self):
        self.assertEqual(self.probe("classic_config").do("list"), {"candidates": []})

    def test_settings_that_are_wrong(self):
        self.assertIn("classic_config.nodes", self.refused(
            "classic_config", "classic_config.nodes.1=just-a-name"))


if __name__ == "__main__":
    unittest.main()
