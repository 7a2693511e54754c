"""Every form of the portal and of admin, filled in with what nobody should send: no fault of ours, and nothing runs.

The forms are those that stand on the pages: a new one is thrown at from the day it is made.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

import pytest
from django.core.cache import cache
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.brokers import unread, use_broker
from tests.functional.page_list import ANONYMOUS, SIGNED_IN, make_things
from tests.hangs import no_hang

SCRIPT = "<script>alert(1)</script>"
HOSTILE = (
    "", " ", "\0", "a\0b", SCRIPT, f"'\"></textarea>{SCRIPT}", "=cmd|' /C calc'!A0", "+1+1", "-1", "0", "9" * 400,
    "1e309", "NaN", "\r\nSet-Cookie: a=b", "../../../etc/passwd", "%00", "%ff", "x" * 50_000, "\u202e\u2066txt.exe",
    "I\u0307\u0131", "\U0001f4a3" * 60, "\ufeff", "{{ 7*7 }}{% debug %}", "${jndi:ldap://a/b}", "'; DROP TABLE x; --",
    "0001-01-01T00:00:00+23:59", "9999-12-31", "2026-13-45", "00000000-0000-0000-0000-000000000000", "None", "[]",
    "true", "https://169.254.169.254/latest/", "http://[::1]:6379/", "javascript:alert(1)", "//evil.example", "a@b@c",
    "a" * 64 + "@b.c", "arn:aws:iam::*:role/*", "\U000e0041", "\ud800",
)  # fmt: skip
SKIPPED_PAGES = re.compile(r"logout|/accounts/sessions/|jsi18n|export|/role-templates/|\.(json|csv|zip|sh|tf|yaml)")
MOST_PAGES = 150  # of one crawl of admin
# Of CI: each form meets every twelfth value in all fields, the next form the next ones.
STEP = 1 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 12


@dataclass(frozen=True)
class Form:
    """A form on a page: where it is sent, how, and its fields with the values that they are offered."""

    page: str
    address: str
    method: str
    fields: tuple[tuple[str, tuple[str, ...]], ...]

    def __str__(self) -> str:
        return f"{self.method} {self.address}"


class Page(HTMLParser):
    """Reads the forms and links of a page."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address
        self.links: list[str] = []
        self.forms: list[Form] = []
        self._form: tuple[str, str] | None = None
        self._fields: dict[str, list[str]] = {}
        self._select = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attributes}
        if tag == "a" and has.get("href", "").startswith(("/", "?")):
            self.links.append(urljoin(self.address, has["href"]))
        if tag == "form":
            self._form, self._fields = (has.get("action", ""), has.get("method", "get").lower()), {}
        elif self._form and tag in {"input", "select", "textarea", "button"} and has.get("name"):
            self._fields.setdefault(has["name"], []).append(has.get("value", ""))
            self._select = has["name"] if tag == "select" else self._select
        elif self._form and tag == "option" and self._select:
            self._fields[self._select].append(has.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""
        if tag == "form" and self._form:
            (action, method), self._form = self._form, None
            names = {name: values for name, values in self._fields.items() if name != "csrfmiddlewaretoken"}
            if names:  # a button alone takes nothing that could be hostile
                fields = tuple((name, tuple(values)) for name, values in names.items())
                self.forms.append(Form(self.address, urljoin(self.address, action), method, fields))


def read(client: Client, address: str) -> Page | None:
    answer = client.get(address, follow=True)
    if answer.status_code >= 400 or "html" not in answer["Content-Type"]:
        return None
    page = Page(answer.redirect_chain[-1][0] if answer.redirect_chain else address)
    page.feed(answer.content.decode())
    return page


def forms_on(client: Client, addresses: list[str]) -> list[Form]:
    """Every form on these pages, once for each address and set of fields."""
    pages = [page for address in addresses if (page := read(client, address))]
    found = {
        (form.address, form.method, tuple(name for name, _ in form.fields)): form for p in pages for form in p.forms
    }
    return list(found.values())


def crawl(client: Client, start: str) -> Iterator[str]:
    """The pages that links lead to from there, below the same address."""
    seen, waiting = {start}, [start]
    while waiting and len(seen) < MOST_PAGES:
        address = waiting.pop(0)
        yield address
        page = read(client, address)
        for link in page.links if page else ():
            known = urlsplit(link).path
            if known.startswith(start) and known not in seen and not SKIPPED_PAGES.search(known):
                seen.add(known)
                waiting.append(known)


def send(client: Client, form: Form, data: list[tuple[str, str]]) -> None:
    body = urlencode([(name, value.encode("utf-8", "surrogatepass")) for name, value in data])
    with no_hang():
        if form.method == "post":
            answer = client.post(form.address, body, content_type="application/x-www-form-urlencoded")
        else:
            answer = client.get(f"{urlsplit(form.address).path}?{body}")
        content = b"" if answer.streaming else answer.content

    assert answer.status_code < 500, (form, data)
    if "html" in answer.headers.get("Content-Type", ""):
        assert SCRIPT.encode() not in content, f"{form} shows a script as one"
    assert "a" not in answer.cookies


@pytest.fixture(autouse=True)
def quiet(db, broker, monkeypatch, tmp_path, settings) -> None:
    """No worker does what is asked for, and mails go where the test's things are."""
    use_broker(monkeypatch, unread(broker))
    settings.EMAIL_FILE_PATH = tmp_path


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("who", ["anybody", "owner", "staff"])
def test_no_form_can_be_made_to_fail_or_to_run_what_it_was_given(who, cast, sign_in, sandbox_address) -> None:
    things = make_things(cast)

    person = {"owner": cast.owner, "staff": cast.staff}.get(who)
    clients: list[Client] = []

    def client() -> Client:
        """Signed in, also after a form that ended the session."""
        if not clients or (person and "_auth_user_id" not in clients[-1].session):
            clients.append(sign_in(person) if person else Client())
        return clients[-1]

    if who == "staff":
        addresses = list(crawl(client(), "/admin/"))
    else:
        addresses = [one.format(**things) for one in (ANONYMOUS if who == "anybody" else SIGNED_IN).values()]
    forms = forms_on(client(), addresses)
    assert len(forms) >= {"anybody": 4, "owner": 20, "staff": 10}[who]

    @settings(
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def throw(data: st.DataObject) -> None:
        form = data.draw(st.sampled_from(forms))
        hostile = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=300))
        # Whatever stands in the other fields, so that a value meets more than the first check.
        sent = [(name, data.draw(st.one_of(hostile, st.sampled_from(values or ("",))))) for name, values in form.fields]
        if data.draw(st.booleans()):
            sent.append((data.draw(st.sampled_from([name for name, _ in form.fields])), data.draw(hostile)))
        cache.clear()  # or what may be done so often in an hour would be all that is met
        send(client(), form, sent)

    throw()
    for number, form in enumerate(forms):
        for value in HOSTILE[number % STEP :: STEP]:
            cache.clear()
            send(client(), form, [(name, value) for name, _ in form.fields])
