"""Writing HCL, the language of Terraform and OpenTofu: literals only, each escaped so that it stays what it is. Pure.

Source: the HCL native syntax specification, "Quoted Templates" and "Template Literals".
"""

import json
import re
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from integrations.role_templates.escapes import beyond_the_basic_plane

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_UNKNOWN_ESCAPES = {r"\b": r"\u0008", r"\f": r"\u000c"}  # JSON has them and HCL has not


def string(text: str) -> str:
    """A quoted string. What would begin a template (`${`, `%{`) is doubled or escaped; what is not ASCII is escaped."""
    quoted = json.dumps(text, ensure_ascii=True)
    quoted = beyond_the_basic_plane(quoted)
    # Escape by escape: a backslash that is one itself says nothing of the letter after it.
    quoted = re.sub(r"\\.", lambda escape: _UNKNOWN_ESCAPES.get(escape[0], escape[0]), quoted)
    return re.sub(r"([$%]+)\{([^$%{}\"\\]*\})?", _literal_template, quoted)


def value(item: Any, indent: int = 0) -> str:
    """A JSON value as an HCL expression of literals, its lines after the first indented by `indent` spaces."""
    inner = " " * (indent + 2)
    end = " " * indent
    if isinstance(item, Mapping):
        if not item:
            return "{}"
        entries = _aligned([(string(str(key)), value(part, indent + 2)) for key, part in item.items()])
        return "{\n" + "".join(f"{inner}{entry}\n" for entry in entries) + f"{end}}}"
    if isinstance(item, (list, tuple)):
        if not item:
            return "[]"
        return "[\n" + "".join(f"{inner}{value(part, indent + 2)},\n" for part in item) + f"{end}]"
    if isinstance(item, str):
        return string(item)
    return json.dumps(item)


def block(kind: str, *labels: str, body: Iterable[str]) -> str:
    """A block with its lines."""
    head = " ".join([kind, *(string(label) for label in labels)])
    return head + " {\n" + "".join(f"  {line}\n" if line else "\n" for line in body) + "}\n"


def attributes(pairs: Mapping[str, str]) -> list[str]:
    """Lines of `name = expression`."""
    assert all(_IDENTIFIER.fullmatch(name) for name in pairs)  # noqa: S101 — names are ours
    return _aligned(list(pairs.items()))


def _aligned(pairs: list[tuple[str, str]]) -> list[str]:
    """Assignments, the equals signs of neighbours of one line each in one column, as `terraform fmt` has them."""
    lines: list[str] = []
    for is_long, run in groupby(pairs, key=lambda pair: "\n" in pair[1]):
        neighbours = list(run)
        width = 0 if is_long else max(len(name) for name, _ in neighbours)
        lines += [f"{name:<{width}} = {expression}" for name, expression in neighbours]
    return lines


def _literal_template(match: re.Match[str]) -> str:
    signs, inner = match[1], match[2] or ""
    if len(signs) == 1 and inner:
        return f"{signs}{signs}{{{inner}"
    # Readers do not agree on which of several signs belong together, nor on what ends one that nothing closes, so these
    # are written by their numbers.
    return "".join(f"\\u{ord(sign):04x}" for sign in signs) + "{" + inner
