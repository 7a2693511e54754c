"""How pages show times: in the reader's own zone, with the full value in UTC on hover."""

import re

import pytest
from django.template import Context, Template
from django.utils import timezone

from portal.local.services import ROOT

TEMPLATES = ROOT / "templates"
# Made to be printed and handed on: whoever reads one reads the same time, in UTC. So it is in mails.
DOCUMENTS = {"integrations/verification_report.html", "integrations/removal_statement.html"}


def test_only_mails_and_what_is_printed_write_a_time_out() -> None:
    pages = [path for path in TEMPLATES.rglob("*.html") if path.parent.name != "email"]

    written_out = {
        str(path.relative_to(TEMPLATES)) for path in pages if re.search(r"\|(date|time)\b", path.read_text())
    }

    assert written_out == DOCUMENTS


@pytest.mark.parametrize("asvar", ["", "asvar words "])
def test_a_time_stays_one_within_a_sentence(asvar) -> None:
    sentence = "{% blocktranslate " + asvar + "with at=at|moment %}Until {{ at }}.{% endblocktranslate %}{{ words }}"

    shown = Template("{% load i18n portal %}" + sentence).render(Context({"at": timezone.now()}))

    assert shown.startswith('Until <time datetime="')
    assert shown.endswith(" UTC</time>.")
