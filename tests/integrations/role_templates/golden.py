"""Writes the golden files anew: python -m tests.integrations.role_templates.golden"""

from pathlib import Path

from integrations.role_templates.formats import Format, render
from tests.integrations.role_templates.builders import CATALOGUE, documents_of, role_set

if __name__ == "__main__":
    for chosen in (Format.TERRAFORM, Format.CLI, Format.CLOUDFORMATION, Format.CONSOLE):
        file = render(chosen, role_set(documents_of(CATALOGUE.components[:1])))
        (Path(__file__).parent / "golden" / file.filename).write_bytes(file.content)
