"""While an external ID is replaced: which of the two a role accepts, in every chain, told from what looks like it."""

import pytest

from integrations.aws.report import Outcome, role_status
from integrations.aws.verify import prove_removed, verify_role
from tests.integrations.aws.builders import EXTERNAL_ID

ALL_CHAINS = pytest.mark.parametrize("vendor", ["abac", "chained", "direct"], indirect=True)
NEW = "rb-the-new-one"


def deploy(customer, *external_ids: str) -> None:
    customer.deploy(trust=customer.document(external_ids=external_ids).trust_policy)


def verify(vendor, customer, **more):
    return verify_role(vendor, customer.target(**more), on_finding=lambda _: None)


def found(report, check: str) -> tuple[Outcome, str]:
    [finding] = [one for one in report.findings if one.check == check]
    return finding.outcome, finding.cause


@ALL_CHAINS
@pytest.mark.parametrize(
    ("accepted", "outcome", "cause"),
    [
        ((EXTERNAL_ID,), Outcome.NOT_APPLICABLE, "next_external_id_not_accepted"),
        ((EXTERNAL_ID, NEW), Outcome.PASSED, "next_external_id_accepted"),
    ],
)
def test_the_next_id_is_tried_beside_a_verification_with_the_present_one(vendor, customer, accepted, outcome, cause):
    deploy(customer, *accepted)

    report = verify(vendor, customer, next_external_id=NEW)

    assert found(report, "trust.next_external_id") == (outcome, cause)
    assert report.accepts_next_external_id is (NEW in accepted)
    assert role_status(report) == "connected"


def test_a_role_that_takes_the_next_id_alone_is_told_from_one_that_is_shut(vendor, customer):
    deploy(customer, NEW)

    report = verify(vendor, customer, next_external_id=NEW)

    assert (report.refused, report.accepts_next_external_id) == (True, True)
    assert found(report, "chain.integration_to_customer") == (Outcome.ERROR, "next_external_id_only")


@ALL_CHAINS
@pytest.mark.parametrize("accepted", [(NEW,), (EXTERNAL_ID, NEW)])
def test_the_previous_id_is_proved_refused_or_not(vendor, customer, accepted):
    deploy(customer, *accepted)

    report = verify(vendor, customer, external_id=NEW, previous_external_ids=(EXTERNAL_ID,))

    assert report.refuses_previous_external_ids is (EXTERNAL_ID not in accepted)
    assert role_status(report) == "connected"


def test_a_refusal_of_the_previous_id_proves_nothing_while_the_new_one_is_refused_too(vendor, customer):
    report = verify(vendor, customer, external_id=NEW, previous_external_ids=(EXTERNAL_ID,))

    assert report.refuses_previous_external_ids is None
    assert found(report, "trust.previous_external_id") == (Outcome.SKIPPED, "control_did_not_pass")


def test_a_retired_id_that_is_accepted_is_told_of(vendor, customer):
    deploy(customer, EXTERNAL_ID, NEW)

    report = verify(vendor, customer, external_id=NEW, previous_external_ids=(EXTERNAL_ID,), retired=True)

    assert found(report, "trust.previous_external_id") == (Outcome.VIOLATED, "retired_external_id_accepted")


def test_a_role_is_not_gone_while_it_takes_any_id_of_the_connection(vendor, customer):
    deploy(customer, EXTERNAL_ID)
    target = customer.target(external_id=NEW, previous_external_ids=(EXTERNAL_ID,))

    report = prove_removed(vendor, target, on_finding=lambda _: None)

    assert report.removed is False
