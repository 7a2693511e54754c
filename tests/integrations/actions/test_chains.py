"""The two other chains that a catalogue may name, from its file to the stored verdict."""

import json
from pathlib import Path

import pytest
import yaml

from integrations.actions import verification_runs
from integrations.actions.seeding import seed_vendor_account
from integrations.models import Connection, Session
from portal.local.services import ROOT
from tenants.audit import SYSTEM
from tenants.scope import tenant_scope
from tests.customer import connection_with_stack

pytestmark = pytest.mark.usefixtures("no_worker_takes_them")

VENDOR_OF = {"direct": "111111111119", "chained": "111111111118"}


@pytest.fixture(params=["direct", "chained"])
def chain(request, sandbox_address, settings, monkeypatch, tmp_path: Path) -> str:
    """The chain of the catalogue; the vendor's roles for it are in an account of their own."""
    document = yaml.safe_load((ROOT / "catalogue.yaml").read_text())
    settings.CATALOGUE_FILE = tmp_path / "catalogue.yaml"
    settings.CATALOGUE_FILE.write_text(yaml.safe_dump(document | {"chain": request.param}, sort_keys=False))
    settings.VENDOR_ACCOUNT_ID = VENDOR_OF[request.param]
    monkeypatch.setenv(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        f"{sandbox_address}/_sandbox/credentials/{VENDOR_OF[request.param]}/rolebridge/worker",
    )
    seed_vendor_account()
    return str(request.param)


def verified(connection) -> tuple[str, set[tuple[str, str]]]:
    """The connection's status after one more verification, and by which check who is named."""
    verification = verification_runs.verify_now(connection=connection, by=SYSTEM)
    assert verification.state == "completed"
    with tenant_scope(connection.tenant_id):
        named = verification.findings.exclude(outcome__in=["passed", "skipped"])
        return Connection.objects.get(pk=connection.pk).status, set(named.values_list("check_code", "who"))


def test_from_the_template_to_connected_and_to_unsafe(cast, chain) -> None:
    connection, account = connection_with_stack(cast.tenant, components=["log-analysis"])
    for _ in range(2):  # two in a row must pass, and the sandbox's first answer may come too late on a busy machine
        verified(connection)
    assert verified(connection) == ("connected", set())
    with tenant_scope(connection.tenant_id):
        entered = set(Session.objects.values_list("role_arn", flat=True))
        name = connection.roles.get().name
    own = VENDOR_OF[chain]
    assert f"arn:aws:iam::{account.account_id}:role/{name}" in entered
    assert (f"arn:aws:iam::{own}:role/rolebridge/integration" in entered) is (chain == "chained")

    trust = account.iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    for statement in trust["Statement"]:
        statement.get("Condition", {}).get("StringEquals", {}).pop("sts:ExternalId", None)
    account.iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))

    status, named = verified(connection)
    assert status == "unsafe"
    assert ("trust.no_external_id", "customer") in named
