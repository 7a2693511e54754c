"""How a parameter's or a resource's value is written as the value of a condition key."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any


def texts(value: Any) -> tuple[str, ...]:
    """Write a scalar, or a list of scalars; nothing for anything else, an empty text or an empty list."""
    if isinstance(value, dict) and set(value) == {"Value"}:
        # EC2's AttributeValue wraps what it changes.
        value = value["Value"]
    if isinstance(value, list | tuple | set):
        return tuple(text for item in value for text in texts(item))
    if isinstance(value, bool):
        return ("true",) if value else ("false",)
    if isinstance(value, datetime):
        return (value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),)
    if isinstance(value, int | float) or (isinstance(value, str) and value):
        return (str(value),)
    return ()


def dug(value: Any, path: str) -> Iterator[Any]:
    """Give what lies at a path of names with dots between, through lists too."""
    name, _, rest = path.partition(".")
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, Mapping) and item.get(name) is not None:
            if rest:
                yield from dug(item[name], rest)
            else:
                yield item[name]


def bare(name: str) -> str:
    """Give a name in lower-case letters and digits alone, to compare a parameter's with a key's."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
