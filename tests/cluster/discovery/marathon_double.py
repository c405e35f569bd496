"""Marathon as far as peer discovery goes: apps and their tasks, with basic authentication or DC/OS tokens behind a login endpoint."""

import base64
import json
import subprocess
import time

from double import Double


def unpadded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Marathon(Double):
    def __init__(self, case, prefix="", **named):
        self.prefix = prefix
        self.apps = {}  # "/path/app" -> {"instances", "tasks", ...}
        self.basic = None  # "user:password"
        self.public_key = None  # a file: whose tokens are let in
        self.uid = "leveret"
        self.tokens = set()
        super().__init__(case, **named)

    def add_task(self, app, number, host, ports, state="TASK_RUNNING", **more):
        entry = self.apps.setdefault(app, {"instances": 0, "tasks": []})
        entry["tasks"].append({
            "appId": app, "id": f"{app.strip('/').replace('/', '_')}.instance-{number}", "host": host,
            "ports": ports, "servicePorts": [], "state": state, "slaveId": "S1",
            "ipAddresses": [{"ipAddress": f"172.17.0.{number}", "protocol": "IPv4"}],
            "startedAt": "2026-11-21T12:00:00.000Z", "version": "2026-11-21T11:00:00.000Z", **more})
        entry["instances"] = len(entry["tasks"])

    def answer(self, request):
        if request.path == "/acs/api/v1/auth/login":
            return self._login(request)
        given = request.headers.get("Authorization", "")
        if self.public_key and given.removeprefix("token=") not in self.tokens:
            return 401, "", {"WWW-Authenticate": "acsjwt"}
        if self.basic and given != "Basic " + base64.b64encode(self.basic.encode()).decode():
            return 401, {"message": "Invalid username or password."}
        prefix = self.prefix + "/v2/apps/"
        if not request.path.startswith(prefix):
            return 404, {"message": "Not found"}
        app = "/" + request.path[len(prefix):]
        name = app.removesuffix("/tasks")
        if name not in self.apps:
            return 404, {"message": f"App '{name}' does not exist"}
        entry = self.apps[name]
        if app.endswith("/tasks"):
            return 200, {"tasks": entry["tasks"]}
        shown = {key: value for key, value in entry.items() if key != "tasks"}
        return 200, {"app": {"id": name, "tasksRunning": len(entry["tasks"]), "deployments": [],
                             **shown}}

    def _login(self, request):
        """As DC/OS does: the token of the account must be signed by its key, and not be over."""
        body = request.json()
        head, claims, signature = body["token"].split(".")
        with open(self.public_key + ".sig", "wb") as file:
            file.write(unpadded(signature))
        signed = subprocess.run(
            ["openssl", "dgst", "-sha256", "-verify", self.public_key, "-signature",
             self.public_key + ".sig"], input=f"{head}.{claims}".encode(), capture_output=True)
        said = json.loads(unpadded(claims))
        if signed.returncode != 0 or json.loads(unpadded(head))["alg"] != "RS256" or \
                said["uid"] != body["uid"] or said["uid"] != self.uid or \
                not time.time() < said["exp"] <= time.time() + 301:
            return 401, {"title": "Bad credentials", "description": "Invalid credentials"}
        token = f"jwt-{len(self.tokens)}"
        self.tokens.add(token)
        return 200, {"token": token}
