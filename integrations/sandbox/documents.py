"""Policy documents on their way into IAM, Organizations and S3: grammar, principals and quotas.

Source: IAM user guide, "IAM and AWS STS quotas", with its error messages. Whitespace does not count towards sizes.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from moto.iam.models import iam_backends

from integrations.sandbox.callers import Caller
from integrations.sandbox.errors import AwsError
from integrations.sandbox.operations import Operation
from integrations.sandbox.policy import PolicySyntaxError
from integrations.sandbox.policy.grammar import check_identity_policy, check_resource_policy, check_trust_policy
from integrations.sandbox.principal_ids import InvalidPrincipalError, to_ids

TRUST_SIZE = 2048
MANAGED_SIZE = 6144
INLINE_SIZES = {"Role": 10240, "User": 2048, "Group": 5120}
ATTACHED = {"Role": 10, "User": 10, "Group": 10}
ROLES = 1000


def prepared(
    operation: Operation, caller: Caller, form: Mapping[str, str], body: bytes
) -> dict[str, str] | bytes | None:
    """Check the call's document and put unique ids for its principals.

    Gives the form to send on, or, for S3, the body; None when the call carries no document. Raises AwsError.
    """
    if operation.service == "iam":
        return _iam(operation, caller, form)
    if (operation.service, operation.name) == ("s3", "PutBucketPolicy"):
        text = body.decode(errors="replace")
        try:
            check_resource_policy(text)
            return to_ids(text).encode()
        except PolicySyntaxError as error:
            raise AwsError("MalformedPolicy", str(error), 400) from error
        except InvalidPrincipalError as error:
            raise AwsError("MalformedPolicy", "Invalid principal in policy", 400) from error
    if operation.service == "organizations" and operation.name in {"CreatePolicy", "UpdatePolicy"}:
        _check_organisation_policy(operation)
    return None


def _iam(operation: Operation, caller: Caller, form: Mapping[str, str]) -> dict[str, str] | None:
    name = operation.name
    holder = next((kind for kind in ("Role", "User", "Group") if name == f"Put{kind}Policy"), None)
    if name in {"CreateRole", "UpdateAssumeRolePolicy"}:
        if name == "CreateRole" and len(_backend(caller).roles) >= ROLES:
            raise _limit(f"Cannot exceed quota for RolesPerAccount: {ROLES}")
        member = "AssumeRolePolicyDocument" if name == "CreateRole" else "PolicyDocument"
        text = form.get(member, "")
        _checked(check_trust_policy, text)
        if _size(text) > TRUST_SIZE:
            raise _limit(f"Cannot exceed quota for ACLSizePerRole: {TRUST_SIZE}")
        try:
            return {**form, member: to_ids(text)}
        except InvalidPrincipalError as error:
            raise _malformed(f'Invalid principal in policy: "AWS":"{error}"') from error
    if name in {"CreatePolicy", "CreatePolicyVersion"}:
        _checked(check_identity_policy, form.get("PolicyDocument", ""))
        if _size(form.get("PolicyDocument", "")) > MANAGED_SIZE:
            raise _limit(f"Cannot exceed quota for PolicySize: {MANAGED_SIZE}")
    elif holder is not None:
        _checked(check_identity_policy, form.get("PolicyDocument", ""))
        _check_inline_size(holder, caller, form)
    else:
        _check_attached(name, caller, form)
    return None


def _check_inline_size(kind: str, caller: Caller, form: Mapping[str, str]) -> None:
    name = form.get(f"{kind}Name", "")
    found = _holder(kind, caller, name)
    others = dict(found.policies) if found is not None else {}
    others[form.get("PolicyName", "")] = form.get("PolicyDocument", "")
    if sum(_size(text) for text in others.values()) > INLINE_SIZES[kind]:
        raise _limit(f"Maximum policy size of {INLINE_SIZES[kind]} bytes exceeded for {kind.lower()} {name}")


def _check_attached(operation: str, caller: Caller, form: Mapping[str, str]) -> None:
    for kind, most in ATTACHED.items():
        if operation == f"Attach{kind}Policy":
            found = _holder(kind, caller, form.get(f"{kind}Name", ""))
            attached = found.managed_policies if found is not None else {}
            if form.get("PolicyArn") not in attached and len(attached) >= most:
                raise _limit(f"Cannot exceed quota for PoliciesPer{kind}: {most}")


def _check_organisation_policy(operation: Operation) -> None:
    text = operation.params.get("Content")
    kind = operation.params.get("Type", "SERVICE_CONTROL_POLICY")
    if text is None or kind != "SERVICE_CONTROL_POLICY":
        return
    try:
        check_identity_policy(str(text))
    except PolicySyntaxError as error:
        text = "The provided policy document does not meet the requirements of the specified policy type."
        raise AwsError("MalformedPolicyDocumentException", text, 400) from error


def _checked(check: Callable[[str], None], text: str) -> None:
    try:
        check(text)
    except PolicySyntaxError as error:
        raise _malformed(str(error)) from error


def _malformed(message: str) -> AwsError:
    return AwsError("MalformedPolicyDocument", message, 400)


def _limit(message: str) -> AwsError:
    return AwsError("LimitExceeded", message, 409)


def _size(text: str) -> int:
    return len(re.sub(r"\s", "", text))


def _backend(caller: Caller) -> Any:
    return iam_backends[caller.account][caller.partition]


def _holder(kind: str, caller: Caller, name: str) -> Any | None:
    backend = _backend(caller)
    if kind == "Role":
        return next((role for role in list(backend.roles.values()) if role.name == name), None)
    return (backend.users if kind == "User" else backend.groups).get(name)
