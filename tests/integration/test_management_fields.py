"""Leveret's answers have the fields of RabbitMQ 3.10.8's, of the same JSON types; what differs has its reason in management_fields.json.

That list was made from recorded answers: of a list, its first element's fields. `not_here` says what is missing or of another
type, `more_here` what RabbitMQ does not have.
"""

import json
from pathlib import Path

from leveret_broker import needs_own_broker
from management_api import ManagementCase, quoted

FIELDS = Path(__file__).with_name("management_fields.json")


def kind_of(value):
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, (int, float)):
        return "number"
    return {str: "text", list: "list", dict: "object", type(None): "nothing"}[type(value)]


def fields_of(value, path=""):
    """{"a.b": kind, "c[].d": kind} of an object, or of the first element of a list."""
    out = {}
    if isinstance(value, list) and value:
        return fields_of(value[0], path and path + "[]")
    if isinstance(value, dict):
        for key, inner in value.items():
            name = f"{path}.{key}" if path else key
            out[name] = kind_of(inner)
            out.update(fields_of(inner, name))
    return out


def is_excused(name, reasons):
    return any(name == one or name.startswith((one + ".", one + "[")) for one in reasons)


@needs_own_broker
class Fields(ManagementCase):
    def setUp(self):
        super().setUp()
        self.done(201, "PUT", "/vhosts/kv", {})
        self.done(204, "PUT", "/vhost-limits/kv/max-connections", {"value": 10})
        self.add_user("u1", "monitoring")
        self.done(201, "PUT", "/permissions/kv/u1",
                  {"configure": ".*", "write": ".*", "read": ".*"})
        for path in ("policies", "operator-policies"):
            self.done(201, "PUT", f"/{path}/%2F/p1",
                      {"pattern": "^hq$", "definition": {"max-length": 10}, "priority": 1,
                       "apply-to": "queues"})
        self.done(201, "PUT", "/exchanges/%2F/hx",
                  {"type": "topic", "durable": True})
        self.done(201, "PUT", "/queues/%2F/hq", {"durable": True})
        self.done(201, "POST", "/bindings/%2F/e/hx/q/hq", {"routing_key": "a.b"})
        self.done(201, "PUT", "/global-parameters/g", {"value": "x"})
        channel = self.connect("my-conn").channel()
        channel.basic_qos(prefetch_count=7)
        channel.queue_declare("live.q")
        channel.basic_publish("hx", "a.b", b"12345")
        channel.basic_publish("", "live.q", b"12345")
        channel.basic_consume("live.q", lambda *_: None, consumer_tag="ctx")
        channel.basic_get("hq")

    def shown(self, path):
        places = {"{node}": quoted(self.get("/overview")["node"]), "{port}": str(self.broker.port)}
        for place, value in places.items():
            path = path.replace(place, value)
        return fields_of(self.ask("GET", path).json)

    def test_the_fields_are_those_of_rabbitmq(self):
        expected = json.loads(FIELDS.read_text())
        wrong = []
        for path, fields in expected["fields"].items():
            shown = self.shown(path)
            missing = expected["not_here"].get(path, {})
            more = expected["more_here"].get(path, {})
            wrong += [f"{path} {name}: {shown.get(name)} instead of {kind}"
                      for name, kind in fields.items()
                      if shown.get(name) != kind and not is_excused(name, missing)]
            wrong += [f"{path} {name}: not in RabbitMQ" for name in shown
                      if fields and name not in fields and not is_excused(name, more)
                      and not is_excused(name, missing)]
        self.assertEqual([], wrong, "\n" + "\n".join(wrong))


if __name__ == "__main__":
    from leveret_broker import main
    main()
