"""The texts of IAM's refusals.

Source: IAM user guide, "Troubleshoot access denied error messages". Across accounts AWS gives no reason. How a refusal
names its resource differs from service to service and stands in no documentation: what is here was seen in refusals
that people have published.
"""

import re

from integrations.sandbox import organisations
from integrations.sandbox.callers import Caller
from integrations.sandbox.policy import Decision, PolicyKind

_WITH_ARTICLE = {
    PolicyKind.IDENTITY: "an identity-based policy",
    PolicyKind.BOUNDARY: "a permissions boundary",
    PolicyKind.SESSION: "a session policy",
    PolicyKind.SERVICE_CONTROL: "a service control policy",
    PolicyKind.RESOURCE_CONTROL: "a resource control policy",
    PolicyKind.RESOURCE: "a resource-based policy",
    PolicyKind.TRUST: "the role trust policy",
}


_NAMED_BY_STAR = {"iam", "kms", "lambda", "organizations"}
_IAM_RESOURCE = re.compile(r"^arn:[^:]+:iam::[^:]*:(role|user|group|instance-profile|policy)/(.*[^/])$")
_IAM_BY_ARN = re.compile(r"^iam:(Create(Role|User|Group|InstanceProfile)|PassRole|Tag|Untag|Simulate)")


def as_refusals_name_it(action: str, resource: str) -> str | None:
    """Give a resource as the service of `action` names it when it refuses; None where it names none."""
    service = action.split(":", 1)[0]
    if action == "iam:ListPolicies":
        return "policy path /"
    if resource == "*":
        return "*" if service in _NAMED_BY_STAR else None
    if service == "s3":
        return f'"{resource}"'
    found = _IAM_RESOURCE.match(resource)
    if service != "iam" or found is None or _IAM_BY_ARN.match(action):
        return resource
    kind, name = found.groups()
    if kind == "policy" and action != "iam:CreatePolicy":
        return f"policy {resource}"
    return f"{kind.replace('-', ' ')} {name.rsplit('/', 1)[-1]}"


def refusal(
    caller_arn: str, action: str, resource: str | None, decision: Decision, *, reason: bool, show_policy: bool = True
) -> str:
    """Say that a caller may not do `action`, in AWS's words.

    With `reason` the text says which kind of policy decided; with `show_policy` too it ends in the ARN of a policy
    that denied explicitly, as AWS does since 2026 within an account or organisation.
    """
    text = f"User: {caller_arn} is not authorized to perform: {action}"
    if resource is not None:
        text += f" on resource: {resource}"
    if not reason or decision.kind is None:
        return text
    if not decision.explicit:
        return f"{text} because no {decision.kind} allows the {action} action"
    text += f" with an explicit deny in {_WITH_ARTICLE[decision.kind]}"
    if show_policy and decision.policy is not None and decision.policy.arn:
        text += f": {decision.policy.arn}"
    return text


def near(caller: Caller, account: str) -> bool:
    """Tell whether the caller may be shown the ARN of a policy that speaks on a resource of `account`."""
    if caller.account == account:
        return True
    organisation = organisations.organisation_id(caller.account)
    return organisation is not None and organisation == organisations.organisation_id(account)
