"""Receipts of sessions: kept with the verification that opened them."""

from collections.abc import Iterable

from integrations.actions.role_jobs import Report
from integrations.models import Session, Verification


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
