"""The report of a verification that a customer hands to an auditor."""

import hashlib
import json

import pytest

from integrations.actions.catalogue_releases import release_catalogue
from integrations.catalogue_file import catalogue
from integrations.models import Finding, Verification
from tenants.audit import SYSTEM
from tenants.scope import tenant_scope
from tests.receipts import open_session


@pytest.fixture
def verification(cast, connection) -> Verification:
    """One with a verdict, a finding that passed, one that did not, and a session."""
    release_catalogue(by=SYSTEM)
    with tenant_scope(cast.tenant.pk):
        made = Verification.objects.create(
            tenant=cast.tenant, connection=connection, state="completed", requested_by="owner@example.com",
            catalogue_version=catalogue().version, started_at=connection.created_at, finished_at=connection.created_at,
        )  # fmt: skip
        common = {"tenant": cast.tenant, "verification": made, "component": "log-analysis"}
        Finding.objects.create(
            check_code="trust.no_external_id", outcome="passed", title="Nobody gets in", request_id="req-1", **common
        )
        Finding.objects.create(
            check_code="permission", action="logs:DescribeLogGroups", outcome="denied", title="Refused",
            detail="is not <authorized>", who="customer", **common,
        )  # fmt: skip
        open_session(made)
    return made


@pytest.fixture
def address(url, verification) -> str:
    """The report."""
    return f"{url}verifications/{verification.pk}/report"


def test_it_names_everything_an_auditor_asks_for(cast, sign_in, connection, address, verification) -> None:
    page = sign_in(cast.viewer).get(f"{address}/").content.decode()

    component = catalogue().component("log-analysis")
    for text in (
        "Blue Harbour", "2222-3333-4444", connection.external_id, str(verification.pk), "owner@example.com",
        catalogue().version, str(component.version), "Nobody gets in", "trust.no_external_id", "req-1",
        "is not &lt;authorized&gt;", "1 problem was found.", "1 of 2 checks passed.",
    ):  # fmt: skip
        assert text in page, text


def test_the_hash_on_the_page_is_that_of_the_file(cast, sign_in, address) -> None:
    client = sign_in(cast.viewer)

    file = client.get(f"{address}.json")
    page = client.get(f"{address}/").content.decode()

    assert hashlib.sha256(file.content).hexdigest() in page
    assert file["Content-Disposition"].startswith('attachment; filename="verification-')
    assert [finding["title"] for finding in json.loads(file.content)["findings"]] == ["Nobody gets in", "Refused"]


def test_the_file_is_the_same_whenever_it_is_taken(cast, sign_in, address) -> None:
    assert sign_in(cast.viewer).get(f"{address}.json").content == sign_in(cast.owner).get(f"{address}.json").content


@pytest.mark.parametrize("state", ["queued", "running", "failed"])
def test_without_a_verdict_there_is_no_report(cast, sign_in, address, verification, state) -> None:
    with tenant_scope(cast.tenant.pk):
        Verification.objects.update(state=state, lease_expires_at="2100-01-01T00:00:00Z")

    assert sign_in(cast.viewer).get(f"{address}/").status_code == 404
    assert sign_in(cast.viewer).get(f"{address}.json").status_code == 404
