"""AWS as far as peer discovery goes: EC2 and autoscaling behind signatures (version 4), the instance's metadata service, a container's credentials,
and STS for web identities. botocore is the client that proves it (test_aws)."""

import hashlib
import hmac
import time
import urllib.parse
from xml.sax.saxutils import escape

from double import Double

END = "2999-01-01T00:00:00Z"


def digest(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def quoted(text):
    return urllib.parse.quote(text, safe="-_.~")


def error(status, code, message):
    return status, (f'<?xml version="1.0"?><Response><Errors><Error><Code>{code}</Code><Message>'
                    f"{message}</Message></Error></Errors></Response>")


class Aws(Double):
    def __init__(self, case, **named):
        self.region = "us-west-2"
        self.keys = {}  # id -> (secret, token or None)
        self.instances = []  # dicts: id, name, ip, tags, state, extra (XML)
        self.groups = {}  # name -> (instance ids, desired)
        self.page = 100
        self.denied = set()  # actions
        self.throttled = 0
        self.instance = "i-1"
        self.token_ttl = {}  # tokens of the metadata service
        self.imds_v2 = True
        self.imds_v2_only = False
        self.role = "node-role"
        self.role_keys = {}
        self.container_token = None
        self.web_token = None
        super().__init__(case, **named)

    def new_keys(self, name, token=None, end=END):
        self.keys[name] = (f"secret-of-{name}", token)
        return {"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": name,
                "SecretAccessKey": f"secret-of-{name}", "Token": token or "", "Expiration": end}

    def add_instance(self, number, state="running", extra="", **tags):
        self.instances.append({"id": f"i-{number}", "ip": f"10.0.0.{number}", "state": state,
                               "name": f"ip-10-0-0-{number}.us-west-2.compute.internal",
                               "tags": tags, "extra": extra})

    def answer(self, request):
        if request.path.startswith("/latest/"):
            return self._metadata(request)
        if request.path == "/container":
            if request.headers.get("Authorization") != self.container_token:
                return 401, "not this token"
            return 200, self.role_keys
        if request.method == "POST":
            # botocore's query protocol: what RabbitMQ and Leveret put behind "?", in the body.
            given = dict(urllib.parse.parse_qsl(request.body.decode(), keep_blank_values=True))
        else:
            given = request.parameters
        action = given.get("Action", "")
        if action == "AssumeRoleWithWebIdentity":
            return self._web_identity(given)
        refused = self._check_signature(request)
        if refused:
            return refused
        if self.throttled:
            self.throttled -= 1
            return error(400, "Throttling", "Rate exceeded")
        if action in self.denied:
            return error(403, "UnauthorizedOperation", f"You are not authorized to {action}")
        return getattr(self, "_" + action, lambda _: error(400, "InvalidAction", action))(given)

    # Signatures.

    def _check_signature(self, request):
        header = {name.lower(): value.strip() for name, value in request.headers.items()}
        words = header.get("authorization", "")
        if not words.startswith("AWS4-HMAC-SHA256 "):
            return error(403, "MissingAuthenticationToken", "Request is missing a token")
        parts = dict(word.split("=", 1) for word in words[17:].replace(",", " ").split())
        identity, day, region, service, _ = parts["Credential"].split("/")
        if identity not in self.keys:
            return error(401, "AuthFailure", "AWS was not able to validate the credentials")
        secret, token = self.keys[identity]
        if (header.get("x-amz-security-token") or None) != token:
            return error(403, "InvalidClientTokenId", "The security token is invalid")
        if region != self.region:
            return error(403, "SignatureDoesNotMatch", f"Credential should be scoped to {self.region}")
        signed = parts["SignedHeaders"].split(";")
        # RabbitMQ's is the plain date, in the same form.
        date = "x-amz-date" if "x-amz-date" in header else "date"
        if "host" not in signed or date not in signed or \
                token and "x-amz-security-token" not in signed:
            return error(403, "IncompleteSignature", "headers are missing from the signature")
        query = "&".join(f"{quoted(name)}={quoted(value)}" for name, value in sorted(
            urllib.parse.parse_qsl(request.query, keep_blank_values=True)))
        canonical = "\n".join([
            request.method, "/", query, *(f"{name}:{header[name]}" for name in signed), "",
            ";".join(signed), hashlib.sha256(request.body).hexdigest()])
        scope = f"{day}/{region}/{service}/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", header[date], scope,
                          hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("AWS4" + secret).encode()
        for word in (day, region, service, "aws4_request"):
            key = digest(key, word)
        if hmac.new(key, text.encode(), hashlib.sha256).hexdigest() != parts["Signature"]:
            return error(403, "SignatureDoesNotMatch", "The signature we calculated differs")
        return None

    # EC2 and autoscaling.

    @staticmethod
    def _matches(instance, given):
        number = 1
        while f"Filter.{number}.Name" in given:
            name = given[f"Filter.{number}.Name"]
            wanted, value = [], 1
            while f"Filter.{number}.Value.{value}" in given:
                wanted.append(given[f"Filter.{number}.Value.{value}"])
                value += 1
            has = instance["state"] if name == "instance-state-name" else \
                instance["tags"].get(name.removeprefix("tag:"))
            if has not in wanted:
                return False
            number += 1
        ids = [value for name, value in given.items() if name.startswith("InstanceId.")]
        return not ids or instance["id"] in ids

    def _pages(self, all_of_them, given):
        start = int(given.get("NextToken", "page-0").removeprefix("page-"))
        end = start + self.page
        return all_of_them[start:end], f"page-{end}" if end < len(all_of_them) else ""

    def _DescribeInstances(self, given):
        shown, after = self._pages([one for one in self.instances if self._matches(one, given)], given)
        items = "".join(
            f"<item><reservationId>r-{one['id']}</reservationId><instancesSet><item>"
            f"<instanceId>{one['id']}</instanceId><instanceState><name>{one['state']}</name>"
            f"</instanceState><privateDnsName>{one['name']}</privateDnsName>"
            f"<privateIpAddress>{one['ip']}</privateIpAddress><tagSet>" +
            "".join(f"<item><key>{escape(k)}</key><value>{escape(v)}</value></item>"
                    for k, v in one["tags"].items()) +
            f"</tagSet>{one['extra']}</item></instancesSet></item>" for one in shown)
        token = f"<nextToken>{after}</nextToken>" if after else ""
        return 200, ('<?xml version="1.0" encoding="UTF-8"?>'
                     '<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2015-10-01/">'
                     f"<requestId>r</requestId><reservationSet>{items}</reservationSet>{token}"
                     "</DescribeInstancesResponse>")

    def _autoscaling(self, action, body, after=""):
        token = f"<NextToken>{after}</NextToken>" if after else ""
        return 200, (f'<{action}Response xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/">'
                     f"<{action}Result>{body}{token}</{action}Result></{action}Response>")

    def _DescribeAutoScalingInstances(self, given):
        pairs = [(one, name) for name, (ids, _) in sorted(self.groups.items()) for one in ids]
        shown, after = self._pages(pairs, given)
        body = "".join(f"<member><InstanceId>{one}</InstanceId><AutoScalingGroupName>{name}"
                       "</AutoScalingGroupName><LifecycleState>InService</LifecycleState></member>"
                       for one, name in shown)
        return self._autoscaling("DescribeAutoScalingInstances",
                                 f"<AutoScalingInstances>{body}</AutoScalingInstances>", after)

    def _DescribeAutoScalingGroups(self, given):
        name = given["AutoScalingGroupNames.member.1"]
        _, desired = self.groups[name]
        return self._autoscaling(
            "DescribeAutoScalingGroups",
            f"<AutoScalingGroups><member><AutoScalingGroupName>{name}</AutoScalingGroupName>"
            f"<DesiredCapacity>{desired}</DesiredCapacity></member></AutoScalingGroups>")

    # Where keys come from.

    def _metadata(self, request):
        headers = {name.lower(): value for name, value in request.headers.items()}
        if request.path == "/latest/api/token":
            if not self.imds_v2 or request.method != "PUT":
                return 403, ""
            token = f"imds-{len(self.token_ttl)}"
            self.token_ttl[token] = time.monotonic() + int(headers["x-aws-ec2-metadata-token-ttl-seconds"])
            return 200, token
        token = headers.get("x-aws-ec2-metadata-token")
        if token and self.token_ttl.get(token, 0) < time.monotonic() or \
                self.imds_v2_only and not token:
            return 401, ""
        role = "/latest/meta-data/iam/security-credentials"
        instance = next((one["id"] for one in self.instances if one["ip"] == request.client),
                        self.instance)
        found = {"/latest/meta-data/placement/availability-zone": self.region + "b",
                 "/latest/meta-data/instance-id": instance,
                 role: self.role, role + "/": self.role,
                 f"{role}/{self.role}": self.role_keys}.get(request.path)
        return (200, found) if found else (404, "Not Found")

    def _web_identity(self, given):
        if given.get("WebIdentityToken") != self.web_token:
            return error(400, "InvalidIdentityToken", "The token is not valid")
        keys = self.new_keys("AKWEB", "web-session")
        return 200, ('<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
                     "<AssumeRoleWithWebIdentityResult><Credentials>"
                     f"<AccessKeyId>{keys['AccessKeyId']}</AccessKeyId>"
                     f"<SecretAccessKey>{keys['SecretAccessKey']}</SecretAccessKey>"
                     f"<SessionToken>web-session</SessionToken><Expiration>{END}</Expiration>"
                     "</Credentials></AssumeRoleWithWebIdentityResult>"
                     "</AssumeRoleWithWebIdentityResponse>")
