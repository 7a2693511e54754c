"""docs/customer-guide.md works as it stands: its commands are run, in its order, against an account of the sandbox."""

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from integrations.actions.connections import create_connection
from integrations.actions.role_templates import download_role_template
from integrations.actions.verification_reports import report_bytes, report_of, sha256_of
from integrations.models import Connection, Status
from integrations.role_templates.formats import Format
from tenants.audit import SYSTEM
from tenants.scope import tenant_scope
from tests.customer import new_account_id, verify_twice
from tests.guides import commands_by_heading, not_run
from tests.sandbox_server import ROOT

GUIDE = (ROOT / "docs" / "customer-guide.md").read_text()


def commands(heading: str) -> list[str]:
    """The commands below a heading, up to the next one."""
    return commands_by_heading(GUIDE)[heading]


@pytest.fixture
def connection(cast, sandbox_address, tmp_path) -> Connection:
    """A connection whose role templates have been downloaded."""
    with tenant_scope(cast.tenant.pk):
        made = create_connection(tenant=cast.tenant, name="Production", account_id=new_account_id(), by=SYSTEM)
        for chosen in (Format.CLOUDFORMATION, Format.CLI):
            file = download_role_template(connection=made, chosen=chosen, by=SYSTEM).role_template
            (tmp_path / file.filename).write_bytes(bytes(file.content))
    return made


@pytest.fixture
def run(aws_command, connection, tmp_path):
    """Run commands where the downloads are, as the administrator of the connection's account."""

    def run(lines: list[str]) -> str:
        assert lines
        done = subprocess.run(
            ["bash", "-ec", "\n".join(lines).replace("REFERENCE", connection.reference)],
            cwd=tmp_path,
            env={
                **os.environ,
                "PATH": f"{aws_command}:{os.environ['PATH']}",
                "HOME": str(tmp_path),
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": connection.account_id,
                "AWS_SECRET_ACCESS_KEY": "test",
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def status(connection: Connection) -> Status:
    with tenant_scope(connection.tenant_id):
        return Connection.objects.get(pk=connection.pk).status


def test_with_cloudformation_from_the_template_to_a_report_and_away_again(run, connection, tmp_path: Path) -> None:
    run(commands("### With CloudFormation"))
    verification = verify_twice(connection)
    assert status(connection) == Status.CONNECTED
    assert connection.external_id in run(commands("## 5. Verify"))

    with tenant_scope(connection.tenant_id):
        report = report_of(verification, connection)
    (tmp_path / "verification.json").write_bytes(report_bytes(report))
    assert run(commands("## Afterwards")).split()[0] == sha256_of(report)
    assert hashlib.sha256(report_bytes(report)).hexdigest() == sha256_of(report)

    run(commands("## Pause and leave"))
    verify_twice(connection)
    assert status(connection) == Status.UNREACHABLE


def test_with_the_command_line_the_roles_work_as_well(run, connection) -> None:
    run(commands("### With the AWS command line"))

    verify_twice(connection)

    assert status(connection) == Status.CONNECTED


def test_no_command_of_the_guide_is_left_out() -> None:
    assert not_run(GUIDE, __file__) == []
