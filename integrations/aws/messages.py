"""A finding as a message, ready to forward to whoever must act. Pure.

It may hold AWS's own words, with ids of the customer's organisation: it is for that customer alone.
"""

from integrations.aws.report import Actor, Finding, Outcome

_GREETING = {
    Actor.CUSTOMER: "To the administrator of AWS account {account_id}:",
    Actor.CUSTOMER_ORGANISATION: "To the team that runs the AWS organisation of account {account_id}:",
}


def message_to_forward(finding: Finding, *, product_name: str, account_id: str, role_arn: str) -> str:
    """The message for the finding, as plain text; empty where nobody on the customer's side must act."""
    greeting = _GREETING.get(finding.who)
    if greeting is None or finding.outcome not in (Outcome.DENIED, Outcome.VIOLATED):
        return ""
    lines = [
        greeting.format(account_id=account_id),
        "",
        f"{product_name} verified its access and found: {finding.title}.",
        "",
        f"Role: {role_arn}",
    ]
    if finding.action:
        lines.append(f"Action: {finding.action}")
    if finding.region:
        lines.append(f"Region: {finding.region}")
    if finding.request_id:
        lines.append(f"AWS request id: {finding.request_id}")
    if finding.detail:
        lines += ["", "What AWS answered:", finding.detail]
    lines += ["", "What to do:", finding.fix]
    return "\n".join(lines) + "\n"
