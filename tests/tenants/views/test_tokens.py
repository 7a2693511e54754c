"""The page of API tokens."""

import re
from uuid import uuid4

import pytest
from allauth.mfa.models import Authenticator
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from tenants.actions.tokens import create_token, revoke_token
from tenants.audit import SYSTEM
from tenants.models import ApiToken, Tenant
from tenants.scope import tenant_scope
from tenants.secrets import seal
from tests.second_factor import TOTP_SECRET, code_of

WANTED = {"name": "Pipeline", "scopes": ["read"], "days": 90}


@pytest.fixture
def url(cast) -> str:
    return f"/tenants/{cast.tenant.pk}/api-tokens/"


@pytest.fixture
def token(cast) -> ApiToken:
    with tenant_scope(cast.tenant.pk):
        return create_token(tenant=cast.tenant, name="Pipeline", user=cast.owner, by=SYSTEM)[0]


def test_a_new_token_is_shown_once_and_works(cast, sign_in, url, client) -> None:
    member = sign_in(cast.owner)

    made = member.post(url, WANTED)

    text = re.search(r"rbt_[A-Za-z0-9_-]{43}", made.content.decode())
    assert text
    assert made["Cache-Control"] == "no-store"
    assert client.get("/api/v1/connections/", headers={"Authorization": f"Bearer {text[0]}"}).status_code == 200
    later = member.get(url).content.decode()
    assert text[0] not in later
    assert text[0][:10] in later


def test_a_token_needs_a_name(cast, sign_in, url) -> None:
    answer = sign_in(cast.owner).post(url, WANTED | {"name": ""})

    assert answer.status_code == 422
    assert "Give the token a name." in answer.content.decode()
    with tenant_scope(cast.tenant.pk):
        assert not ApiToken.objects.exists()


def test_revoking_asks_once_more_and_then_refuses_the_token(cast, sign_in, url, token) -> None:
    member = sign_in(cast.admin)

    asked = member.get(f"{url}{token.pk}/revoke/").content.decode()
    done = member.post(f"{url}{token.pk}/revoke/", follow=True).content.decode()

    assert "Revoke “Pipeline”?" in asked
    assert "is revoked" in done
    with tenant_scope(cast.tenant.pk):
        assert ApiToken.objects.get().revoked_at


def test_others_tokens_are_not_there(cast, sign_in, url, token) -> None:
    other = f"/tenants/{cast.other_tenant.pk}/api-tokens/{token.pk}/revoke/"

    assert sign_in(cast.stranger).get(url).status_code == 404
    assert sign_in(cast.stranger).post(other).status_code == 404
    assert sign_in(cast.owner).get(f"{url}{uuid4()}/revoke/").status_code == 404


def test_a_viewer_is_refused_in_words(cast, sign_in, url, token) -> None:
    viewer = sign_in(cast.viewer)

    for answer in (viewer.get(url), viewer.post(url, WANTED), viewer.post(f"{url}{token.pk}/revoke/")):
        assert answer.status_code == 403
        assert "Your role in this organisation does not allow this" in answer.content.decode()


def test_without_tokens_it_says_so(cast, sign_in, url) -> None:
    assert "There is no token yet." in sign_in(cast.owner).get(url).content.decode()


def test_fifty_tokens_take_as_many_queries_as_one(cast, sign_in, url, token) -> None:
    client = sign_in(cast.owner)
    with CaptureQueriesContext(database) as one:
        client.get(url)
    with tenant_scope(cast.tenant.pk):
        for number in range(49):
            create_token(tenant=cast.tenant, name=f"Token {number}", user=cast.owner, by=SYSTEM)

    with CaptureQueriesContext(database) as fifty:
        client.get(url)

    assert len(fifty) == len(one)


def test_the_working_ones_come_first_and_the_rest_is_a_page_away(cast, sign_in, url, token, monkeypatch) -> None:
    monkeypatch.setattr("tenants.views.tokens.SHOWN_AT_ONCE", 2)
    with tenant_scope(cast.tenant.pk):
        for name in ("Revoked first", "Revoked last"):
            made, _ = create_token(tenant=cast.tenant, name=name, user=cast.owner, by=SYSTEM)
            revoke_token(tenant=cast.tenant, token_id=made.pk, by=SYSTEM)

    browser = sign_in(cast.owner)
    pages = [browser.get(f"{url}?page={number}").content.decode() for number in (1, 2)]

    assert pages[0].index(token.prefix) < pages[0].index("Revoked last")
    assert "Revoked first" in pages[1]
    assert token.prefix not in pages[1]


def test_a_token_has_the_scopes_and_the_end_that_were_chosen(cast, sign_in, url) -> None:
    sign_in(cast.owner).post(url, {"name": "Pipeline", "scopes": ["verify", "read"], "days": 7})

    with tenant_scope(cast.tenant.pk):
        made = ApiToken.objects.get()
    assert made.scopes == ["read", "verify"]
    assert (made.expires_at - made.created_at).days in {6, 7}
    assert made.second_factor is False
    page = sign_in(cast.owner).get(url).content.decode()
    assert "Ask for verifications" in page
    assert f"{made.expires_at:%Y}" in page


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"scopes": []}, "Choose at least one."), ({"scopes": ["everything"]}, "not one of the"), ({"days": 366}, "365")],
)
def test_a_token_with_no_known_scope_or_no_end_is_not_made(cast, sign_in, url, wrong, message) -> None:
    answer = sign_in(cast.owner).post(url, WANTED | wrong)

    assert answer.status_code == 422
    assert message in answer.content.decode()
    with tenant_scope(cast.tenant.pk):
        assert not ApiToken.objects.exists()


def test_where_a_second_factor_is_asked_for_it_is_shown_before_a_token_is_made(cast, sign_in, url) -> None:
    Authenticator.objects.create(user=cast.owner, type=Authenticator.Type.TOTP, data={"secret": seal(TOTP_SECRET)})
    with tenant_scope(cast.tenant.pk):
        Tenant.objects.update(require_second_factor=True)
    client = sign_in(cast.owner)

    asked = client.post(url, WANTED)
    shown = client.post(asked["Location"], {"code": code_of(TOTP_SECRET)})
    made = client.post(url, WANTED)

    assert asked["Location"].startswith("/accounts/second-factor/reauthenticate/")
    assert shown["Location"] == url
    assert made.status_code == 200
    with tenant_scope(cast.tenant.pk):
        assert ApiToken.objects.get().second_factor is True


def test_no_more_tokens_are_made_than_an_organisation_may_have_and_a_revoked_one_makes_room(
    cast, sign_in, url, token, settings
) -> None:
    settings.MOST_API_TOKENS_PER_TENANT = 1
    member = sign_in(cast.owner)

    refused = member.post(url, WANTED)
    member.post(f"{url}{token.pk}/revoke/")
    made = member.post(url, WANTED | {"name": "Second"})

    assert refused.status_code == 422
    assert "as many as it may have" in refused.content.decode()
    assert made.status_code == 200
    with tenant_scope(cast.tenant.pk):
        assert set(ApiToken.objects.filter(revoked_at=None).values_list("name", flat=True)) == {"Second"}
