"""API tokens let in whom they should, and nobody else."""

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from tenants.actions.tokens import create_token, revoke_token
from tenants.audit import SYSTEM
from tenants.models import ApiToken, Member
from tenants.permissions import Role
from tenants.scope import tenant_scope

URL = "/api/v1/connections/"


@pytest.fixture
def token(cast):
    with tenant_scope(cast.tenant.pk):
        return create_token(tenant=cast.tenant, name="Pipeline", user=cast.owner, by=SYSTEM)


def ask(authorization: str | None):
    client = APIClient()
    if authorization is not None:
        client.credentials(HTTP_AUTHORIZATION=authorization)
    return client.get(URL)


def refused(response) -> dict:
    assert response.status_code == 401
    assert response["Content-Type"] == "application/problem+json"
    assert response["WWW-Authenticate"] == 'Bearer realm="Rolebridge"'
    return response.json()


def test_a_token_lets_its_holder_in_and_remembers_when(cast, token) -> None:
    row, text = token

    assert ask(f"Bearer {text}").status_code == 200

    with tenant_scope(cast.tenant.pk):
        row.refresh_from_db()
    assert (timezone.now() - row.last_used_at).total_seconds() < 60
    assert text not in str(row.__dict__)


def test_no_token_is_told_how_to_send_one(db) -> None:
    problem = refused(ask(None))

    assert problem["type"] == "urn:rolebridge:problem:not-authenticated"
    assert "Authorization: Bearer TOKEN" in problem["detail"]


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer rbt_unknown", "Bearer a b", "Basic b3duZXI6cGFzc3dvcmQ=", "rbt_unknown", "Bearer \xff\xfe"],
)
def test_what_is_no_token_is_refused(db, header) -> None:
    assert refused(ask(header))["type"] == "urn:rolebridge:problem:token-refused"


def test_a_revoked_token_is_refused_at_once(cast, token) -> None:
    row, text = token
    assert ask(f"Bearer {text}").status_code == 200

    with tenant_scope(cast.tenant.pk):
        revoke_token(tenant=cast.tenant, token_id=row.pk, by=SYSTEM)

    assert "Make a new one" in refused(ask(f"Bearer {text}"))["detail"]


def test_a_token_ends_with_the_membership_of_its_maker(cast, token) -> None:
    with tenant_scope(cast.tenant.pk):
        Member.objects.filter(user=cast.admin).update(role=Role.OWNER)  # an organisation needs one
        Member.objects.filter(user=cast.owner).delete()

    assert "no longer a member" in refused(ask(f"Bearer {token[1]}"))["detail"]


def test_a_token_ends_when_its_maker_is_deactivated(cast, token) -> None:
    cast.owner.is_active = False
    cast.owner.save()

    assert "no longer a member" in refused(ask(f"Bearer {token[1]}"))["detail"]


def test_a_token_may_what_its_maker_may_now(cast, token) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token[1]}")
    assert client.post(URL, {"name": "A"}, format="json").status_code == 201

    with tenant_scope(cast.tenant.pk):
        Member.objects.filter(user=cast.admin).update(role=Role.OWNER)  # an organisation needs one
        Member.objects.filter(user=cast.owner).update(role=Role.VIEWER)

    assert client.post(URL, {"name": "B"}, format="json").status_code == 403
    assert client.get(URL).status_code == 200


def test_a_signed_in_browser_is_no_api_client(cast, sign_in) -> None:
    refused(sign_in(cast.owner).get(URL))


def test_the_digest_alone_is_no_token(cast, token) -> None:
    with tenant_scope(cast.tenant.pk):
        digest = ApiToken.objects.get().digest

    refused(ask(f"Bearer {digest}"))
