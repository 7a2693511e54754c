"""Receipts of sessions: kept as they land, whatever becomes of the verification that opened them."""

from collections.abc import Iterable
from typing import Protocol
from uuid import UUID

from integrations.aws.report import SessionReceipt
from integrations.models import Session
from tenants.scope import tenant_scope


class OpenedFor(Protocol):
    """What a session was opened for."""

    @property
    def tenant_id(self) -> UUID:
        """Whose it is."""

    @property
    def connection_id(self) -> UUID:
        """For which connection."""

    @property
    def verification_id(self) -> UUID:
        """By which verification."""


def keep_receipts(opened_for: OpenedFor, landed: Iterable[object]) -> None:
    """Keep the receipts among what has landed. No scope is open."""
    receipts = [one for one in landed if isinstance(one, SessionReceipt)]
    if not receipts:
        return
    with tenant_scope(opened_for.tenant_id):
        Session.objects.bulk_create(
            Session(
                tenant_id=opened_for.tenant_id,
                connection_id=opened_for.connection_id,
                verification_id=opened_for.verification_id,
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
            for receipt in receipts
        )
