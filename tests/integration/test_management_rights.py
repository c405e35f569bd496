"""Who may do what over HTTP, and how the others are refused: every operation, by users of every tag, as RabbitMQ 3.10.8 has it.

management_rights.py says what is asked and has recorded RabbitMQ's answers.
"""

import json

from leveret_broker import needs_own_broker
from management_api import ManagementCase
from management_rights import RECORDED, TAGS, Rights

NOT_FOUND = "404 Object Not Found: Not Found"
NO_VHOST = "404 not_found: vhost_not_found"

# Leveret's answers that differ on purpose. Each reason has operations and what stands there instead of what RabbitMQ says.
DIFFERENCES = {
    "a virtual host that is not there is told as such, whatever is asked of it": {
        "GET /queues/absent/q/bindings": {"200": NOT_FOUND},
        "POST /queues/absent/q/get": {"401 not_authorised: Access refused.": NO_VHOST},
        "GET /exchanges/absent/x/bindings/source": {"200": NOT_FOUND},
        "GET /exchanges/absent/x/bindings/destination": {"200": NOT_FOUND},
        "POST /exchanges/absent/x/publish": {"401 not_authorised: Access refused.": NO_VHOST},
        "GET /bindings/absent/e/x/q/q": {"200": NOT_FOUND},
        "PUT /permissions/absent/none": {"400 bad_request: vhost_or_user_not_found": NO_VHOST},
        "PUT /topic-permissions/absent/none": {
            "400 bad_request: vhost_or_user_not_found": NO_VHOST},
        "GET /definitions/absent": {"400 bad_request: vhost_not_found": NOT_FOUND},
    },
    "nothing fails inside: what RabbitMQ answers with 500 is not there": {
        "POST /queues/closed/q/actions": {"500": NOT_FOUND},
        "POST /queues/absent/q/actions": {"500": NO_VHOST},
        "DELETE /vhost-limits/absent/max-connections": {"500": NOT_FOUND},
        "GET /nodes/absent": {"500": NOT_FOUND},
        "GET /connections/none": {"500": NOT_FOUND},
        "DELETE /connections/none": {"500": NOT_FOUND},
    },
    "the connections of others are a list without them": {
        "GET /connections/username/administrator": {"500": "200"},
    },
}


@needs_own_broker
class EveryOperation(ManagementCase):
    def test_it_is_allowed_or_refused_as_in_rabbitmq(self):
        recorded = json.loads(RECORDED.read_text())
        for changes in DIFFERENCES.values():
            for operation, instead in changes.items():
                self.assertTrue(set(instead) & set(recorded[operation].values()), operation)
                for tag in TAGS:
                    said = recorded[operation][tag]
                    recorded[operation][tag] = instead.get(said, said)
        rights = Rights(self.broker.http_port, self.broker.port)
        self.addCleanup(rights.close)
        answers = rights.answers()
        self.assertEqual(list(recorded), list(answers), "record them anew")
        wrong = [f"{operation} by {tag}: {answers[operation][tag]!r}, not {expected!r}"
                 for operation, by_tag in recorded.items()
                 for tag, expected in by_tag.items() if answers[operation][tag] != expected]
        self.assertEqual([], wrong, "\n" + "\n".join(wrong))


if __name__ == "__main__":
    from leveret_broker import main
    main()
