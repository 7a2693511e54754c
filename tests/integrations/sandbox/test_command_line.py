"""The real `aws` command line against the sandbox."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integrations.sandbox.world import allow, document, trusting

pytestmark = pytest.mark.sandbox_only("the command line finds the sandbox in its environment")

AWS = Path(sys.executable).parent / "aws"


@pytest.fixture
def aws(server, vendor, tmp_path):
    def run(*arguments, key=None, secret="test", token=None, fails=False):
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "AWS_ENDPOINT_URL": server.url,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": key or vendor.id,
            "AWS_SECRET_ACCESS_KEY": secret,
            **({"AWS_SESSION_TOKEN": token} if token else {}),
        }
        done = subprocess.run(
            [sys.executable, str(AWS), *arguments, "--output", "json"],
            env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        if fails:
            assert done.returncode != 0
            return done.stderr
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.startswith(("{", "[")) else done.stdout

    return run


def test_assume_a_role_list_buckets_and_create_a_stack(aws, vendor, tmp_path):
    user = vendor.user("caller", allow("sts:AssumeRole"))
    role = vendor.role("target", trusting(user.arn), policy=(allow("s3:ListAllMyBuckets"),))
    aws("s3", "mb", "s3://cli-" + vendor.id)
    template = {
        "Resources": {
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {"AssumeRolePolicyDocument": json.loads(document(trusting(vendor.id)))},
            }
        }
    }
    (tmp_path / "template.json").write_text(json.dumps(template))

    made = aws(
        "sts", "assume-role", "--role-arn", role, "--role-session-name", "cli", key=user.key, secret=user.secret
    )["Credentials"]
    session = {"key": made["AccessKeyId"], "secret": made["SecretAccessKey"], "token": made["SessionToken"]}
    buckets = aws("s3api", "list-buckets", **session)["Buckets"]
    denied = aws("iam", "list-roles", **session, fails=True)
    deploy = ("cloudformation", "deploy", "--stack-name", "cli", "--template-file", "template.json")
    needs = aws(*deploy, fails=True)
    aws("cloudformation", "deploy", "--stack-name", "cli", "--template-file", "template.json",
        "--capabilities", "CAPABILITY_IAM")  # fmt: skip
    stack = aws("cloudformation", "describe-stacks", "--stack-name", "cli")["Stacks"][0]

    assert [bucket["Name"] for bucket in buckets] == [f"cli-{vendor.id}"]
    assert "AccessDenied" in denied
    assert "Requires capabilities" in needs
    assert stack["StackStatus"] == "CREATE_COMPLETE"
