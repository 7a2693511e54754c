"""The sandbox's own addresses: health, reset, clock, faults, container credentials, propagation."""

import contextlib
import json
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
from botocore.exceptions import BotoCoreError, ClientError, ConnectionClosedError, ReadTimeoutError

from tests.integrations.sandbox.world import ALL_STS, REGION, World, allow, deny, document, refusal_of, trusting
from tests.sandbox_server import ROOT, SandboxServer, new_account_id, running_sandbox

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


def test_a_dropped_connection(own, caller):
    sts = caller.client("sts")
    own.control("faults", {"kind": "drop", "service": "sts", "count": 1})

    with pytest.raises((ConnectionClosedError, ConnectionError)):
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


def test_what_was_made_outlives_a_restart_and_a_kill(tmp_path):
    account, other = new_account_id(), new_account_id()
    template = json.dumps(
        {
            "Resources": {
                "Role": {
                    "Type": "AWS::IAM::Role",
                    "Properties": {
                        "RoleName": "stacked",
                        "AssumeRolePolicyDocument": json.loads(document(trusting(other))),
                    },
                }
            }
        }
    )
    with running_sandbox("--state-dir", str(tmp_path)) as first:
        world = World(first)
        iam = world.client("iam", account)
        role = iam.create_role(RoleName="target", AssumeRolePolicyDocument=document(trusting(other)))["Role"]
        iam.put_role_policy(RoleName="target", PolicyName="p", PolicyDocument=document(allow("s3:*")))
        iam.create_user(UserName="user")
        key = iam.create_access_key(UserName="user")["AccessKey"]
        s3 = world.client("s3", account, region="us-east-1")
        s3.create_bucket(Bucket=f"kept-{account}")
        world.client("cloudformation", account).create_stack(
            StackName="stack", TemplateBody=template, Capabilities=["CAPABILITY_NAMED_IAM"]
        )
        stacked = iam.get_role(RoleName="stacked")["Role"]
        first.control("clock", {"advance": 5000})
        first.kill()

    with (tmp_path / "journal.jsonl").open("ab") as journal:
        journal.write(b'[{"moto": {"torn')

    for _ in range(2):
        with running_sandbox("--state-dir", str(tmp_path)) as again:
            world = World(again)
            iam = world.client("iam", account)
            assert iam.get_role(RoleName="target")["Role"] == role
            assert iam.get_role(RoleName="stacked")["Role"] == stacked
            assert iam.list_role_policies(RoleName="target")["PolicyNames"] == ["p"]
            assert world.client("sts", key["AccessKeyId"], key["SecretAccessKey"]).get_caller_identity()
            assert world.client("s3", account).list_buckets()["Buckets"][0]["Name"] == f"kept-{account}"
            stacks = world.client("cloudformation", account).describe_stacks()["Stacks"]
            assert [stack["StackStatus"] for stack in stacks] == ["CREATE_COMPLETE"]
            assert again.control("clock")["advanced"] == 5000
            assert iam.create_group(GroupName=f"after-{again.process.pid}")


def test_what_a_client_was_told_survives_a_kill_at_any_moment(tmp_path):
    account = new_account_id()
    told = []
    with running_sandbox("--state-dir", str(tmp_path)) as first:
        iam = World(first).client("iam", account)
        told.append(iam.create_user(UserName="first")["User"]["UserId"])
        timer = threading.Timer(0.5, first.process.kill)
        timer.start()
        with contextlib.suppress(BotoCoreError, ClientError):
            for number in range(10_000):
                told.append(iam.create_user(UserName=f"user-{number}")["User"]["UserId"])  # noqa: PERF401 - it is cut off
        timer.join()

    with running_sandbox("--state-dir", str(tmp_path)) as again:
        pages = World(again).client("iam", account).get_paginator("list_users").paginate()
        found = {user["UserId"] for page in pages for user in page["Users"]}
        assert told
        assert set(told) <= found
        assert len(found) <= len(told) + 1


def replayed(server):
    return server.control("health")["replayed"]


def test_a_start_replays_nothing_that_a_snapshot_holds(tmp_path):
    account = new_account_id()
    with running_sandbox("--state-dir", str(tmp_path)) as first:
        iam = World(first).client("iam", account)
        role = iam.create_role(RoleName="target", AssumeRolePolicyDocument=document(trusting(account)))["Role"]
        for number in range(30):
            iam.put_role_policy(
                RoleName="target", PolicyName="p", PolicyDocument=document(allow("s3:*", f"arn:aws:s3:::{number}"))
            )

    with running_sandbox("--state-dir", str(tmp_path)) as again:
        assert replayed(again) == 0
        iam = World(again).client("iam", account)
        assert iam.get_role(RoleName="target")["Role"] == role
        kept = iam.get_role_policy(RoleName="target", PolicyName="p")["PolicyDocument"]
        assert kept["Statement"][0]["Resource"] == "arn:aws:s3:::29"
        iam.create_user(UserName="after")
        again.kill()

    with running_sandbox("--state-dir", str(tmp_path)) as last:
        assert replayed(last) == 1
        assert World(last).client("iam", account).get_user(UserName="after")


def test_a_snapshot_holds_what_every_service_made(tmp_path):
    account = new_account_id()
    with running_sandbox("--state-dir", str(tmp_path)) as first:
        client = {name: World(first).client(name, account) for name in SNAPSHOT_SERVICES}
        made = make_in_every_service(client, account)

    with running_sandbox("--state-dir", str(tmp_path)) as again:
        assert replayed(again) == 0
        client = {name: World(again).client(name, account) for name in SNAPSHOT_SERVICES}
        signed = client["kms"].sign(KeyId=made["key"], Message=b"m", SigningAlgorithm="RSASSA_PSS_SHA_256")
        assert client["kms"].verify(
            KeyId=made["key"], Message=b"m", SigningAlgorithm="RSASSA_PSS_SHA_256", Signature=signed["Signature"]
        )["SignatureValid"]
        assert client["ec2"].describe_volumes()["Volumes"][0]["VolumeId"] == made["volume"]
        assert client["s3"].get_object(Bucket=made["bucket"], Key="key")["Body"].read() == b"content"
        assert client["logs"].describe_log_groups()["logGroups"][0]["logGroupName"] == "group"
        assert client["organizations"].describe_organization()["Organization"]["Id"] == made["organisation"]
        assert client["cloudformation"].describe_stacks()["Stacks"][0]["StackName"] == "stack"
        assert client["rds"].describe_db_parameter_groups()["DBParameterGroups"]
        assert client["elbv2"].describe_target_groups()["TargetGroups"]
        assert client["cloudwatch"].describe_alarms()["MetricAlarms"]
        assert client["autoscaling"].describe_launch_configurations()["LaunchConfigurations"]
        assert client["lambda"].list_functions()["Functions"] == []
        user = client["iam"].get_user(UserName="bounded")["User"]
        assert user["UserName"] == "bounded"


SNAPSHOT_SERVICES = ("autoscaling", "cloudformation", "cloudwatch", "ec2", "elbv2", "iam", "kms", "lambda", "logs",
                     "organizations", "rds", "s3")  # fmt: skip


def make_in_every_service(client, account):
    bucket = f"kept-{account}"
    client["s3"].create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    client["s3"].put_object(Bucket=bucket, Key="key", Body=b"content")
    client["logs"].create_log_group(logGroupName="group")
    client["rds"].create_db_parameter_group(
        DBParameterGroupName="group", DBParameterGroupFamily="postgres16", Description="d"
    )
    client["elbv2"].create_target_group(Name="group", TargetType="lambda")
    client["cloudwatch"].put_metric_alarm(
        AlarmName="alarm", ComparisonOperator="GreaterThanThreshold", EvaluationPeriods=1, MetricName="m",
        Namespace="n", Period=60, Statistic="Sum", Threshold=1.0,
    )  # fmt: skip
    client["autoscaling"].create_launch_configuration(
        LaunchConfigurationName="launch", ImageId="ami-12345678", InstanceType="t3.micro"
    )
    client["cloudformation"].create_stack(
        StackName="stack", TemplateBody='{"Resources": {"H": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}}'
    )
    client["iam"].create_user(UserName="bounded", PermissionsBoundary="arn:aws:iam::aws:policy/ReadOnlyAccess")
    client["lambda"].list_functions()
    key = client["kms"].create_key(KeyUsage="SIGN_VERIFY", KeySpec="RSA_2048")["KeyMetadata"]["KeyId"]
    organisation = client["organizations"].create_organization(FeatureSet="ALL")["Organization"]["Id"]
    volume = client["ec2"].create_volume(AvailabilityZone=f"{REGION}a", Size=1)["VolumeId"]
    return {"bucket": bucket, "key": key, "organisation": organisation, "volume": volume}


def test_kills_and_snapshots_in_turn_lose_nothing_that_a_client_was_told(tmp_path):
    account = new_account_id()
    told = {}
    for turn in range(3):
        with running_sandbox("--state-dir", str(tmp_path)) as running:
            iam = World(running).client("iam", account)
            timer = threading.Timer(1.5, running.process.kill)
            timer.start()
            with contextlib.suppress(BotoCoreError, ClientError):
                for number in range(10_000):
                    made = iam.create_user(UserName=f"user-{turn}-{number}")["User"]
                    told[made["UserName"]] = made["UserId"]
            timer.join()

    with running_sandbox("--state-dir", str(tmp_path)) as again:
        pages = World(again).client("iam", account).get_paginator("list_users").paginate()
        found = {user["UserName"]: user["UserId"] for page in pages for user in page["Users"]}
        assert told.items() <= found.items()
        assert len(found) <= len(told) + 3


@pytest.mark.parametrize("harm", ["torn", "altered", "of another moto", "writable by others", "of another journal"])
def test_a_snapshot_that_cannot_be_trusted_is_left_alone_and_the_journal_replayed(tmp_path, harm):
    account = new_account_id()
    with running_sandbox("--state-dir", str(tmp_path)) as first:
        World(first).client("iam", account).create_user(UserName="kept")
    snapshot = tmp_path / "snapshot.pickle"
    whole = snapshot.read_bytes()
    if harm == "torn":
        snapshot.write_bytes(whole[:-100])
    elif harm == "altered":
        snapshot.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    elif harm == "of another moto":
        snapshot.write_bytes(whole.replace(b'"moto": "', b'"moto": "0', 1))
    elif harm == "writable by others":
        snapshot.chmod(0o666)
    else:
        with running_sandbox("--state-dir", str(tmp_path / "other")) as other:
            World(other).client("iam", account).create_user(UserName="held")
        snapshot.write_bytes((tmp_path / "other" / "snapshot.pickle").read_bytes())

    with running_sandbox("--state-dir", str(tmp_path)) as again:
        assert replayed(again) == 1
        users = World(again).client("iam", account).list_users()["Users"]
        assert [user["UserName"] for user in users] == ["kept"]


def test_a_reset_forgets_the_snapshot_too(tmp_path):
    account = new_account_id()
    with running_sandbox("--state-dir", str(tmp_path)) as first:
        World(first).client("iam", account).create_user(UserName="gone")
    with running_sandbox("--state-dir", str(tmp_path)) as again:
        again.control("reset", {})
        again.kill()

    with running_sandbox("--state-dir", str(tmp_path)) as last:
        assert World(last).client("iam", account).list_users()["Users"] == []


def test_two_sandboxes_do_not_share_a_state_directory(tmp_path):
    with running_sandbox("--state-dir", str(tmp_path)), pytest.raises(RuntimeError, match="in use by another sandbox"):
        SandboxServer("--state-dir", str(tmp_path))


def test_nothing_secret_of_a_request_is_kept(tmp_path):
    with running_sandbox("--state-dir", str(tmp_path)) as first:
        world = World(first)
        account = world.account()
        session = account.session("target", allow("iam:*"))
        session.client("iam").create_group(GroupName="group")

        kept = (tmp_path / "journal.jsonl").read_text()

    assert session.key in kept
    assert session.token not in kept
    assert session.secret not in kept


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
