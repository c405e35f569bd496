"""ctl and the HTTP API of any node know and do what is on the others: listings, totals, purges, closes; also with a member that is killed or hangs."""

import json
import os
import signal
import unittest
import urllib.error
import urllib.parse
import urllib.request

import pika

import leveret_broker
from cluster_nodes import OperateCase, await_true, connect, hang_up
from leveret_broker import needs_own_broker
from management_api import basic
from test_shared_topology import ctl, listed


@needs_own_broker
class ListingCase(OperateCase):
    settings = ("management.tcp.ip=127.0.0.1", "management.tcp.port=0")

    def setUp(self):
        super().setUp()
        cluster = self.cluster()
        cluster.await_streams()
        self.nodes = cluster.nodes

    def channel(self, node):
        connection = connect(node)
        self.addCleanup(hang_up, connection)
        return connection.channel()

    def declared(self, node, name, messages=0, **options):
        """A queue that lives at the node, with messages, known everywhere."""
        channel = self.channel(node)
        channel.queue_declare(name, durable=True, **options)
        channel.confirm_delivery()
        for _ in range(messages):
            channel.basic_publish("", name, b"body", pika.BasicProperties(delivery_mode=2))
        for other in self.nodes:
            self.await_rows(other, "list_queues", ["name", "messages"],
                            lambda rows: {"name": name, "messages": messages} in rows)
        return channel

    def await_rows(self, node, verb, columns, right, *options):
        """Until the listing is as it should be; answers its rows."""
        seen = []

        def done():
            seen[:] = [listed(node, verb, *columns, *options)]
            return isinstance(seen[0], list) and right(seen[0])

        await_true(done, lambda: f"{seen[0]}\n{node.log()}")
        return seen[0]

    def http(self, node, path, method="GET", body=None, login=("guest", "guest"), **headers):
        request = urllib.request.Request(f"http://127.0.0.1:{node.broker.http_port}/api/{path}",
                                         method=method, headers=headers)
        request.add_header("Authorization", basic(*login))
        if body is not None:
            request.data = json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or "null")

    def await_http(self, node, path, right):
        seen = []

        def done():
            seen[:] = [self.http(node, path)]
            return seen[0][0] == 200 and right(seen[0][1])

        await_true(done, lambda: f"{seen[0]}\n{node.log()}")
        return seen[0][1]


class QueuesTest(ListingCase):
    def test_queues_have_their_counts_wherever_they_live(self):
        first, second, asked = self.nodes
        self.declared(first, "a", 3)
        self.declared(second, "b", 2)
        self.declared(asked, "c", 1)
        rows = listed(asked, "list_queues", "name", "messages", "pid", "state")
        for row, (node, name, messages) in zip(
                sorted(rows, key=lambda row: row["name"]),
                [(first, "a", 3), (second, "b", 2), (asked, "c", 1)]):
            self.assertEqual((name, messages, "running"),
                             (row["name"], row["messages"], row["state"]))
            self.assertTrue(row["pid"].startswith(f"<{self.name(node)}."), row)
        self.assertEqual(["c"], [row["name"] for row in listed(
            asked, "list_queues", "name", "--local")])
        self.assertEqual(3, len(listed(asked, "list_queues", "name", "--online")))
        self.assertEqual([], listed(asked, "list_queues", "name", "--offline"))
        self.assertEqual([], listed(asked, "list_queues", "name", "--vhost", "other"))

    def test_the_api_merges_orders_and_pages(self):
        first, second, asked = self.nodes
        for node, name, messages in [(second, "a", 1), (first, "b", 2), (asked, "c", 3),
                                     (second, "d", 4)]:
            self.declared(node, name, messages)
        rows = self.http(asked, "queues")[1]
        self.assertEqual([("a", self.name(second), 1), ("b", self.name(first), 2),
                          ("c", self.name(asked), 3), ("d", self.name(second), 4)],
                         [(row["name"], row["node"], row["messages"]) for row in rows])
        self.assertEqual(list("abcd"),
                         [row["name"] for row in self.http(asked, "queues/%2F")[1]])
        for row in rows:
            self.assertEqual(set(rows[2]) - {"idle_since", "message_stats"},
                             set(row) - {"idle_since", "message_stats"})
        self.assertEqual([{"messages": count} for count in (1, 2, 3, 4)],
                         self.http(asked, "queues?columns=messages")[1])
        self.assertEqual([{"name": name} for name in "dcba"], self.http(
            asked, "queues?columns=name&sort=messages&sort_reverse=true")[1])
        page = self.http(asked, "queues?page=2&page_size=3&columns=name")[1]
        self.assertEqual(([{"name": "d"}], 4, 2),
                         (page["items"], page["total_count"], page["page_count"]))
        self.assertEqual("b", self.http(asked, "queues?page=1&name=B")[1]["items"][0]["name"])

    def test_one_queue_is_shown_by_its_home(self):
        home, asked = self.nodes[:2]
        channel = self.declared(home, "q", 2)
        channel.basic_consume("q", lambda *_: None, consumer_tag="one")
        queue = self.await_http(asked, "queues/%2F/q", lambda row: row["consumer_details"])
        self.assertEqual((self.name(home), 2, 1, "one"),
                         (queue["node"], queue["messages"], queue["consumers"],
                          queue["consumer_details"][0]["consumer_tag"]))
        self.assertEqual({"messages": 2}, self.http(asked, "queues/%2F/q?columns=messages")[1])
        self.assertEqual(404, self.http(asked, "queues/%2F/none")[0])

    def check_down(self, asked, home):
        self.await_rows(
            asked, "list_queues", ["name", "messages", "state"],
            lambda rows: sorted(rows, key=lambda row: row["name"]) == [
                {"name": "here", "messages": 1, "state": "running"},
                {"name": "there", "messages": "", "state": "down"}])
        self.assertEqual(["here"], [row["name"] for row in listed(
            asked, "list_queues", "name", "--online")])
        down = listed(asked, "list_queues", "name", "durable", "pid", "--offline")
        self.assertEqual([("there", True)], [(row["name"], row["durable"]) for row in down])
        self.assertTrue(down[0]["pid"].startswith(f"<{self.name(home)}."), down)
        here, there = self.http(asked, "queues")[1]
        self.assertEqual(("here", 1), (here["name"], here["messages"]))
        self.assertEqual(("there", "down", self.name(home), True),
                         (there["name"], there["state"], there["node"], there["durable"]))
        self.assertEqual({"arguments", "auto_delete", "durable", "exclusive", "name", "node",
                          "state", "type", "vhost"}, set(there))
        self.assertEqual(404, self.http(asked, "queues/%2F/there")[0])
        self.assertIn("is down", self.ctl(asked, "purge_queue", "there", code=69))
        self.assertIn("is down", self.ctl(asked, "delete_queue", "there", "--if-empty", code=69))

    def test_queues_of_a_member_that_was_killed_are_down(self):
        asked, home = self.nodes[:2]
        self.declared(asked, "here", 1)
        self.declared(home, "there", 2)
        home.broker.kill()
        self.check_down(asked, home)

        def is_deleted():
            # It may have led.
            ctl(asked, "delete_queue", "there")
            return listed(asked, "list_queues", "name") == [{"name": "here"}]

        await_true(is_deleted, asked.log)

    def test_queues_of_a_member_that_hangs_are_down_until_it_goes_on(self):
        asked, home = self.nodes[:2]
        self.declared(asked, "here", 1)
        self.declared(home, "there", 2)
        os.kill(home.broker.process.pid, signal.SIGSTOP)
        try:
            self.check_down(asked, home)
        finally:
            os.kill(home.broker.process.pid, signal.SIGCONT)
        self.await_rows(asked, "list_queues", ["name", "messages"],
                        lambda rows: {"name": "there", "messages": 2} in rows)
        self.await_http(asked, "queues/%2F/there", lambda row: row.get("messages") == 2)


class ActionsTest(ListingCase):
    def test_purges_gets_and_deletes_from_any_node(self):
        home, asked = self.nodes[:2]
        self.declared(home, "q", 3)
        code, got = self.http(asked, "queues/%2F/q/get", "POST",
                              {"count": 2, "ackmode": "ack_requeue_true", "encoding": "auto"})
        self.assertEqual((200, ["body", "body"]), (code, [one["payload"] for one in got]))
        self.assertIn("Queue is not empty",
                      self.ctl(asked, "delete_queue", "q", "--if-empty", code=64))
        code, refused = self.http(asked, "queues/%2F/q?if-empty=true", "DELETE")
        self.assertEqual((400, "queue 'q' in vhost '/' not empty"), (code, refused["reason"]))
        self.assertEqual((204, None), self.http(asked, "queues/%2F/q/contents", "DELETE"))
        self.await_http(asked, "queues/%2F/q", lambda row: row["messages"] == 0)
        channel = self.declared(home, "r", 2)
        self.ctl(asked, "purge_queue", "r")
        self.await_http(asked, "queues/%2F/r", lambda row: row["messages"] == 0)
        channel.basic_consume("r", lambda *_: None)
        self.assertIn("Queue is in use",
                      self.ctl(asked, "delete_queue", "r", "--if-unused", code=64))
        self.assertEqual((204, None), self.http(asked, "queues/%2F/q?if-empty=true", "DELETE"))
        self.declared(home, "s", 2)
        self.assertIn("deleted with 2 ready messages", self.ctl(asked, "delete_queue", "s"))
        for node in self.nodes:
            self.await_rows(node, "list_queues", ["name"], lambda rows: rows == [{"name": "r"}])

    def test_connections_are_closed_from_any_node(self):
        home, asked = self.nodes[:2]
        mine, theirs, kept = [connect(node) for node in (asked, home, home)]
        for one in (mine, theirs, kept):
            self.addCleanup(hang_up, one)
        rows = self.await_rows(asked, "list_connections", ["pid", "name", "vhost"],
                               lambda rows: len(rows) == 3)
        names = {one: self.own_name(one) for one in (mine, theirs, kept)}
        pids = {row["name"]: row["pid"] for row in rows}
        self.assertEqual(set(names.values()), set(pids))
        self.ctl(asked, "close_connection", pids[names[theirs]], "enough")
        self.assert_closed(theirs, 320, "enough")
        path = "connections/" + urllib.parse.quote(names[kept], safe="")
        code, row = self.http(asked, path)
        self.assertEqual((200, self.name(home), "guest"), (code, row["node"], row["user"]))
        self.assertEqual((204, None), self.http(asked, path, "DELETE", **{"X-Reason": "go"}))
        self.assert_closed(kept, 320, "go")
        self.await_rows(asked, "list_connections", ["pid"],
                        lambda rows: rows == [{"pid": pids[names[mine]]}])
        self.assertEqual(404, self.http(asked, path)[0])
        self.assertEqual(404, self.http(asked, path, "DELETE")[0])

    def test_all_connections_are_closed_at_once(self):
        for close in (
                lambda node: self.ctl(node, "close_all_connections", "all of them"),
                lambda node: self.http(node, "connections/username/guest", "DELETE",
                                       **{"X-Reason": "all of them"})):
            connections = [connect(node) for node in self.nodes]
            self.await_rows(self.nodes[0], "list_connections", ["pid"],
                            lambda rows: len(rows) == 3)
            close(self.nodes[2])
            for one in connections:
                self.assert_closed(one, 320, "all of them")
            self.await_rows(self.nodes[0], "list_connections", ["pid"], lambda rows: rows == [])

    def own_name(self, connection):
        """As the broker names it."""
        socket = connection._impl._transport._sock  # pylint: disable=protected-access
        there, here = socket.getsockname(), socket.getpeername()
        return f"{there[0]}:{there[1]} -> {here[0]}:{here[1]}"

    def assert_closed(self, connection, code, text):
        with self.assertRaises(pika.exceptions.ConnectionClosedByBroker) as closed:
            while True:
                connection.process_data_events(1)
        self.assertEqual(code, closed.exception.reply_code)
        self.assertIn(text, closed.exception.reply_text)


class SessionsTest(ListingCase):
    def test_sessions_of_all_nodes_are_listed_once(self):
        home, asked, third = self.nodes
        self.declared(home, "q", 2)
        channels = {node: self.channel(node) for node in (home, third)}
        for node, channel in channels.items():
            channel.basic_qos(prefetch_count=1)
            channel.basic_consume("q", lambda *_: None, consumer_tag=f"of-{node.name}")
        self.await_http(asked, "queues/%2F/q", lambda row: row["messages_unacknowledged"] == 2)
        consumers = self.await_http(asked, "consumers", lambda rows: len(rows) == 2)
        self.assertEqual(consumers, self.http(asked, "consumers/%2F")[1])
        channel_rows = {row["name"]: row for row in self.http(asked, "channels")[1]}
        connection_rows = {row["name"]: row for row in self.http(asked, "connections")[1]}
        for row in consumers:
            node = next(one for one in channels if row["consumer_tag"] == f"of-{one.name}")
            details = row["channel_details"]
            self.assertEqual({"name": "q", "vhost": "/"}, row["queue"])
            self.assertEqual((self.name(node), 1, 1),
                             (details["node"], row["prefetch_count"], details["number"]))
            self.assertEqual(self.name(node), channel_rows[details["name"]]["node"])
            self.assertEqual(self.name(node), connection_rows[details["connection_name"]]["node"])
            path = urllib.parse.quote(details["name"], safe="")
            self.assertEqual((200, self.name(node)), (lambda code, row: (code, row["node"]))(
                *self.http(asked, f"channels/{path}")))
            path = urllib.parse.quote(details["connection_name"], safe="")
            code, rows = self.http(asked, f"connections/{path}/channels?columns=name")
            self.assertEqual((200, [{"name": details["name"]}]), (code, rows))
            # What it has at another node is counted there.
            self.assertEqual((1, 1), self.counts(channel_rows[details["name"]]))
            self.await_http(asked, "channels/" + urllib.parse.quote(details["name"], safe=""),
                            lambda row: self.counts(row) == (1, 1))
        self.assertEqual([(0, 0), (1, 1), (1, 1)], sorted(
            map(self.counts, listed(asked, "list_channels", "consumer_count",
                                    "messages_unacknowledged"))))
        self.assertEqual(3, len(connection_rows))
        self.assertEqual([{"number": 1}] * 3, self.http(asked, "channels?columns=number")[1])
        page = self.http(asked, "connections?page=1&page_size=2&columns=name")[1]
        self.assertEqual((3, 2), (page["total_count"], page["item_count"]))
        self.assertEqual(sorted(connection_rows)[:2], [row["name"] for row in page["items"]])
        for verb, count in [("list_connections", 3), ("list_channels", 3), ("list_consumers", 2)]:
            self.assertEqual(count, len(listed(asked, verb)), verb)
        # A member that is gone takes its own along.
        third.broker.kill()
        self.await_rows(asked, "list_connections", ["name"], lambda rows: len(rows) == 2)
        self.await_http(asked, "consumers", lambda rows: [row["consumer_tag"] for row in rows] == [
            f"of-{home.name}"])

    @staticmethod
    def counts(channel):
        return channel["consumer_count"], channel["messages_unacknowledged"]

    def test_who_does_not_watch_sees_its_own(self):
        home, asked = self.nodes[:2]
        self.ctl(home, "add_user", "me", "secret")
        self.ctl(home, "set_user_tags", "me", "management")
        self.ctl(home, "set_permissions", "me", ".*", ".*", ".*")
        for user, password in [("guest", "guest"), ("me", "secret")]:
            connection = connect(home, user, password)
            self.addCleanup(hang_up, connection)
        self.await_http(asked, "connections", lambda rows: len(rows) == 2)
        await_true(lambda: self.http(asked, "whoami", login=("me", "secret"))[0] == 200, asked.log)
        code, rows = self.http(asked, "connections", login=("me", "secret"))
        self.assertEqual((200, ["me"]), (code, [row["user"] for row in rows]))
        other = next(row["name"] for row in self.http(asked, "connections")[1]
                     if row["user"] == "guest")
        path = "connections/" + urllib.parse.quote(other, safe="")
        self.assertEqual(401, self.http(asked, path, "DELETE", login=("me", "secret"))[0])


class OverviewTest(ListingCase):
    def test_the_overview_is_of_all_nodes_that_run(self):
        home, asked, third = self.nodes
        self.declared(home, "q", 3)
        self.declared(third, "r", 2)
        self.channel(third).basic_consume("q", lambda *_: None)

        def is_whole(overview):
            objects, totals = overview["object_totals"], overview["queue_totals"]
            # What others tell of themselves comes once a second.
            nodes = {one["node"] for one in overview["contexts"]}
            return nodes == set(map(self.name, self.nodes)) and (
                (objects["connections"], objects["channels"], objects["consumers"],
                 objects["queues"], totals["messages"], totals["messages_unacknowledged"]) ==
                (3, 3, 1, 2, 5, 3))

        for node in self.nodes:
            overview = self.await_http(node, "overview", is_whole)
            self.assertEqual(self.name(node), overview["node"])
            self.assertEqual(5, overview["message_stats"]["publish"])
            self.assertEqual(3, overview["message_stats"]["deliver_get"])
            self.assertIn("rate", overview["message_stats"]["publish_details"])
            self.assertEqual(2, overview["churn_rates"]["queue_created"])
        self.assertEqual(self.http(home, "overview")[1]["object_totals"]["exchanges"],
                         self.http(asked, "overview")[1]["object_totals"]["exchanges"])
        self.assertEqual(["object_totals"],
                         list(self.http(asked, "overview?columns=object_totals")[1]))
        third.broker.kill()
        self.await_http(asked, "overview", lambda one: (
            one["object_totals"]["queues"], one["object_totals"]["consumers"],
            one["queue_totals"]["messages"]) == (1, 0, 3))


if __name__ == "__main__":
    leveret_broker.main()
