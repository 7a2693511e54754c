"""Whatever arrives, the sandbox answers in AWS's shape and goes on."""

import contextlib
import socket
import time

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session

from tests.integrations.sandbox.world import allow, refusal_of

pytestmark = pytest.mark.sandbox_only("speaks HTTP to the sandbox, and no sense")


def raw(server, data, *, finish=True):
    """Send bytes, and give what comes back within two seconds."""
    port = int(server.url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        connection.sendall(data)
        if finish:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
        out = b""
        try:
            while chunk := connection.recv(65536):
                out += chunk
        except (TimeoutError, ConnectionResetError):
            pass
        return out


def signed(server, service, method="POST", path="/", body=b"", **headers):
    request = AWSRequest(method, f"{server.url}{path}", data=body, headers=headers)
    auth = (S3SigV4Auth if service == "s3" else SigV4Auth)(Credentials("111122223333", "test"), service, "us-east-1")
    auth.add_auth(request)
    return URLLib3Session().send(request.prepare())


@pytest.mark.parametrize(
    "data",
    [
        b"garbage\r\n\r\n",
        b"\x00\x01\x02\xff" * 100 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: 1\r\n" % number for number in range(300)) + b"\r\n",
        b"BREW / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nAuthorization: AWS4-HMAC-SHA256 nonsense\r\nContent-Length: 0\r\n\r\n",
        b"POST / HTTP/1.1\r\nAuthorization: AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=00\r\n\r\n",
        b"GET /?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=1 HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_what_is_no_aws_request_gets_an_error_and_not_a_traceback(server, data):
    answer = raw(server, data)

    assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5"))
    assert b"<Error" in answer
    assert b"Traceback" not in answer
    assert b" 500 " not in answer.split(b"\r\n", 1)[0]


def test_half_a_request_holds_nobody_up(server, vendor):
    port = int(server.url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf")
        started = time.monotonic()
        assert vendor.client("sts").get_caller_identity()
        assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("service", "headers", "body", "code"),
    [
        ("iam", {"Content-Type": "application/x-www-form-urlencoded"}, b"Action=NoSuchThing", "InvalidAction"),
        ("iam", {"Content-Type": "application/x-www-form-urlencoded"}, b"\xff\xfe\x00", "InvalidAction"),
        ("iam", {}, b"", "InvalidAction"),
        ("sts", {"Content-Type": "application/x-www-form-urlencoded"}, b"Action=NoSuchThing", "InvalidAction"),
        ("sts", {"Content-Type": "application/x-www-form-urlencoded"}, b"Action=AssumeRole", "ValidationError"),
        ("ec2", {"Content-Type": "application/x-www-form-urlencoded"}, b"Action=NoSuchThing", "InvalidAction"),
        ("logs", {"X-Amz-Target": "Logs_20140328.NoSuchThing"}, b"{}", "InvalidAction"),
        ("logs", {"X-Amz-Target": "Logs_20140328.DescribeLogGroups"}, b"{", "SerializationException"),
        ("logs", {"X-Amz-Target": "Logs_20140328.DescribeLogGroups"}, b"[1]", "SerializationException"),
        ("kms", {"X-Amz-Target": "TrentService.DescribeKey"}, b"\xff\xff", "SerializationException"),
        (
            "monitoring",
            {"smithy-protocol": "rpc-v2-cbor"},
            b"\xff\xff",
            "InvalidAction",
        ),
        ("lambda", {"Content-Type": "application/json"}, b"x", "InvalidAction"),
        ("nosuchservice", {}, b"", "NotInTheSandbox"),
        ("quantum", {"X-Amz-Target": "Braket.Do"}, b"{}", "NotInTheSandbox"),
    ],
)
def test_a_signed_request_that_makes_no_sense(server, service, headers, body, code):
    answer = signed(server, service, body=body, **headers)

    assert 400 <= answer.status_code < 500
    assert code.encode() in answer.content
    assert b"Traceback" not in answer.content


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/some-bucket?policy", b"not json"),
        ("PUT", "/some-bucket?lifecycle", b"<not xml"),
        ("POST", "/some-bucket?delete", b"<Delete><Object>"),
        ("PATCH", "/some-bucket", b""),
        ("GET", "/some-bucket/%ff%fe", b""),
        ("GET", "/" + "a" * 5000, b""),
    ],
)
def test_s3_requests_that_make_no_sense(server, method, path, body):
    answer = signed(server, "s3", method, path, body)

    assert 400 <= answer.status_code < 500
    assert "Traceback" not in answer.text


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
UNUSABLE = [
    ("iam", FORM, b"Action=CreateRole", "MalformedPolicyDocument"),
    ("iam", FORM, b"Action=ListRoles&Marker=abc", "ValidationError"),
    ("organizations", {"X-Amz-Target": "AWSOrganizationsV20161128.CreatePolicy"}, b"{}", "ValidationException"),
    ("logs", {"X-Amz-Target": "Logs_20140328.CreateLogGroup"}, b'{"logGroupName": [1]}', "ValidationException"),
    ("kms", {"X-Amz-Target": "TrentService.DescribeKey"}, b"{}", "ValidationException"),
    ("kms", {"X-Amz-Target": "TrentService.DescribeKey"}, b'{"KeyId": 5}', "ValidationException"),
    ("rds", FORM, b"Action=CreateDBInstance", "ValidationError"),
    ("autoscaling", FORM, b"Action=CreateAutoScalingGroup", "ValidationError"),
    ("elasticloadbalancing", FORM, b"Action=CreateLoadBalancer&Version=2015-12-01", "SubnetNotFound"),
    ("elasticloadbalancing", FORM, b"Action=DescribeLoadBalancers&Version=2012-06-01&Marker=x", "ValidationError"),
    ("cloudformation", FORM, b"Action=CreateStack&StackName=x&TemplateBody=" + b"[" * 5000, "ValidationError"),
]


@pytest.mark.parametrize(("service", "headers", "body", "code"), UNUSABLE)
def test_parameters_that_nobody_can_use_are_the_callers_mistake(server, service, headers, body, code):
    answer = signed(server, service, body=body, **{"Content-Type": "application/x-amz-json-1.1", **headers})

    assert (answer.status_code, code in answer.text) == (400, True), answer.text
    assert "Traceback" not in answer.text


def test_load_balancing_without_a_version_says_so(server):
    answer = signed(server, "elasticloadbalancing", body=b"Action=DescribeLoadBalancers", **FORM)

    assert answer.status_code == 400
    assert "<Code>InvalidAction</Code>" in answer.text
    assert "for version NO_VERSION_SPECIFIED" in answer.text


@pytest.mark.parametrize("query", ["acl", "accelerate", "inventory", "ownershipControls", "publicAccessBlock"])
def test_a_bucket_is_configured_with_xml(server, query):
    answer = signed(server, "s3", "PUT", f"/a-bucket?{query}")

    assert answer.status_code in {400, 404}
    assert "<Code>" in answer.text


def test_a_giant_body_is_answered(server):
    answer = signed(server, "iam", body=b"Action=CreateUser&UserName=a&x=" + b"y" * 5_000_000, **FORM)

    assert answer.status_code in {200, 400, 413}


def test_many_half_sent_requests_hold_nobody_up(server, vendor):
    port = int(server.url.rsplit(":", 1)[1])
    with contextlib.ExitStack() as open_connections:
        for _ in range(100):
            connection = open_connections.enter_context(socket.create_connection(("127.0.0.1", port), timeout=2))
            connection.sendall(b"POST / HTTP/1.1\r\nContent-Le")
        started = time.monotonic()
        assert vendor.client("sts").get_caller_identity()
        assert time.monotonic() - started < 3


def test_an_operation_that_nobody_built_is_not_a_500(vendor, server):
    caller = vendor.user("caller", allow("*"))

    refused = refusal_of(caller.client("iam").generate_organizations_access_report, EntityPath="o-1/r-1")

    assert refused.code == "NotInTheSandbox"


def test_keep_alive_serves_many_requests_on_one_connection(server):
    port = int(server.url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        stream = connection.makefile("rwb")
        for _ in range(3):
            stream.write(b"GET /_sandbox/health HTTP/1.1\r\nHost: x\r\n\r\n")
            stream.flush()
            assert stream.readline().startswith(b"HTTP/1.1 200")
            length = 0
            while (line := stream.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            assert b"ok" in stream.read(length)


def test_it_is_still_there_afterwards(server, vendor):
    assert server.process.poll() is None
    assert vendor.client("sts").get_caller_identity()["Account"] == vendor.id
