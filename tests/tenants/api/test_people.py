"""A tenant's own affairs, for programs: itself, its members, invitations, tokens, addresses and audit events."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from tenants.actions.tokens import create_token
from tenants.audit import SYSTEM
from tenants.models import ApiToken, AuditEvent, Invitation, Member, NotificationAddress, Tenant
from tenants.permissions import Role, Scope
from tenants.scope import tenant_scope

API = "/api/v1/"


def send(client, method: str, url: str, data: dict | None = None):
    return getattr(client, method)(f"{API}{url}", data, format="json")


def problem(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


def role_of(cast, user) -> str | None:
    with tenant_scope(cast.tenant.pk):
        return Member.objects.filter(user=user).values_list("role", flat=True).first()


def last_event(cast) -> AuditEvent:
    with tenant_scope(cast.tenant.pk):
        return AuditEvent.objects.latest("pk")


def test_a_program_reads_and_changes_its_organisation(owner, cast) -> None:
    shown = send(owner, "get", "tenant/").json()
    changed = send(owner, "patch", "tenant/", {"name": "Blue Harbour Ltd"})

    assert (shown["name"], shown["id"]) == ("Blue Harbour", str(cast.tenant.pk))
    assert changed.json()["name"] == "Blue Harbour Ltd"
    assert changed.json()["require_second_factor"] is False
    assert (last_event(cast).action, last_event(cast).data) == ("api:tenant:changed", {"name": "Blue Harbour Ltd"})


@pytest.mark.parametrize("data", [{"name": ""}, {"name": "x" * 101}, {"customer_number": "1"}, {"name": None}])
def test_what_is_no_setting_changes_nothing(owner, cast, data) -> None:
    assert problem(send(owner, "patch", "tenant/", data)) == (400, "invalid")
    with tenant_scope(cast.tenant.pk):
        assert Tenant.objects.get().name == "Blue Harbour"


def test_members_are_listed_the_first_first_and_found_by_role(owner, cast) -> None:
    everybody = send(owner, "get", "members/").json()["results"]
    viewers = send(owner, "get", "members/?role=viewer").json()["results"]
    latest = send(owner, "get", "members/?ordering=-created_at&page_size=1").json()["results"]

    assert [member["email"] for member in everybody] == [user.email for user in (cast.owner, cast.admin, cast.viewer)]
    assert [member["id"] for member in viewers] == [str(cast.viewer.pk)]
    assert [member["email"] for member in latest] == [cast.viewer.email]


def test_roles_are_changed_by_the_rules_of_the_page(owner, admin, cast) -> None:
    promoted = send(admin, "patch", f"members/{cast.viewer.pk}/", {"role": "admin"})
    too_much = send(admin, "patch", f"members/{cast.viewer.pk}/", {"role": "owner"})
    last_owner = send(owner, "patch", f"members/{cast.owner.pk}/", {"role": "viewer"})

    assert promoted.json()["role"] == role_of(cast, cast.viewer) == "admin"
    assert problem(too_much) == (403, "forbidden")
    assert problem(last_owner) == (409, "last-owner")
    assert role_of(cast, cast.owner) == "owner"


def test_a_member_is_removed_with_their_tokens(owner, admin, cast) -> None:
    removed = send(owner, "delete", f"members/{cast.admin.pk}/")

    assert (removed.status_code, removed.content) == (204, b"")
    assert role_of(cast, cast.admin) is None
    assert send(admin, "get", "members/").status_code == 401
    assert problem(send(owner, "delete", f"members/{cast.owner.pk}/")) == (409, "last-owner")


def test_ownership_is_handed_over_in_one_step(owner, admin, cast) -> None:
    assert problem(send(admin, "post", f"members/{cast.viewer.pk}/transfer/")) == (403, "forbidden")

    done = send(owner, "post", f"members/{cast.admin.pk}/transfer/")

    assert done.json()["role"] == "owner"
    assert (role_of(cast, cast.owner), role_of(cast, cast.admin)) == ("admin", "owner")
    assert last_event(cast).action == "api:member:ownership_transferred"


def test_somebody_is_invited_sent_again_and_uninvited(owner, cast) -> None:
    made = send(owner, "post", "invitations/", {"email": "New@example.com", "role": "viewer"})
    one = f"invitations/{made.json()['id']}/"
    again = send(owner, "post", f"{one}resend/")
    listed = send(owner, "get", "invitations/?is_open=true").json()["results"]
    ended = send(owner, "delete", one)
    too_late = send(owner, "post", f"{one}resend/")

    assert (made.status_code, made["Location"]) == (201, f"{API}{one}")
    assert made.json()["email"] == "new@example.com"
    assert [again.status_code, ended.status_code] == [200, 200]
    assert [invitation["id"] for invitation in listed] == [made.json()["id"]]
    assert ended.json()["is_open"] is False
    assert problem(too_late) == (409, "invitation-closed")
    assert len(mail.outbox) == 2
    assert "digest" not in made.json()
    assert send(owner, "get", "invitations/?is_open=true").json()["results"] == []


def test_invitations_are_made_by_the_rules_of_the_page(owner, admin, cast) -> None:
    member = send(owner, "post", "invitations/", {"email": cast.viewer.email, "role": "admin"})
    an_owner = send(admin, "post", "invitations/", {"email": "new@example.com", "role": "owner"})
    nobody = send(owner, "post", "invitations/", {"email": "nobody", "role": "emperor"})

    assert problem(member) == (409, "already-member")
    assert problem(an_owner) == (403, "forbidden")
    assert {error["pointer"] for error in nobody.json()["errors"]} == {"#/email", "#/role"}
    with tenant_scope(cast.tenant.pk):
        assert not Invitation.objects.exists()


def test_too_many_invitations_are_told_when_to_go_on(owner, monkeypatch) -> None:
    monkeypatch.setattr("tenants.actions.invitations.MOST_A_DAY", 1)
    send(owner, "post", "invitations/", {"email": "a@example.com", "role": "viewer"})

    answer = send(owner, "post", "invitations/", {"email": "b@example.com", "role": "viewer"})

    assert problem(answer) == (429, "too-many-requests")
    assert int(answer["Retry-After"]) > 0


def test_tokens_are_listed_without_what_makes_them_one_and_revoked(owner, cast) -> None:
    with tenant_scope(cast.tenant.pk):
        token, text = create_token(tenant=cast.tenant, name="Old", user=cast.admin, by=SYSTEM, scopes=[Scope.VERIFY])

    listed = send(owner, "get", "api-tokens/").json()["results"]
    ended = send(owner, "delete", f"api-tokens/{token.pk}/")

    entry = next(entry for entry in listed if entry["name"] == "Old")
    assert (entry["scopes"], entry["created_by"], entry["prefix"]) == (["verify"], cast.admin.email, text[:10])
    assert not {"digest", "tenant"} & entry.keys()
    assert text not in str(listed)
    assert ended.json()["revoked_at"]
    assert [entry["name"] for entry in send(owner, "get", "api-tokens/?is_revoked=true").json()["results"]] == ["Old"]


def test_a_program_can_end_its_own_token(owner, cast) -> None:
    with tenant_scope(cast.tenant.pk):
        own = ApiToken.objects.get()

    assert send(owner, "delete", f"api-tokens/{own.pk}/").status_code == 200
    assert send(owner, "get", "members/").status_code == 401


def test_notification_addresses_come_and_go(owner, cast) -> None:
    made = send(owner, "post", "notification-addresses/", {"email": "SOC@example.com"})
    one = f"notification-addresses/{made.json()['id']}/"
    with tenant_scope(cast.tenant.pk):
        NotificationAddress.objects.update(verified_at=timezone.now())
    again = send(owner, "post", "notification-addresses/", {"email": "soc@example.com"})
    confirmed = send(owner, "get", "notification-addresses/?is_verified=true").json()["results"]

    assert (made.status_code, made.json()["verified_at"]) == (201, None)
    assert problem(again) == (409, "address-refused")
    assert [address["email"] for address in confirmed] == ["soc@example.com"]
    assert send(owner, "delete", one).status_code == 204
    assert problem(send(owner, "get", one)) == (404, "not-found")


def test_audit_events_are_read_with_filters(owner, cast) -> None:
    send(owner, "post", "connections/", {"name": "Production"})
    tomorrow = (timezone.now() + timedelta(days=1)).isoformat().replace("+", "%2B")

    made = send(owner, "get", "audit-events/?action=connection:created").json()["results"]
    by_token = send(owner, "get", "audit-events/?actor=Test&ordering=at").json()["results"]
    later = send(owner, "get", f"audit-events/?since={tomorrow}").json()["results"]
    unknown = send(owner, "get", "audit-events/?action=connection:painted")

    assert [event["action"] for event in made] == ["api:connection:created"]
    assert by_token[-1]["actor_kind"] == "token"
    assert later == []
    assert problem(unknown) == (400, "invalid")


def test_nothing_of_another_tenant_is_in_any_list(api, cast, owner) -> None:
    stranger = api(cast.stranger, cast.other_tenant)
    send(stranger, "post", "invitations/", {"email": "theirs@example.net", "role": "viewer"})
    send(stranger, "post", "notification-addresses/", {"email": "theirs@example.net"})
    send(stranger, "post", "connections/", {"name": "Theirs"})

    for url in ("members/", "invitations/", "api-tokens/", "notification-addresses/", "audit-events/", "findings/"):
        text = send(owner, "get", f"{url}?page_size=200").content.decode()
        assert "theirs" not in text.lower(), url
        assert str(cast.other_tenant.pk) not in text
        assert cast.stranger.email not in text


def test_a_viewers_token_reads_members_and_no_more(api, cast) -> None:
    viewer = api(cast.viewer, cast.tenant)

    assert send(viewer, "get", "members/").status_code == 200
    assert send(viewer, "get", "tenant/").status_code == 200
    for url in ("invitations/", "api-tokens/", "notification-addresses/", "audit-events/"):
        assert problem(send(viewer, "get", url)) == (403, "forbidden"), url
    assert role_of(cast, cast.viewer) == Role.VIEWER


@pytest.mark.parametrize(
    "data",
    [
        {"name": 5},
        {"name": True},
        {"require_second_factor": "true"},
        {"require_second_factor": 1},
    ],
)
def test_a_value_of_another_type_is_refused_and_never_taken_for_it(owner, cast, data) -> None:
    answer = send(owner, "patch", "tenant/", data)

    assert problem(answer) == (400, "invalid")
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"#/{next(iter(data))}"]
    with tenant_scope(cast.tenant.pk):
        assert Tenant.objects.get().name == "Blue Harbour"
