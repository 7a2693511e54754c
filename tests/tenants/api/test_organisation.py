"""What an owner's program does with the organisation itself: export, deletion, recoveries, single sign-on, domains."""

import json
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.test import Client
from django.utils import timezone

from tenants import limits
from tenants.actions import settings as settings_actions
from tenants.actions import single_sign_on as single_sign_on_actions
from tenants.actions.recovery import request_recovery
from tenants.actions.single_sign_on import MOST_LOOK_UPS_AT_ONCE, MOST_LOOK_UPS_AT_ONCE_OF_ALL, add_domain
from tenants.audit import SYSTEM
from tenants.models import AuditEvent, IdentityProvider, Member, Recovery, Tenant, TenantDomain
from tenants.permissions import Role, Scope
from tenants.scope import tenant_scope
from tests.oidc_provider import oidc_provider

API = "/api/v1/"
SECRET = "sealed away"


@pytest.fixture
def provider():
    with oidc_provider() as running:
        yield running


def send(client, method: str, url: str, data: dict | None = None):
    return getattr(client, method)(f"{API}{url}", data, format="json")


def problem(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


def actions_of(cast) -> list[str]:
    with tenant_scope(cast.tenant.pk):
        return list(AuditEvent.objects.order_by("id").values_list("action", flat=True))


def tenant(cast) -> Tenant:
    with tenant_scope(cast.tenant.pk):
        return Tenant.objects.get()


class TestTheExport:
    def test_it_is_all_that_is_kept_and_nothing_of_another(self, owner, cast) -> None:
        answer = send(owner, "get", "tenant/export/")

        text = b"".join(answer.streaming_content).decode()
        document = json.loads(text)
        assert document["tenants_tenant"][0]["name"] == "Blue Harbour"
        assert {row["user_email"] for row in document["tenants_member"]} == {
            user.email for user in (cast.owner, cast.admin, cast.viewer)
        }
        assert str(cast.other_tenant.pk) not in text
        assert '"digest"' not in text
        assert answer["Cache-Control"] == "no-store"
        assert actions_of(cast)[-1] == "api:tenant:exported"

    def test_an_admin_may_not(self, admin) -> None:
        assert problem(send(admin, "get", "tenant/export/")) == (403, "forbidden")

    def test_it_is_made_a_few_times_an_hour(self, owner, cast, sign_in, monkeypatch) -> None:
        monkeypatch.setattr(settings_actions, "MOST_EXPORTS_AN_HOUR", 1)
        send(owner, "get", "tenant/export/").getvalue()

        again = send(owner, "get", "tenant/export/")
        page = sign_in(cast.owner).post(f"/tenants/{cast.tenant.pk}/settings/export/")

        assert problem(again) == (429, "too-many-requests")
        assert int(again["Retry-After"]) > 0
        assert page.status_code == 302
        assert actions_of(cast).count("api:tenant:exported") == 1


class TestTheDeletion:
    def test_an_owner_asks_for_it_by_name_and_calls_it_off(self, owner, cast) -> None:
        wrong = send(owner, "post", "tenant/deletion/", {"name": "Red Mill"})
        before = tenant(cast).deletion_due_at
        asked = send(owner, "post", "tenant/deletion/", {"name": "Blue Harbour"})
        shown = send(owner, "get", "tenant/").json()["deletion_due_at"]
        kept = send(owner, "delete", "tenant/deletion/")
        again = send(owner, "delete", "tenant/deletion/")

        assert problem(wrong) == (400, "invalid")
        assert wrong.json()["errors"][0]["code"] == "not_the_name"
        assert before is None
        assert (asked.status_code, asked.json()["deletion_due_at"]) == (202, shown)
        assert shown is not None
        assert (kept.status_code, kept.json()["deletion_due_at"]) == (200, None)
        assert problem(again) == (409, "nothing-to-cancel")
        assert actions_of(cast)[-2:] == ["api:tenant:deletion_requested", "api:tenant:deletion_cancelled"]
        assert {message.to[0] for message in mail.outbox} == {cast.owner.email}

    def test_an_admin_may_not(self, admin, cast) -> None:
        assert problem(send(admin, "post", "tenant/deletion/", {"name": "Blue Harbour"})) == (403, "forbidden")
        assert problem(send(admin, "delete", "tenant/deletion/")) == (403, "forbidden")
        assert tenant(cast).deletion_due_at is None

    def test_it_cannot_be_called_off_once_it_has_begun(self, owner, cast) -> None:
        with tenant_scope(cast.tenant.pk):
            Tenant.objects.update(deletion_due_at=timezone.now() - timedelta(seconds=1))

        assert problem(send(owner, "delete", "tenant/deletion/")) == (409, "nothing-to-cancel")


class TestRecoveries:
    @pytest.fixture
    def recovery(self, cast) -> Recovery:
        (asked,) = request_recovery(
            tenant_id=cast.tenant.pk, kind=Recovery.Kind.OWNER, email="l@example.com", reason="They wrote.", by=SYSTEM
        )
        return asked

    def test_an_owner_reads_what_was_asked_for_and_calls_it_off(self, owner, cast, recovery) -> None:
        one = f"recoveries/{recovery.pk}/"
        listed = send(owner, "get", "recoveries/?is_open=true").json()["results"]
        cancelled = send(owner, "post", f"{one}cancel/")
        again = send(owner, "post", f"{one}cancel/")

        assert [(entry["id"], entry["reason"]) for entry in listed] == [(str(recovery.pk), "They wrote.")]
        assert cancelled.json()["cancelled_at"] is not None
        assert send(owner, "get", one).json() == cancelled.json()
        assert problem(again) == (409, "recovery-closed")
        assert send(owner, "get", "recoveries/?is_open=true").json()["results"] == []
        assert actions_of(cast)[-1] == "api:recovery:cancelled"

    def test_an_admin_reads_and_does_not_call_off(self, admin, recovery) -> None:
        assert send(admin, "get", f"recoveries/{recovery.pk}/").json()["email"] == "l@example.com"
        assert problem(send(admin, "post", f"recoveries/{recovery.pk}/cancel/")) == (403, "forbidden")

    def test_another_tenants_is_unknown_and_goes_on(self, stranger, cast, recovery) -> None:
        assert problem(send(stranger, "post", f"recoveries/{recovery.pk}/cancel/")) == (404, "not-found")
        assert send(stranger, "get", "recoveries/").json()["results"] == []
        with tenant_scope(cast.tenant.pk):
            assert Recovery.objects.get().cancelled_at is None

    def test_with_the_same_idempotency_key_it_is_called_off_once(self, owner, recovery) -> None:
        url = f"recoveries/{recovery.pk}/cancel/"

        first, again = (owner.post(f"{API}{url}", headers={"Idempotency-Key": "one"}) for _ in range(2))

        assert (again.status_code, again.json()) == (200, first.json())
        assert again["Idempotent-Replayed"] == "true"


class TestSingleSignOn:
    @pytest.fixture
    def base_page(self, cast) -> str:
        return f"/tenants/{cast.tenant.pk}/settings/single-sign-on/"

    def kept(self, cast) -> IdentityProvider | None:
        with tenant_scope(cast.tenant.pk):
            return IdentityProvider.objects.first()

    def wanted(self, provider, **more: Any) -> dict[str, Any]:
        return {"issuer": provider.issuer, "client_id": "rolebridge", "client_secret": SECRET, **more}

    def test_it_is_set_up_changed_and_removed_and_its_secret_shown_to_nobody(self, owner, cast, provider) -> None:
        nothing = send(owner, "get", "single-sign-on/")
        made = send(owner, "patch", "single-sign-on/", self.wanted(provider))
        before = self.kept(cast)
        changed = send(owner, "patch", "single-sign-on/", {"client_id": "other"})
        after = self.kept(cast)
        removed = send(owner, "delete", "single-sign-on/")

        assert (nothing.json()["issuer"], nothing.json()["has_secret"], nothing.json()["enabled"]) == ("", False, False)
        assert nothing.json()["callback_url"].startswith(settings.BASE_URL)
        assert made.json() == nothing.json() | {
            "issuer": provider.issuer,
            "client_id": "rolebridge",
            "has_secret": True,
            "enabled": True,
        }
        assert SECRET not in made.content.decode() + send(owner, "get", "single-sign-on/").content.decode()
        assert changed.json()["client_id"] == after.client_id == "other"
        assert after.sealed_secret == before.sealed_secret
        assert after.epoch != before.epoch
        assert removed.status_code == 204
        assert self.kept(cast) is None
        events = actions_of(cast)
        assert events.count("api:identity_provider:changed") == 2
        assert events[-1] == "api:identity_provider:removed"

    def test_nobody_changes_what_they_have_not_seen(self, owner, cast, provider) -> None:
        seen = send(owner, "get", "single-sign-on/")["ETag"]
        send(owner, "patch", "single-sign-on/", self.wanted(provider))

        owner.credentials(**owner._credentials | {"HTTP_IF_MATCH": seen})
        late = send(owner, "patch", "single-sign-on/", {"enabled": False})

        assert problem(late) == (412, "changed-meanwhile")
        assert self.kept(cast).enabled

    @pytest.mark.parametrize(
        ("data", "refusal"),
        [
            ({}, (409, "single-sign-on-not-possible")),
            ({"issuer": "https://10.0.0.1/", "client_id": "x", "client_secret": "x"}, (400, "invalid")),
            ({"issuer": "file:///etc/passwd", "client_id": "x", "client_secret": "x"}, (400, "invalid")),
            ({"sealed_secret": "x"}, (400, "invalid")),
        ],
    )
    def test_what_cannot_be_is_refused(self, owner, cast, data, refusal) -> None:
        assert problem(send(owner, "patch", "single-sign-on/", data)) == refusal
        assert self.kept(cast) is None

    def test_it_is_made_necessary_with_a_verified_domain_alone(self, owner, cast, provider) -> None:
        early = send(owner, "patch", "single-sign-on/", self.wanted(provider, required=True))
        with tenant_scope(cast.tenant.pk):
            domain = add_domain(tenant=cast.tenant, domain="example.com", mailbox=TenantDomain.Mailbox.ADMIN, by=SYSTEM)
            TenantDomain.objects.update(verified_at=timezone.now())
        made = send(owner, "patch", "single-sign-on/", self.wanted(provider, required=True))
        send(owner, "delete", f"domains/{domain.pk}/")

        assert problem(early) == (409, "single-sign-on-not-possible")
        assert made.json()["required"] is True
        assert send(owner, "get", "single-sign-on/").json()["required"] is False

    def test_a_provider_that_hangs_is_asked_a_few_times_an_hour(
        self, owner, cast, base_page, provider, sign_in, monkeypatch
    ) -> None:
        monkeypatch.setattr(single_sign_on_actions, "MOST_LOOK_UPS_AN_HOUR", 1)
        statuses = [send(owner, "patch", "single-sign-on/", self.wanted(provider)).status_code for _ in range(2)]
        page = sign_in(cast.owner).post(base_page, self.wanted(provider))

        assert statuses == [200, 429]
        assert page.status_code == 422
        assert "asked too often" in page.content.decode()

    @pytest.mark.parametrize("whose", ["of the organisation", "of all"])
    def test_few_providers_are_asked_at_once(self, owner, cast, base_page, provider, sign_in, whose) -> None:
        key = cast.tenant.pk if whose == "of the organisation" else "all"
        most = MOST_LOOK_UPS_AT_ONCE if whose == "of the organisation" else MOST_LOOK_UPS_AT_ONCE_OF_ALL
        with ExitStack() as others:
            for _ in range(most):
                others.enter_context(limits.one_of("provider_look_up", key, most=most, seconds=60))
            refused = send(owner, "patch", "single-sign-on/", self.wanted(provider))
            page = sign_in(cast.owner).post(base_page, self.wanted(provider))
        done = send(owner, "patch", "single-sign-on/", self.wanted(provider))

        assert (refused.status_code, refused["Retry-After"]) == (429, "5")
        assert page.status_code == 422
        assert "Try again in some seconds" in page.content.decode()
        assert done.status_code == 200

    def test_an_admin_neither_reads_nor_changes_it(self, admin, cast) -> None:
        for method, url in (("get", "single-sign-on/"), ("patch", "single-sign-on/"), ("post", "domains/")):
            assert problem(send(admin, method, url)) == (403, "forbidden")


class TestDomains:
    def test_a_program_adds_one_and_its_postmaster_confirms_it(self, owner, cast) -> None:
        made = send(owner, "post", "domains/", {"domain": "Example.COM"})
        one = f"domains/{made.json()['id']}/"
        link = "/domains/" + mail.outbox[-1].body.partition("/domains/")[2].split()[0]
        before = send(owner, "get", one).json()["verified_at"]
        Client().post(link)
        verified = send(owner, "get", "domains/?is_verified=true").json()["results"]
        again = send(owner, "post", "domains/", {"domain": "example.com"})
        removed = send(owner, "delete", one)

        assert (made.status_code, made["Location"], made.json()["domain"]) == (201, f"{API}{one}", "example.com")
        assert mail.outbox[-1].to == ["postmaster@example.com"]
        assert "digest" not in made.json()
        assert before is None
        assert [entry["domain"] for entry in verified] == ["example.com"]
        assert problem(again) == (409, "domain-refused")
        assert removed.status_code == 204
        assert actions_of(cast)[-1] == "api:domain:removed"

    @pytest.mark.parametrize("data", [{"domain": "no domain"}, {"domain": "a.b", "mailbox": "ceo"}, {"verified_at": 1}])
    def test_what_is_none_is_refused(self, owner, data) -> None:
        assert problem(send(owner, "post", "domains/", data)) == (400, "invalid")
        assert mail.outbox == []

    def test_another_tenants_domain_is_unknown_and_stays_that_tenants(self, owner, stranger, cast) -> None:
        made = send(owner, "post", "domains/", {"domain": "example.com"}).json()
        with tenant_scope(cast.tenant.pk):
            TenantDomain.objects.update(verified_at=timezone.now())

        assert problem(send(stranger, "get", f"domains/{made['id']}/")) == (404, "not-found")
        assert problem(send(stranger, "delete", f"domains/{made['id']}/")) == (404, "not-found")
        claimed = send(stranger, "post", "domains/", {"domain": "example.com"})
        link = "/domains/" + mail.outbox[-1].body.partition("/domains/")[2].split()[0]
        confirmed = Client().post(link)

        assert claimed.status_code == 201  # who else has it is told to nobody but its postmaster
        assert confirmed.status_code == 409
        assert send(stranger, "get", "domains/?is_verified=true").json()["results"] == []


def test_a_token_of_somebody_who_is_no_owner_any_more_may_not(owner, cast, provider) -> None:
    with tenant_scope(cast.tenant.pk):
        Member.objects.filter(user=cast.admin).update(role=Role.OWNER)
        Member.objects.filter(user=cast.owner).update(role=Role.ADMIN)

    assert problem(send(owner, "get", "tenant/export/")) == (403, "forbidden")
    assert problem(send(owner, "post", "tenant/deletion/", {"name": "Blue Harbour"})) == (403, "forbidden")
    assert problem(send(owner, "patch", "single-sign-on/", {"issuer": provider.issuer})) == (403, "forbidden")


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("get", "tenant/export/"),
        ("post", "tenant/deletion/"),
        ("delete", "tenant/deletion/"),
        ("get", "single-sign-on/"),
        ("post", "domains/"),
        ("get", "recoveries/"),
    ],
)
def test_a_token_without_the_scope_may_not(api, cast, method, url) -> None:
    client = api(cast.owner, cast.tenant, [Scope.READ, Scope.VERIFY, Scope.MANAGE])

    assert problem(send(client, method, url)) == (403, "missing-scope")
