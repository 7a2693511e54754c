"""Sessions: their receipts, kept as they land, whatever becomes of the verification that opened them, and their end in
all workers.
"""

import logging
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Protocol
from uuid import UUID

from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

from integrations.aws.report import SessionReceipt
from integrations.launch_sessions import drop_launch_sessions
from integrations.models import Session
from tenants.scope import DATABASE_AWAY, let_go, tenant_scope

logger = logging.getLogger(__name__)


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


# Seconds between attempts to keep a receipt: longer than PostgreSQL takes to come back.
KEPT_AGAIN_AFTER = (1, 2, 4, 8)


class OpenedFor(Protocol):
    """What a session was opened for."""

    @property
    def tenant_id(self) -> UUID:
        """Whose it is."""

    @property
    def connection_id(self) -> UUID:
        """For which connection."""

    @property
    def verification_id(self) -> UUID | None:
        """By which verification, if by one."""

    @property
    def withheld(self) -> frozenset[str]:
        """The components of which the tenant is not to read what was opened in the customer's account."""


def keep_receipts(opened_for: OpenedFor, landed: Iterable[object]) -> None:
    """Keep the receipts among what has landed, which some may be already. No scope is open.

    While the database is away it is tried for a while; then the log says which sessions have no receipt.
    """
    receipts = [one for one in landed if isinstance(one, SessionReceipt)]
    for wait in (*KEPT_AGAIN_AFTER, None):
        try:
            with tenant_scope(opened_for.tenant_id):
                write_new_receipts(opened_for, receipts)
        except DATABASE_AWAY:
            if wait is None:
                keys = ", ".join(one.access_key_id for one in receipts)
                logger.exception("The receipts of these sessions could not be kept: %s", keys)
                return
            let_go()
            time.sleep(wait)
        else:
            return


def write_new_receipts(opened_for: OpenedFor, receipts: Iterable[SessionReceipt]) -> int:
    """Keep the receipts that are not kept yet, and say how many those were; the tenant's scope is open."""
    by_key = {one.access_key_id: one for one in receipts}
    there = Session.objects.filter(connection_id=opened_for.connection_id, access_key_id__in=by_key)
    known = set(there.values_list("access_key_id", flat=True))
    write_receipts(opened_for, new := [one for key, one in by_key.items() if key not in known])
    return len(new)


def write_receipts(opened_for: OpenedFor, landed: Iterable[object]) -> None:
    """Keep the receipts among what has landed; the tenant's scope is open."""
    Session.objects.bulk_create(
        Session(
            tenant_id=opened_for.tenant_id,
            connection_id=opened_for.connection_id,
            verification_id=opened_for.verification_id,
            withheld=receipt.component in opened_for.withheld and is_in_customers_account(receipt),
            **columns(receipt),
        )
        for receipt in landed
        if isinstance(receipt, SessionReceipt)
    )


def is_in_customers_account(receipt: SessionReceipt) -> bool:
    """Whether the session was opened in a customer's role, and not in one of ours on the way to it."""
    return receipt.role_arn.split(":")[4] != settings.VENDOR_ACCOUNT_ID


def columns(receipt: SessionReceipt) -> dict[str, Any]:
    """A receipt as the columns that keep it."""
    return asdict(receipt) | {"tags": dict(receipt.tags), "transitive_tag_keys": list(receipt.transitive_tag_keys)}
