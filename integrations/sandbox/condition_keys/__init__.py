"""The service's own condition keys of a call: from its parameters, its tags, and the resource as it is.

A key is there only if the service authorization reference lists it for the action, for the action on that type of
resource, or for that type. Which keys have a value is listed in `docs/reference/sandbox-condition-keys.md`.
"""

from integrations.sandbox import reference
from integrations.sandbox.buckets import bucket_owner
from integrations.sandbox.condition_keys.parameters import keys_of_parameters
from integrations.sandbox.condition_keys.place import Place
from integrations.sandbox.condition_keys.request_tags import keys_of_request_tags
from integrations.sandbox.condition_keys.resources import keys_of_resource
from integrations.sandbox.condition_keys.signing import keys_of_signing
from integrations.sandbox.context import Keys
from integrations.sandbox.operations import Operation

__all__ = ["Place", "keys_of_call", "only_offered"]


_NAMED_BEFORE_THEY_ARE = {
    ("CreateKeyPair", "key-pair"),
    ("CreatePlacementGroup", "placement-group"),
    ("ImportKeyPair", "key-pair"),
}
"""What EC2 makes under a name that the call gives; all else it makes has an id that nobody knows before."""


def keys_of_call(operation: Operation, action: str, kind: str | None, arn: str, place: Place) -> Keys:
    """Give the keys of one action of the call on one resource; `kind` is None when the action has no resource.

    What stands in a call to EC2 describes what the call makes, never a resource that is there already. Elsewhere a
    parameter of a call that changes a resource counts before what the resource has now.
    """
    offered = reference.offered(operation.prefix, action, kind)
    is_there = kind is not None and not arn.endswith("*") and (operation.name, kind) not in _NAMED_BEFORE_THEY_ARE
    keys: Keys = keys_of_resource(operation.prefix, kind, arn, place) if kind is not None and is_there else {}
    given = keys_of_parameters(operation, offered, place)
    if operation.service == "ec2" and is_there:
        given = {key: value for key, value in given.items() if key.startswith("ec2:attribute")}
    keys = {**keys, **given, **keys_of_request_tags(operation, kind), **_of_the_call(operation, place)}
    return only_offered(operation.prefix, action, kind, keys)


def only_offered(prefix: str, action: str, kind: str | None, keys: Keys) -> Keys:
    """Leave out the keys that the reference does not list for the action on the type."""
    offered = reference.offered(prefix, action, kind)
    return {key: value for key, value in keys.items() if offered.holds(key)}


def _of_the_call(operation: Operation, place: Place) -> Keys:
    keys: Keys = {"ec2:region": (place.region,), "kms:calleraccount": (place.account,)}
    if operation.service == "iam":
        keys.update(_present_boundary(operation, place))
    if operation.service == "s3":
        keys.update(keys_of_signing(operation))
        keys["s3:resourceaccount"] = (bucket_owner(str(operation.params.get("Bucket", ""))) or place.account,)
    return keys


def _present_boundary(operation: Operation, place: Place) -> Keys:
    """Give `iam:PermissionsBoundary` as a role or user has it, where the call sets none."""
    if operation.params.get("PermissionsBoundary"):
        return {}
    kind = "role" if "RoleName" in operation.params else "user"
    boundary = place.find_boundary(kind, str(operation.params.get(f"{kind.title()}Name", "")))
    return {"iam:permissionsboundary": (boundary,)} if boundary is not None else {}
