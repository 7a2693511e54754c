"""A token that a program makes with its own is less than that one, and ends with it."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from tenants.actions import tokens as actions
from tenants.actions.members import leave
from tenants.actions.tokens import create_token
from tenants.audit import SYSTEM
from tenants.models import ApiToken, AuditEvent, Member, Tenant
from tenants.permissions import Role, Scope
from tenants.scope import tenant_scope

URL = "/api/v1/api-tokens/"


def program(text: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}", HTTP_IF_MATCH="*")
    return client


def make(client, **wanted):
    return client.post(URL, {"name": "Step"} | wanted, format="json")


def kept(cast, **wanted) -> ApiToken:
    with tenant_scope(cast.tenant.pk):
        return ApiToken.objects.get(**wanted)


def test_it_is_shown_once_reads_and_is_audited(owner, cast) -> None:
    made = make(owner)

    text = made.json()["token"]
    one = f"{URL}{made.json()['id']}/"
    assert (made.status_code, made["Location"], made.json()["scopes"]) == (201, one, ["read"])
    assert program(text).get("/api/v1/connections/").status_code == 200
    assert program(text).get(URL).status_code == 403
    shown = owner.get(one)
    assert text not in shown.content.decode()
    assert shown.json()["made_with_id"] == str(kept(cast, name="Test").pk)
    assert shown.json()["created_by"] == cast.owner.email
    with tenant_scope(cast.tenant.pk):
        event = AuditEvent.objects.latest("pk")
    assert (event.action, event.data["made_with"]) == ("api:api_token:created", kept(cast, name="Test").prefix)
    assert text not in str(event.data)


def test_it_has_no_scope_more_than_what_makes_it(api, cast) -> None:
    client = api(cast.owner, cast.tenant, [Scope.READ, Scope.ADMINISTER])

    refused = make(client, scopes=["read", "manage"])

    assert refused.status_code == 400
    assert refused.json()["errors"][0] == {
        "pointer": "#/scopes",
        "code": "beyond_the_token",
        "detail": "This token has not the scopes manage itself, so it makes no token that has them. A person makes one "
        "on the API tokens page.",
    }
    with tenant_scope(cast.tenant.pk):
        assert ApiToken.objects.count() == 1


def test_a_token_without_the_scope_or_of_a_viewer_makes_none(api, cast) -> None:
    assert make(api(cast.owner, cast.tenant, [Scope.READ, Scope.MANAGE])).status_code == 403
    assert make(api(cast.viewer, cast.tenant)).status_code == 403


def test_it_does_not_outlive_what_makes_it(owner, cast) -> None:
    make(owner, days=365)
    with tenant_scope(cast.tenant.pk):
        soon = timezone.now() + timedelta(hours=1)
        ApiToken.objects.filter(name="Test").update(expires_at=soon)
    make(owner, name="Late", days=365)

    assert kept(cast, name="Step").expires_at <= kept(cast, name="Test").expires_at + timedelta(days=90)
    assert kept(cast, name="Late").expires_at == soon


def test_with_the_token_all_end_that_were_made_with_it(owner, cast) -> None:
    child = program(make(owner, scopes=["read", "administer"]).json()["token"])
    grandchild = program(make(child, name="Smaller step").json()["token"])
    before = [client.get("/api/v1/tenant/").status_code for client in (child, grandchild)]
    token = kept(cast, name="Test")

    owner.delete(f"{URL}{token.pk}/")

    assert before == [200, 200]
    assert [client.get("/api/v1/tenant/").status_code for client in (owner, child, grandchild)] == [401, 401, 401]
    with tenant_scope(cast.tenant.pk):
        assert AuditEvent.objects.filter(action="api:api_token:revoked").count() == 3


def test_one_that_was_made_ends_alone(owner) -> None:
    made = make(owner)

    owner.delete(made["Location"])

    assert owner.get("/api/v1/tenant/").status_code == 200
    assert program(made.json()["token"]).get("/api/v1/tenant/").status_code == 401


def test_behind_it_stands_no_second_factor_more(owner, cast) -> None:
    made = program(make(owner, scopes=["read"]).json()["token"])
    with tenant_scope(cast.tenant.pk):
        Tenant.objects.update(require_second_factor=True)

    assert made.get("/api/v1/tenant/").status_code == 401
    assert kept(cast, name="Step").second_factor is False


def test_it_ends_with_the_person(owner, cast) -> None:
    with tenant_scope(cast.tenant.pk):
        Member.objects.filter(user=cast.admin).update(role=Role.OWNER)
    made = program(make(owner).json()["token"])
    with tenant_scope(cast.tenant.pk):
        Member.objects.filter(user=cast.owner).delete()

    assert made.get("/api/v1/tenant/").status_code == 401


def test_it_stays_ended_when_the_person_comes_back(owner, cast) -> None:
    with tenant_scope(cast.tenant.pk):
        Member.objects.filter(user=cast.admin).update(role=Role.OWNER)
        leaving = Member.objects.get(user=cast.owner)
    made = program(make(owner).json()["token"])
    with tenant_scope(cast.tenant.pk):
        leave(member=leaving, by=SYSTEM)
        Member.objects.create(tenant=cast.tenant, user=cast.owner, role=Role.OWNER)

    assert [client.get("/api/v1/tenant/").status_code for client in (owner, made)] == [401, 401]
    with tenant_scope(cast.tenant.pk):
        assert ApiToken.objects.filter(revoked_at=None).count() == 0
        assert AuditEvent.objects.filter(action="system:api_token:revoked").count() == 2


def test_with_the_same_idempotency_key_one_is_made(owner, cast) -> None:
    first = owner.post(URL, {"name": "Step"}, format="json", headers={"Idempotency-Key": "one"})
    again = owner.post(URL, {"name": "Step"}, format="json", headers={"Idempotency-Key": "one"})

    assert first.json() == again.json()
    assert kept(cast, name="Step")


def test_they_have_a_limit(owner, monkeypatch) -> None:
    monkeypatch.setattr(actions, "MOST_MADE_WITH_TOKENS_A_DAY", 1)

    statuses = [make(owner).status_code for _ in range(2)]

    assert statuses == [201, 429]


def test_a_tenant_has_a_quota_of_them(owner, settings) -> None:
    settings.MOST_API_TOKENS_PER_TENANT = 1

    answer = make(owner)

    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (409, "too-many-api-tokens")
    assert "Revoke one" in answer.json()["detail"]


@pytest.mark.parametrize("data", [{"scopes": []}, {"scopes": ["own"]}, {"days": 366}, {"days": 0}, {"prefix": "rbt_"}])
def test_what_is_no_token_is_refused(owner, data) -> None:
    assert make(owner, **data).status_code == 400


def test_the_pages_say_with_what_it_was_made(owner, cast, sign_in) -> None:
    make(owner)
    client, token = sign_in(cast.owner), kept(cast, name="Test")
    base = f"/tenants/{cast.tenant.pk}/api-tokens/"

    assert f"with {token.prefix}…, and ends with it" in client.get(base).content.decode()
    assert "made with it end too" in client.get(f"{base}{token.pk}/revoke/").content.decode()


def test_another_tenants_token_is_made_with_nothing(cast) -> None:
    with tenant_scope(cast.other_tenant.pk):
        foreign, _ = create_token(tenant=cast.other_tenant, name="Foreign", user=cast.stranger, by=SYSTEM)

    with tenant_scope(cast.tenant.pk), pytest.raises(ApiToken.DoesNotExist):
        actions.create_token_with(token=foreign, name="x", by=SYSTEM)
