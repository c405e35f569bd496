"""A Consul agent as far as peer discovery goes: services with TTL checks, sessions, keys with locks and blocking reads, ACL tokens."""

import base64
import time
import uuid

from double import Double


class Consul(Double):
    def __init__(self, case, token=None, **named):
        self.token = token
        self.index = 10
        self.services = {}  # by id: the registration, "status", "index"
        self.sessions = {}  # by id: {"ttl", "end"}
        self.keys = {}  # by key: {"Value", "Session", "ModifyIndex", ...}
        super().__init__(case, **named)

    def bump(self):
        self.index += 1
        self.lock.notify_all()
        return self.index

    def end_session(self, session):
        """As if its holder had died and its TTL had passed."""
        with self.lock:
            self._drop_session(session)

    def _drop_session(self, session):
        self.sessions.pop(session, None)
        for entry in self.keys.values():
            if entry.get("Session") == session:
                del entry["Session"]
                entry["ModifyIndex"] = self.bump()

    def answer(self, request):
        given = next((value for name, value in request.headers.items()
                      if name.lower() == "x-consul-token"), request.parameters.get("token"))
        if self.token and given != self.token:
            return 403, "ACL not found" if given else "Permission denied"
        parts = request.path.strip("/").split("/")
        method = getattr(self, "_" + "_".join([request.method.lower(), *parts[1:3]])
                         .replace("-", "_"), None) if parts[1] != "kv" else \
            getattr(self, f"_{request.method.lower()}_kv")
        if not method:
            return 404, f"Invalid URL path: {request.path}"
        with self.lock:
            return method(request, "/".join(parts[2:] if parts[1] == "kv" else parts[3:]))

    # Services.

    def _put_agent_service(self, request, rest):
        verb, _, name = rest.partition("/")
        if verb == "deregister":
            if name not in self.services:
                return 404, f'Unknown service ID "{name}". Ensure that the service ID is passed'
            del self.services[name]
            self.bump()
            return 200, ""
        body = request.json()
        check = body.get("Check") or {}
        if check and "TTL" not in check:
            return 400, "Invalid check: TTL must be > 0 for TTL checks"
        identity = body.get("ID") or body["Name"]
        self.services[identity] = {
            **body, "ID": identity, "status": check.get("Status", "critical"),
            "index": self.services.get(identity, {}).get("index") or self.bump()}
        return 200, ""

    def _put_agent_check(self, request, rest):
        verb, _, name = rest.partition("/")
        service = self.services.get(name.removeprefix("service:"))
        if not service:
            return 404, f'Unknown check ID "{name}". Ensure that the check ID is passed'
        service["status"] = {"pass": "passing", "warn": "warning", "fail": "critical"}[verb]
        return 200, ""

    def _get_health_service(self, request, rest):
        wanted = request.parameters
        found = []
        for service in sorted(self.services.values(), key=lambda one: one["ID"]):
            if service["Name"] != rest or "passing" in wanted and service["status"] != "passing":
                continue
            if "tag" in wanted and wanted["tag"] not in (service.get("Tags") or []):
                continue
            found.append({
                "Node": {"Node": "agent-1", "Address": "127.0.0.1"},
                "Service": {"ID": service["ID"], "Service": service["Name"],
                            "Tags": service.get("Tags") or [],
                            "Address": service.get("Address", ""),
                            "Meta": service.get("Meta") or service.get("meta"),
                            "Port": service.get("Port", 0), "CreateIndex": service["index"],
                            "ModifyIndex": service["index"]},
                "Checks": [{"CheckID": "serfHealth", "Status": "passing"},
                           {"CheckID": "service:" + service["ID"], "Status": service["status"]}]})
        return 200, found, {"X-Consul-Index": str(self.index)}

    # Sessions.

    def _put_session_create(self, request, rest):
        body = request.json()
        ttl = body.get("TTL", "")
        if ttl and not 10 <= float(ttl.rstrip("s")) <= 86400:
            return 400, f"Invalid Session TTL '{ttl}', must be between [10s=24h0m0s]"
        identity = str(uuid.uuid4())
        self.sessions[identity] = body
        self.bump()
        return 200, {"ID": identity}

    def _put_session_renew(self, request, rest):
        if rest not in self.sessions:
            return 404, f"Session id '{rest}' not found"
        return 200, [{"ID": rest, "TTL": self.sessions[rest].get("TTL", "")}]

    def _put_session_destroy(self, request, rest):
        self._drop_session(rest)
        return 200, True

    # Keys.

    def _put_kv(self, request, key):
        wanted = request.parameters
        entry = self.keys.get(key)
        value = base64.b64encode(request.body).decode()
        if "acquire" in wanted:
            session = wanted["acquire"]
            if session not in self.sessions:
                return 500, f'invalid session "{session}"'
            if entry and entry.get("Session") not in (None, session):
                return 200, False
            self.keys[key] = {"Key": key, "Value": value, "Session": session,
                              "ModifyIndex": self.bump()}
            return 200, True
        if "release" in wanted:
            if not entry or entry.get("Session") != wanted["release"]:
                return 200, False
            del entry["Session"]
            entry["ModifyIndex"] = self.bump()
            return 200, True
        if "cas" in wanted and int(wanted["cas"]) != (entry["ModifyIndex"] if entry else 0):
            return 200, False
        self.keys[key] = {"Key": key, "Value": value, "ModifyIndex": self.bump()}
        return 200, True

    def _get_kv(self, request, key):
        wanted = request.parameters
        if "index" in wanted:
            text = wanted.get("wait", "300s")
            seconds = float(text[:-2]) / 1000 if text.endswith("ms") else float(text.rstrip("s"))
            end = time.monotonic() + seconds
            while self.keys.get(key, {}).get("ModifyIndex", self.index) <= int(wanted["index"]):
                left = end - time.monotonic()
                if left <= 0:
                    break
                self.lock.wait(left)
        entry = self.keys.get(key)
        if not entry:
            return 404, "", {"X-Consul-Index": str(self.index)}
        return 200, [entry], {"X-Consul-Index": str(entry["ModifyIndex"])}
