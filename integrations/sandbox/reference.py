"""The service authorization reference: which resource types an action has, with their ARNs and condition keys.

The data is cfn-lint's copy of AWS's "Actions, resources, and condition keys" pages, which moto brings along. It names
actions in lower case and does not hold the condition keys of actions, which `demands` adds by hand.
"""

import importlib.util
import json
from functools import cache
from pathlib import Path
from typing import Any


@cache
def _data() -> dict[str, Any]:
    found = importlib.util.find_spec("cfnlint")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("cfn-lint is not installed: install requirements-dev.txt")
    path = Path(found.submodule_search_locations[0]) / "data" / "AdditionalSpecs" / "Policies.json"
    wanted = (
        "autoscaling", "cloudformation", "cloudtrail", "cloudwatch", "ec2", "elasticloadbalancing", "iam", "kms",
        "lambda", "logs", "organizations", "rds", "s3", "sts",
    )  # fmt: skip
    document = json.loads(path.read_bytes())
    return {prefix: document[prefix] for prefix in wanted}


def resource_types(prefix: str, action: str) -> list[str]:
    """Give the resource types of an action; none when it has to be given on `*`."""
    # A few actions spell a type in another case than the list of types does.
    types: list[str] = _data()[prefix]["Actions"].get(action.lower(), {}).get("Resources", [])
    known = _data()[prefix]["Resources"]
    return [found for kind in types if (found := kind if kind in known else kind.lower()) in known]


def knows(prefix: str, action: str) -> bool:
    """Tell whether the reference lists the action."""
    return prefix in _data() and action.lower() in _data()[prefix]["Actions"]


def arn_format(prefix: str, resource_type: str) -> str:
    """Give a resource type's ARN with `${Partition}`, `${Region}`, `${Account}` and `.*` for the name."""
    return str(_data()[prefix]["Resources"][resource_type]["ARNFormats"][0])


def condition_keys(prefix: str, resource_type: str) -> frozenset[str]:
    """Give a resource type's condition keys in lower case."""
    keys = _data()[prefix]["Resources"].get(resource_type, {}).get("ConditionKeys", [])
    return frozenset(key.lower() for key in keys)
