"""What templates, views and forms say to a customer can be translated: it is in gettext, where makemessages finds it.

Not all that a customer reads does: messages to forward, what an action refuses, and some labels of choices in models
are English (docs/production.md, Languages). The texts of findings: tests/integrations/aws/test_words.py.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils.translation.template import templatize

from portal.local.services import ROOT

TEMPLATES = ROOT / "templates"
# Support staff's own pages and the gallery of a developer speak English alone.
FOR_US = ("admin/", "integrations/admin/", "portal/gallery.html", "tenants/staff_form.html")
FOR_CUSTOMERS = sorted(
    path
    for path in TEMPLATES.rglob("*")
    if path.suffix in (".html", ".txt") and not str(path.relative_to(TEMPLATES)).startswith(FOR_US)
)
SAME_IN_EVERY_LANGUAGE = re.compile(r"\b(UTC|ms|SHA-256)\b|https?://\S+")
NO_TEXT = re.compile(
    r"{#.*?#}|{%\s*comment\b.*?endcomment\s*%}|{%\s*blocktranslate\b.*?endblocktranslate\s*%}|<!--.*?-->"
    r"|<(script|style|pre|code|svg)\b.*?</\1>|{%.*?%}|{{.*?}}",
    re.DOTALL,
)
READ_ALOUD = re.compile(r'\b(?:alt|title|aria-label|placeholder|data-[a-z]+)=(?:"([^"]*)"|\'([^\']*)\')')
OF_PROGRAMS = re.compile(r'\bdata-(live|tone|state|status|step|copy|time|seen|check-all|which)=("[^"]*"|\'[^\']*\')')
A_WORD = re.compile(r"[^\W\d_]{2,}")

VIEWS = sorted(
    path
    for pattern in ("integrations/views/*.py", "integrations/forms.py", "tenants/views/*.py", "tenants/*forms.py")
    for path in ROOT.glob(pattern)
    if path.name != "staff_forms.py"
) + [ROOT / "portal" / name for name in ("home.py", "signup.py", "signup_form.py", "middleware.py", "errors.py")]
SHOWN = ("label", "help_text", "initial_text", "empty_label")


def untranslated(template: str) -> list[str]:
    """The words of a template that stand outside of gettext."""
    text = OF_PROGRAMS.sub("", NO_TEXT.sub(" ", template))
    attributes = [found[1] or found[2] or "" for found in READ_ALOUD.finditer(text)]
    pieces = [*attributes, *re.sub(r"<[^>]*>", "\n", re.sub(r"&\w+;", " ", text)).splitlines()]
    return [piece.strip() for piece in pieces if A_WORD.search(SAME_IN_EVERY_LANGUAGE.sub("", piece))]


@pytest.mark.parametrize("path", FOR_CUSTOMERS, ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_no_template_has_words_outside_of_gettext_and_makemessages_reads_it(path: Path) -> None:
    template = path.read_text()

    assert untranslated(template) == []
    templatize(template)  # as makemessages does: it raises where a translated block holds what it cannot


@pytest.mark.parametrize(
    "template", ["<p>Hello</p>", '<a title="Hello there">{{ x }}</a>', '{% translate "Yes" %} or no', "Überall"]
)
def test_words_outside_of_gettext_are_seen(template: str) -> None:
    assert untranslated(template)


@pytest.mark.parametrize("path", VIEWS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_view_or_form_says_what_is_not_in_gettext(path: Path) -> None:
    assert list(literals_that_are_shown(ast.parse(path.read_text()))) == []


def test_a_literal_that_a_view_shows_is_seen() -> None:
    view = 'messages.success(request, "Done")\nform.add_error(None, f"Not {this}")\nCharField(label="Name")'

    assert len(list(literals_that_are_shown(ast.parse(view)))) == 3


def literals_that_are_shown(tree: ast.AST) -> Iterator[str]:
    """Texts that a message, an error of a form, or a field's label or help holds as they are."""
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        said = [keyword.value for keyword in call.keywords if keyword.arg in SHOWN]
        if isinstance(call.func, ast.Attribute):
            of_messages = isinstance(call.func.value, ast.Name) and call.func.value.id == "messages"
            if of_messages or call.func.attr == "add_error":
                said += call.args[1:2]
        for value in said:
            words = isinstance(value, ast.JoinedStr) or (isinstance(value, ast.Constant) and bool(value.value))
            if words and not isinstance(getattr(value, "value", ""), bool):
                yield ast.unparse(call)
