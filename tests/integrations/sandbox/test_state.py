"""What outlives a restart and a SIGKILL: the journal, and the snapshot that spares a start its history."""

import contextlib
import json
import threading

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.integrations.sandbox.world import REGION, World, allow, document, trusting
from tests.sandbox_server import SandboxServer, new_account_id, running_sandbox

pytestmark = pytest.mark.sandbox_only("keeps state on this machine")


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


@pytest.mark.nightly
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


@pytest.mark.parametrize(
    "harm",
    [
        "torn",
        *(
            pytest.param(harm, marks=pytest.mark.nightly)
            for harm in ("altered", "of another moto", "writable by others", "of another journal")
        ),
    ],
)
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
