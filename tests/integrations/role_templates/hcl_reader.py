"""Reading rendered HCL back: python-hcl2 parses it, and the literals in it become values again."""

import json
import re
from typing import Any

import hcl2


def read(text: str) -> dict[str, Any]:
    """The module as values: `jsonencode(…)` and `merge(var.extra_tags, …)` as what they hold, the rest as text."""
    return _value(hcl2.loads(text))


def blocks(module: dict[str, Any], kind: str, *labels: str) -> dict[str, Any]:
    """The blocks of a kind and first labels, by their last label."""
    found: dict[str, Any] = {}
    for block in module.get(kind, []):
        for label in labels:
            block = block.get(label, {})
        found |= {name: body for name, body in block.items() if not name.startswith("__")}
    return found


def _value(item: Any) -> Any:
    if isinstance(item, dict):
        return {_text(key): _value(part) for key, part in item.items()}
    if isinstance(item, list):
        return [_value(part) for part in item]
    return _text(item) if isinstance(item, str) else item


def _text(text: str) -> Any:
    """A quoted string unescaped; a call with literals as its last argument as that argument; else as it is."""
    if text.startswith('"') and text.endswith('"'):
        return _unescaped(text)
    if match := re.fullmatch(r"\$\{(?:jsonencode\(|merge\(var\.extra_tags, )(.*)\)\}", text, re.DOTALL):
        return _value(hcl2.loads(f"x = {match[1]}\n"))["x"]
    return text


def _unescaped(text: str) -> str:
    plain = text.replace("$${", "${").replace("%%{", "%{")
    plain = re.sub(r"\\U([0-9a-f]{8})", lambda found: json.dumps(chr(int(found[1], 16)))[1:-1], plain)
    return str(json.loads(plain))
