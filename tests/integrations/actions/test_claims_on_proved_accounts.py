"""F11: what a tenant comes to, and may read of the roles, in an account that another tenant has proved."""

from typing import Any

import pytest
from django.utils import timezone

from integrations.actions import landing, verification_runs
from integrations.actions.connections import create_connection
from integrations.actions.role_templates import cloudformation_template
from integrations.actions.sessions import keep_receipts
from integrations.aws import report as aws_report
from integrations.aws.report import (
    Finding,
    ReachabilityReport,
    RemovalReport,
    RoleReport,
    TrustReport,
)
from integrations.models import Connection, ProvedAccount, Session
from tenants.audit import SYSTEM
from tenants.scope import staff_scope, tenant_scope
from tests.conftest import Cast
from tests.customer import connection_with_stack, stack_name, verify_twice
from tests.receipts import receipt
from tests.verifications import findings, role_name, statuses

ACCOUNT = "222233334444"
ROLE: dict[str, Any] = {
    "component": "log-analysis",
    "assumable": True,
    "refused": False,
    "external_id_enforced": True,
    "permissions_ok": True,
    "vendor_fault": False,
}
FINDING = Finding(
    check="chain.customer_role",
    component="log-analysis",
    outcome=aws_report.Outcome.PASSED,
    cause="ok",
    who=aws_report.Actor.NOBODY,
    title="What was found",
)


@pytest.fixture
def claim(cast) -> Connection:
    """Another tenant's connection to an account that the first tenant has proved."""
    with tenant_scope(cast.tenant.pk):
        proved = create_connection(tenant=cast.tenant, name="Ours", account_id=ACCOUNT, by=SYSTEM)
        ProvedAccount.objects.create(account_id=ACCOUNT, tenant=cast.tenant, connection=proved)
    return claim_of(cast, ACCOUNT)


def claim_of(cast: Cast, account_id: str) -> Connection:
    """The other tenant's connection to an account."""
    with tenant_scope(cast.other_tenant.pk):
        return create_connection(
            tenant=cast.other_tenant, name="Claim", account_id=account_id, components=["log-analysis"], by=SYSTEM
        )


def finds(report_type: type, *, let_in: bool, **fields: Any) -> Any:
    """Of the vendor's account, a report of one finding and of the session in our own role; where the role `let_in`,
    also of one in the customer's.
    """
    return lambda vendor_account: report_type(
        **{"component": "log-analysis"} | fields,
        findings=(FINDING,),
        receipts=tuple(
            receipt(role_arn=f"arn:aws:iam::{account}:role/any", access_key_id=f"ASIA{account}")
            for account in ([vendor_account, ACCOUNT] if let_in else [vendor_account])
        ),
    )


@pytest.mark.parametrize(
    ("report", "is_shown"),
    [
        (finds(RoleReport, let_in=True, **ROLE), True),
        (finds(RoleReport, let_in=True, **ROLE | {"external_id_enforced": False}), False),
        (finds(RoleReport, let_in=True, **ROLE | {"external_id_enforced": None}), False),
        (finds(RoleReport, let_in=True, **ROLE | {"trust_too_wide": None}), False),
        (finds(RoleReport, let_in=False, **ROLE | {"assumable": False, "refused": True}), True),
        (finds(TrustReport, let_in=True, safe=True, refused=False), True),
        (finds(TrustReport, let_in=True, safe=False, refused=False), False),
        (finds(TrustReport, let_in=True, safe=None, refused=False), False),
        (finds(TrustReport, let_in=False, safe=None, refused=True), True),
        (finds(RemovalReport, let_in=True, removed=False), False),
        (finds(RemovalReport, let_in=False, removed=True), True),
        (finds(ReachabilityReport, let_in=True, reachable=True), False),
        (finds(ReachabilityReport, let_in=True, reachable=None), False),
        (finds(ReachabilityReport, let_in=False, reachable=False), True),
    ],
)
def test_what_let_us_in_is_withheld_unless_it_is_proved_to_ask_for_the_claimants_own_external_id(
    cast, api, sign_in, settings, monkeypatch, claim, report, is_shown
) -> None:
    found = report(settings.VENDOR_ACCOUNT_ID)
    monkeypatch.setattr(verification_runs, "_verify", lambda _: ([found], [*found.findings, *found.receipts]))

    verification = verification_runs.verify_now(connection=claim, by=SYSTEM)

    in_the_account = [one.access_key_id for one in found.receipts if ACCOUNT in one.role_arn]
    client, page = api(cast.stranger, cast.other_tenant), sign_in(cast.stranger)
    listed = client.get(f"/api/v1/connections/{claim.pk}/sessions/").json()
    shown = [
        str(listed["results"]),
        str(listed["trail_queries"]),
        client.get(f"/api/v1/verifications/{verification.pk}/report/").content.decode(),
        page.get(f"/tenants/{claim.tenant_id}/connections/{claim.pk}/sessions/").content.decode(),
    ]
    wanted = in_the_account if is_shown else []
    assert [[key for key in in_the_account if key in text] for text in shown] == [wanted] * len(shown)
    assert len(listed["results"]) == (len(found.receipts) if is_shown else 1), "our own roles' sessions are shown"
    with tenant_scope(cast.other_tenant.pk):
        assert verification.findings.filter(title="What was found").exists() is is_shown
    with staff_scope():
        assert Session.objects.filter(verification_id=verification.pk).count() == len(found.receipts)


@pytest.mark.parametrize("enforced", [True, False, None])
def test_which_version_a_role_was_made_for_is_withheld_with_the_rest(
    cast, settings, monkeypatch, claim, enforced
) -> None:
    report = ROLE | {"external_id_enforced": enforced, "deployed_version": "1.2.0"}
    found = finds(RoleReport, let_in=True, **report)(settings.VENDOR_ACCOUNT_ID)
    monkeypatch.setattr(verification_runs, "_verify", lambda _: ([found], [*found.findings, *found.receipts]))

    verification_runs.verify_now(connection=claim, by=SYSTEM)

    with tenant_scope(cast.other_tenant.pk):
        role = claim.roles.get()
    assert (role.status, role.deployed_version) == ("awaiting", "")


def test_receipts_of_a_role_that_worked_for_the_claimant_are_shown_though_the_run_comes_to_no_end(
    cast, settings, monkeypatch, claim
) -> None:
    found = finds(RoleReport, let_in=True, **ROLE)(settings.VENDOR_ACCOUNT_ID)
    with tenant_scope(cast.other_tenant.pk):
        claim.roles.update(worked_at=timezone.now())

    def stopped(claimed):
        keep_receipts(claimed, found.receipts)
        raise verification_runs.OutOfUse

    monkeypatch.setattr(verification_runs, "_verify", stopped)

    verification = verification_runs.verify_now(connection=claim, by=SYSTEM)

    with tenant_scope(cast.other_tenant.pk):
        assert verification.sessions.shown().count() == len(found.receipts)


def test_an_account_that_is_proved_while_it_is_verified_is_withheld_too(
    cast, api, settings, monkeypatch, claim
) -> None:
    found = finds(RoleReport, let_in=True, **ROLE | {"external_id_enforced": False})(settings.VENDOR_ACCOUNT_ID)
    with tenant_scope(cast.tenant.pk):
        proved = ProvedAccount.objects.get()
        proved.delete()

    def prove_meanwhile(_claim):
        with tenant_scope(cast.tenant.pk):
            ProvedAccount.objects.create(
                account_id=ACCOUNT, tenant_id=proved.tenant_id, connection_id=proved.connection_id
            )
        return [found], [*found.findings, *found.receipts]

    monkeypatch.setattr(verification_runs, "_verify", prove_meanwhile)

    verification = verification_runs.verify_now(connection=claim, by=SYSTEM)

    listed = api(cast.stranger, cast.other_tenant).get(f"/api/v1/connections/{claim.pk}/sessions/").json()
    assert [ACCOUNT in row["role_arn"] for row in listed["results"]] == [False]
    with tenant_scope(cast.other_tenant.pk):
        assert [finding.cause for finding in verification.findings.all()] == ["account_not_confirmed"]


def test_an_account_that_another_tenant_has_proved_stays_awaiting_with_a_neutral_message(cast, sandbox_address) -> None:
    first, account = connection_with_stack(cast.tenant, components=["log-analysis"])
    verify_twice(first)
    second = claim_of(cast, account.account_id)
    with tenant_scope(cast.other_tenant.pk):
        text = cloudformation_template(connection=second).text
    account.deploy(stack_name(second), text)

    verification = verification_runs.verify_now(connection=second, by=SYSTEM)

    assert statuses(first) == {"log-analysis": "connected"}
    assert statuses(second) == {"log-analysis": "awaiting"}
    (finding,) = findings(verification, cause="account_not_confirmed")
    assert cast.tenant.name not in finding.title + finding.detail + finding.fix


def test_f11_an_open_role_in_an_account_that_another_tenant_has_proved_tells_the_claimant_nothing(
    cast, sandbox_address, monkeypatch, api
) -> None:
    first, account = connection_with_stack(cast.tenant, components=["log-analysis"])
    verify_twice(first)
    claim = claim_of(cast, account.account_id)
    with tenant_scope(cast.other_tenant.pk):
        text = cloudformation_template(connection=claim).text
    account.deploy(stack_name(claim), text)
    account.remove_external_id_condition(role_name(claim, "log-analysis"))

    landed = []
    write = landing.write_findings

    def watch(claimed, found):
        landed.extend(found := list(found))
        write(claimed, found)

    monkeypatch.setattr(landing, "write_findings", watch)
    monkeypatch.setattr(verification_runs, "write_findings", watch)

    verification = verification_runs.verify_now(connection=claim, by=SYSTEM)

    assert landed == []  # not even for the time of the run
    assert statuses(claim) == {"log-analysis": "awaiting"}
    assert [(finding.cause, finding.who) for finding in findings(verification)] == [("account_not_confirmed", "vendor")]
    shown = api(cast.stranger, cast.other_tenant).get(f"/api/v1/connections/{claim.pk}/sessions/").json()["results"]
    assert [session["role_arn"] for session in shown if account.account_id in session["role_arn"]] == []
    with staff_scope():
        opened = Session.objects.filter(verification_id=verification.pk, role_arn__contains=account.account_id)
        assert opened.exists(), "it was opened all the same, and our staff can see it"
    with tenant_scope(cast.other_tenant.pk):
        assert not claim.roles.get().quarantined
    assert statuses(first) == {"log-analysis": "connected"}


def test_f11_a_claim_on_a_proved_account_still_reads_why_its_own_role_cannot_be_entered(cast, sandbox_address) -> None:
    first, account = connection_with_stack(cast.tenant, components=["log-analysis"])
    verify_twice(first)
    claim = claim_of(cast, account.account_id)

    verification = verification_runs.verify_now(connection=claim, by=SYSTEM)

    assert statuses(claim) == {"log-analysis": "awaiting"}
    assert findings(verification, cause="role_not_assumable")


def test_typing_an_account_id_blocks_nobody(cast, sandbox_address) -> None:
    connection, account = connection_with_stack(cast.tenant, components=["log-analysis"])
    with tenant_scope(cast.other_tenant.pk):
        squatter = create_connection(tenant=cast.other_tenant, name="Squat", account_id=account.account_id, by=SYSTEM)
    verification_runs.verify_now(connection=squatter, by=SYSTEM)

    verify_twice(connection)

    assert set(statuses(squatter).values()) == {"awaiting"}
    assert statuses(connection) == {"log-analysis": "connected"}
