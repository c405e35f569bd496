"""A Kubernetes API server as far as peer discovery goes: the endpoints of services, events, bearer tokens, rights."""

from double import Double


def status(code, reason, message):
    return code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message,
                  "reason": reason, "code": code}


class Kubernetes(Double):
    def __init__(self, case, token="pod-token", namespace="mq", **named):
        self.token = token
        self.namespace = namespace
        self.subsets = {"rabbitmq": []}  # by service
        self.events = []
        self.forbidden = set()  # kinds that the account may not touch
        super().__init__(case, **named)

    def answer(self, request):
        bearer = next((value for name, value in request.headers.items()
                       if name.lower() == "authorization"), "")
        if bearer != f"Bearer {self.token}":
            return status(401, "Unauthorized", "Unauthorized")
        parts = request.path.strip("/").split("/")
        if parts[:3] != ["api", "v1", "namespaces"] or len(parts) < 5:
            return status(404, "NotFound", "the server could not find the requested resource")
        space, kind, name = parts[3], parts[4], parts[5] if len(parts) > 5 else ""
        if kind in self.forbidden or space != self.namespace:
            return status(403, "Forbidden",
                          f'{kind} is forbidden: User "system:serviceaccount:{space}:default" '
                          f'cannot use resource "{kind}" in the namespace "{space}"')
        if kind == "endpoints" and request.method == "GET":
            if name not in self.subsets:
                return status(404, "NotFound", f'endpoints "{name}" not found')
            return 200, {"kind": "Endpoints", "apiVersion": "v1",
                         "metadata": {"name": name, "namespace": space},
                         "subsets": self.subsets[name]}, {"Content-Type": "application/json"}
        if kind == "events" and request.method == "POST":
            event = request.json()
            if event.get("metadata", {}).get("namespace") != space:
                return status(400, "BadRequest", "the namespace of the object does not match")
            self.events.append(event)
            return 201, event, {"Content-Type": "application/json"}
        return status(405, "MethodNotAllowed", "the server does not allow this method")
