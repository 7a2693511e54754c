"""What a call demands: each action with its resource and the condition keys that the reference lists for it.

Source: service authorization reference.
"""

import dataclasses
from collections.abc import Iterator

from integrations.sandbox import reference
from integrations.sandbox.condition_keys import Place, keys_of_call
from integrations.sandbox.demands.creation_tags import demands_of_creation_tags
from integrations.sandbox.demands.demand import Demand
from integrations.sandbox.demands.passed_roles import demands_of_passed_roles
from integrations.sandbox.demands.resources import any_arn, arns_of
from integrations.sandbox.demands.s3 import demands_of_s3
from integrations.sandbox.operations import Operation

__all__ = ["Demand", "demands_of"]

_ACTIONS = {
    ("lambda", "Invoke"): "InvokeFunction",
    ("lambda", "InvokeWithResponseStream"): "InvokeFunction",
    ("lambda", "InvokeAsync"): "InvokeAsync",
}

_LISTS = {
    ("iam", "ListRoles"): "arn:{partition}:iam::{account}:role{path}",
    ("iam", "ListUsers"): "arn:{partition}:iam::{account}:user{path}",
    ("iam", "ListGroups"): "arn:{partition}:iam::{account}:group{path}",
    ("iam", "ListInstanceProfiles"): "arn:{partition}:iam::{account}:instance-profile{path}",
    ("logs", "DescribeLogGroups"): "arn:{partition}:logs:{region}:{account}:log-group::log-stream:",
    ("cloudformation", "ListStacks"): "arn:{partition}:cloudformation:{region}:{account}:stack/*/*",
}
"""Lists for which the reference has no resource, but AWS's refusals name one: so they ask for that."""


def demands_of(operation: Operation, place: Place) -> list[Demand]:
    """Give every permission that the call needs; all of them must be allowed."""
    if operation.service == "s3":
        return list(demands_of_s3(operation, place))
    action = _ACTIONS.get((operation.service, operation.name), operation.name)
    asked = f"{operation.prefix}:{action}"
    resources = _resources(operation, action, place)
    found = [
        Demand(asked, arn, keys_of_call(part, action, kind, arn, place))
        for kind, arn in resources
        for part in _parts(operation, kind)
    ]
    if not found:
        resource = _list(operation, place)
        found = [Demand(asked, resource, keys_of_call(operation, action, None, resource, place))]
    return [
        *found,
        *demands_of_creation_tags(operation, resources, place),
        *demands_of_passed_roles(operation, place),
    ]


def _resources(operation: Operation, action: str, place: Place) -> list[tuple[str, str]]:
    """Give type and ARN of each resource; a type that the call needs but does not name is given as a whole."""
    types = reference.resource_types(operation.prefix, action)
    found = list(dict.fromkeys((kind, arn) for kind in types for arn in arns_of(operation, kind, place)))
    if not types or _reads_list(operation):
        return found
    required = reference.required_types(operation.prefix, action)
    missing: list[str] = []
    if operation.prefix == "ec2":
        # EC2 asks for each of the resources that a call touches, those that it makes included. The reference calls
        # an instance's volume optional, for the sake of images without one, of which there are hardly any left.
        wanted = [*required, "volume"] if operation.name == "RunInstances" else required
        missing = [kind for kind in wanted if kind not in {kind for kind, _ in found}]
    if not found and not missing:
        missing = [(required or types)[0]]
    return [*found, *((kind, any_arn(operation, kind, "*", place)) for kind in missing)]


def _parts(operation: Operation, kind: str) -> Iterator[Operation]:
    """Give the call once for each thing of a type that it makes: an instance's volumes have sizes of their own."""
    mappings = operation.params.get("BlockDeviceMappings")
    volumes = [mapping["Ebs"] for mapping in mappings or () if isinstance(mapping, dict) and mapping.get("Ebs")]
    if (operation.service, kind) != ("ec2", "volume") or not volumes:
        yield operation
        return
    kept = {"TagSpecifications", "LaunchTemplate"}
    common = {name: value for name, value in operation.params.items() if name in kept}
    for volume in volumes:
        yield dataclasses.replace(operation, params={**common, **volume})


def _list(operation: Operation, place: Place) -> str:
    path = operation.params.get("PathPrefix") or "/"
    return _LISTS.get((operation.prefix, operation.name), "*").format(
        partition=place.partition, region=place.region, account=place.account, path=path
    )


def _reads_list(operation: Operation) -> bool:
    """Tell whether a call that names no resource asks for none, though the reference has one for its action."""
    if operation.service == "cloudwatch":
        return "dataset" in reference.resource_types("cloudwatch", operation.name)
    return operation.service == "ec2" and operation.name.startswith("Describe")
