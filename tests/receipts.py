"""Receipts of sessions to look at."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from integrations.aws.report import SessionPurpose, SessionReceipt
from integrations.models import Session, Verification

OPENED_AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def open_session(verification: Verification, number: int = 1, **fields: Any) -> Session:
    """The receipt of a session in the customer's account; each number a minute later. The tenant's scope is open."""
    opened_at = OPENED_AT + timedelta(minutes=number)
    values: dict[str, Any] = {
        "component": "log-analysis",
        "purpose": "verification",
        "opened_at": opened_at,
        "expires_at": opened_at + timedelta(minutes=15),
        "role_arn": "arn:aws:iam::222233334444:role/rolebridge-abcdefghij-log-analysis",
        "role_id": "AROAQ3EXAMPLE00000001",
        "session_name": f"log-analysis-{number}",
        "source_identity": "rolebridge",
        "tags": {"Tenant": "t0000000001", "Connection": "abcdefghij"},
        "transitive_tag_keys": ["Tenant", "Connection"],
        "policy_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "access_key_id": f"ASIAQ3EXAMPLE{number:07d}",
        "request_id": f"00000000-0000-4000-8000-{number:012d}",
        "packed_policy_percent": 34,
    }
    return Session.objects.create(
        tenant_id=verification.tenant_id,
        connection_id=verification.connection_id,
        verification=verification,
        **(values | fields),
    )


def receipt(number: int = 1, **fields: Any) -> SessionReceipt:
    """A receipt as the engine gives it, of a session that was opened just now in a customer's role."""
    now = timezone.now()
    values: dict[str, Any] = {
        "opened_at": now,
        "expires_at": now + timedelta(minutes=15),
        "component": "log-analysis",
        "purpose": SessionPurpose.VERIFICATION,
        "role_arn": "arn:aws:iam::222233334444:role/rolebridge",
        "role_id": "AROAQ3EXAMPLE00000001",
        "session_name": "rolebridge-log-analysis-abc",
        "source_identity": "",
        "tags": (),
        "transitive_tag_keys": (),
        "policy_sha256": "",
        "access_key_id": f"ASIAQ3EXAMPLE{number:07d}",
        "request_id": "",
        "packed_policy_percent": None,
    }
    return SessionReceipt(**(values | fields))
