"""What staff do needs a reason, and the customer reads it."""

from integrations.models import Status
from tenants.actions.invitations import invite
from tenants.actions.tokens import create_token
from tenants.audit import SYSTEM
from tenants.models import ApiToken, AuditEvent, Member, Tenant
from tenants.permissions import Role
from tenants.scope import tenant_scope
from tests.integrations.admin.builders import LIST, connect, set_statuses


def event(tenant: Tenant, action: str) -> AuditEvent:
    with tenant_scope(tenant.pk):
        return AuditEvent.objects.get(action=f"admin:{action}")


def test_what_staff_do_needs_a_reason_that_the_customer_reads(cast, staff, sign_in) -> None:
    connection = connect(cast.tenant)
    set_statuses(connection, log_analysis=Status.CONNECTED)
    with tenant_scope(cast.tenant.pk):
        token, _ = create_token(tenant=cast.tenant, name="Pipeline", user=cast.owner, by=SYSTEM)
        owner = Member.objects.get(user=cast.owner)
        invitation = invite(tenant=cast.tenant, email="new@example.com", role=Role.VIEWER, acting=owner, by=SYSTEM)
    page, of_tenant = f"{LIST}{connection.pk}/", f"/admin/tenants/tenant/{cast.tenant.pk}/"
    wanted = {
        f"{page}verify/": ({}, "verification:requested"),
        f"{page}pause/": ({}, "connection:paused"),
        f"{of_tenant}resend-invitation/": ({"chosen": str(invitation.pk)}, "invitation:resent"),
        f"{of_tenant}revoke-token/": ({"chosen": str(token.pk)}, "api_token:revoked"),
    }

    for url, (data, action) in wanted.items():
        assert staff.get(url).status_code == 200
        for reason in ({}, {"reason": " "}, {"reason": "x" * 501}):
            assert staff.post(url, data | reason).status_code == 422, url
        with tenant_scope(cast.tenant.pk):
            assert not AuditEvent.objects.filter(action=f"admin:{action}").exists()
        answer = staff.post(url, data | {"reason": "They called us."})
        assert answer.status_code == 302, (url, answer.content)
        done = event(cast.tenant, action)
        assert (done.actor_kind, done.actor_name, done.data["reason"]) == (
            "staff",
            cast.staff.email,
            "They called us.",
        )

    shown = sign_in(cast.owner).get(f"/tenants/{cast.tenant.pk}/audit/").content.decode()
    assert shown.count("They called us.") == len(wanted)
    with tenant_scope(cast.tenant.pk):
        assert {role.status for role in connection.roles.all()} == {Status.PAUSED}
        assert set(connection.status_changes.filter(after="paused").values_list("cause", flat=True)) == {
            "paused_by_support"
        }
        assert ApiToken.objects.get().revoked_at is not None
