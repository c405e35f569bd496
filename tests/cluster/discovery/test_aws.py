"""The aws mechanism against a double that checks signatures as AWS does; botocore, Amazon's own client, is asked the same of the same double."""

import unittest

from aws_double import Aws
from faults import FaultyServer, OUTCOMES
from probe import Case, free_port, until

try:
    import botocore.config
    import botocore.session
except ImportError:
    botocore = None

INTERFACES = """<networkInterfaceSet>
<item><attachment><deviceIndex>1</deviceIndex></attachment><association><publicDnsName>second.{0}
</publicDnsName></association></item><item><attachment><deviceIndex>0</deviceIndex></attachment>
<association><publicDnsName>first.{0}</publicDnsName></association></item></networkInterfaceSet>"""


class AwsCase(Case):
    def setUp(self):
        super().setUp()
        self.aws = Aws(self)
        for number in (3, 1, 2):
            self.aws.add_instance(number, service="my rabbit", extra=INTERFACES.format(number))
        self.aws.add_instance(4, state="stopped", service="my rabbit")
        self.aws.add_instance(5, service="another")
        self.aws.new_keys("AKFILE")

    def environment(self, **more):
        return {"HOME": str(self.directory), "AWS_ENDPOINT_URL_EC2": self.aws.url,
                "AWS_ENDPOINT_URL_AUTO_SCALING": self.aws.url,
                "AWS_ENDPOINT_URL_STS": self.aws.url,
                "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.aws.url, **more}

    def node(self, *settings, keys=True, **environment):
        if keys:
            environment = {"AWS_ACCESS_KEY_ID": "AKFILE",
                           "AWS_SECRET_ACCESS_KEY": "secret-of-AKFILE",
                           "AWS_EC2_REGION": "us-west-2", **environment}
        return self.probe("aws", ["aws." + setting for setting in settings],
                          environment=self.environment(**environment))


class TestAwsInstances(AwsCase):
    TAG = "instance_tags.service=my rabbit"

    def test_instances_with_the_tags_are_candidates(self):
        node = self.node(self.TAG)
        self.assertEqual(node.do("list")["candidates"][0], {
            "id": "", "name": "rabbit@ip-10-0-0-1",
            "host": "ip-10-0-0-1.us-west-2.compute.internal", "port": 0})
        self.assertEqual(node.names(), [f"rabbit@ip-10-0-0-{i}" for i in (1, 2, 3)])
        self.assertFalse(node.do("about")["supports_registration"])
        self.assertFalse(node.has_logged("secret-of"))

    def test_private_addresses_and_other_places_of_the_name(self):
        self.assertEqual(self.node(self.TAG, "use_private_ip=true").names(),
                         ["rabbit@10.0.0.1", "rabbit@10.0.0.2", "rabbit@10.0.0.3"])
        path = "networkInterfaceSet,1,association,publicDnsName"
        self.assertEqual([one["host"] for one in self.node(
            self.TAG, f"hostname_path={path}").do("list")["candidates"]],
            ["first.1", "first.2", "first.3"])
        both = self.node(self.TAG, f"hostname_path.1={path}", "hostname_path.2=privateIpAddress")
        self.assertEqual(len(both.do("list")["candidates"]), 6)

    def test_states_and_tags_of_the_environment(self):
        node = self.node("ec2_instance_states.1=stopped", AWS_EC2_TAGS='{"service": "my rabbit"}')
        self.assertEqual(node.names(), ["rabbit@ip-10-0-0-4"])

    def test_many_pages(self):
        self.aws.page = 1
        self.assertEqual(len(self.node(self.TAG).names()), 3)

    def test_no_tags_are_an_empty_list_and_said(self):
        node = self.node()
        self.assertEqual(node.names(), [])
        self.assertTrue(node.has_logged("so nobody is found"))

    def test_the_group_of_this_instance(self):
        self.aws.groups = {"a": (["i-5"], 1), "mq": (["i-3", "i-1"], 5)}
        self.aws.page = 2
        node = self.node("use_autoscaling_group=true")
        self.assertEqual(node.names(), ["rabbit@ip-10-0-0-1", "rabbit@ip-10-0-0-3"])
        self.assertEqual(node.do("list")["expected_size"], 5)
        self.aws.denied = {"DescribeAutoScalingGroups"}
        self.assertNotIn("expected_size", node.do("list"))
        self.aws.instance = "i-9"
        self.assertEqual(node.names(), [])
        self.assertTrue(node.has_logged("i-9 is in no autoscaling group"))

    def test_rights_that_are_missing(self):
        self.aws.denied = {"DescribeInstances"}
        self.assert_fails(self.node(self.TAG).ask("list"), "permanent", "403",
                          "UnauthorizedOperation")
        wrong = self.node(self.TAG, AWS_SECRET_ACCESS_KEY="guess")
        self.assert_fails(wrong.ask("list"), "permanent", "SignatureDoesNotMatch")
        unknown = self.node(self.TAG, AWS_ACCESS_KEY_ID="AKNONE")
        self.assert_fails(unknown.ask("list"), "permanent", "AuthFailure")

    def test_too_many_requests_are_transient(self):
        node = self.node(self.TAG)
        self.aws.throttled = 2
        for _ in range(2):
            self.assert_fails(node.ask("list"), "transient", "Throttling")
        self.assertEqual(len(node.names()), 3)

    def test_each_fault_has_its_outcome(self):
        server = FaultyServer(self)
        node = self.node(self.TAG, AWS_ENDPOINT_URL_EC2=f"http://{server.address}")
        for fault, outcome in OUTCOMES.items():
            with self.subTest(fault=fault):
                server.fault = fault
                self.assert_fails(node.ask("list"), outcome)

    def test_settings_that_are_wrong(self):
        self.assertIn("aws.endpoint.ec2: expected a URL",
                      self.refused("aws", "aws.endpoint.ec2=ec2.local"))
        self.assertIn("aws.ec2_instance_states.$: expected one of pending",
                      self.refused("aws", "aws.ec2_instance_states.1=napping"))


class TestAwsKeys(AwsCase):
    """The chain of credentials, one link after the other."""

    TAG = "instance_tags.service=my rabbit"

    def assert_found(self, node):
        self.assertEqual(len(node.names()), 3)
        self.assertFalse(node.has_logged("secret-of"))
        self.assertFalse(node.has_logged("-session"))

    def test_settings(self):
        self.assert_found(self.node(self.TAG, "region=us-west-2", "access_key_id=AKFILE",
                                    "secret_key=secret-of-AKFILE", keys=False))

    def test_environment_with_a_session(self):
        self.aws.new_keys("AKENV", "env-session")
        self.assert_found(self.node(
            self.TAG, AWS_ACCESS_KEY_ID="AKENV", AWS_SECRET_ACCESS_KEY="secret-of-AKENV",
            AWS_SESSION_TOKEN="env-session"))

    def test_profiles(self):
        self.aws.new_keys("AKPROFILE", "profile-session")
        (self.directory / ".aws").mkdir()
        (self.directory / ".aws" / "config").write_text("[profile work]\nregion = us-west-2\n")
        (self.directory / ".aws" / "credentials").write_text(
            "[default]\naws_access_key_id = x\naws_secret_access_key = y\n[work]\n"
            "aws_access_key_id = AKPROFILE\naws_secret_access_key = secret-of-AKPROFILE\n"
            "aws_session_token = profile-session\n")
        self.assert_found(self.node(self.TAG, keys=False, AWS_PROFILE="work"))

    def test_the_instance_by_metadata_of_version_2(self):
        self.aws.imds_v2_only = True
        self.aws.role_keys = self.aws.new_keys("AKROLE", "role-session")
        node = self.node(self.TAG, keys=False)
        self.assert_found(node)
        self.assertEqual([line for line in self.aws.lines() if "latest" in line], [
            "PUT /latest/api/token", "GET /latest/meta-data/placement/availability-zone",
            "GET /latest/meta-data/iam/security-credentials",
            "GET /latest/meta-data/iam/security-credentials/node-role"])
        self.assertFalse(node.has_logged("imds-0"))

    def test_the_instance_by_metadata_of_version_1(self):
        self.aws.imds_v2 = False
        self.aws.role_keys = self.aws.new_keys("AKROLE", "role-session")
        node = self.node(self.TAG, keys=False)
        self.assert_found(node)
        self.assertTrue(node.has_logged("hop limit"))

    def test_keys_that_end_are_fetched_again(self):
        self.aws.role_keys = self.aws.new_keys("AKOLD", "old-session", "2020-01-01T00:00:00Z")
        node = self.node(self.TAG, keys=False)
        self.assert_found(node)
        del self.aws.keys["AKOLD"]
        self.aws.role_keys = self.aws.new_keys("AKNEW", "new-session")
        self.assert_found(node)

    def test_the_container(self):
        self.aws.role_keys = self.aws.new_keys("AKTASK", "task-session")
        self.aws.container_token = "Basic let-me-in"
        environment = {"AWS_EC2_REGION": "us-west-2",
                       "AWS_CONTAINER_CREDENTIALS_FULL_URI": self.aws.url + "/container"}
        node = self.node(self.TAG, keys=False, **environment,
                         AWS_CONTAINER_AUTHORIZATION_TOKEN="Basic let-me-in")
        self.assert_found(node)
        self.assertFalse(node.has_logged("let-me-in"))
        file = self.directory / "token"
        file.write_text("Basic let-me-in\n")
        self.assert_found(self.node(self.TAG, keys=False, **environment,
                                    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(file)))
        self.assert_fails(self.node(self.TAG, keys=False, **environment).ask("list"), "permanent",
                          "keys of the container", "401")
        environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://example.org/container"
        self.assert_fails(self.node(self.TAG, keys=False, **environment).ask("list"), "permanent",
                          "expected https")

    def test_a_web_identity(self):
        self.aws.web_token = "eyJ.web.token"
        file = self.directory / "web"
        file.write_text("eyJ.web.token")
        environment = {"AWS_EC2_REGION": "us-west-2", "AWS_ROLE_ARN": "arn:aws:iam::1:role/mq",
                       "AWS_WEB_IDENTITY_TOKEN_FILE": str(file)}
        node = self.node(self.TAG, keys=False, **environment)
        self.assert_found(node)
        self.assertFalse(node.has_logged("eyJ.web.token"))
        file.write_text("eyJ.other")
        self.assert_fails(self.node(self.TAG, keys=False, **environment).ask("list"), "permanent",
                          "keys of the web identity", "InvalidIdentityToken")

    def test_no_keys_at_all(self):
        self.aws.role = ""
        self.assert_fails(self.node(self.TAG, keys=False).ask("list"), "permanent",
                          "security-credentials", "404")
        self.assert_fails(self.node(self.TAG, keys=False, AWS_EC2_METADATA_DISABLED="true",
                                    AWS_EC2_REGION="us-west-2").ask("list"),
                          "permanent", "no keys")
        away = self.node(self.TAG, keys=False,
                         AWS_EC2_METADATA_SERVICE_ENDPOINT=f"http://127.0.0.1:{free_port()}")
        self.assert_fails(away.ask("list"), "transient", "meta-data")


@unittest.skipUnless(botocore, "Debian's python3-botocore is not installed")
class TestDoubleIsLikeAws(AwsCase):
    def client(self, service, **more):
        session = botocore.session.Session()
        session.set_credentials("AKFILE", "secret-of-AKFILE")
        return session.create_client(
            service, region_name="us-west-2", endpoint_url=self.aws.url,
            config=botocore.config.Config(retries={"max_attempts": 0}, **more))

    def test_botocore_sees_what_leveret_sees(self):
        self.aws.page = 2
        pages = self.client("ec2").get_paginator("describe_instances").paginate(Filters=[
            {"Name": "tag:service", "Values": ["my rabbit"]},
            {"Name": "instance-state-name", "Values": ["running", "pending"]}])
        names = sorted(one["PrivateDnsName"] for page in pages
                       for reservation in page["Reservations"] for one in reservation["Instances"])
        node = self.node("instance_tags.service=my rabbit")
        self.assertEqual(names, [one["host"] for one in node.do("list")["candidates"]])

    def test_botocore_sees_the_same_groups(self):
        self.aws.groups = {"mq": (["i-3", "i-1"], 5)}
        client = self.client("autoscaling")
        found = client.describe_auto_scaling_instances()["AutoScalingInstances"]
        self.assertEqual({(one["InstanceId"], one["AutoScalingGroupName"]) for one in found},
                         {("i-1", "mq"), ("i-3", "mq")})
        [group] = client.describe_auto_scaling_groups(
            AutoScalingGroupNames=["mq"])["AutoScalingGroups"]
        self.assertEqual(group["DesiredCapacity"], 5)

    def test_botocore_is_refused_as_leveret_is(self):
        self.aws.keys["AKFILE"] = ("another", None)
        with self.assertRaisesRegex(Exception, "SignatureDoesNotMatch"):
            self.client("ec2").describe_instances()

    def test_botocore_gets_its_keys_from_the_metadata_service(self):
        from botocore.utils import InstanceMetadataFetcher
        self.aws.imds_v2_only = True
        self.aws.role_keys = self.aws.new_keys("AKROLE", "role-session")
        found = InstanceMetadataFetcher(base_url=self.aws.url + "/").retrieve_iam_role_credentials()
        self.assertEqual((found["access_key"], found["token"]), ("AKROLE", "role-session"))


if __name__ == "__main__":
    unittest.main()
