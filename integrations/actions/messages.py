"""How a stored finding is put right: the policy text to copy, and the message to forward. For that customer alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from integrations.actions.external_ids import template_external_ids
from integrations.aws import messages, report
from integrations.catalogue import Permission
from integrations.catalogue_file import catalogue
from integrations.models import Connection, CustomerRole, Finding
from integrations.role_templates.document import trust_policy_of
from integrations.vendor import vendor_settings

# What deploying the role template cures. Not what was edited by hand since: CloudFormation sees no change there.
_CURED_BY_TEMPLATE = frozenset({"role_outdated", "role_not_assumable"})


@dataclass(frozen=True)
class Remedy:
    """What puts a finding right. Each part is empty where it does not apply."""

    message: str = ""  # to forward to whoever must act
    where: str = ""  # where `text` goes
    text: str = ""  # a policy, a statement, a condition or a tag to copy
    by_template: bool = False  # deploying the role template anew does it too


def message_of(*, finding: Finding, connection: Connection) -> str:
    """The message, as plain text; empty where nobody on the customer's side must act, or no account is given yet."""
    return remedy_of(finding=finding, connection=connection).message


def remedy_of(*, finding: Finding, connection: Connection, actions: Sequence[str] = ()) -> Remedy:
    """What puts a finding right, and with it the same finding of the other `actions`."""
    role = CustomerRole(connection=connection, component=finding.component)
    if not role.arn:
        return Remedy()
    current = catalogue()
    product_tag = (current.product_tag.key, current.product_tag.value)
    permission = trust_policy = None
    further: list[Permission] = []
    if current.offers(finding.component):
        wanted = {entry.action: entry for entry in current.component(finding.component).permissions}
        permission = wanted.get(finding.action)
        further = [wanted[action] for action in actions if action in wanted and action != finding.action]
        trust_policy = trust_policy_of(
            finding.component, settings=vendor_settings(), external_ids=template_external_ids(connection)
        )
    found = report.Finding(
        check=finding.check_code,
        component=finding.component,
        outcome=report.Outcome(finding.outcome),
        cause=finding.cause,
        who=report.Actor(finding.who),
        title=finding.title,
        detail=finding.detail,
        fix=finding.fix,
        action=finding.action,
        region=finding.region,
        request_id=finding.request_id,
    )
    message = messages.message_to_forward(
        found,
        product_name=current.product_name,
        account_id=connection.account_id,
        role_arn=role.arn,
        permission=permission,
        trust_policy=trust_policy,
        product_tag=product_tag,
        further=further,
    )
    cure = messages.cure_of(
        found, role.arn, permission=permission, trust_policy=trust_policy, product_tag=product_tag, further=further
    )
    return Remedy(
        message=message,
        where=cure.where if cure and message else "",
        text=cure.text if cure and message else "",
        by_template=bool(message) and finding.cause in _CURED_BY_TEMPLATE,
    )
