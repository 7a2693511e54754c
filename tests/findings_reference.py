"""The tables of docs/reference/findings.md, as tests read them."""

import re
from pathlib import Path

_REFERENCE = (Path(__file__).resolve().parents[1] / "docs/reference/findings.md").read_text(encoding="utf-8")


def rows_under(heading: str) -> list[tuple[str, str]]:
    """The codes of the table under a heading, each with what the second column says of it."""
    section = _REFERENCE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    return [(code, second.strip()) for _, first, second, *_ in rows for code in re.findall(r"`([^`]+)`", first)]
