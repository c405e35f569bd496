"""The cluster as the HTTP API shows it: every member, who is down, whose alarm it is."""

import base64
import json
import urllib.error
import urllib.request

import leveret_broker
from cluster_nodes import OperateCase, await_true
from leveret_broker import needs_own_broker


@needs_own_broker
class HealthTest(OperateCase):
    settings = ("management.tcp.ip=127.0.0.1", "management.tcp.port=0")

    def get(self, node, path):
        request = urllib.request.Request(f"http://127.0.0.1:{node.broker.http_port}/api/{path}")
        request.add_header("Authorization", "Basic " + base64.b64encode(b"guest:guest").decode())
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def test_all_members_are_shown_by_each_and_who_is_down_too(self):
        cluster = self.cluster()
        asked = cluster.nodes[0]
        names = sorted(map(self.name, cluster.nodes))

        def running():
            return sorted(one["name"] for one in self.get(asked, "nodes")[1] if one["running"])

        await_true(lambda: running() == names, lambda: str(self.get(asked, "nodes")))
        for one in self.get(asked, "nodes")[1]:
            self.assertGreater(one["mem_used"], 0)
            self.assertGreater(one["fd_used"], 0)
            self.assertEqual((200, one["name"]), (lambda code, body: (code, body["name"]))(
                *self.get(asked, f"nodes/{one['name']}")))
            self.assertEqual(200, self.get(asked, f"nodes/{one['name']}/memory")[0])
        self.assertEqual(404, self.get(asked, "nodes/rabbit@nowhere")[0])
        overview = self.get(asked, "overview")[1]
        self.assertEqual(self.name(asked), overview["node"])
        self.assertEqual(set(names), {one["node"] for one in overview["listeners"]})
        self.assertEqual((200, {"status": "ok"}), self.get(asked, "health/checks/alarms"))
        self.assertEqual((200, {"status": "ok"}),
                         self.get(asked, "health/checks/node-is-quorum-critical"))
        self.assertEqual((200, {"status": "ok"}),
                         self.get(asked, "health/checks/node-is-mirror-sync-critical"))
        self.assertEqual((200, {"status": "ok", "port": asked.port}),
                         self.get(asked, f"health/checks/port-listener/{asked.port}"))
        lost = cluster.nodes[2]
        lost.broker.kill()
        await_true(lambda: running() == sorted(map(self.name, cluster.nodes[:2])),
                   lambda: str(self.get(asked, "nodes")))
        code, body = self.get(asked, f"nodes/{self.name(lost)}")
        self.assertEqual((200, False), (code, body["running"]))
        code, body = self.get(asked, "health/checks/node-is-quorum-critical")
        self.assertEqual((503, "failed"), (code, body["status"]))

    def test_an_alarm_of_one_node_is_known_by_all(self):
        cluster = self.cluster()
        full, asked = cluster.nodes[:2]
        self.ctl(full, "set_vm_memory_high_watermark", "absolute", "1")
        alarm = {"node": self.name(full), "resource": "memory"}
        await_true(lambda: self.get(asked, "health/checks/alarms")[0] == 503, asked.log)
        self.assertEqual([alarm], self.get(asked, "health/checks/alarms")[1]["alarms"])
        self.assertEqual((200, {"status": "ok"}), self.get(asked, "health/checks/local-alarms"))
        self.assertEqual([{**alarm, "type": "resource_limit"}], asked.status()["alarms"])
        self.assertIn(f"Memory alarm on node {self.name(full)}", self.ctl(asked, "cluster_status"))


if __name__ == "__main__":
    leveret_broker.main()
