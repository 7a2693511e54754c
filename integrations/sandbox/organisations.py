"""Organisations as authorisation sees them: service and resource control policies, read from moto's state."""

from typing import Any

from moto.organizations.models import organizations_backends

from integrations.sandbox.policy import PolicyKind, readable_policy
from integrations.sandbox.policy.evaluate import Levels


def service_control(partition: str, account: str) -> Levels:
    """Give the service control policies over an account, root first; none for the management account."""
    return _organisation_policies(partition, account, "SERVICE_CONTROL_POLICY", PolicyKind.SERVICE_CONTROL)


def resource_control(partition: str, account: str) -> Levels:
    """Give the resource control policies over an account, root first; none for the management account."""
    return _organisation_policies(partition, account, "RESOURCE_CONTROL_POLICY", PolicyKind.RESOURCE_CONTROL)


def organisation_id(account: str) -> str | None:
    """Give the id of the organisation that an account is in."""
    organisation = _organisation(account)
    return str(organisation.org.id) if organisation is not None else None


def members(account: str) -> list[str]:
    """Give the accounts of the organisation that an account is in."""
    backend = _organisation(account)
    return [str(member.id) for member in backend.accounts] if backend is not None else []


def organisation_member(account: str, identifier: str) -> Any | None:
    """Give moto's account, unit, root or policy with an id, in the organisation that an account is in."""
    backend = _organisation(account)
    if backend is None:
        return None
    everything = [*list(backend.accounts), *list(backend.ou), *list(backend.policies)]
    return next((item for item in everything if item.id == identifier), None)


def organisation_home(account: str) -> tuple[str, str] | None:
    """Give the organisation's id and its management account, for an account that is in one."""
    backend = _organisation(account)
    return (str(backend.org.id), str(backend.org.master_account_id)) if backend is not None else None


def _organisation(account: str) -> Any | None:
    owner = organizations_backends.master_accounts.get(account)
    for holder in [owner[0] if owner else account]:
        if holder in organizations_backends:
            for partition in list(organizations_backends[holder]):
                backend = organizations_backends[holder][partition]
                if backend.org is not None and any(member.id == account for member in backend.accounts):
                    return backend
    return None


def _organisation_policies(partition: str, account: str, policy_type: str, kind: PolicyKind) -> Levels:
    backend = _organisation(account)
    if backend is None or backend.org.master_account_id == account or backend.partition != partition:
        return ()
    units = {unit.id: unit for unit in list(backend.ou)}
    root = units.get(backend.org.root_id)
    if root is None or not any(enabled["Type"] == policy_type for enabled in root.policy_types):
        return ()
    holder = next(member for member in backend.accounts if member.id == account)
    chain = [holder]
    while chain[-1] is not root:
        above = units.get(getattr(chain[-1], "parent_id", ""))
        if above is None:
            break
        chain.append(above)
    return tuple(
        tuple(
            policy
            for attached in list(level.attached_policies)
            if attached.type == policy_type
            and (policy := readable_policy(kind, attached.content, name=attached.name, arn=attached.arn)) is not None
        )
        for level in reversed(chain)
    )
