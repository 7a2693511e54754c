"""What is done to one role in one verification ends within one deadline, however many runs of the engine it takes, and
asks for a turn at STS before each session.
"""

import pytest

from integrations.actions import role_jobs, verification_runs
from integrations.actions.role_jobs import RoleJob, Task
from integrations.aws.assume_role import AssumeRole
from integrations.aws.report import RoleReport, TrustReport
from tenants.audit import SYSTEM, Actor
from tests.customer import connection_with_stack
from tests.integrations.aws.builders import make_target

LIMIT = role_jobs.DEADLINE_SECONDS


class Clock:
    """Time that goes on when the test says so."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


@pytest.mark.parametrize(("first_takes", "left"), [(0.0, LIMIT), (LIMIT - 10, 10.0), (LIMIT + 1, 0.0)])
def test_a_verification_after_a_clean_trust_test_has_only_what_that_left_of_the_deadline(
    monkeypatch, first_takes, left
):
    clock, deadlines = Clock(), []

    def check_trust(settings, target, *, on_finding, on_receipt, deadline_seconds):
        deadlines.append(deadline_seconds)
        clock.now += first_takes
        return TrustReport(target.component.id, safe=True, refused=False, findings=())

    def verify_role(settings, target, *, on_finding, on_receipt, deadline_seconds):
        deadlines.append(deadline_seconds)
        return RoleReport(
            component=target.component.id,
            findings=(),
            assumable=True,
            refused=False,
            external_id_enforced=True,
            permissions_ok=True,
            vendor_fault=False,
        )

    monkeypatch.setattr(role_jobs, "time", clock)
    monkeypatch.setattr(role_jobs, "check_trust", check_trust)
    monkeypatch.setattr(role_jobs, "verify_role", verify_role)

    RoleJob(Task.TRUST_TEST_THEN_VERIFY, make_target()).run(lambda finding: None, lambda receipt: None)

    assert deadlines == [LIMIT, left]


@pytest.mark.parametrize("scheduled", [True, False])
def test_each_assume_role_of_a_verification_has_its_turn_by_whether_somebody_waits(
    cast, sandbox_address, monkeypatch, scheduled
):
    turns, calls = [], []

    def ask_for_turn(*, scheduled):
        def ask():
            turns.append(scheduled)
            return 0.0

        return ask

    def parameters(call, real=AssumeRole.parameters):
        calls.append(call)
        return real(call)

    monkeypatch.setattr(role_jobs, "ask_for_turn", ask_for_turn)
    monkeypatch.setattr(AssumeRole, "parameters", parameters)
    connection, _ = connection_with_stack(cast.tenant, components=["log-analysis"])

    verification = verification_runs.verify_now(
        connection=connection, by=SYSTEM if scheduled else Actor.user(cast.owner)
    )

    assert verification.state == "completed"
    assert len(calls) > 5
    assert turns == [scheduled] * len(calls)
