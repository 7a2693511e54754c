"""The tests that can be pointed at real accounts, pointed at a sandbox that plays three, leave nothing behind there.

This proves the mode, not the sandbox: whether AWS answers as these tests say is known only once they ran against it.
"""

import configparser
import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest

from tests.integrations.sandbox.world import PREFIX, REGION, World
from tests.sandbox_server import ROOT, new_account_id, running_sandbox

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.sandbox_only("runs the tests in the mode for accounts itself"),
]

NAMES = {"roleName", "userName", "policyName", "groupName", "instanceProfileName", "bucket", "stackName",
         "logGroupName", "aliasName"}  # fmt: skip
UNNAMED = {"CreateVolume", "CreateSnapshot", "CreateKey", "CreateTags"}
"""What has no name to carry the prefix: its test removes it by its id, and `left_in` would see it."""
TRAIL_KEEPS = 10_000


def administrator(world: World, account: str) -> dict[str, str]:
    """Make the user that a developer's profile would name."""
    iam = world.client("iam", account)
    iam.create_user(UserName="administrator")
    iam.attach_user_policy(UserName="administrator", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    key = iam.create_access_key(UserName="administrator")["AccessKey"]
    return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}


def left_in(world: World, account: str) -> dict[str, list[str]]:
    """Give what is in an account, by kind."""
    iam, ec2, kms = (world.client(service, account) for service in ("iam", "ec2", "kms"))
    keys = [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in kms.list_keys()["Keys"]]
    stacks = world.client("cloudformation", account).list_stacks()["StackSummaries"]
    return {
        "users": [user["UserName"] for user in iam.list_users()["Users"]],
        "roles": [role["RoleName"] for role in iam.list_roles()["Roles"]],
        "policies": [policy["PolicyName"] for policy in iam.list_policies(Scope="Local")["Policies"]],
        "groups": [group["GroupName"] for group in iam.list_groups()["Groups"]],
        "profiles": [item["InstanceProfileName"] for item in iam.list_instance_profiles()["InstanceProfiles"]],
        "buckets": [bucket["Name"] for bucket in world.client("s3", account).list_buckets()["Buckets"]],
        "stacks": [stack["StackName"] for stack in stacks if stack["StackStatus"] != "DELETE_COMPLETE"],
        "log groups": [group["logGroupName"] for group in _log_groups(world, account)],
        "volumes": [volume["VolumeId"] for volume in ec2.describe_volumes()["Volumes"]],
        "snapshots": [item["SnapshotId"] for item in ec2.describe_snapshots(OwnerIds=[account])["Snapshots"]],
        "keys": [key["KeyId"] for key in keys if key["KeyState"] != "PendingDeletion"],
        "functions": [item["FunctionName"] for item in world.client("lambda", account).list_functions()["Functions"]],
    }


def _log_groups(world: World, account: str) -> list[Any]:
    return list(world.client("logs", account).describe_log_groups()["logGroups"])


def made_in(world: World, account: str) -> list[dict[str, Any]]:
    """Give CloudTrail's record of every call that made something."""
    records = []
    for region in ("us-east-1", REGION):
        pages = world.client("cloudtrail", account, region=region).get_paginator("lookup_events").paginate()
        records += [json.loads(event["CloudTrailEvent"]) for page in pages for event in page["Events"]]
    assert len(records) < TRAIL_KEEPS, "the trail has lost its first events"
    return [record for record in records if record["eventName"].startswith("Create")]


@pytest.mark.timeout(900)
def test_everything_made_in_the_accounts_is_named_and_removed(tmp_path):
    with running_sandbox() as played:
        world = World(played)
        accounts = [new_account_id() for _ in range(3)]
        profiles = configparser.ConfigParser()
        profiles.read_dict({f"profile-{number}": administrator(world, id_) for number, id_ in enumerate(accounts)})
        with (tmp_path / "credentials").open("w") as file:
            profiles.write(file)
        before = [left_in(world, account) for account in accounts]
        at_first = [len(made_in(world, account)) for account in accounts]

        run = subprocess.run(
            [sys.executable, "-m", "pytest", "tests/integrations/sandbox", "-n", "0", "-q", "-p", "no:cacheprovider"],
            cwd=ROOT, capture_output=True, text=True, timeout=850, check=False,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
                "SANDBOX_TESTS": "aws",
                "SANDBOX_TESTS_CASES": "first",
                "SANDBOX_AWS_PROFILES": ",".join(profiles.sections()),
                "SANDBOX_AWS_CONFIG_FILE": os.devnull,
                "SANDBOX_AWS_CREDENTIALS_FILE": str(tmp_path / "credentials"),
                "SANDBOX_AWS_ENDPOINT_URL": played.url,
                "SANDBOX_AWS_SETTLING_SECONDS": "0",
            },
        )  # fmt: skip

        assert run.returncode == 0, run.stdout[-4000:]
        found = re.search(r"(\d+) passed", run.stdout)
        assert found is not None
        assert int(found.group(1)) > 100
        assert [left_in(world, account) for account in accounts] == before
        made = [made_in(world, account)[: -count or None] for account, count in zip(accounts, at_first, strict=True)]
        assert len(made[0]) > 100
        for record in (record for records in made for record in records if record["eventName"] not in UNNAMED):
            named = {name: value for name, value in record["requestParameters"].items() if name in NAMES}
            assert named, record["eventName"]
            for value in named.values():
                assert value.removeprefix("alias/").startswith(PREFIX), (record["eventName"], named)
