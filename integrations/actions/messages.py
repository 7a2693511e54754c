"""A stored finding as a message that the customer forwards to whoever must act. For that customer's own eyes alone."""

from integrations.actions.external_ids import template_external_ids
from integrations.aws import messages, report
from integrations.aws.policies import customer_trust_policy
from integrations.catalogue_file import catalogue
from integrations.models import Connection, CustomerRole, Finding
from integrations.vendor import vendor_settings


def message_of(*, finding: Finding, connection: Connection) -> str:
    """The message, as plain text; empty where nobody on the customer's side must act, or no account is given yet."""
    role = CustomerRole(connection=connection, component=finding.component)
    if not role.arn:
        return ""
    current = catalogue()
    permission = trust_policy = None
    if current.offers(finding.component):
        wanted = {entry.action: entry for entry in current.component(finding.component).permissions}
        permission = wanted.get(finding.action)
        principal = vendor_settings().trusted_principal_arn(finding.component)
        trust_policy = customer_trust_policy(principal, template_external_ids(connection))
    return messages.message_to_forward(
        report.Finding(
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
        ),
        product_name=current.product_name,
        account_id=connection.account_id,
        role_arn=role.arn,
        permission=permission,
        trust_policy=trust_policy,
    )
