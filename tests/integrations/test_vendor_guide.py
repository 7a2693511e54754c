"""docs/vendor-guide.md: its commands are run as they stand, from nothing to a proved vendor's side."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.customer import new_account_id
from tests.guides import commands_by_heading, not_run
from tests.sandbox_server import ROOT

GUIDE = (ROOT / "docs" / "vendor-guide.md").read_text()


def commands(heading: str) -> list[str]:
    """The commands below a heading, up to the next one."""
    return commands_by_heading(GUIDE)[heading]


# Each with the reason why no test runs it.
NOT_RUN = {
    "aws eks create-pod-identity-association --cluster-name CLUSTER --namespace rolebridge --service-account worker "
    "--role-arn arn:aws:iam::111111111111:role/rolebridge/worker --disable-session-tags": "the sandbox has no EKS",
}


@pytest.fixture
def run(aws_command, sandbox_address, tmp_path):
    """Run commands in an empty directory, as an administrator of an empty account or as the worker."""
    account_id = new_account_id()
    (tmp_path / "manage.py").symlink_to(ROOT / "manage.py")
    everybody = {
        **os.environ,
        "PATH": f"{aws_command}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "VENDOR_ACCOUNT_ID": account_id,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    worker = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{sandbox_address}/_sandbox/credentials/{account_id}/rolebridge/worker"
    }
    administrator = {"AWS_ACCESS_KEY_ID": account_id, "AWS_SECRET_ACCESS_KEY": "test"}

    def run(lines: list[str], *, as_worker: bool = False) -> str:
        done = subprocess.run(
            ["bash", "-ec", "\n".join(lines)],
            cwd=tmp_path, env=everybody | (worker if as_worker else administrator),
            capture_output=True, text=True, timeout=400, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.mark.timeout(500)
@pytest.mark.parametrize(
    "heading",
    ["### With CloudFormation", pytest.param("### With the AWS command line", marks=pytest.mark.nightly)],
)
def test_from_nothing_to_a_proved_vendors_side(run, heading) -> None:
    run(commands(heading))

    proved = run(commands("## 4. Prove it"), as_worker=True)

    assert "All is well." in proved


def test_the_other_commands_of_the_guide_work_as_they_stand(run) -> None:
    lines = commands("### With Terraform or OpenTofu") + commands("## 5. Move from one chain to the next")

    assert 'resource "aws_iam_role" "integration"' in run(lines)


def test_every_option_that_the_guide_names_exists(run) -> None:
    options = set(re.findall(r"`?(--[a-z][a-z-]+)", GUIDE)) - {
        "--cluster-name", "--namespace", "--role-arn", "--disable-session-tags", "--stack-name", "--template-file",
        "--capabilities", "--service-account",
    }  # fmt: skip

    helped = run(["python manage.py vendor_setup --help", "python manage.py vendor_doctor --help"])

    assert [option for option in sorted(options) if option not in helped] == []


def test_no_command_of_the_guide_is_left_out_without_a_reason() -> None:
    assert not_run(GUIDE, __file__) == list(NOT_RUN)


def test_a_command_below_a_heading_that_no_test_names_is_found() -> None:
    guide = """
## 1. Choose

    one --a

```
# two
two \\
  --b
```

- Three:

      three

## 4. Prove it

    four
"""

    assert not_run(guide, __file__) == ["one --a", "# two", "two --b", "three"]
