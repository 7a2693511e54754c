"""The receipts of sessions in our own roles outlast a database that is away for a while, and a worker that stops."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import OperationalError

from integrations.actions import vendor_sessions, verification_claims, verification_runs, verifications
from integrations.actions.sessions import columns
from integrations.actions.vendor_sessions import keep_vendor_sessions
from integrations.aws.assume_role import Session
from integrations.aws.chain import VendorSide, vendor_side
from integrations.aws.clients import SessionCredentials
from integrations.aws.report import SessionReceipt
from integrations.models import VendorSession, Verification
from integrations.vendor import vendor_settings
from tenants.audit import SYSTEM
from tenants.scope import installation_scope, tenant_scope
from tests.brokers import unread, use_broker
from tests.customer import connection_with_stack
from tests.integrations.actions.test_database_away import end_this_connection
from tests.receipts import receipt


@pytest.fixture
def side(db) -> VendorSide:
    """Our own side, of which no receipt waits."""
    side = vendor_side(vendor_settings())
    side.take_own_receipts()
    return side


def note(side: VendorSide, number: int) -> None:
    credentials = SessionCredentials("ASIAEXAMPLE", "secret", "token", receipt(number).expires_at)
    side.note_own_session(Session(credentials, receipt(number)))


def kept() -> list[str]:
    return sorted(VendorSession.objects.values_list("access_key_id", flat=True))


def test_what_cannot_be_kept_waits_for_the_next_time(side, db, monkeypatch, caplog) -> None:
    def ended(one: SessionReceipt) -> dict[str, object]:
        end_this_connection(db)
        return columns(one)

    note(side, 1)
    with monkeypatch.context() as patch:
        patch.setattr(vendor_sessions, "columns", ended)
        keep_vendor_sessions(vendor_settings())
    before = kept()
    note(side, 2)

    keep_vendor_sessions(vendor_settings())

    assert before == []
    assert "1 receipts of our own sessions wait" in caplog.text
    assert kept() == [receipt(1).access_key_id, receipt(2).access_key_id]
    assert side.take_own_receipts() == []


def test_one_whose_transaction_was_kept_though_nobody_said_so_is_not_kept_twice(side, monkeypatch) -> None:
    @contextmanager
    def loses_the_answer() -> Iterator[None]:
        with installation_scope():
            yield
        raise OperationalError("server closed the connection unexpectedly")

    note(side, 1)
    with monkeypatch.context() as patch:
        patch.setattr(vendor_sessions, "installation_scope", loses_the_answer)
        keep_vendor_sessions(vendor_settings())
    note(side, 2)

    keep_vendor_sessions(vendor_settings())

    assert kept() == [receipt(1).access_key_id, receipt(2).access_key_id]


def test_a_worker_that_hands_a_run_back_and_stops_keeps_them(cast, sandbox_address, side, broker, monkeypatch) -> None:
    use_broker(monkeypatch, unread(broker))
    connection, _ = connection_with_stack(cast.tenant, components=["log-analysis"])
    with tenant_scope(cast.tenant.pk):
        asked = verifications.request_verification(connection=connection, by=SYSTEM)
    side.forget_own_role("log-analysis")
    real = verification_runs._verify

    def verify(claim: verification_claims.Claim) -> None:
        real(claim)
        raise verification_runs.HandedBack

    monkeypatch.setattr(verification_runs, "_verify", verify)
    verification_runs.run(tenant_id=cast.tenant.pk, verification_id=asked.pk)

    with tenant_scope(cast.tenant.pk):
        assert Verification.objects.get(pk=asked.pk).state == "queued"
    assert "log-analysis" in VendorSession.objects.values_list("component", flat=True)
