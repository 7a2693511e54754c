"""Read each role of ours and compare it with what `vendor_setup` renders: this names the statement that differs.

It needs iam:GetRole, iam:GetRolePolicy, iam:ListRolePolicies and iam:ListAttachedRolePolicies on our own roles, which
the worker's policy allows. The live checks need none of it.
"""

import json
import re
from dataclasses import replace
from typing import Any, get_args

from botocore.exceptions import BotoCoreError, ClientError

from integrations.aws.errors import AwsCallFailed, Refused
from integrations.aws.inspection import RolePolicies, RoleSelf, read_policies, read_role
from integrations.aws.policies import MAX_TRUST_POLICY, PolicyDocument, length_without_whitespace
from integrations.aws.vendor import VendorSettings
from integrations.aws.vendor_doctor.record import SET_UP, Record
from integrations.aws.vendor_doctor.report import Meter, Proof
from integrations.aws.vendor_policies import READ_ROLE_ACTIONS, TrustForm
from integrations.aws.vendor_roles import POLICY_NAME, VendorRole, vendor_roles
from integrations.catalogue import Catalogue

_GONE = re.compile(r"A(?:ROA|IDA)[A-Z0-9]+")


def with_base_role(settings: VendorSettings, iam: Any, base_role_name: str) -> VendorSettings:
    """The settings with the role that the process acts as by itself, where that is not our worker role.

    A session's ARN does not tell the role's path, so the role is asked. Unchanged where it does not tell.
    """
    if base_role_name in {"", "worker"}:
        return settings
    try:
        arn = iam.get_role(RoleName=base_role_name)["Role"]["Arn"]
    except (ClientError, BotoCoreError):
        return settings
    return replace(settings, base_principal_arn=arn)


def compare_roles(settings: VendorSettings, catalogue: Catalogue, iam: Any, record: Record) -> None:
    """One check for each role, and a meter for each trust policy. Raises OutOfTime."""
    forms = {form: vendor_roles(settings, catalogue, trust_form=form) for form in get_args(TrustForm)}
    pinned, rooted = forms["pinned"], forms["account-root"]
    found: dict[str, tuple[RoleSelf, RolePolicies] | AwsCallFailed] = {}
    for role in pinned.roles:
        record.in_time()
        try:
            found[role.name] = read_role(iam, role.name), read_policies(iam, role.name)
        except AwsCallFailed as failure:
            found[role.name] = failure
    some_can_be_read = any(not isinstance(answer, AwsCallFailed) for answer in found.values())
    for role, other_form in zip(pinned.roles, rooted.roles, strict=True):
        answer = found[role.name]
        if isinstance(answer, AwsCallFailed):
            _not_read(role.name, role.arn(settings), answer, some_can_be_read, record)
        else:
            _compare(role, role.arn(settings), [role.trust, other_form.trust], *answer, record)


def _not_read(name: str, arn: str, failure: AwsCallFailed, others_can_be_read: bool, record: Record) -> None:
    """IAM knows no path of a role that is not there, so a policy that allows a path refuses to say that it is gone."""
    if failure.code == "NoSuchEntity" or (isinstance(failure, Refused) and others_can_be_read):
        record.failed("role", name, f"{arn} does not exist", SET_UP, detail=str(failure), proof=Proof.READ)
        return
    record.unknown(
        "role",
        name,
        f"{arn} cannot be read",
        f"Allow the worker {', '.join(READ_ROLE_ACTIONS)} on it. {SET_UP}",
        detail=str(failure),
        proof=Proof.READ,
    )


def _compare(
    wanted: VendorRole,
    arn: str,
    trusts: list[PolicyDocument],
    found: RoleSelf,
    policies: RolePolicies,
    record: Record,
) -> None:
    record.meters.append(
        Meter(
            "trust_policy", wanted.name, length_without_whitespace(found.trust_policy), MAX_TRUST_POLICY, "characters"
        )
    )
    differences = [
        *([] if wanted.name == "worker" else _trust_differences(found, trusts)),
        *_tag_differences(wanted, found),
        *_policy_differences(wanted, policies),
    ]
    if found.boundary_arn:
        differences.append(f"it has the permissions boundary {found.boundary_arn}, which can forbid what it must do")
    if differences:
        record.failed(
            "role", wanted.name, f"{arn}: {'; '.join(differences)}", f"Look who changed it. {SET_UP}", proof=Proof.READ
        )
    else:
        record.passed("role", wanted.name, f"{arn} is what the set-up says", Proof.READ)


def _trust_differences(found: RoleSelf, trusts: list[PolicyDocument]) -> list[str]:
    """A role of ours whose principal was recreated is told apart: AWS shows the old one's unique id then."""
    if any(_plain(found.trust_policy) == _plain(trust) for trust in trusts):
        return []
    if gone := _GONE.search(json.dumps(found.trust_policy)):
        return [f"its trust policy names a role that does not exist any more ({gone[0]})"]
    return ["its trust policy differs" + _statements(found.trust_policy, trusts[0])]


def _tag_differences(wanted: VendorRole, found: RoleSelf) -> list[str]:
    return [
        f"its tag {key} is {found.tags.get(key) or 'missing'}, not {value}"
        for key, value in wanted.tags.items()
        if found.tags.get(key) != value
    ]


def _policy_differences(wanted: VendorRole, found: RolePolicies) -> list[str]:
    differences = [f"it has the policy {arn}, which the set-up does not give it" for arn in found.managed_arns]
    differences += [
        f"it has the policy '{name}', which the set-up does not give it"
        for name in found.inline
        if name != POLICY_NAME or wanted.permissions is None
    ]
    if wanted.permissions is None:
        return differences
    if POLICY_NAME not in found.inline:
        return [*differences, f"its policy '{POLICY_NAME}' is missing"]
    document = found.inline[POLICY_NAME]
    if _plain(document) != _plain(wanted.permissions):
        differences.append(f"its policy '{POLICY_NAME}' differs" + _statements(document, wanted.permissions))
    return differences


def _statements(found: Any, wanted: PolicyDocument) -> str:
    """Which statements differ, by their names."""
    have, want = (
        {statement.get("Sid", f"number {number}"): _plain(statement) for number, statement in enumerate(statements, 1)}
        for statements in (_list(found.get("Statement", [])), wanted["Statement"])
    )
    names = [name for name in {**want, **have} if have.get(name) != want.get(name)]
    return f" in {', '.join(names)}" if names else ""


def _plain(value: Any) -> Any:
    """A policy in which neither order shows nor whether one value stands in a list."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in sorted(value.items())}
    if isinstance(value, list | tuple):
        values = sorted((_plain(inner) for inner in value), key=json.dumps)
        return values[0] if len(values) == 1 else values
    return value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
