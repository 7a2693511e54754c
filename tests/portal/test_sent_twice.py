"""What comes of a form that somebody sends twice.

With JavaScript a double click sends a form once (`portal.js`, tests/functional/test_page_script.py). Without it the
browser sends it twice, and shows the second answer alone.
"""

import re
from typing import Any

import pytest
from django.core import mail

from integrations.actions.connections import create_connection
from integrations.actions.offboarding import request_removal
from integrations.models import Connection, HandOffLink
from tenants.audit import SYSTEM
from tenants.models import ApiToken, Invitation, NotificationAddress, WebhookEndpoint
from tenants.scope import tenant_scope

INVITATION = {"email": "new@example.com", "role": "viewer"}
TOKEN = {"name": "Pipeline", "scopes": ["read"], "days": "90"}
SENT_TWICE = "This form was sent twice; the connection was added once."
ENDPOINT = {"url": "https://hooks.example.com/", "event_types": ["connection.removed"]}


def made(cast, model: Any) -> list[Any]:
    with tenant_scope(cast.tenant.pk):
        return list(model.objects.filter(tenant_id=cast.tenant.pk))


@pytest.mark.parametrize(
    ("path", "form", "model", "link"),
    [
        pytest.param("members/invite/", INVITATION, Invitation, "/invitations/", id="invitation"),
        pytest.param(
            "settings/notification-addresses/",
            {"email": "new@example.com"},
            NotificationAddress,
            "/notification-addresses/",
            id="notification address",
        ),
    ],
)
def test_an_address_is_kept_once_and_the_link_of_the_last_mail_works(
    cast, sign_in, client, path, form, model, link
) -> None:
    member = sign_in(cast.owner)

    answers = [member.post(f"/tenants/{cast.tenant.pk}/{path}", form).status_code for _ in range(2)]

    assert answers == [302, 302]
    assert len(made(cast, model)) == 1
    earlier, last = (re.search(rf"{link}[\w-]+/", str(one.body))[0] for one in mail.outbox)
    assert earlier != last
    assert client.get(earlier, follow=True).status_code == 404
    assert client.get(last, follow=True).status_code == 200


def shown_form(member, address: str) -> str:
    return str(re.search(r'name="form" value="([\w-]{36})"', member.get(address).content.decode())[1])


def test_a_connection_is_made_once(cast, sign_in) -> None:
    address, member = f"/tenants/{cast.tenant.pk}/connections/new/", sign_in(cast.owner)
    form = {"name": "Staging", "form": shown_form(member, address)}
    before = len(made(cast, Connection))

    answers = [member.post(address, form) for _ in range(2)]

    assert len(made(cast, Connection)) == before + 1
    assert [answer.status_code for answer in answers] == [302, 302]
    assert answers[0]["Location"] == answers[1]["Location"]
    assert SENT_TWICE in member.get(answers[1]["Location"]).content.decode()


def test_a_connection_that_is_removed_by_now_is_not_given_again(cast, sign_in) -> None:
    address, member = f"/tenants/{cast.tenant.pk}/connections/new/", sign_in(cast.owner)
    form = {"name": "Staging", "form": shown_form(member, address)}

    first = member.post(address, form)
    with tenant_scope(cast.tenant.pk):
        request_removal(connection=Connection.objects.get(name="Staging"), by=SYSTEM)
    second = member.post(address, form)

    assert second.status_code == 302
    assert first["Location"] != second["Location"]
    assert SENT_TWICE not in member.get(second["Location"]).content.decode()


def test_what_is_wrong_with_a_hidden_field_is_said(cast, sign_in) -> None:
    answer = sign_in(cast.owner).post(
        f"/tenants/{cast.tenant.pk}/connections/new/", {"name": "Staging", "form": "7" * 37}
    )

    assert answer.status_code == 422
    assert "<li>Ensure this value has at most 36 characters (it has 37).</li>" in answer.content.decode()


@pytest.mark.parametrize("changed", ["name", "account_id", "form"])
def test_another_name_or_account_or_the_form_shown_anew_makes_another_connection(cast, sign_in, changed) -> None:
    address, member = f"/tenants/{cast.tenant.pk}/connections/new/", sign_in(cast.owner)
    form = {"name": "Staging", "account_id": "444455556666", "form": shown_form(member, address)}
    other = {"name": "Production", "account_id": "444455557777", "form": shown_form(member, address)}

    first = member.post(address, form)
    second = member.post(address, form | {changed: other[changed]})  # as after going back in the browser

    assert first["Location"] != second["Location"]


def test_the_same_form_of_another_tenant_is_another_one(cast, sign_in) -> None:
    form = {"name": "Staging", "form": "7"}

    ours = sign_in(cast.owner).post(f"/tenants/{cast.tenant.pk}/connections/new/", form)
    theirs = sign_in(cast.stranger).post(f"/tenants/{cast.other_tenant.pk}/connections/new/", form)

    assert (ours.status_code, theirs.status_code) == (302, 302)
    assert ours["Location"].split("/")[4] != theirs["Location"].split("/")[4]


@pytest.mark.parametrize(
    ("path", "form", "model", "shows", "listed"),
    [
        pytest.param("api-tokens/", TOKEN, ApiToken, "rbt_", "api-tokens/", id="API token"),
        pytest.param(
            "{first}hand-off/", {"days": "7"}, HandOffLink, "link-text", "{first}hand-off/", id="hand-off link"
        ),
        pytest.param(
            "settings/webhooks/new/", ENDPOINT, WebhookEndpoint, "whsec_", "settings/webhooks/", id="webhook endpoint"
        ),
    ],
)
def test_without_javascript_two_are_made_and_both_are_listed_to_take_one_away(
    cast, sign_in, path, form, model, shows, listed
) -> None:
    with tenant_scope(cast.tenant.pk):
        first = create_connection(tenant=cast.tenant, name="Production", by=SYSTEM)
    base, of_first = f"/tenants/{cast.tenant.pk}/", f"connections/{first.pk}/"
    member, before = sign_in(cast.owner), len(made(cast, model))

    answers = [member.post(base + path.format(first=of_first), form).content.decode() for _ in range(2)]

    two = made(cast, model)
    assert len(two) == before + 2
    page = member.get(base + listed.format(first=of_first)).content.decode()
    assert [str(one.pk) for one in two if str(one.pk) not in page] == []
    # What is shown once is that of the second, which the browser shows: nobody has read the first one's.
    assert all(shows in answer for answer in answers)
