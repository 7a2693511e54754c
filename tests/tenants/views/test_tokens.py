"""The page of API tokens."""

import re
from uuid import uuid4

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from tenants.actions.tokens import create_token
from tenants.audit import SYSTEM
from tenants.models import ApiToken
from tenants.scope import tenant_scope


@pytest.fixture
def url(cast) -> str:
    return f"/tenants/{cast.tenant.pk}/api-tokens/"


@pytest.fixture
def token(cast) -> ApiToken:
    with tenant_scope(cast.tenant.pk):
        return create_token(tenant=cast.tenant, name="Pipeline", user=cast.owner, by=SYSTEM)[0]


def test_a_new_token_is_shown_once_and_works(cast, sign_in, url, client) -> None:
    member = sign_in(cast.owner)

    made = member.post(url, {"name": "Pipeline"})

    text = re.search(r"rbt_[A-Za-z0-9_-]{43}", made.content.decode())
    assert text
    assert made["Cache-Control"] == "no-store"
    assert client.get("/api/v1/connections/", headers={"Authorization": f"Bearer {text[0]}"}).status_code == 200
    later = member.get(url).content.decode()
    assert text[0] not in later
    assert text[0][:10] in later


def test_a_token_needs_a_name(cast, sign_in, url) -> None:
    answer = sign_in(cast.owner).post(url, {"name": ""})

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

    for answer in (viewer.get(url), viewer.post(url, {"name": "Mine"}), viewer.post(f"{url}{token.pk}/revoke/")):
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
