"""docs/api-guide.md: its commands are run as they stand, from a token to a verified account."""

import os
import re
import shutil
import subprocess

import pytest
from django.urls import resolve

from integrations.models import Connection
from tenants.scope import tenant_scope
from tests.customer import new_account_id
from tests.sandbox_server import ROOT

GUIDE = (ROOT / "docs" / "api-guide.md").read_text()


def commands() -> str:
    """Every command of the guide, in its order."""
    return "\n".join(line[4:] for line in GUIDE.splitlines() if line.startswith("    "))


@pytest.mark.timeout(300)
def test_from_a_token_to_a_verified_account(cast, api, live_portal, worker, beat, aws_command, tmp_path) -> None:
    for program in ("curl", "jq"):
        assert shutil.which(program), f"{program} is not installed. As root on Debian: apt-get install {program}"
    account_id = new_account_id()
    token = api(cast.owner, cast.tenant)._credentials["HTTP_AUTHORIZATION"].removeprefix("Bearer ")
    environment = {
        **os.environ,
        "PATH": f"{aws_command}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "PORTAL": live_portal,
        "TOKEN": token,
        "ACCOUNT_ID": account_id,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": account_id,
        "AWS_SECRET_ACCESS_KEY": "test",
    }

    done = subprocess.run(
        ["bash", "-euc", commands()],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    with tenant_scope(cast.tenant.pk):
        (connection,) = Connection.objects.prefetch_related("roles")
        assert (connection.name, connection.status) == ("Production EU", "connected")
    assert '"Blue Harbour"' in done.stdout
    assert "passed log-analysis chain." in done.stdout
    assert '"urn:rolebridge:problem:changed-meanwhile"' in done.stdout
    assert "#/external_id" in done.stdout
    assert re.search(r"^20\d\d-\S+ Test$", done.stdout, re.MULTILINE), "its own token's end"


def test_every_address_of_the_guide_is_one() -> None:
    addresses = {address.partition("?")[0] for address in re.findall(r"\$PORTAL(/api/[^\s\"]+)", GUIDE)}
    known = re.sub(r"\$\(?[A-Za-z]+[^/]*", "00000000-0000-4000-8000-000000000000", "\n".join(addresses)).splitlines()

    assert len(known) > 4
    for address in known:
        resolve(address if address.endswith("/") else f"{address}/")
