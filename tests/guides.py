"""The commands of a guide in docs/, as its reader would copy them."""

import re
from pathlib import Path


def commands_by_heading(guide: str) -> dict[str, list[str]]:
    """Every indented or fenced line of a guide, by the heading that it stands below. One that goes on in the next line
    is one command.
    """
    found: dict[str, list[str]] = {}
    heading, is_fenced = "", False
    for line in re.sub(r" *\\\n *", " ", guide).splitlines():
        if line.strip().startswith("```"):
            is_fenced = not is_fenced
        elif is_fenced or line.startswith("    "):
            found.setdefault(heading, []).append(line.strip())
        elif line.startswith("#"):
            heading = line
    return found


def not_run(guide: str, test_file: str) -> list[str]:
    """The commands below headings that the tests in the file do not name: whoever names one runs what is below it."""
    named = set(re.findall(r'"(#+ [^"]+)"', Path(test_file).read_text()))
    return [line for heading, lines in commands_by_heading(guide).items() if heading not in named for line in lines]
