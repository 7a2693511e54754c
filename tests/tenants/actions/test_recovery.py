"""Recovery, played through: asked for by staff, told to all, late, and called off by any owner."""

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.core import mail
from django.utils import timezone

from tenants.actions.recovery import (
    DELAY,
    CannotRecover,
    carry_out_recoveries,
    carry_out_recovery,
    request_recovery,
)
from tenants.actions.settings import add_notification_address
from tenants.audit import SYSTEM, Actor
from tenants.models import AuditEvent, Invitation, Member, NotificationAddress, Recovery
from tenants.scope import tenant_scope
from tenants.secrets import seal

OWNER, SECOND_FACTOR = Recovery.Kind.OWNER, Recovery.Kind.SECOND_FACTOR


def ask(cast, kind: Recovery.Kind, email: str) -> list[Recovery]:
    return request_recovery(
        tenant_id=cast.tenant.pk,
        kind=kind,
        email=email,
        reason="They showed us a passport.",
        by=Actor.staff(cast.staff),
    )


def let_time_pass(*tenants) -> None:
    for tenant in tenants:
        with tenant_scope(tenant.pk):
            Recovery.objects.update(effective_at=timezone.now() - timedelta(seconds=1))


def role(cast, user) -> str:
    with tenant_scope(cast.tenant.pk):
        return Member.objects.get(user=user).role


def with_second_factor(user) -> None:
    Authenticator.objects.create(user=user, type="totp", data={"secret": seal("A" * 32)})


def told() -> set[str]:
    return {message.to[0] for message in mail.outbox}


def test_a_lost_owner_is_replaced_by_a_member_after_the_delay(cast) -> None:
    with tenant_scope(cast.tenant.pk):
        add_notification_address(tenant=cast.tenant, email="soc@example.com", by=SYSTEM)
        NotificationAddress.objects.update(verified_at=timezone.now())
    mail.outbox.clear()

    (recovery,) = ask(cast, OWNER, "Admin@Example.com")
    carry_out_recoveries()
    before = role(cast, cast.admin)
    let_time_pass(cast.tenant)
    carry_out_recoveries()

    assert timedelta(days=2) < recovery.effective_at - timezone.now() <= DELAY
    assert (before, role(cast, cast.admin)) == ("admin", "owner")
    assert told() == {cast.owner.email, cast.admin.email, "soc@example.com"}
    assert "They showed us a passport." in str(mail.outbox[0].body)
    with tenant_scope(cast.tenant.pk):
        events = AuditEvent.objects.filter(target_kind="recovery").order_by("pk")
        assert [(event.action, event.actor_name) for event in events] == [
            ("admin:recovery:requested", cast.staff.email),
            ("system:recovery:carried_out", "Rolebridge"),
        ]


def test_where_nobody_is_left_somebody_is_invited_to_be_owner(cast) -> None:
    ask(cast, OWNER, "successor@example.com")
    let_time_pass(cast.tenant)

    carry_out_recoveries()
    carry_out_recoveries()

    with tenant_scope(cast.tenant.pk):
        invitation = Invitation.objects.get()
    assert (invitation.email, invitation.role, invitation.is_open) == ("successor@example.com", "owner", True)


def test_any_owner_calls_it_off(cast, sign_in) -> None:
    (recovery,) = ask(cast, OWNER, cast.admin.email)
    client = sign_in(cast.owner)

    seen = client.get(f"/tenants/{cast.tenant.pk}/settings/").content.decode()
    client.post(f"/tenants/{cast.tenant.pk}/settings/recoveries/{recovery.pk}/cancel/")
    let_time_pass(cast.tenant)
    carry_out_recoveries()
    done = carry_out_recovery(tenant_id=cast.tenant.pk, recovery_id=recovery.pk, by=SYSTEM)

    assert "They showed us a passport." in seen
    assert done is False
    assert role(cast, cast.admin) == "admin"
    assert "called off" in str(mail.outbox[-1].subject)
    assert ask(cast, OWNER, cast.admin.email), "it can be asked for again"


def test_a_lost_second_factor_goes_with_the_sessions_after_the_delay(cast, client) -> None:
    EmailAddress.objects.create(user=cast.owner, email=cast.owner.email, verified=True, primary=True)
    client.post("/accounts/login/", {"login": cast.owner.email, "password": cast.password})
    with_second_factor(cast.owner)

    ask(cast, SECOND_FACTOR, cast.owner.email)
    carry_out_recoveries()
    before = Authenticator.objects.filter(user=cast.owner).count(), client.get("/organisations/").status_code
    let_time_pass(cast.tenant)
    carry_out_recoveries()

    assert before == (1, 200)
    assert not Authenticator.objects.filter(user=cast.owner).exists()
    assert client.get("/organisations/").status_code == 302


def test_the_owners_of_all_the_persons_organisations_are_told_and_any_of_them_calls_it_off(cast, sign_in) -> None:
    with tenant_scope(cast.other_tenant.pk):
        Member.objects.create(tenant=cast.other_tenant, user=cast.viewer, role="viewer")
    with_second_factor(cast.viewer)
    recoveries = ask(cast, SECOND_FACTOR, cast.viewer.email)
    theirs = next(row for row in recoveries if row.tenant_id == cast.other_tenant.pk)
    asked = told()

    sign_in(cast.stranger).post(f"/tenants/{cast.other_tenant.pk}/settings/recoveries/{theirs.pk}/cancel/")
    let_time_pass(cast.tenant, cast.other_tenant)
    carry_out_recoveries()

    assert {cast.owner.email, cast.stranger.email, cast.viewer.email} <= asked
    assert Authenticator.objects.filter(user=cast.viewer).exists()
    with tenant_scope(cast.tenant.pk):
        event = AuditEvent.objects.latest("pk")
    assert (event.action, event.actor_name) == ("system:recovery:cancelled", "Rolebridge")
    assert cast.stranger.email not in f"{event.data}", "who it was in the other organisation is not told here"


@pytest.mark.parametrize(
    ("kind", "email", "reason"),
    [
        (SECOND_FACTOR, "stranger@example.net", "They wrote."),
        (SECOND_FACTOR, "viewer@example.com", "They wrote."),
        (OWNER, "admin@example.com", "  "),
    ],
    ids=["no member", "no second factor", "no reason"],
)
def test_what_cannot_be_recovered_is_refused(cast, kind, email, reason) -> None:
    with pytest.raises(CannotRecover):
        request_recovery(tenant_id=cast.tenant.pk, kind=kind, email=email, reason=reason, by=Actor.staff(cast.staff))

    assert mail.outbox == []


def test_it_is_asked_for_once_at_a_time(cast) -> None:
    ask(cast, OWNER, cast.admin.email)

    with pytest.raises(CannotRecover, match="already"):
        ask(cast, OWNER, cast.admin.email)


def test_the_second_factor_of_staff_is_not_taken_off_this_way(cast) -> None:
    with tenant_scope(cast.tenant.pk):
        Member.objects.create(tenant=cast.tenant, user=cast.staff, role="viewer")
    ask(cast, SECOND_FACTOR, cast.staff.email)
    let_time_pass(cast.tenant)

    carry_out_recoveries()

    assert Authenticator.objects.filter(user=cast.staff).exists()


def test_staff_ask_for_it_on_the_tenants_page_and_set_the_customer_number(cast, sign_in) -> None:
    client = sign_in(cast.staff)
    page = f"/admin/tenants/tenant/{cast.tenant.pk}"

    shown = client.get(f"{page}/change/").content.decode()
    no_reason = client.post(f"{page}/recovery/", {"kind": "owner", "email": cast.admin.email, "reason": ""})
    asked = client.post(f"{page}/recovery/", {"kind": "owner", "email": cast.admin.email, "reason": "They wrote."})
    number = client.post(f"{page}/customer-number/", {"number": " C-1017 "})
    found = client.get("/admin/tenants/tenant/", {"q": "C-101"}).context["cl"].result_list

    assert "Ask for a recovery" in shown
    assert (no_reason.status_code, asked.status_code, number.status_code) == (422, 302, 302)
    assert [tenant.customer_number for tenant in found] == ["C-1017"]
    with tenant_scope(cast.tenant.pk):
        actions = set(AuditEvent.objects.filter(actor_kind="staff").values_list("action", flat=True))
    assert actions >= {"admin:recovery:requested", "admin:tenant:customer_number_set", "admin:tenant:viewed_by_staff"}
