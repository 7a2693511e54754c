"""Values of a stack's parameters: defaults, constraints, `NoEcho`."""

import re
from collections.abc import Mapping
from typing import Any

from integrations.sandbox.stacks.template import Template, invalid

HIDDEN = "****"


def read_values(template: Template, given: list[Mapping[str, Any]], previous: Mapping[str, str]) -> dict[str, str]:
    """Give each parameter's value as text. Raises AwsError with CloudFormation's text."""
    values: dict[str, str] = {}
    for item in given:
        name = str(item.get("ParameterKey", ""))
        if item.get("UsePreviousValue"):
            if name in previous:
                values[name] = previous[name]
        else:
            values[name] = str(item.get("ParameterValue", ""))
    unknown = [name for name in values if name not in template.parameters]
    if unknown:
        raise invalid(f"Parameters: [{', '.join(sorted(unknown))}] do not exist in the template")
    for name, declared in template.parameters.items():
        if name not in values and "Default" in declared:
            values[name] = _text(declared["Default"])
    missing = [name for name in template.parameters if name not in values]
    if missing:
        raise invalid(f"Parameters: [{', '.join(missing)}] must have values")
    for name, value in values.items():
        _check(name, value, template.parameters[name])
    return values


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _check(name: str, value: str, declared: Mapping[str, Any]) -> None:
    kind = str(declared.get("Type", "String"))
    allowed = [_text(item) for item in declared.get("AllowedValues", [])]
    parts = [part.strip() for part in value.split(",")] if kind.startswith(("List<", "CommaDelimited")) else [value]
    for part in parts:
        if allowed and part not in allowed:
            raise invalid(f"Parameter '{name}' must be one of AllowedValues")
        if kind in {"Number", "List<Number>"} and not re.fullmatch(r"-?\d+(\.\d+)?", part):
            raise invalid(f"Parameter '{name}' must be a number.")
    described = declared.get("ConstraintDescription")
    pattern = declared.get("AllowedPattern")
    if pattern is not None and not re.fullmatch(str(pattern), value):
        raise invalid(f"Parameter {name} failed to satisfy constraint: {described or f'must match pattern {pattern}'}")
    broken = [
        limit
        for limit, wrong in (
            ("MinLength", len(value) < _bound(declared, "MinLength", 0)),
            ("MaxLength", len(value) > _bound(declared, "MaxLength", len(value))),
            ("MinValue", "MinValue" in declared and float(value) < float(declared["MinValue"])),
            ("MaxValue", "MaxValue" in declared and float(value) > float(declared["MaxValue"])),
        )
        if wrong
    ]
    if broken:
        text = described or f"{broken[0]} {declared[broken[0]]}"
        raise invalid(f"Parameter '{name}' failed to satisfy constraint: {text}")


def _bound(declared: Mapping[str, Any], limit: str, default: int) -> int:
    return int(declared.get(limit, default))


def shown_values(template: Template, values: Mapping[str, str]) -> list[dict[str, str]]:
    """Give the values as DescribeStacks shows them: a `NoEcho` one as asterisks."""
    return [
        {"ParameterKey": name, "ParameterValue": HIDDEN if _hidden(template.parameters.get(name, {})) else value}
        for name, value in values.items()
    ]


def _hidden(declared: Mapping[str, Any]) -> bool:
    return str(declared.get("NoEcho", False)).lower() == "true"
