"""The API as another tenant's owner tries it: with ids that are not theirs in addresses, in bodies and in queries."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from integrations.actions.connections import create_connection
from integrations.models import Connection, Verification
from tenants.actions.recovery import request_recovery
from tenants.actions.single_sign_on import add_domain
from tenants.actions.tokens import create_token
from tenants.audit import SYSTEM
from tenants.models import ApiToken, IdentityProvider, Member, Recovery, Tenant, TenantDomain
from tenants.permissions import Role, Scope
from tenants.scope import tenant_scope

API = "/api/v1/"
NAME = "Nobody else may read this"


@pytest.fixture
def theirs(cast) -> dict[str, Any]:
    """Ids of things of the tenant that is attacked."""
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name=NAME, account_id="222233334444", by=SYSTEM)
        Connection.objects.update(next_verification_at=timezone.now() + timedelta(hours=5), asked_at=None)
        verification = Verification.objects.create(
            tenant=cast.tenant, connection=connection, state="completed", requested_by=NAME
        )
        domain = add_domain(tenant=cast.tenant, domain="victim.example", mailbox=TenantDomain.Mailbox.ADMIN, by=SYSTEM)
        token, _ = create_token(tenant=cast.tenant, name=NAME, user=cast.owner, by=SYSTEM, scopes=list(Scope))
        IdentityProvider.objects.create(tenant=cast.tenant, issuer="https://victim.example", client_id="x")
    (recovery,) = request_recovery(
        tenant_id=cast.tenant.pk, kind=Recovery.Kind.OWNER, email="lost@example.com", reason=NAME, by=SYSTEM
    )
    return {
        "connection": connection.pk,
        "external_id": connection.external_id,
        "verification": verification.pk,
        "domain": domain.pk,
        "token": token.pk,
        "recovery": recovery.pk,
        "tenant": cast.tenant.pk,
        "owner": cast.owner.pk,
    }


@pytest.fixture
def stranger(api, cast):
    return api(cast.stranger, cast.other_tenant)


def nothing_changed(cast) -> None:
    with tenant_scope(cast.tenant.pk):
        assert Tenant.objects.get().deletion_due_at is None
        assert IdentityProvider.objects.count() == TenantDomain.objects.count() == 1
        assert ApiToken.objects.filter(revoked_at=None).count() == 1
        assert Recovery.objects.get().cancelled_at is None
        assert Connection.objects.get().asked_at is None


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("get", "connections/{connection}/removal-statement/"),
        ("get", "verifications/{verification}/report/"),
        ("get", "domains/{domain}/"),
        ("delete", "domains/{domain}/"),
        ("get", "recoveries/{recovery}/"),
        ("post", "recoveries/{recovery}/cancel/"),
        ("get", "api-tokens/{token}/"),
        ("delete", "api-tokens/{token}/"),
    ],
)
def test_an_id_in_an_address_is_unknown(cast, stranger, theirs, method, address) -> None:
    answer = getattr(stranger, method)(API + address.format(**theirs), format="json")

    assert answer.status_code == 404
    nothing_changed(cast)


@pytest.mark.parametrize(
    ("address", "body", "status"),
    [
        ("verifications/", lambda ids: {"connections": [str(ids["connection"])]}, 202),
        ("api-tokens/", lambda ids: {"name": "x", "tenant_id": str(ids["tenant"])}, 400),
        ("api-tokens/", lambda ids: {"name": "x", "made_with_id": str(ids["token"])}, 400),
        ("api-tokens/", lambda ids: {"name": "x", "created_by": str(ids["owner"])}, 400),
        ("tenant/deletion/", lambda ids: {"name": "Blue Harbour", "tenant": str(ids["tenant"])}, 400),
        ("tenant/deletion/", lambda _: {"name": "Blue Harbour"}, 400),
        ("domains/", lambda ids: {"domain": "a.example", "tenant": str(ids["tenant"])}, 400),
    ],
)
def test_an_id_or_a_name_in_a_body_reaches_nothing(cast, stranger, theirs, address, body, status) -> None:
    answer = stranger.post(API + address, body(theirs), format="json")

    assert answer.status_code == status
    assert answer.json().get("count", 0) == 0
    nothing_changed(cast)


@pytest.mark.parametrize("name", ["tenant", "tenant_id", "search", "verification", "connection"])
def test_an_id_in_a_query_shows_nothing(stranger, theirs, name) -> None:
    value = theirs.get("external_id" if name == "search" else name.removesuffix("_id"))
    for address in ("tenant/export/", "single-sign-on/", "domains/", "recoveries/", "connections/", "findings/"):
        text = stranger.get(f"{API}{address}", {name: str(value)}).getvalue().decode()

        assert NAME not in text
        assert "victim.example" not in text


def test_ones_own_provider_is_removed_and_not_theirs(cast, stranger, theirs) -> None:
    assert stranger.get(f"{API}single-sign-on/").json()["issuer"] == ""
    assert stranger.delete(f"{API}single-sign-on/").status_code == 204
    nothing_changed(cast)


def test_a_key_that_another_token_used_gives_nobody_its_token(api, cast, stranger) -> None:
    clients = [api(cast.owner, cast.tenant), api(cast.owner, cast.tenant), stranger]

    made = [
        client.post(f"{API}api-tokens/", {"name": "x"}, format="json", headers={"Idempotency-Key": "k"}).json()
        for client in clients
    ]

    assert len({answer["token"] for answer in made}) == 3


def test_a_token_that_an_owner_made_with_theirs_is_demoted_with_them(api, cast) -> None:
    owner = api(cast.owner, cast.tenant)
    text = owner.post(f"{API}api-tokens/", {"name": "x", "scopes": ["administer"]}, format="json").json()["token"]
    made = api(cast.admin, cast.tenant)
    made.credentials(HTTP_AUTHORIZATION=f"Bearer {text}", HTTP_IF_MATCH="*")
    before = made.get(f"{API}single-sign-on/").status_code
    with tenant_scope(cast.tenant.pk):
        Member.objects.filter(user=cast.admin).update(role=Role.OWNER)
        Member.objects.filter(user=cast.owner).update(role=Role.VIEWER)

    assert before == 200
    assert made.get(f"{API}single-sign-on/").status_code == 403
    assert made.post(f"{API}api-tokens/", {"name": "y"}, format="json").status_code == 403


@pytest.mark.parametrize("header", ["Bearer", "Bearer x y", "Basic abc", "Bearer rbs_abc"])
def test_what_is_no_token_of_an_organisation_reads_nothing(api, cast, header) -> None:
    client = api(cast.owner, cast.tenant)
    client.credentials(HTTP_AUTHORIZATION=header)

    for address in ("tenant/export/", "single-sign-on/", "domains/", "recoveries/", "api-tokens/"):
        assert client.get(f"{API}{address}").status_code == 401
