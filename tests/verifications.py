"""Verifications that tests ask for and wait for, what they found, and the statuses that roles have by them."""

import time

from integrations.actions.verifications import request_verification
from integrations.models import Connection, Finding, Verification
from tenants.audit import SYSTEM
from tenants.scope import tenant_scope


def statuses(connection: Connection) -> dict[str, str]:
    with tenant_scope(connection.tenant_id):
        return {role.component: role.status for role in connection.roles.all()}


def findings(verification: Verification, **having: str) -> list[Finding]:
    with tenant_scope(verification.tenant_id):
        return list(verification.findings.filter(**having))


def role_name(connection: Connection, component: str) -> str:
    with tenant_scope(connection.tenant_id):
        return connection.roles.get(component=component).name


def ask(connection: Connection) -> Verification:
    with tenant_scope(connection.tenant_id):
        return request_verification(connection=connection, by=SYSTEM)


def wait_for(verification: Verification, *states: str, seconds: float = 60) -> Verification:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with tenant_scope(verification.tenant_id):
            verification.refresh_from_db()
        if verification.state in states:
            return verification
        time.sleep(0.1)
    raise AssertionError(f"{verification.state} after {seconds} s, wanted {states}")
