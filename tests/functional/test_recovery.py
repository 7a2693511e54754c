"""A recovery from end to end: an owner who lost the second factor gets in again, late, and with everybody told."""

from datetime import timedelta

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.core import mail
from django.test import Client
from django.utils import timezone

from integrations.tasks import carry_out_recoveries
from tenants.models import AuditEvent, Member, Recovery
from tenants.permissions import Role
from tenants.scope import tenant_scope
from tenants.secrets import seal
from tests.second_factor import TOTP_SECRET


def test_an_owner_who_lost_the_second_factor_gets_in_again_after_the_delay(cast, sign_in) -> None:
    EmailAddress.objects.create(user=cast.owner, email=cast.owner.email, verified=True, primary=True)
    Authenticator.objects.create(user=cast.owner, type=Authenticator.Type.TOTP, data={"secret": seal(TOTP_SECRET)})
    with tenant_scope(cast.tenant.pk):
        Member.objects.filter(user=cast.admin).update(role=Role.OWNER)
    home, login = f"/tenants/{cast.tenant.pk}/connections/", {"login": cast.owner.email, "password": cast.password}
    found_phone = sign_in(cast.owner)
    assert found_phone.get(home).status_code == 200
    locked_out = Client()
    assert locked_out.post("/accounts/login/", login)["Location"] == "/accounts/second-factor/authenticate/"
    assert locked_out.get(home).status_code == 302

    # Support asks, with a reason. Without one nothing is asked for.
    form = {"kind": "second_factor", "email": cast.owner.email}
    page = f"/admin/tenants/tenant/{cast.tenant.pk}/recovery/"
    staff = sign_in(cast.staff)
    assert staff.post(page, form).status_code == 422
    assert staff.post(page, form | {"reason": "We called the number in the contract."}).status_code == 302

    # Both owners are told at once, and read why; nothing happens yet.
    told = {message.to[0]: message.body for message in mail.outbox}
    assert {cast.owner.email, cast.admin.email} <= set(told)
    assert "We called the number in the contract." in told[cast.admin.email]
    assert (
        "We called the number in the contract."
        in sign_in(cast.admin).get(f"/tenants/{cast.tenant.pk}/settings/").content.decode()
    )
    carry_out_recoveries()
    assert Client().post("/accounts/login/", login)["Location"] == "/accounts/second-factor/authenticate/"

    # The delay is over, and beat comes.
    with tenant_scope(cast.tenant.pk):
        assert Recovery.objects.get().effective_at > timezone.now() + timedelta(days=2)
        Recovery.objects.update(effective_at=timezone.now() - timedelta(seconds=1))
    carry_out_recoveries()

    back = Client()
    back.post("/accounts/login/", login)
    assert back.get(home).status_code == 200
    with tenant_scope(cast.tenant.pk):
        actions = AuditEvent.objects.filter(action__contains="recovery").order_by("pk").values_list("action", flat=True)
        assert list(actions) == ["admin:recovery:requested", "system:recovery:carried_out"]
