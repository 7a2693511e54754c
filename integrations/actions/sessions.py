"""Sessions: their receipts, kept with the verification that opened them, and their end in all workers."""

from collections.abc import Iterable
from contextlib import suppress

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

from integrations.actions.role_jobs import Report
from integrations.launch_sessions import drop_launch_sessions
from integrations.models import Session, Verification


def drop_sessions(connection_ref: str | None = None) -> None:
    """Tell every worker to forget the sessions of a connection, or all, when the transaction has ended.

    A worker that this does not reach (the queue is away, or is none that can tell all workers) reads in the database
    before it uses one that the role is out of use, and has forgotten it within a quarter of an hour.
    """

    def tell() -> None:
        with suppress(OperationalError, OSError):
            current_app.control.broadcast("drop_sessions", arguments={"connection_ref": connection_ref})

    drop_launch_sessions(connection_ref)
    transaction.on_commit(tell)


def keep_receipts(*, verification: Verification, reports: Iterable[Report]) -> None:
    """Keep a receipt of each session that the reports speak of; the tenant's scope is open."""
    Session.objects.bulk_create(
        Session(
            tenant_id=verification.tenant_id,
            connection_id=verification.connection_id,
            verification=verification,
            component=receipt.component,
            purpose=receipt.purpose,
            opened_at=receipt.opened_at,
            expires_at=receipt.expires_at,
            role_arn=receipt.role_arn,
            role_id=receipt.role_id,
            session_name=receipt.session_name,
            source_identity=receipt.source_identity,
            tags=dict(receipt.tags),
            transitive_tag_keys=list(receipt.transitive_tag_keys),
            policy_sha256=receipt.policy_sha256,
            access_key_id=receipt.access_key_id,
            request_id=receipt.request_id,
            packed_policy_percent=receipt.packed_policy_percent,
        )
        for report in reports
        for receipt in report.receipts
    )
