"""An installation speaks the language that it is set to, with its own translation; what that lacks stays English."""

import ast
import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from integrations.actions.connections import create_connection
from integrations.aws.errors import PolicyType
from integrations.aws.verdicts import REFUSAL_OF_PROBE, RUN_AGAIN
from integrations.models import Connection, Finding, Notification, Verification
from portal.local.services import ROOT
from tenants.audit import SYSTEM
from tenants.scope import tenant_scope
from tests.portal.test_settings import check

MISSING = REFUSAL_OF_PROBE[PolicyType.IDENTITY, False]
AN_ACCOUNT_ID = (
    "An AWS account ID has 12 digits, such as 1234-5678-9012. You find yours in the AWS console, at the top right, "
    "under your user name."
)
GERMAN = {
    "": "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=(n != 1);\n",
    "Sign in through your organisation": "Über Ihre Organisation anmelden",
    "It works once, for this address alone, for %(days)s days. You do not know what this is? Then do nothing.": (
        "Er gilt einmal, für diese Adresse allein, %(days)s Tage lang."
    ),
    "We are busy for a moment": "Wir haben gerade viel zu tun",
    MISSING.title: "Der Rolle fehlt <dieses> Recht",
    MISSING.fix.removesuffix(f" {RUN_AGAIN}"): "Geben Sie ihr die Rechte der Vorlage.",
    RUN_AGAIN: "Unser Skript tut es von selbst.",
    "The statement to add to the role's permissions policy:": "Diese Anweisung fehlt ihr:",
    "Customer": "Kunde",
    "Denied": "Verweigert",
    "Degraded": "Eingeschränkt",
    "We get in, and it is safe, but some permission is missing or blocked.": "Es fehlt ein Recht.",
    "Viewer": "Leserin",
    "%(email)s is a member already. Change their role instead.": "%(email)s gehört schon dazu.",
    "An organisation needs an owner. Make another member owner first.": "Jemand muss Eigentümerin sein.",
    "The address has a part after #, which is never sent. Leave it out.": "Lassen Sie weg, was nach # kommt.",
    "Line %(number)s is no tag. Write each tag as key=value, one a line.": "Zeile %(number)s ist kein Tag.",
    AN_ACCOUNT_ID: "Eine Kontonummer hat 12 Ziffern.",
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
# What pages and the API answer to whoever has the session or the token; and a mail that a worker sends.
READ = """
import json
import sys
from uuid import UUID
import django
django.setup()
from django.conf import settings
from django.test import Client
from django.test.utils import setup_test_environment
from integrations.actions.notification_messages import message_of
from integrations.models import Notification
from integrations.readers_language import in_readers_language
from tenants.scope import tenant_scope

setup_test_environment()
session, token, tenant, *addresses = sys.argv[1:]
client = Client(headers={"authorization": token})
client.cookies[settings.SESSION_COOKIE_NAME] = session
with tenant_scope(UUID(tenant)):
    mail = message_of([Notification.objects.get()])
print(json.dumps({
    "answers": [client.get(address).content.decode() for address in addresses],
    "mail": mail.body,
    "mail in html": mail.alternatives[0].content,
    "no text": in_readers_language(""),
}))
"""
# What forms that are refused answer to whoever has the session, and a program that asks for the same.
REFUSE = """
import json
import sys
import django
django.setup()
from django.conf import settings
from django.test import Client
from django.test.utils import setup_test_environment

setup_test_environment()
session, token, forms, address, values = sys.argv[1:]
client = Client()
client.cookies[settings.SESSION_COOKIE_NAME] = session
print(json.dumps({
    "pages": [client.post(form, filled, follow=True).content.decode() for form, filled in json.loads(forms)],
    "program": client.post(address, values, "application/json", headers={"authorization": token}).json(),
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


def in_german(script: str, directory: Path, *arguments: object) -> dict[str, Any]:
    """What a script prints in a process that speaks German, with the catalogue in `directory`."""
    write_catalogue(directory, "de", GERMAN)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, *map(str, arguments)],
        env=os.environ | {"LANGUAGE_CODE": "de", "LOCALE_DIR": str(directory)},
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    shown: dict[str, Any] = json.loads(done.stdout)
    return shown


def test_pages_and_mails_speak_it_and_what_has_no_translation_is_english(tmp_path, db) -> None:
    shown = in_german(SHOW, tmp_path)

    assert '<html lang="de">' in shown["page"]
    assert "Über Ihre Organisation anmelden" in shown["page"]
    assert "New here?" in shown["page"]
    assert '<html lang="de">' in shown["busy"]
    assert "7 Tage lang" in shown["mail"]
    assert "You are invited to become a member of Blue Harbour" in shown["mail"]
    assert "Wir haben gerade viel zu tun" in shown["busy"]
    assert "not allowed" in shown["program"]["detail"]


@pytest.fixture
def connection(cast) -> Connection:
    """A connection of which a verification found what has a translation and what has none, and a mail about it."""
    with tenant_scope(cast.tenant.pk):
        made = create_connection(
            tenant=cast.tenant,
            name="Production",
            account_id="222233334444",
            components=["log-analysis"],
            by=SYSTEM,
        )
        verification = Verification.objects.create(
            tenant=cast.tenant, connection=made, state="completed", requested_by="x"
        )
        for title, fix in ((MISSING.title, MISSING.fix), ("The policy of <b>bucket</b> blocks this", "")):
            Finding.objects.create(
                tenant=cast.tenant,
                verification=verification,
                component="log-analysis",
                check_code="permission",
                action="logs:DescribeLogGroups",
                outcome="denied",
                cause="missing_permission",
                who="customer",
                title=title,
                fix=fix,
            )
        changes = [{"component": "log-analysis", "before": "connected", "after": "degraded"}]
        Notification.objects.create(
            tenant=cast.tenant,
            connection=made,
            verification=verification,
            recipient="owner@example.com",
            changes=changes,
        )
        return made


@pytest.fixture
def report(connection) -> str:
    """The page of the verification's report."""
    with tenant_scope(connection.tenant_id):
        return reverse(
            "verification_report", args=[connection.tenant_id, connection.pk, connection.verifications.get().pk]
        )


@pytest.fixture
def address(connection) -> str:
    """The connection's page."""
    return f"/tenants/{connection.tenant_id}/connections/{connection.pk}/"


@pytest.fixture
def read_in_german(tmp_path, cast, sign_in, api, connection) -> Callable[..., dict[str, Any]]:
    """Gives what addresses answer to the viewer in German, and the mail about the connection."""

    def read(*addresses: str) -> dict[str, Any]:
        session = sign_in(cast.viewer).cookies["sessionid"].value
        token = api(cast.viewer, cast.tenant)._credentials["HTTP_AUTHORIZATION"]
        return in_german(READ, tmp_path, session, token, cast.tenant.pk, *addresses)

    return read


def test_findings_speak_it_where_people_read_them(cast, read_in_german, address, report) -> None:
    shown = read_in_german(address, f"{address}findings/", report, f"/tenants/{cast.tenant.pk}/members/")
    problems, findings, printed, members = shown["answers"]
    mail, mail_in_html = shown["mail"], shown["mail in html"]

    for page in (problems, findings, printed, mail_in_html):
        assert "Der Rolle fehlt &lt;dieses&gt; Recht" in page
        assert "The policy of &lt;b&gt;bucket&lt;/b&gt; blocks this" in page
        assert "<dieses>" not in page
        assert "<b>" not in page
    for told in (problems, findings, mail_in_html, mail):
        assert "Geben Sie ihr die Rechte der Vorlage. Unser Skript tut es von selbst." in told
    for told in (findings, mail_in_html, mail):
        assert "Kunde" in told
    assert "Diese Anweisung fehlt ihr:" in problems
    assert "Leserin" in members
    assert "Verweigert" in findings
    for told in (mail_in_html, mail):
        assert "Eingeschränkt" in told
        assert "Es fehlt ein Recht." in told
    assert shown["no text"] == ""  # what gettext has under the empty text is the catalogue's header


def test_findings_are_english_to_programs_and_whoever_they_are_forwarded_to(read_in_german, address, report) -> None:
    shown = read_in_german("/api/v1/findings/", f"{report.removesuffix('/')}.json", address)
    listed, reported, page = shown["answers"]

    for told in (listed, reported):
        assert MISSING.title in told
        assert "Der Rolle fehlt" not in told
    assert MISSING.fix in listed
    assert f"verified its access and found: {MISSING.title}." in page
    assert f"What to do:\n{MISSING.fix}" in page


def test_refusals_speak_it_and_are_english_to_programs(cast, tmp_path, sign_in, api, address) -> None:
    tenant = f"/tenants/{cast.tenant.pk}"
    forms = [
        (f"{tenant}/connections/new/", {"name": "Staging", "account_id": "12", "components": ["log-analysis"]}),
        (f"{address}role-options/", {"tags": "a=b\nnone", "max_session_seconds": "3600"}),
        (f"{tenant}/settings/webhooks/new/", {"url": "https://example.com/#a", "event_types": ["verification.failed"]}),
        (f"{tenant}/members/invite/", {"email": cast.viewer.email, "role": "viewer"}),
        (f"{tenant}/members/leave/", {}),
    ]
    wanted = json.dumps({"name": "Staging", "account_id": "12"})

    shown = in_german(
        REFUSE,
        tmp_path,
        sign_in(cast.owner).cookies["sessionid"].value,
        api(cast.owner, cast.tenant)._credentials["HTTP_AUTHORIZATION"],
        json.dumps(forms),
        "/api/v1/connections/",
        wanted,
    )

    told = [
        GERMAN[AN_ACCOUNT_ID],
        "Zeile 2 ist kein Tag.",
        "Lassen Sie weg, was nach # kommt.",
        f"{cast.viewer.email} gehört schon dazu.",
        "Jemand muss Eigentümerin sein.",
    ]
    for page, refusal in zip(shown["pages"], told, strict=True):
        assert refusal in page
    assert AN_ACCOUNT_ID in json.dumps(shown["program"])


# What is told to operators, support staff and programs alone, or is an error of ours.
UNTRANSLATED = {
    "BadRequest",
    "CannotRecover",
    "CatalogueError",
    "InvalidServiceToken",
    "NoReason",
    "NotASandbox",
    "NotAdmitted",
    "NotDue",
    "NotOfThisConnection",
    "NotRemoved",
    "NotStaff",
    "NotStopped",
    "QueueUnavailable",
    "RuntimeError",
    "ValueError",
}
REFUSING = [
    path
    for folder in (
        "integrations/actions",
        "integrations/role_templates",
        "integrations/views",
        "tenants/actions",
        "tenants/views",
    )
    for path in sorted((ROOT / folder).glob("*.py"))
] + [ROOT / "tenants" / name for name in ("access.py", "outbound.py")]


def unmarked_refusals(source: str) -> list[str]:
    """What is raised with words that no translator would be given."""
    raised = (node.exc for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Raise))
    return [
        ast.unparse(refusal)
        for refusal in raised
        if isinstance(refusal, ast.Call)
        and ast.unparse(refusal.func) not in UNTRANSLATED
        and any(
            isinstance(argument, ast.JoinedStr) or (isinstance(argument, ast.Constant) and " " in str(argument.value))
            for argument in refusal.args
        )
    ]


@pytest.mark.parametrize("path", REFUSING, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_refusal_that_a_customer_reads_is_marked(path: Path) -> None:
    assert unmarked_refusals(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source", ['raise NotReady("Choose one first.")', 'raise NotReady(f"{name}?")', 'raise Refused("tags", "No tag.")']
)
def test_a_refusal_that_no_translator_is_given_is_seen(source: str) -> None:
    assert len(unmarked_refusals(source)) == 1


def test_a_refusal_that_is_marked_is_left() -> None:
    assert unmarked_refusals('raise NotReady(_("Choose %(one)s first.") % {"one": 1})\nraise Refused("tags")') == []


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
