"""API tokens let in whom they should, and nobody else."""

from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.db import connections as databases
from django.db.utils import IntegrityError
from django.utils import timezone
from rest_framework.test import APIClient

from tenants.actions.tokens import LONGEST_DAYS, InvalidExpiry, create_token, revoke_token
from tenants.audit import SYSTEM
from tenants.models import ApiToken, Member, Tenant
from tenants.permissions import Role, Scope
from tenants.scope import tenant_scope

URL = "/api/v1/connections/"


@pytest.fixture
def token(cast):
    with tenant_scope(cast.tenant.pk):
        return create_token(
            tenant=cast.tenant, name="Pipeline", user=cast.owner, by=SYSTEM, scopes=[Scope.READ, Scope.MANAGE]
        )


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


def test_a_token_ends_by_itself(cast, token) -> None:
    row, text = token
    with tenant_scope(cast.tenant.pk):
        ApiToken.objects.filter(pk=row.pk).update(expires_at=timezone.now() - timedelta(seconds=1))

    assert "The API token ended on" in refused(ask(f"Bearer {text}"))["detail"]


@pytest.mark.parametrize("days", [0, -1, LONGEST_DAYS + 1])
def test_no_token_lasts_for_ever(cast, days) -> None:
    with tenant_scope(cast.tenant.pk):
        with pytest.raises(InvalidExpiry, match=f"1 to {LONGEST_DAYS} days"):
            create_token(tenant=cast.tenant, name="Pipeline", user=cast.owner, by=SYSTEM, days=days)

        assert not ApiToken.objects.exists()


def test_a_new_token_reads_and_no_more(cast) -> None:
    with tenant_scope(cast.tenant.pk):
        _, text = create_token(tenant=cast.tenant, name="Pipeline", user=cast.owner, by=SYSTEM)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")

    answer = client.post(URL, {"name": "A"}, format="json")

    assert client.get(URL).status_code == 200
    assert answer.status_code == 403
    assert answer.json()["type"] == "urn:rolebridge:problem:missing-scope"
    assert "`manage`" in answer.json()["detail"]


def test_a_scope_gives_no_more_than_the_makers_role(api, cast) -> None:
    answer = api(cast.viewer, cast.tenant, [Scope.READ, Scope.MANAGE]).post(URL, {"name": "A"}, format="json")

    assert answer.status_code == 403
    assert answer.json()["type"] == "urn:rolebridge:problem:forbidden"


def test_a_token_from_before_scopes_may_what_it_could(cast, token) -> None:
    row, _ = token

    with tenant_scope(cast.tenant.pk), databases["default"].cursor() as cursor:
        cursor.execute(
            "INSERT INTO tenants_apitoken (id, tenant_id, name, prefix, digest, created_at)"
            " SELECT gen_random_uuid(), tenant_id, name, prefix, 'another', created_at FROM tenants_apitoken"
        )
        old = ApiToken.objects.get(digest="another")

    assert set(old.scopes) == {"read", "verify", "manage"}
    assert (old.expires_at, old.second_factor) == (None, None)
    assert row.expires_at is not None


@pytest.mark.parametrize("scopes", [[], ["everything"], ["read", "everything"]])
def test_the_database_knows_the_scopes(cast, token, scopes) -> None:
    with pytest.raises(IntegrityError, match="api_token_scopes_known"), tenant_scope(cast.tenant.pk):
        ApiToken.objects.update(scopes=scopes)


def enforce_second_factor(cast, *, owner_has_one: bool) -> None:
    if owner_has_one:
        Authenticator.objects.create(user=cast.owner, type=Authenticator.Type.TOTP, data={"secret": "x"})
    with tenant_scope(cast.tenant.pk):
        Tenant.objects.update(require_second_factor=True)


@pytest.mark.parametrize(
    ("made_with_one", "has_one", "let_in"),
    [
        (True, True, True),
        (None, True, True),  # from before it was noted
        (False, True, False),
        (True, False, False),  # taken off since
        (None, False, False),
    ],
)
def test_where_a_second_factor_is_asked_for_one_stands_behind_each_token(
    cast, token, made_with_one, has_one, let_in
) -> None:
    row, text = token
    with tenant_scope(cast.tenant.pk):
        ApiToken.objects.filter(pk=row.pk).update(second_factor=made_with_one)
    enforce_second_factor(cast, owner_has_one=has_one)

    answer = ask(f"Bearer {text}")

    if let_in:
        assert answer.status_code == 200
    else:
        assert "asks for a second factor" in refused(answer)["detail"]
