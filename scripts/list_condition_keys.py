"""Writes `docs/reference/sandbox-condition-keys.md`: which condition keys the sandbox gives a value, and which never.

`python -m scripts.list_condition_keys` writes the page; a test compares it with what this would write.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from moto.core.utils import get_service_model

from integrations.sandbox import reference
from integrations.sandbox.condition_keys.parameters import made_from_parameters, names_of_key, stems
from integrations.sandbox.condition_keys.resources import read_from_resources
from integrations.sandbox.condition_keys.values import bare
from integrations.sandbox.demands.s3 import actions_of_operation
from integrations.sandbox.operations import SERVICES, wire_names

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "sandbox-condition-keys.md"

HEAD = """\
# Condition keys of the sandbox (reference)

The service authorization reference lists these keys for the actions of the services that the sandbox answers. A key
is in a request only if the reference lists it for the action, for the action on that type of resource, or for the
type. This page says which of them ever have a value. A condition on any other key sees an absent key: `StringEquals`
does not hold, `StringNotEquals` and the `…IfExists` operators do, and a policy that rests on such a key cannot be
tried here. The global keys (`aws:PrincipalArn`, `aws:SourceIp`, …) are in [the sandbox's own page](../sandbox.md).

In EC2 a key describes what the call makes by the call's parameters, and what is there already by how it is; elsewhere
a parameter counts before the present state. Written by `python -m scripts.list_condition_keys`; a test compares.
"""

OF_EVERY_CALL = {
    "cloudformation:createaction", "ec2:createaction", "ec2:region", "elasticloadbalancing:createaction",
    "iam:passedtoservice", "iam:permissionsboundary", "kms:calleraccount", "s3:authtype", "s3:resourceaccount",
    "s3:signatureversion", "s3:tlsversion", "s3:x-amz-content-sha256", "s3:requestobjecttagkeys", "aws:tagkeys",
    "sts:externalid", "sts:rolesessionname", "sts:sourceidentity", "sts:transitivetagkeys",
}  # fmt: skip
"""Keys whose value comes from the call itself, its signature, or what makes it."""

UNKNOWN_TAGS = {"s3:accesspointtag", "s3:buckettag"}
"""Tags of S3's that the sandbox does not read; nor `aws:ResourceTag` there, which has to be turned on for a bucket."""


def page() -> str:
    """Give the page's text."""
    parts = [HEAD]
    for prefix in reference.SERVICES:
        valued, never = _sorted_out(prefix)
        parts += [f"## {prefix}\n", f"**With a value:** {_listed(valued)}\n", f"**Never:** {_listed(never)}\n"]
    return "\n".join(parts)


def _sorted_out(prefix: str) -> tuple[list[str], list[str]]:
    names = _parameter_names(prefix)
    valued: list[str] = []
    never: list[str] = []
    for key, actions in reference.condition_keys(prefix).items():
        given = names_of_key(key.partition(":")[2])[0]
        tags_unknown = key.split("/")[0] in UNKNOWN_TAGS or (prefix, key.split("/")[0]) == ("s3", "aws:resourcetag")
        has_value = (
            key in OF_EVERY_CALL
            or made_from_parameters(prefix, key)
            or (read_from_resources(key) and not tags_unknown)
            or (key.startswith(f"{prefix}:") and any(given in names.get(action, ()) for action in actions))
        )
        (valued if has_value else never).append(_shortened(key))
    return list(dict.fromkeys(valued)), list(dict.fromkeys(never))


def _shortened(key: str) -> str:
    """Write the many keys of identity providers and of attestations as one each."""
    prefix, _, name = key.partition(":")
    if prefix == "kms" and name.startswith("recipientattestation"):
        return "kms:recipientattestation:…"
    return key if prefix in {*reference.SERVICES, "aws"} else f"{prefix}:…"


def _parameter_names(prefix: str) -> dict[str, set[str]]:
    """Give the forms of every parameter's name, by action in lower case."""
    found: dict[str, set[str]] = {}
    # Of STS the sandbox answers AssumeRole, whose keys are all named above.
    for model in (model for models in SERVICES.values() for model in models if model != "sts"):
        service: Any = get_service_model(model)
        if {"elb": "elasticloadbalancing", "elbv2": "elasticloadbalancing"}.get(model, model) != prefix:
            continue
        for operation in service.operation_names:
            names = {form for name in _names(service, model, operation) for form in names_of_key(name)}
            for action in actions_of_operation(operation) if prefix == "s3" else [operation]:
                found.setdefault(action.lower(), set()).update(names)
    return found


def _names(service: Any, model: str, operation: str) -> Iterator[str]:
    shape = service.operation_model(operation).input_shape
    for name, member in shape.members.items() if shape is not None else ():
        yield wire_names(model, operation).get(name, name)
        inner = member.member if member.type_name == "list" else member
        if inner.type_name == "structure" and not name.lower().startswith("tag"):
            for deeper in inner.members:
                yield deeper
                yield from (bare(stem + deeper) for stem in stems(name))


def _listed(keys: list[str]) -> str:
    return ", ".join(f"`{key}`" for key in keys) + "." if keys else "none."


def main() -> int:
    """Write the page."""
    PAGE.write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
