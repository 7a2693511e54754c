"""No credential leaves the memory of the process that opened the session."""

import logging
import traceback

import psycopg
import pytest
import redis

from integrations.actions import verification_runs, verifications
from integrations.aws.clients import SessionCredentials
from tenants.audit import SYSTEM
from tenants.scope import tenant_scope
from tests.brokers import unread, use_broker
from tests.customer import connection_with_stack
from tests.environment import DATABASE


@pytest.fixture
def secrets_of_sessions(monkeypatch) -> list[str]:
    """The secret keys and session tokens of every session that is opened during the test."""
    seen: list[str] = []
    real = SessionCredentials.__init__

    def remember(self, *args, **kwargs) -> None:
        real(self, *args, **kwargs)
        seen.extend([self.secret_access_key, self.session_token])

    monkeypatch.setattr(SessionCredentials, "__init__", remember)
    return seen


def test_no_credential_is_logged_stored_queued_or_shown(
    cast, db, broker, sandbox_address, secrets_of_sessions, caplog, monkeypatch
) -> None:
    caplog.set_level(logging.DEBUG)
    use_broker(monkeypatch, unread(broker))
    connection, _ = connection_with_stack(cast.tenant, components=["log-analysis"])
    with tenant_scope(cast.tenant.pk):
        asked = verifications.request_verification(connection=connection, by=SYSTEM)
    broken = []
    real = verification_runs._complete

    def break_after_the_sessions_are_open(claim, reports, last) -> None:
        broken.append(repr((reports, last)))
        real(claim, reports, last)
        raise RuntimeError(f"an error of ours, with {reports} and {last}")

    monkeypatch.setattr(verification_runs, "_complete", break_after_the_sessions_are_open)
    verification_runs.run(tenant_id=cast.tenant.pk, verification_id=asked.pk)

    with psycopg.connect(db.url(DATABASE)) as superuser:
        tables = [name for (name,) in superuser.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        database = "".join(str(superuser.execute(f'SELECT * FROM "{table}"').fetchall()) for table in tables)
    valkey = redis.from_url(unread(broker))
    queue = "".join(str(valkey.lrange(key, 0, -1)) for key in valkey.scan_iter("*") if valkey.type(key) == b"list")
    valkey.close()
    logs = "".join(record.getMessage() + _traceback(record) for record in caplog.records)
    places = {"database": database, "queue": queue, "logs": logs, "repr": "".join(broken)}
    assert str(connection.pk) in database
    assert str(asked.pk) in queue
    assert "an error of ours" in logs
    assert len(secrets_of_sessions) >= 8, "A, B, C and the trust-test's sessions"
    for place, text in places.items():
        assert not [secret for secret in secrets_of_sessions if secret in text], f"a credential is in the {place}"


def _traceback(record: logging.LogRecord) -> str:
    return "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""


def test_each_session_leaves_a_receipt_and_no_credential(cast, db, sandbox_address) -> None:
    connection, account = connection_with_stack(cast.tenant, components=["log-analysis"])

    verification = verification_runs.verify_now(connection=connection, by=SYSTEM)

    with tenant_scope(cast.tenant.pk):
        sessions = list(verification.sessions.all())
        roles = {session.role_arn for session in sessions if session.purpose == "verification"}
    assert any(arn.startswith(f"arn:aws:iam::{account.account_id}:role/rolebridge-") for arn in roles)
    assert any("integration" in arn for arn in roles)
    assert all(session.access_key_id.startswith("ASIA") and session.request_id for session in sessions)
    dump = all_rows(db)
    assert sessions[0].access_key_id in dump, "the dump holds the receipts"
    for secret in ("SecretAccessKey", "SessionToken", "aws_secret_access_key"):
        assert secret not in dump


def all_rows(db) -> str:
    """Every row of every table, as text."""
    with psycopg.connect(db.url(DATABASE)) as superuser:
        tables = [name for (name,) in superuser.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        return "".join(str(superuser.execute(f'SELECT * FROM "{table}"').fetchall()) for table in tables)
