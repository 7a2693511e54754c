"""What is counted of verifications: whose it is that one came to no verdict, and what became of the roles."""

import pytest
from django.db import transaction
from prometheus_client import REGISTRY

from integrations.actions import role_jobs, verification_runs
from integrations.aws.checks.trust import CONTROL
from integrations.aws.report import Actor, Finding, Outcome, RoleReport
from integrations.metrics import count_failure
from tenants.audit import SYSTEM
from tenants.scope import tenant_scope
from tests.reports import found

pytestmark = pytest.mark.usefixtures("no_worker_takes_them")

CHAIN = "chain.integration_to_customer"
VENDOR, CUSTOMER, ORGANISATION, NOBODY = Actor.VENDOR, Actor.CUSTOMER, Actor.CUSTOMER_ORGANISATION, Actor.NOBODY


def finding(who: Actor, check: str = CHAIN, outcome: Outcome = Outcome.ERROR, component: str = "log-analysis"):
    return Finding(check=check, component=component, outcome=outcome, cause="x", who=who, title="x")


def failures(failure: str) -> dict[str, float]:
    """How many verifications have failed so, by who must act."""
    labels = {"state": "failed", "failure": failure}
    return {
        who: REGISTRY.get_sample_value("rolebridge_verifications_total", labels | {"who": who}) or 0 for who in Actor
    }


def verdicts() -> dict[tuple[str, str], float]:
    """How many verdicts there were on roles, by status and whether it changed."""
    samples = (sample for family in REGISTRY.collect() for sample in family.samples)
    return {
        (sample.labels["status"], sample.labels["changed"]): sample.value
        for sample in samples
        if sample.name == "rolebridge_role_verdicts_total"
    }


def news(before: dict, after: dict) -> dict:
    """What has been added, where something was."""
    return {labels: after[labels] - before[labels] for labels in after if after[labels] != before[labels]}


@pytest.mark.parametrize(
    ("findings", "who"),
    [
        ([], VENDOR),
        ([finding(NOBODY, outcome=Outcome.PASSED)], VENDOR),
        ([finding(VENDOR)], VENDOR),
        ([finding(NOBODY, outcome=Outcome.THROTTLED)], NOBODY),
        ([finding(NOBODY, check="permission")], NOBODY),
        ([finding(CUSTOMER, outcome=Outcome.DENIED)], CUSTOMER),
        ([finding(ORGANISATION, outcome=Outcome.DENIED), finding(NOBODY, check="permission")], ORGANISATION),
        ([finding(VENDOR), finding(CUSTOMER, outcome=Outcome.DENIED, component="compute-analysis")], CUSTOMER),
        ([finding(VENDOR), finding(CUSTOMER, CONTROL, Outcome.DENIED)], VENDOR),
        ([finding(VENDOR), finding(CUSTOMER, CONTROL, Outcome.DENIED, "compute-analysis")], CUSTOMER),
        ([finding(VENDOR), finding(CUSTOMER, "permission", Outcome.NOT_APPLICABLE)], VENDOR),
    ],
    ids=[
        "nothing was found",
        "nothing failed",
        "our own side",
        "throttled",
        "no answer",
        "the customer's",
        "the organisation's, and no answer",
        "ours and the customer's",
        "ours, and the control was refused too",
        "ours, and another role's control was refused",
        "ours, and something that does not apply",
    ],
)
def test_no_verdict_is_counted_by_who_stood_in_its_way(findings, who) -> None:
    before = failures("no_verdict")

    count_failure("no_verdict", findings)

    assert news(before, failures("no_verdict")) == {who: 1}


@pytest.mark.parametrize(("failure", "who"), [("worker_lost", VENDOR), ("out_of_use", NOBODY)])
def test_other_failures_are_ours_unless_they_were_wanted(failure, who) -> None:
    before = failures(failure)

    count_failure(failure)

    assert news(before, failures(failure)) == {who: 1}


@pytest.mark.parametrize("who", [NOBODY, CUSTOMER, VENDOR])
def test_a_run_without_a_verdict_is_counted_by_its_findings(connection, monkeypatch, who) -> None:
    def verify_role(_settings, target, **_) -> RoleReport:
        return RoleReport(
            component=target.component.id,
            findings=(finding(who, component=target.component.id),),
            assumable=False,
            refused=False,
            external_id_enforced=None,
            permissions_ok=None,
            vendor_fault=who is VENDOR,
        )

    monkeypatch.setattr(role_jobs, "verify_role", verify_role)
    before, verdicts_before = failures("no_verdict"), verdicts()

    verification = verification_runs.verify_now(connection=connection, by=SYSTEM)

    assert verification.failure == "no_verdict"
    assert news(before, failures("no_verdict")) == {who: 1}
    assert news(verdicts_before, verdicts()) == {}


def test_verdicts_on_roles_are_counted_by_status_and_whether_it_is_new(connection) -> None:
    before = verdicts()

    found(connection, log_analysis="unsafe", compute_analysis="degraded")
    found(connection, log_analysis="unsafe", compute_analysis="no_verdict")

    assert news(before, verdicts()) == {("unsafe", "true"): 1, ("unsafe", "false"): 1, ("degraded", "true"): 1}


def test_a_verdict_that_was_not_kept_is_not_counted(connection) -> None:
    before = verdicts()

    with tenant_scope(connection.tenant_id):
        found(connection, log_analysis="unsafe")
        transaction.set_rollback(True)

    assert news(before, verdicts()) == {}


def test_the_first_role_that_turns_unsafe_is_seen_as_a_rise() -> None:
    assert {("unsafe", "true"), ("unsafe", "false")} <= set(verdicts())
