"""The sandbox's own addresses: health, reset, clock, faults, container credentials, propagation."""

import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError
from botocore.parsers import ResponseParserError

from tests.integrations.sandbox.world import ALL_STS, World, allow, deny, document, refusal_of, trusting
from tests.sandbox_server import ROOT, SandboxServer, running_sandbox

pytestmark = pytest.mark.sandbox_only("plays with the sandbox's own controls")


@pytest.fixture(scope="module")
def own() -> Iterator[SandboxServer]:
    """A sandbox whose clock and faults disturb nobody."""
    with running_sandbox() as started:
        yield started


@pytest.fixture
def world(own):
    own.control("faults", method="DELETE")
    return World(own)


@pytest.fixture
def caller(world):
    return world.account().user("caller", allow(["iam:ListRoles", "ec2:*", *ALL_STS]))


def test_it_says_that_it_is_healthy_and_not_aws(own):
    assert own.control("health")["status"] == "ok"
    assert "not AWS" in own.first_line


def test_an_expired_session_is_refused_in_the_services_words(world, own, caller):
    account = world.account()
    role = account.role("target", trusting(caller.arn), policy=(allow("*"),))
    session = caller.assume(role, DurationSeconds=900)
    own.control("clock", {"advance": 890})
    assert session.client("iam").list_roles()

    own.control("clock", {"advance": 11})

    codes = {
        service: refusal_of(getattr(session.client(service), operation)).code
        for service, operation in [
            ("sts", "get_caller_identity"),
            ("iam", "list_roles"),
            ("logs", "describe_log_groups"),
            ("s3", "list_buckets"),
            ("ec2", "describe_volumes"),
        ]
    }
    assert codes == {
        "sts": "ExpiredToken",
        "iam": "ExpiredToken",
        "logs": "ExpiredTokenException",
        "s3": "ExpiredToken",
        "ec2": "RequestExpired",
    }


def test_time_shows_in_what_is_made(world, own):
    account = world.account()
    before = account.iam.create_user(UserName="before")["User"]["CreateDate"]
    own.control("clock", {"advance": 86400})

    after = account.iam.create_user(UserName="after")["User"]["CreateDate"]

    assert 86000 < (after - before).total_seconds() < 87000


def test_throttling_strikes_as_often_as_it_is_told(own, caller):
    own.control("faults", {"kind": "throttle", "service": "iam", "operation": "ListRoles", "count": 2})

    for _ in range(2):
        refused = refusal_of(caller.client("iam").list_roles)
        assert (refused.code, refused.message) == ("Throttling", "Rate exceeded")
    assert caller.client("iam").list_roles()
    assert caller.client("sts").get_caller_identity()


def test_throttling_has_each_services_code(own, caller, world):
    own.control("faults", {"kind": "throttle"})
    codes = [
        refusal_of(getattr(caller.client(service), operation)).code
        for service, operation in [("ec2", "describe_volumes"), ("s3", "list_buckets"), ("logs", "describe_log_groups")]
    ]

    assert codes == ["RequestLimitExceeded", "SlowDown", "ThrottlingException"]


def test_an_error_has_the_status_and_code_it_is_given(own, caller):
    own.control("faults", {"kind": "error", "service": "sts", "status": 403, "code": "RegionDisabledException"})

    refused = refusal_of(caller.client("sts").get_caller_identity)

    assert (refused.code, refused.status) == ("RegionDisabledException", 403)


def test_a_fault_of_one_region_strikes_in_no_other(own, caller):
    own.control("faults", {"kind": "throttle", "service": "sts", "region": "eu-west-1"})

    assert caller.client("sts", region="eu-central-1").get_caller_identity()
    assert refusal_of(caller.client("sts", region="eu-west-1").get_caller_identity).code == "Throttling"


def test_a_fault_of_the_account_that_is_spoken_to_strikes_whoever_enters_its_roles(own, caller):
    own.control("faults", {"kind": "throttle", "service": "sts", "operation": "AssumeRole", "target": "999999999999"})
    sts = caller.client("sts")

    def enter(account):
        return refusal_of(sts.assume_role, RoleArn=f"arn:aws:iam::{account}:role/x", RoleSessionName="xx").code

    assert enter("999999999999") == "Throttling"
    assert enter("888888888888") == "AccessDenied"


def test_a_dropped_connection(own, caller):
    sts = caller.client("sts")
    own.control("faults", {"kind": "drop", "service": "sts", "count": 1})

    with pytest.raises((ConnectionClosedError, ConnectionError)):
        sts.get_caller_identity()
    assert sts.get_caller_identity()


def test_an_answer_that_is_not_aws(own, caller):
    sts = caller.client("sts")
    own.control("faults", {"kind": "garbage", "service": "sts", "count": 1})

    with pytest.raises(ResponseParserError):
        sts.get_caller_identity()
    assert sts.get_caller_identity()


def test_a_time_out_ends(own, caller):
    own.control("faults", {"kind": "timeout", "service": "sts", "seconds": 1.0, "count": 1})
    started = time.monotonic()

    with pytest.raises((ConnectionClosedError, ReadTimeoutError, ConnectionError)):
        caller.client("sts").get_caller_identity()

    assert 0.9 < time.monotonic() - started < 5


def test_latency_holds_nobody_else_up(own, world, caller):
    other = world.account().user("other")
    own.control("faults", {"kind": "latency", "seconds": 3.0, "account": caller.arn.split(":")[4]})
    slow, quick = caller.client("sts"), other.client("sts")
    thread = threading.Thread(target=slow.get_caller_identity)
    started = time.monotonic()
    thread.start()

    quick.get_caller_identity()
    quick_took = time.monotonic() - started
    thread.join()

    assert quick_took < 2.0
    assert time.monotonic() - started >= 3.0


def test_a_share_of_calls(own, caller):
    sts = caller.client("sts")
    own.control("faults", {"kind": "error", "service": "sts", "share": 0.5})

    answers = []
    for _ in range(60):
        try:
            sts.get_caller_identity()
            answers.append(True)
        except ClientError:
            answers.append(False)

    assert 10 <= sum(answers) <= 50
    assert own.control("faults")["faults"][0]["share"] == 0.5
    assert own.control("faults", {"clear": True})["faults"] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("clock", {"advance": -1}),
        ("clock", {"advance": "x"}),
        ("clock", []),
        ("faults", {"kind": "flood"}),
        ("faults", {"kind": "latency", "seconds": 100000}),
        ("faults", {"kind": "latency", "colour": "red"}),
        ("faults", {"kind": "throttle", "service": 5}),
        ("faults", {"kind": "throttle", "region": 5}),
        ("faults", {"kind": "throttle", "target": 111111111111}),
        ("faults", {"kind": "throttle", "count": "many"}),
    ],
)
def test_controls_that_are_wrong_say_so(own, name, value):
    status, answer = own.refused(name, value)

    assert status == 400
    assert answer["message"]


def test_a_container_has_its_roles_first_session(own, world, monkeypatch):
    account = world.account()
    service = trusting({"Service": "ecs-tasks.amazonaws.com"})
    account.role("worker", service, Path="/product/", policy=(allow("sts:AssumeRole"),))
    next_role = account.role("next", trusting(account.id), MaxSessionDuration=7200)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{own.url}/_sandbox/credentials/{account.id}/product/worker"
    )

    session = boto3.Session()
    sts = session.client("sts", region_name="eu-central-1", endpoint_url=own.url)

    assert sts.get_caller_identity()["Arn"] == f"arn:aws:sts::{account.id}:assumed-role/worker/sandbox-task"
    assert sts.assume_role(RoleArn=next_role, RoleSessionName="next")


@pytest.mark.parametrize("role", ["closed", "missing"])
def test_a_container_has_no_session_of_a_role_that_does_not_trust_containers(own, world, role):
    account = world.account()
    account.role("closed", trusting(account.id))

    status, answer = own.refused(f"credentials/{account.id}/{role}")

    assert (status, answer["code"]) == (403, "AccessDenied")


def test_reset_forgets_everything(own, world, caller):
    account = world.account()
    account.role("target", trusting(account.id))
    own.control("faults", {"kind": "latency", "seconds": 0.01})

    own.control("reset", {})

    assert account.iam.list_roles()["Roles"] == []
    assert own.control("faults")["faults"] == []
    assert refusal_of(caller.client("iam").list_roles).code == "InvalidClientTokenId"


def test_iam_changes_take_their_time_to_propagate():
    with running_sandbox("--propagation", "20") as slow:
        iam_changes_take_time(slow, World(slow))


def iam_changes_take_time(server, world):
    """Make a role and change its trust, each seen only once it has propagated."""
    vendor, customer = world.account(), world.account()
    caller = vendor.user("caller", allow("sts:AssumeRole"))
    server.control("clock", {"advance": 21})
    role = customer.role("target", trusting(vendor.id))

    assert caller.refused_role(role).code == "AccessDenied"
    server.control("clock", {"advance": 21})
    assert caller.assume(role)

    customer.trust(role, trusting(customer.id))
    assert caller.assume(role)
    server.control("clock", {"advance": 21})
    assert caller.refused_role(role).code == "AccessDenied"


def test_service_control_policies_take_their_time_to_propagate():
    with running_sandbox("--propagation", "20") as slow:
        service_control_policies_take_time(slow, World(slow))


def service_control_policies_take_time(server, world):
    """Attach a policy to a member account, and find it in force only once it has propagated."""
    management = world.account()
    org = management.client("organizations", "us-east-1")
    org.create_organization(FeatureSet="ALL")
    org.enable_policy_type(RootId=org.list_roots()["Roots"][0]["Id"], PolicyType="SERVICE_CONTROL_POLICY")
    member = org.create_account(AccountName="m", Email="m@example.com")["CreateAccountStatus"]["AccountId"]
    iam = world.client("iam", member)
    server.control("clock", {"advance": 21})
    policy = org.create_policy(
        Name="none", Description="", Type="SERVICE_CONTROL_POLICY", Content=document(deny("iam:ListUsers"))
    )["Policy"]["PolicySummary"]["Id"]

    org.attach_policy(PolicyId=policy, TargetId=member)
    assert iam.list_users()
    server.control("clock", {"advance": 21})
    assert "service control policy" in refusal_of(iam.list_users).message

    org.detach_policy(PolicyId=policy, TargetId=member)
    assert refusal_of(iam.list_users)
    server.control("clock", {"advance": 21})
    assert iam.list_users()


def test_bucket_policies_take_their_time_to_propagate():
    with running_sandbox("--propagation", "20") as slow:
        bucket_policies_take_time(slow, World(slow))


def bucket_policies_take_time(server, world):
    """Close a bucket by its policy and open it again, each seen only once it has propagated."""
    account = world.account()
    bucket = account.bucket("closing")
    s3 = account.user("reader", allow("s3:ListBucket")).client("s3")
    server.control("clock", {"advance": 21})
    closed = {"Effect": "Deny", "Principal": "*", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{bucket}"}

    account.client("s3").put_bucket_policy(Bucket=bucket, Policy=document(closed))
    assert s3.list_objects_v2(Bucket=bucket)
    server.control("clock", {"advance": 21})
    assert refusal_of(s3.list_objects_v2, Bucket=bucket).code == "AccessDenied"

    account.client("s3").delete_bucket_policy(Bucket=bucket)
    assert refusal_of(s3.list_objects_v2, Bucket=bucket).code == "AccessDenied"
    server.control("clock", {"advance": 21})
    assert s3.list_objects_v2(Bucket=bucket)


def from_page(own, name, method="POST", **headers):
    """Call a control address with a browser's headers, and give the status."""
    body = b"{}" if method == "POST" else None
    request = urllib.request.Request(f"{own.url}/_sandbox/{name}", body, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


JSON = {"Content-Type": "application/json"}
BY_A_PAGE = [
    {"Origin": "https://evil.example", "Content-Type": "text/plain"},
    {"Origin": "null", **JSON},
    {"Origin": "http://127.0.0.1:4566", **JSON},
    {"Sec-Fetch-Site": "cross-site", **JSON},
    {"Sec-Fetch-Site": "same-site", **JSON},
    {"Sec-Fetch-Site": "same-origin", **JSON},
]


@pytest.mark.parametrize("headers", BY_A_PAGE)
@pytest.mark.parametrize("name", ["reset", "clock", "faults"])
def test_no_web_page_reaches_the_controls(own, world, headers, name):
    account = world.account()
    account.iam.create_user(UserName="kept")

    assert from_page(own, name, **headers) == 403
    assert account.iam.get_user(UserName="kept")


def test_a_form_cannot_reach_the_controls_even_from_a_browser_that_says_nothing(own):
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        assert from_page(own, "reset", **{"Content-Type": content_type}) == 415


def test_no_web_page_reads_a_containers_credentials_and_a_person_may_read_the_health(own, world):
    account = world.account()
    account.role("worker", trusting({"Service": "ecs-tasks.amazonaws.com"}))
    place = f"credentials/{account.id}/worker"

    assert from_page(own, place, "GET", **{"Sec-Fetch-Site": "cross-site"}) == 403
    assert from_page(own, place, "GET") == 200
    assert from_page(own, "health", "GET", **{"Sec-Fetch-Site": "none"}) == 200


def test_it_does_not_listen_beyond_loopback_unless_told_to():
    run = subprocess.run(
        [sys.executable, "-m", "integrations.sandbox", "--host", "0.0.0.0", "--port", "0"],
        cwd=ROOT, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip

    assert run.returncode == 2
    assert "--allow-remote" in run.stderr


def test_a_taken_port_is_a_clear_error(own):
    port = own.url.rsplit(":", 1)[1]
    run = subprocess.run(
        [sys.executable, "-m", "integrations.sandbox", "--port", port],
        cwd=ROOT, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip

    assert run.returncode == 2
    assert f"Cannot listen on 127.0.0.1:{port}" in run.stderr


def test_it_stops_properly():
    server = SandboxServer()

    assert server.stop() == 0


def test_the_management_command_runs_the_same_sandbox():
    with running_sandbox(command=("manage.py", "sandbox")) as started:
        assert started.control("health")["status"] == "ok"


def test_its_options_are_listed():
    run = subprocess.run(
        [sys.executable, "-m", "integrations.sandbox", "--help"],
        cwd=ROOT, capture_output=True, text=True, timeout=30, check=False, env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip

    for option in ("--host", "--port", "--state-dir", "--propagation", "--allow-remote"):
        assert option in run.stdout


def test_an_address_that_does_not_exist(own):
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{own.url}/_sandbox/nothing", timeout=5)

    with caught.value as error:
        assert error.code == 404
