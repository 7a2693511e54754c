"""What comes of a form that somebody sends twice.

With JavaScript a double click sends a form once (`portal.js`, tests/functional/test_page_script.py). Without it the
browser sends it twice, and shows the second answer alone. Of many at once: test_races.py; of every form:
test_access.py.
"""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
import redis
from allauth.account.models import EmailAddress
from cryptography.fernet import Fernet
from django.conf import settings as django_settings
from django.contrib.auth.models import Permission
from django.core import mail
from django.core.cache import caches
from django.test import Client

from integrations.models import Connection
from tenants import sent_forms
from tenants.actions.invitations import invite
from tenants.actions.tokens import create_token
from tenants.audit import SYSTEM
from tenants.models import ApiToken, AuditEvent, Member, Tenant, User
from tenants.permissions import Role
from tenants.scope import tenant_scope
from tests.portal.sent_forms import FORMS, Shown, show, things_of

SENT_TWICE = "This form was sent twice; it was done once."
LOOK_FIRST = "Look whether it was done before you send it again."


@pytest.mark.parametrize("name", FORMS)
def test_a_form_that_is_sent_twice_makes_one_and_is_answered_the_same(name, cast, sign_in) -> None:
    form, things = FORMS[name], things_of(cast.tenant)
    browser = sign_in(cast.staff if form.by_staff else cast.owner)
    shown, before, mails = show(form, browser, things), form.made(cast.tenant), len(mail.outbox)

    first, second = shown.sent_by(browser), shown.sent_by(browser)

    assert (form.made(cast.tenant), form.events()) == (before + 1, 1 + (name in {"connection", "webhook endpoint"}))
    assert len(mail.outbox) <= mails + 1
    assert first.status_code == second.status_code
    if first.status_code == 302:
        assert first["Location"] == second["Location"]
        assert SENT_TWICE in browser.get(second["Location"]).content.decode()
    else:  # what is shown once is in the answer that the browser shows
        assert first.content == second.content


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("API token", r"rbt_[\w-]{20,}"),
        ("hand-off link", r"/hand-off/[\w.:-]{20,}"),
        ("webhook endpoint", r"whsec_\S{20,}"),
        ("webhook secret", r"whsec_\S{20,}"),
        ("service token", r"rbs_[\w-]{20,}"),
    ],
)
def test_the_second_answer_shows_the_secret_that_works_and_it_is_nowhere_in_the_clear(
    name, secret, cast, sign_in, database
) -> None:
    form, things = FORMS[name], things_of(cast.tenant)
    browser = sign_in(cast.staff if form.by_staff else cast.owner)
    shown = show(form, browser, things)

    shown.sent_by(browser)
    text = re.search(secret, shown.sent_by(browser).content.decode())[0]

    server = redis.Redis.from_url(str(django_settings.CACHES["default"]["LOCATION"]))
    kept = [server.get(key) for key in server.scan_iter("*:sent-form*")]
    assert kept, "an answer is kept"
    assert not [one for one in kept if text.encode() in one]
    assert not list(server.scan_iter(f"*{browser.session.session_key}*"))


@pytest.mark.parametrize("changed", [{"name": "Production"}, {"account_id": "444455556666"}])
def test_what_is_changed_in_a_form_makes_it_another(changed, cast, sign_in) -> None:
    form, browser = FORMS["connection"], sign_in(cast.owner)
    shown = show(form, browser, {"tenant": cast.tenant.pk})

    shown.sent_by(browser)
    shown.sent_by(browser, **changed)

    assert form.made(cast.tenant) == 2


def test_a_form_that_is_shown_anew_is_another(cast, sign_in) -> None:
    form, browser = FORMS["API token"], sign_in(cast.owner)

    for _ in range(2):
        show(form, browser, {"tenant": cast.tenant.pk}).sent_by(browser)

    assert form.made(cast.tenant) == 2


def test_a_form_that_is_sent_again_after_another_one_is_meant(cast, sign_in) -> None:
    form, browser, things = FORMS["connection"], sign_in(cast.owner), {"tenant": cast.tenant.pk}
    shown = show(form, browser, things)

    first = shown.sent_by(browser)
    with tenant_scope(cast.tenant.pk):
        made = Connection.objects.get()
    browser.post(f"{first['Location']}remove/", {"csrfmiddlewaretoken": "of the page that asks"})
    second = shown.sent_by(browser)  # who went back to it has removed what it made

    with tenant_scope(cast.tenant.pk):
        made.refresh_from_db()
    assert made.is_removed
    assert first["Location"] != second["Location"]


def test_another_session_of_the_same_person_is_not_answered_for(cast, sign_in) -> None:
    form, browser, other = FORMS["API token"], sign_in(cast.owner), sign_in(cast.owner)
    shown = show(form, browser, {"tenant": cast.tenant.pk})

    answers = [shown.sent_by(browser), shown.sent_by(other)]

    assert form.made(cast.tenant) == 2
    assert answers[0].content != answers[1].content


def test_who_was_let_out_meanwhile_sees_no_secret_again(cast, sign_in) -> None:
    browser = sign_in(cast.admin)
    shown = show(FORMS["API token"], browser, {"tenant": cast.tenant.pk})

    first = shown.sent_by(browser)
    with tenant_scope(cast.tenant.pk):
        Member.objects.filter(user=cast.admin).delete()
    second = shown.sent_by(browser)

    assert "rbt_" in first.content.decode()
    assert second.status_code == 404
    assert "rbt_" not in second.content.decode()


def test_staff_whose_permission_was_withdrawn_meanwhile_see_no_secret_again(cast, sign_in) -> None:
    form, browser = FORMS["service token"], sign_in(cast.staff)
    User.objects.filter(pk=cast.staff.pk).update(is_superuser=False)
    cast.staff.user_permissions.add(Permission.objects.get(codename="manage_service_tokens"))
    shown = show(form, browser, {})

    first = shown.sent_by(browser)
    cast.staff.user_permissions.clear()
    second = shown.sent_by(browser)

    assert "rbs_" in first.content.decode()
    assert (second.status_code, form.made(cast.tenant)) == (403, 1)


def test_a_form_that_was_refused_is_done_when_it_is_sent_again(cast, sign_in, settings) -> None:
    form, browser = FORMS["API token"], sign_in(cast.owner)
    shown = show(form, browser, {"tenant": cast.tenant.pk})

    settings.MOST_API_TOKENS_PER_TENANT = 0
    refused = shown.sent_by(browser)
    settings.MOST_API_TOKENS_PER_TENANT = 1
    done = shown.sent_by(browser)

    assert (refused.status_code, done.status_code, form.made(cast.tenant)) == (422, 200, 1)


def test_a_form_that_met_a_fault_is_done_when_it_is_sent_again(cast, sign_in, monkeypatch) -> None:
    form, browser = FORMS["API token"], sign_in(cast.owner)
    browser.raise_request_exception = False
    shown = show(form, browser, {"tenant": cast.tenant.pk})

    with monkeypatch.context() as patch:
        patch.setattr("tenants.views.tokens.create_token", lambda **_: 1 / 0)
        broken = shown.sent_by(browser)
    done = shown.sent_by(browser)

    assert (broken.status_code, done.status_code, form.made(cast.tenant)) == (500, 200, 1)


def test_a_refusal_that_the_next_page_tells_is_told_again_and_nothing_is_said_to_be_done(cast, sign_in) -> None:
    things, browser = things_of(cast.tenant), sign_in(cast.owner)
    verify = Shown(
        "/tenants/{tenant}/connections/{connection}/verify/".format(**things), {"csrfmiddlewaretoken": "shown"}
    )

    answers = [verify.sent_by(browser) for _ in range(2)]  # it has no account yet

    page = browser.get(answers[1]["Location"]).content.decode()
    assert page.count("Give the 12-digit id of your AWS account first, then verify.") == 1
    assert SENT_TWICE not in page


def seal_with_another_key(text: str) -> str:
    return Fernet(Fernet.generate_key()).encrypt(text.encode()).decode()


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        pytest.param("_keep", lambda *_: None, id="the first is still at it"),
        pytest.param("seal", seal_with_another_key, id="another process kept its answer, with another SECRET_KEY"),
    ],
)
def test_who_cannot_be_told_what_the_first_was_answered_is_told_to_look(
    name, instead, cast, sign_in, monkeypatch
) -> None:
    form, browser = FORMS["API token"], sign_in(cast.owner)
    shown = show(form, browser, {"tenant": cast.tenant.pk})
    monkeypatch.setattr(sent_forms, "PATIENCE_SECONDS", 0)
    monkeypatch.setattr(sent_forms, name, instead)

    shown.sent_by(browser)
    second = shown.sent_by(browser)

    assert (second.status_code, second["Location"], form.made(cast.tenant)) == (302, shown.address, 1)
    assert LOOK_FIRST in browser.get(second["Location"]).content.decode()


def test_the_latest_of_one_person_waits_alone(cast, sign_in, monkeypatch) -> None:
    form, browser = FORMS["API token"], sign_in(cast.owner)
    shown = show(form, browser, {"tenant": cast.tenant.pk})
    cookies = browser.cookies.output(header="", sep=";")
    begun, may_end = Event(), Event()

    def slowly(**values) -> tuple[ApiToken, str]:
        begun.set()
        assert may_end.wait(30)
        return create_token(**values)

    monkeypatch.setattr("tenants.views.tokens.create_token", slowly)
    monkeypatch.setattr(sent_forms, "PATIENCE_SECONDS", 60.0)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(shown.sent_by, Client(headers={"cookie": cookies}))
        assert begun.wait(30)
        earlier = pool.submit(shown.sent_by, Client(headers={"cookie": cookies}))
        time.sleep(0.3)
        latest = pool.submit(shown.sent_by, Client(headers={"cookie": cookies}))
        led_back = earlier.result(30)  # while the first is still at it
        may_end.set()
        answers = [first.result(30), latest.result(30)]

    assert (led_back.status_code, led_back["Location"]) == (302, shown.address)
    assert answers[0].content == answers[1].content
    assert form.made(cast.tenant) == 1


def test_a_page_that_is_too_long_to_keep_is_not_kept_and_who_sends_it_again_is_told_to_look(
    cast, sign_in, monkeypatch
) -> None:
    form, browser = FORMS["API token"], sign_in(cast.owner)
    shown = show(form, browser, {"tenant": cast.tenant.pk})
    monkeypatch.setattr(sent_forms, "MOST_KEPT", 1000)

    shown.sent_by(browser)
    second = shown.sent_by(browser)

    assert (second.status_code, second["Location"], form.made(cast.tenant)) == (302, shown.address, 1)
    assert LOOK_FIRST in browser.get(second["Location"]).content.decode()


def test_a_session_has_one_answer_kept(cast, sign_in) -> None:
    browser = sign_in(cast.owner)

    for name in ("API token", "connection", "API token"):
        show(FORMS[name], browser, {"tenant": cast.tenant.pk}).sent_by(browser)

    server = redis.Redis.from_url(str(django_settings.CACHES["default"]["LOCATION"]))
    assert len(list(server.scan_iter("*:sent-form*"))) == 2  # that it was done, and the answer


def test_who_was_asked_for_the_second_factor_first_is_not_told_that_it_was_done(cast, sign_in) -> None:
    browser = sign_in(cast.owner)
    form = FORMS["connection"]
    shown = show(form, browser, {"tenant": cast.tenant.pk})
    with tenant_scope(cast.tenant.pk):
        Tenant.objects.filter(pk=cast.tenant.pk).update(require_second_factor=True)

    answers = [shown.sent_by(browser) for _ in range(2)]

    assert {answer["Location"] for answer in answers} == {"/accounts/second-factor/app/"}
    assert SENT_TWICE not in browser.get(answers[1]["Location"]).content.decode()
    with tenant_scope(cast.tenant.pk):
        Tenant.objects.filter(pk=cast.tenant.pk).update(require_second_factor=False)
    assert form.made(cast.tenant) == 0
    shown.sent_by(browser)
    assert form.made(cast.tenant) == 1


def test_who_is_led_back_sees_the_page_that_the_form_stands_on(cast, sign_in, monkeypatch) -> None:
    form, browser, things = FORMS["webhook secret"], sign_in(cast.owner), things_of(cast.tenant)
    shown = show(form, browser, things)
    monkeypatch.setattr(sent_forms, "MOST_KEPT", 0)
    page = form.page.format(**things)

    answers = [browser.post(shown.address, shown.data, headers={"referer": f"http://testserver{page}"}) for _ in "12"]

    assert answers[1]["Location"] == page


def test_without_the_cache_a_form_is_done(cast, sign_in, monkeypatch) -> None:
    form, browser = FORMS["API token"], sign_in(cast.owner)
    shown = show(form, browser, {"tenant": cast.tenant.pk})

    def away(*_args, **_options) -> bool:
        raise redis.ConnectionError

    monkeypatch.setattr(caches["default"], "add", away)

    assert (shown.sent_by(browser).status_code, form.made(cast.tenant)) == (200, 1)


def test_who_accepts_an_invitation_twice_is_led_to_the_members(cast, sign_in) -> None:
    with tenant_scope(cast.tenant.pk):
        owner = Member.objects.get(user=cast.owner)
        invite(tenant=cast.tenant, email=cast.stranger.email, role=Role.VIEWER, acting=owner, by=SYSTEM)
    EmailAddress.objects.create(user=cast.stranger, email=cast.stranger.email, verified=True)
    browser = sign_in(cast.stranger)
    browser.get(re.search(r"/invitations/[\w-]+/", str(mail.outbox[-1].body))[0])
    accept = Shown("/invitation/", {"csrfmiddlewaretoken": "shown"})

    answers = [accept.sent_by(browser) for _ in range(2)]

    assert [(answer.status_code, answer.get("Location")) for answer in answers] == [
        (302, f"/tenants/{cast.tenant.pk}/members/")
    ] * 2
    with tenant_scope(cast.tenant.pk):
        assert AuditEvent.objects.filter(action__endswith=":invitation:accepted").count() == 1


def test_who_leaves_twice_is_no_member_any_more_and_is_told_so(cast, sign_in) -> None:
    browser = sign_in(cast.admin)
    leave = Shown(f"/tenants/{cast.tenant.pk}/members/leave/", {"csrfmiddlewaretoken": "shown"})

    answers = [leave.sent_by(browser) for _ in range(2)]

    assert [(answer.status_code, answer["Location"]) for answer in answers] == [(302, "/organisations/")] * 2


@pytest.mark.parametrize(
    ("name", "link"), [("invitation", "/invitations/"), ("notification address", "/notification-addresses/")]
)
def test_an_address_is_kept_once_and_the_link_of_the_last_mail_works(name, link, cast, sign_in, client) -> None:
    form, browser, things = FORMS[name], sign_in(cast.owner), {"tenant": cast.tenant.pk}

    answers = [show(form, browser, things).sent_by(browser).status_code for _ in range(2)]

    assert answers == [302, 302]
    assert form.made(cast.tenant) == 1
    earlier, last = (re.search(rf"{link}[\w-]+/", str(one.body))[0] for one in mail.outbox)
    assert earlier != last
    assert client.get(earlier, follow=True).status_code == 404
    assert client.get(last, follow=True).status_code == 200
