"""An installation speaks the language that it is set to, with its own translation; what that lacks stays English."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from portal.local.services import ROOT
from tests.portal.test_settings import check

GERMAN = {
    "": "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=(n != 1);\n",
    "Sign in through your organisation": "Über Ihre Organisation anmelden",
    "It works once, for this address alone, for %(days)s days. You do not know what this is? Then do nothing.": (
        "Er gilt einmal, für diese Adresse allein, %(days)s Tage lang."
    ),
    "We are busy for a moment": "Wir haben gerade viel zu tun",
}
# A page, one where no view could answer, what a program is told, and a mail that support staff send.
SHOW = """
import json
import django
django.setup()
from django.core import mail
from django.test import Client, RequestFactory
from django.test.utils import setup_test_environment
from django.utils.translation import override
from portal.errors import busy
from tenants.mail import send_on_commit

setup_test_environment()
with override("en"):
    send_on_commit("invitation", "new@example.com", path="/x/", days=7, tenant={"name": "Blue Harbour"}, role="viewer")
print(json.dumps({
    "page": Client().get("/accounts/login/").content.decode(),
    "busy": busy(RequestFactory().get("/")).content.decode(),
    "program": Client().post("/api/v1/schema/").json(),
    "mail": mail.outbox[0].body,
}))
"""


def write_catalogue(directory: Path, locale: str, texts: dict[str, str]) -> None:
    """A compiled catalogue as gettext reads it: a header, where each text and translation is, and then all of them."""
    pairs = sorted((text.encode(), translation.encode()) for text, translation in texts.items())
    begins = 28 + 16 * len(pairs)
    tables: list[list[int]] = [[], []]
    strings = b""
    for table, column in zip(tables, zip(*pairs, strict=True), strict=True):
        for one in column:
            table += [len(one), begins + len(strings)]
            strings += one + b"\0"
    header = (0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, begins)
    path = directory / locale / "LC_MESSAGES" / "django.mo"
    path.parent.mkdir(parents=True)
    path.write_bytes(struct.pack(f"<{7 + 4 * len(pairs)}I", *header, *tables[0], *tables[1]) + strings)


def test_pages_and_mails_speak_it_and_what_has_no_translation_is_english(tmp_path, db) -> None:
    write_catalogue(tmp_path, "de", GERMAN)

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SHOW],
        env=os.environ | {"LANGUAGE_CODE": "de", "LOCALE_DIR": str(tmp_path)},
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    shown = json.loads(done.stdout)

    assert '<html lang="de">' in shown["page"]
    assert "Über Ihre Organisation anmelden" in shown["page"]
    assert "New here?" in shown["page"]
    assert '<html lang="de">' in shown["busy"]
    assert "7 Tage lang" in shown["mail"]
    assert "You are invited to become a member of Blue Harbour" in shown["mail"]
    assert "Wir haben gerade viel zu tun" in shown["busy"]
    assert "not allowed" in shown["program"]["detail"]


def test_english_needs_no_translation() -> None:
    assert check(LANGUAGE_CODE="en", LOCALE_DIR="/nowhere")[0] == 0


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("tlh", "LANGUAGE_CODE is 'tlh'; give the code of a language in small letters"),
        ("pt_BR", "give the code of a language in small letters: de or pt-br"),
        ("pt-br", "there is no /nowhere/pt_BR/LC_MESSAGES/django.mo: put the translation there"),
    ],
)
def test_a_language_that_cannot_be_spoken_stops_the_process(code, message) -> None:
    status, output = check(LANGUAGE_CODE=code, LOCALE_DIR="/nowhere")

    assert status != 0
    assert message in output
