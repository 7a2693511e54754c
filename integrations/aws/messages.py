"""A finding as a message, ready to forward to whoever must act, with the statement to copy where one cures it. Pure.

It may hold AWS's own words, with ids of the customer's organisation: it is for that customer alone.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integrations.aws.errors import read_denial
from integrations.aws.policies import conditions_of, permission_statements, resources_of
from integrations.aws.report import Actor, Finding, Outcome
from integrations.aws.words import gettext_noop
from integrations.catalogue import Permission

_GREETING = {
    Actor.CUSTOMER: "To the administrator of AWS account {account_id}:",
    Actor.CUSTOMER_ORGANISATION: "To the team that runs the AWS organisation of account {account_id}:",
}
# What the role template's own trust policy cures.
_CURED_BY_TRUST_POLICY = frozenset(
    {
        "control_refused",
        "external_id_missing",
        "external_id_operator",
        "external_id_other_values",
        "external_id_variable",
        "no_external_id_accepted",
        "previous_external_id",
        "retired_external_id_accepted",
        "role_not_assumable",
        "trust_everybody",
        "trust_lacks_source_identity",
        "trust_lacks_tag_session",
        "trust_not_principal",
        "trust_open_but_refused",
        "trust_other_principal",
        "trust_principal_gone",
        "trust_refuses_session",
        "trust_too_wide",
        "trust_unexpected_action",
        "trust_whole_account",
        "wrong_external_id_accepted",
    }
)


Tag = tuple[str, str]  # key and value


@dataclass(frozen=True)
class Cure:
    """Something to copy into a policy or onto a role, and where it goes."""

    where: str
    document: Mapping[str, Any] | list[dict[str, Any]]

    @property
    def text(self) -> str:
        """The document as it is copied."""
        return json.dumps(self.document, indent=2)


def message_to_forward(
    finding: Finding,
    *,
    product_name: str,
    account_id: str,
    role_arn: str,
    permission: Permission | None = None,
    trust_policy: Mapping[str, Any] | None = None,
    product_tag: Tag | None = None,
    further: Sequence[Permission] = (),
) -> str:
    """The message for the finding, as plain text; empty where nobody on the customer's side must act.

    `permission` is the catalogue's entry for the finding's action, `further` those of others that failed for the same
    cause, `trust_policy` and `product_tag` those the role template writes.
    """
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
    if further:
        lines.append(f"Actions: {', '.join([finding.action, *(other.action for other in further)])}")
    elif finding.action:
        lines.append(f"Action: {finding.action}")
    if finding.region:
        lines.append(f"Region: {finding.region}")
    if finding.request_id:
        lines.append(f"AWS request id: {finding.request_id}")
    if finding.detail:
        lines += ["", "What AWS answered:", finding.detail]
    lines += ["", "What to do:", finding.fix]
    cure = cure_of(
        finding, role_arn, permission=permission, trust_policy=trust_policy, product_tag=product_tag, further=further
    )
    if cure:
        lines += ["", cure.where, cure.text]
    return "\n".join(lines) + "\n"


def cure_of(
    finding: Finding,
    role_arn: str,
    *,
    permission: Permission | None = None,
    trust_policy: Mapping[str, Any] | None = None,
    product_tag: Tag | None = None,
    further: Sequence[Permission] = (),
) -> Cure | None:
    """The text to copy that cures the finding, and with it those of `further` permissions, if one does."""
    if finding.cause in _CURED_BY_TRUST_POLICY:
        return Cure(gettext_noop("The role's trust policy, whole:"), trust_policy) if trust_policy else None
    if finding.cause == "product_tag_missing":
        return (
            Cure(gettext_noop("The tag to put on the role:"), {"Key": product_tag[0], "Value": product_tag[1]})
            if product_tag
            else None
        )
    if not finding.action or finding.outcome is not Outcome.DENIED:
        return None
    denied = read_denial(finding.detail)
    but_for_the_role = {"Condition": {"ArnNotLike": {"aws:PrincipalArn": role_arn}}}
    allow = {"Effect": "Allow", "Action": finding.action, **_asked_for(permission, role_arn)}
    match finding.cause:
        case "missing_permission" if permission and further:
            _, partition, _, _, account_id, _ = role_arn.split(":", 5)
            statements = permission_statements([permission, *further], partition, account_id)
            if len(statements) > 1:
                return Cure(gettext_noop("The statements to add to the role's permissions policy:"), statements)
            return Cure(gettext_noop("The statement to add to the role's permissions policy:"), statements[0])
        case "missing_permission":
            return Cure(gettext_noop("The statement to add to the role's permissions policy:"), allow)
        case "blocked_by_organisation" if denied.explicit:
            return Cure(gettext_noop("The condition to add to the statement that denies it:"), but_for_the_role)
        case "blocked_by_organisation":
            return Cure(gettext_noop("The statement to add to the organisation's policy:"), allow)
        case "blocked_by_boundary" if denied.explicit:
            return Cure(
                gettext_noop("The condition to add to the boundary's statement that denies it:"), but_for_the_role
            )
        case "blocked_by_boundary":
            return Cure(gettext_noop("The statement to add to the permissions boundary:"), allow)
        case "blocked_by_resource_policy" if denied.explicit:
            return Cure(
                gettext_noop("The condition to add to the resource policy's statement that denies it:"),
                but_for_the_role,
            )
        case "blocked_by_resource_policy":
            principal = {"AWS": role_arn}
            on = {"Resource": denied.resource} if denied.resource not in ("", "*") else {}
            return Cure(
                gettext_noop("The statement to add to the resource's policy:"), {**allow, "Principal": principal, **on}
            )
    return None


def _asked_for(permission: Permission | None, role_arn: str) -> dict[str, Any]:
    """The resources and conditions of the permission in the role's account, as a statement has them."""
    if permission is None:
        return {"Resource": "*"}
    _, partition, _, _, account_id, _ = role_arn.split(":", 5)
    resources = resources_of(permission, partition, account_id)
    asked_for: dict[str, Any] = {"Resource": resources[0] if len(resources) == 1 else resources}
    if permission.conditions:
        asked_for["Condition"] = conditions_of(permission, partition, account_id)
    return asked_for
