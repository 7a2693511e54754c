"""Writing YAML that people read: block style, every list item on a line of its own, every doubtful text quoted. Pure.

PyYAML's writer takes forty times as long, and a template is written for every page that offers it.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from integrations.role_templates.escapes import beyond_the_basic_plane

# What every reader of YAML 1.1 and 1.2 takes for the text it is, without quotes.
_PLAIN = re.compile(r"[A-Za-z/](?:[A-Za-z0-9/_.,;()@-]| (?=[A-Za-z0-9(])|:(?=[A-Za-z0-9:/]))*")
_OTHER_THAN_TEXT = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def dump(value: Mapping[str, Any]) -> str:
    """The mapping of mappings, lists, texts and numbers as a document."""
    return "".join(f"{line}\n" for line in _lines(value))


def _lines(value: Any) -> list[str]:
    if isinstance(value, Mapping) and value:
        lines = []
        for key, part in value.items():
            lines += _entry(f"{_scalar(str(key))}:", part)
        return lines
    if isinstance(value, (list, tuple)) and value:
        lines = []
        for part in value:
            first, *rest = _lines(part)
            lines += [f"- {first}", *(f"  {line}" for line in rest)]
        return lines
    return [_scalar(value)]


def _entry(key: str, value: Any) -> list[str]:
    if isinstance(value, (Mapping, list, tuple)) and value:
        return [key, *(f"  {line}" for line in _lines(value))]
    return [f"{key} {_scalar(value)}"]


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _OTHER_THAN_TEXT:
        return value
    return beyond_the_basic_plane(json.dumps(value))
