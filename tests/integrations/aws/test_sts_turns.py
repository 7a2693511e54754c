"""Each AssumeRole asks for its turn, and without one no call is made."""

import pytest

from integrations.aws import sts_turns as turns
from integrations.aws.errors import Throttled
from integrations.aws.report import Outcome
from integrations.aws.sts_turns import sts_turns, wait_for_turn
from integrations.aws.verify import check_reachability, verify_role


def verify(vendor, customer, ask):
    with sts_turns(ask):
        return verify_role(vendor, customer.target(), on_finding=lambda _: None)


def test_every_session_of_a_verification_had_its_turn(vendor, customer):
    customer.deploy()
    turns_taken = []

    def ask() -> float:
        turns_taken.append(1)
        return 0.0

    report = verify(vendor, customer, ask)

    # Of an attempt that AWS refuses, as it must, there is no receipt.
    assert len(turns_taken) > len(report.receipts) > 5


def test_whoever_has_no_turn_yet_waits_and_then_goes_on(vendor, customer):
    customer.deploy()
    answers = iter([0.01, 0.01, 0.01])

    report = verify(vendor, customer, lambda: next(answers, 0.0))

    assert report.assumable
    assert next(answers, None) is None


def test_without_a_turn_no_call_is_made_and_nothing_is_judged(vendor, customer, monkeypatch):
    customer.deploy()
    monkeypatch.setattr(turns, "LONGEST_WAIT", 0.0)

    with sts_turns(lambda: 60.0):
        report = check_reachability(vendor, customer.target(), on_finding=lambda _: None, deadline_seconds=3)

    assert report.reachable is None
    assert not report.receipts
    assert {finding.outcome for finding in report.findings} <= {Outcome.THROTTLED, Outcome.ERROR, Outcome.PASSED}
    assert not any(finding.outcome is Outcome.DENIED for finding in report.findings)


def test_outside_of_such_a_block_nobody_is_asked(monkeypatch):
    with sts_turns(lambda: 60.0):
        pass

    wait_for_turn()


def test_waiting_has_an_end(monkeypatch):
    monkeypatch.setattr(turns, "LONGEST_WAIT", 0.05)

    with sts_turns(lambda: 0.01), pytest.raises(Throttled):
        wait_for_turn()
