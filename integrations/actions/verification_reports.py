"""A verification as evidence: all that it was and found, from what is stored alone, so that it is the same at any time.

The same content is a page to print and a file. The page shows the SHA-256 of the file's bytes, so that whoever holds
both can tell that they belong together and that the file was not changed.
"""

import hashlib
import json
from typing import Any

from integrations.actions.external_ids import external_id_at
from integrations.catalogue_file import catalogue
from integrations.models import CatalogueRelease, Connection, CustomerRole, Verification

FORMAT = 1  # rises when what stands in the file changes its meaning


def report_of(verification: Verification, connection: Connection) -> dict[str, Any]:
    """What the report says, as JSON values; the tenant's scope is open."""
    release = CatalogueRelease.objects.filter(version=verification.catalogue_version).first()
    findings = list(verification.findings.all())
    sessions = list(verification.sessions.shown().order_by("opened_at", "pk"))
    components = sorted({finding.component for finding in findings})
    return {
        "format": FORMAT,
        "product": catalogue().product_name,
        "organisation": connection.tenant.name,
        "connection": {"id": str(connection.pk), "name": connection.name, "reference": connection.reference},
        "aws_account": connection.account_id,
        "external_id": external_id_at(connection, verification.requested_at),
        "verification": {
            "id": str(verification.pk),
            "checks": verification.checks,
            "state": verification.state,
            "requested_by": verification.requested_by,
            "requested_at": _time(verification.requested_at),
            "started_at": _time(verification.started_at),
            "finished_at": _time(verification.finished_at),
        },
        "catalogue": {
            "version": verification.catalogue_version,
            "sha256": release.sha256 if release else None,
            "components": _versions(release),
        },
        "roles": [
            {"component": one, "arn": CustomerRole(connection=connection, component=one).arn} for one in components
        ],
        "findings": [
            {
                "component": finding.component,
                "check": finding.check_code,
                "action": finding.action,
                "region": finding.region,
                "outcome": finding.outcome,
                "cause": finding.cause,
                "who": finding.who,
                "title": finding.title,
                "aws_answer": finding.detail,
                "request_id": finding.request_id,
                "at": _time(finding.created_at),
            }
            for finding in findings
        ],
        "sessions": [
            {
                "component": session.component,
                "purpose": session.purpose,
                "opened_at": _time(session.opened_at),
                "role_arn": session.role_arn,
                "session_name": session.session_name,
                "access_key_id": session.access_key_id,
                "policy_sha256": session.policy_sha256,
                "request_id": session.request_id,
            }
            for session in sessions
        ],
    }


def report_bytes(report: dict[str, Any]) -> bytes:
    """The report as the file holds it."""
    return (json.dumps(report, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def sha256_of(report: dict[str, Any]) -> str:
    """Of the file's bytes, in hex: what `sha256sum` prints."""
    return hashlib.sha256(report_bytes(report)).hexdigest()


def _versions(release: CatalogueRelease | None) -> dict[str, str]:
    """The version that each component had in that catalogue."""
    components = release.document.get("components", []) if release else []
    return {str(one["id"]): str(one["version"]) for one in components}


def _time(moment: Any) -> str | None:
    return moment.isoformat(timespec="milliseconds") if moment else None
