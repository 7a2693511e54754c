"""How what a run finds lands, in tests that end a run in the middle of it."""

import threading
from collections.abc import Callable

import pytest

from integrations.actions import verification_runs
from integrations.actions.landing import Landed
from integrations.actions.role_jobs import Report, RoleJob
from integrations.actions.verification_claims import Claim

SECONDS = 30  # far longer than a store takes; only a run that stores nothing more waits so long


def store_all_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the run of a role end only once all that it landed is being stored: where storing is slow all may land before
    the first of it is stored, and would be stored with the end of the verification. Patch `store_landed` before it.
    """
    run_role: Callable[..., Report] = RoleJob.run
    store: Callable[[Claim, list[Landed]], set[str]] = vars(verification_runs)["store_landed"]
    changed = threading.Condition()
    waiting, given_up = 0, False

    def count(number: int) -> None:
        nonlocal waiting
        with changed:
            waiting += number
            changed.notify_all()

    def run_and_wait(job: RoleJob, *receivers: Callable[[Landed], None]) -> Report:
        def counted(receive: Callable[[Landed], None]) -> Callable[[Landed], None]:
            def received(one: Landed) -> None:
                receive(one)
                count(1)

            return received

        report = run_role(job, *(counted(receive) for receive in receivers))
        with changed:
            assert changed.wait_for(lambda: given_up or waiting <= 0, SECONDS), f"{waiting} not stored"
        return report

    def store_counted(claim: Claim, news: list[Landed]) -> set[str]:
        nonlocal given_up
        count(-len(news))
        try:
            return store(claim, news)
        except BaseException:
            with changed:
                given_up = True
                changed.notify_all()
            raise

    monkeypatch.setattr(verification_runs, "STORED_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(verification_runs, "store_landed", store_counted)
    monkeypatch.setattr(RoleJob, "run", run_and_wait)
