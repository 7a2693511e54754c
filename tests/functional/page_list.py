"""Every page of the portal, by the name of its address, and one of everything that they show."""

from datetime import timedelta

from django.utils import timezone

from integrations.actions.connections import create_connection
from integrations.actions.external_id_rotations import start_rotation
from integrations.actions.hand_off_links import create_hand_off_link
from integrations.actions.offboarding import request_removal
from integrations.actions.pausing import pause
from integrations.actions.retention import forget_old_verifications
from integrations.actions.role_templates import download_role_template
from integrations.actions.verifications import request_verification
from integrations.models import Connection, Finding, Verification
from integrations.role_templates.formats import Format
from tenants.actions.invitations import invite
from tenants.actions.single_sign_on import add_domain
from tenants.actions.tokens import create_token
from tenants.actions.webhooks import create_endpoint, send_test_event
from tenants.audit import SYSTEM
from tenants.models import Member, TenantDomain, WebhookAttempt
from tenants.permissions import Role
from tenants.scope import tenant_scope
from tenants.webhook_event_types import WebhookEventType
from tests.receipts import open_session

ANONYMOUS = {
    "home": "/",
    "account_login": "/accounts/login/",
    "account_signup": "/accounts/signup/",
    "single_sign_on_find": "/accounts/single-sign-on/",
    "domain_confirm": "/domains/unknown/",
    "account_reset_password": "/accounts/password/reset/",
    "account_reset_password_done": "/accounts/password/reset/done/",
    "account_reset_password_from_key": "/accounts/password/reset/key/1-nothing/",
    "account_reset_password_from_key_done": "/accounts/password/reset/key/done/",
    "account_inactive": "/accounts/inactive/",
    "invitation": "/invitation/",
    "notification_address_confirm": "/notification-addresses/unknown/",
    "mailbox": "/_mail/",
    "gallery": "/_components/",
    "(404)": "/nothing/here/",
}
SIGNED_IN = {
    "organisations": "/organisations/",
    "account_logout": "/accounts/logout/",
    "account_change_password": "/accounts/password/change/",
    "account_email": "/accounts/email/",
    "account_reauthenticate": "/accounts/reauthenticate/",
    "usersessions_list": "/accounts/sessions/",
    "account_data": "/accounts/your-data/",
    "mfa_index": "/accounts/second-factor/",
    "audit_events": "/tenants/{tenant}/audit/",
    "tenant_settings": "/tenants/{tenant}/settings/",
    "tenant_delete": "/tenants/{tenant}/settings/delete/",
    "single_sign_on": "/tenants/{tenant}/settings/single-sign-on/",
    "single_sign_on_remove": "/tenants/{tenant}/settings/single-sign-on/remove/",
    "webhooks": "/tenants/{tenant}/settings/webhooks/",
    "webhook_new": "/tenants/{tenant}/settings/webhooks/new/",
    "webhook_endpoint": "/tenants/{tenant}/settings/webhooks/{endpoint}/",
    "webhook_delete": "/tenants/{tenant}/settings/webhooks/{endpoint}/delete/",
    "webhook_delivery": "/tenants/{tenant}/settings/webhooks/{endpoint}/deliveries/{delivery}/",
    "connections": "/tenants/{tenant}/connections/",
    "(connections, none found)": "/tenants/{tenant}/connections/?q=nothing+like+it",
    "connection_new": "/tenants/{tenant}/connections/new/",
    "connection": "/tenants/{tenant}/connections/{connection}/",
    "(connection, nothing done yet)": "/tenants/{tenant}/connections/{fresh}/",
    "(connection, being verified)": "/tenants/{tenant}/connections/{verifying}/",
    "(connection, one component paused)": "/tenants/{tenant}/connections/{paused}/",
    "(connection, being removed)": "/tenants/{tenant}/connections/{removing}/",
    "(connection, removed)": "/tenants/{tenant}/connections/{removed}/",
    "connection_remove": "/tenants/{tenant}/connections/{connection}/remove/",
    "removal_statement": "/tenants/{tenant}/connections/{removed}/removal-statement/",
    "external_id_rotation": "/tenants/{tenant}/connections/{rotating}/external-id-rotation/",
    "(rotation, none yet)": "/tenants/{tenant}/connections/{connection}/external-id-rotation/",
    "guide": "/tenants/{tenant}/connections/{connection}/guide/",
    "(guide, no account yet)": "/tenants/{tenant}/connections/{fresh}/guide/",
    "what_you_will_see": "/tenants/{tenant}/connections/{connection}/what-you-will-see/",
    "(connection, Terraform)": "/tenants/{tenant}/connections/{connection}/?format=terraform",
    "(connection, command line)": "/tenants/{tenant}/connections/{connection}/?format=cli",
    "(connection, by hand)": "/tenants/{tenant}/connections/{connection}/?format=console",
    "role_options": "/tenants/{tenant}/connections/{connection}/role-options/",
    "role_template_downloads": "/tenants/{tenant}/connections/{connection}/role-templates/",
    "hand_off_links": "/tenants/{tenant}/connections/{connection}/hand-off/",
    "hand_off": "/hand-off/{hand_off}/",
    "hand_off_will_see": "/hand-off/{hand_off}/what-you-will-see/",
    "(hand-off link, unknown)": "/hand-off/unknown/",
    "sessions": "/tenants/{tenant}/connections/{connection}/sessions/",
    "(sessions, none)": "/tenants/{tenant}/connections/{fresh}/sessions/",
    "verification": "/tenants/{tenant}/connections/{connection}/verifications/{verification}/",
    "(verification, its findings rolled up)": "/tenants/{tenant}/connections/{connection}/verifications/{rolled_up}/",
    "verification_report": "/tenants/{tenant}/connections/{connection}/verifications/{verification}/report/",
    "findings": "/tenants/{tenant}/connections/{connection}/findings/",
    "(findings, none)": "/tenants/{tenant}/connections/{fresh}/findings/",
    "members": "/tenants/{tenant}/members/",
    "invite": "/tenants/{tenant}/members/invite/",
    "member": "/tenants/{tenant}/members/{viewer}/",
    "member_remove": "/tenants/{tenant}/members/{viewer}/remove/",
    "ownership_transfer": "/tenants/{tenant}/members/{viewer}/transfer/",
    "leave": "/tenants/{tenant}/members/leave/",
    "api_tokens": "/tenants/{tenant}/api-tokens/",
    "api_token_revoke": "/tenants/{tenant}/api-tokens/{token}/revoke/",
}
# What is no page of its own.
NOT_PAGES = {
    "livez",
    "readyz",
    "security_txt",  # a text, for programs and finders of flaws
    "account_email_verification_sent",  # checked within the sign-up below
    "connection_components",  # these answer a POST with the connection page
    "connection_account",
    "connection_pause",  # these lead to it
    "connection_resume",
    "rotation_start",  # these lead to the rotation
    "rotation_cancel",
    "role_template",  # these are files
    "role_template_again",
    "hand_off_template",
    "quick_create",  # answers a POST, checked with a bucket below
    "hand_off_link_revoke",  # leads to the list
    "account_export",  # a file
    "account_delete",  # checked below, by somebody who is not the last owner
    "account_delete_confirm",
    "mfa_reauthenticate",
    "mfa_authenticate",  # these are checked in a sign-in of their own below
    "mfa_activate_totp",
    "mfa_deactivate_totp",
    "mfa_view_recovery_codes",
    "mfa_generate_recovery_codes",
    "mfa_download_recovery_codes",  # a file
    "data_export",
    "audit_export_csv",
    "audit_export_json",
    "notification_address_add",  # these lead to the settings
    "notification_address_remove",
    "single_sign_on_start",  # checked where there is a provider
    "single_sign_on_callback",  # leads to the connections
    "domain_add",  # these lead to the page of single sign-on
    "domain_remove",
    "webhook_rotate",  # these lead to the page of an endpoint or of a delivery
    "webhook_test",
    "webhook_replay",
    "tenant_delete_cancel",
    "recovery_cancel",
    "invitation_link",  # leads to the invitation, which test_people looks at as it is for whoever is invited
    "invitation_resend",  # these lead to the members
    "invitation_revoke",
    "sandbox_stack_deploy",
    "sandbox_stack_delete",
    "verify",
    "verification_report_file",
    "verify_connections",  # leads to the list
}


def make_things(cast) -> dict[str, str]:
    """One of everything that a page shows, by the name that addresses give its id. In the one connection's verification
    every outcome occurs.
    """
    with tenant_scope(cast.tenant.pk):
        fresh = create_connection(tenant=cast.tenant, name="Fresh", components=[], by=SYSTEM)
        connection = create_connection(tenant=cast.tenant, name="Production", account_id="222233334444", by=SYSTEM)
        verification = request_verification(connection=connection, by=SYSTEM)
        token, _ = create_token(tenant=cast.tenant, name="Pipeline", user=cast.owner, by=SYSTEM)
        _, hand_off = create_hand_off_link(connection=connection, by=SYSTEM)
        download_role_template(connection=connection, chosen=Format.TERRAFORM_ZIP, by=SYSTEM)
        permissions = ("ec2:DescribeInstances", "ec2:DescribeRegions", "cloudwatch:ListMetrics")
        checks = [("chain.base_to_component", ""), ("chain.component_to_integration", "")]
        checks += [("chain.integration_to_customer", ""), ("trust.no_external_id", "")]
        checks += [("permission", action) for action in permissions]
        for (code, action), outcome in zip(checks, Finding.Outcome.values, strict=True):
            Finding.objects.create(
                tenant=cast.tenant,
                verification=verification,
                component="compute-analysis",
                check_code=code,
                action=action,
                outcome=outcome,
                who=Finding.Who.CUSTOMER,
                title=f"This was {outcome}",
                fix="Do something about it.",
                detail="AWS said so.",
            )
        Verification.objects.filter(pk=verification.pk).update(state="completed")
        long_ago = timezone.now() - timedelta(days=200)
        rolled_up = Verification.objects.create(
            tenant=cast.tenant, connection=connection, state="completed", requested_by="Rolebridge",
            started_at=long_ago, finished_at=long_ago,
        )  # fmt: skip
        Verification.objects.filter(pk=rolled_up.pk).update(requested_at=long_ago)
        for outcome in (Finding.Outcome.PASSED, Finding.Outcome.DENIED):
            Finding.objects.create(
                tenant=cast.tenant, verification=rolled_up, component="compute-analysis", check_code="permission",
                action="ec2:DescribeInstances", outcome=outcome, who=Finding.Who.CUSTOMER, title=f"This was {outcome}",
            )  # fmt: skip
        owner = Member.objects.get(user=cast.owner)
        invite(tenant=cast.tenant, email="invited@example.com", role=Role.VIEWER, acting=owner, by=SYSTEM)
        for number in range(1, 4):
            open_session(verification, number)
        endpoint, _ = create_endpoint(
            tenant=cast.tenant,
            url="https://hooks.example.com/" + "rolebridge" * 20,
            event_types=[WebhookEventType.CONNECTION_REMOVED],
            by=SYSTEM,
        )
        delivery = send_test_event(endpoint=endpoint, by=SYSTEM)
        add_domain(tenant=cast.tenant, domain="example.com", mailbox=TenantDomain.Mailbox.POSTMASTER, by=SYSTEM)
        for attempt in (
            {"status": 500, "answer": "<b>down</b>\n" + "x" * 400},
            {"error": "The connection was refused."},
        ):
            WebhookAttempt.objects.create(tenant=cast.tenant, delivery=delivery, duration_ms=12, **attempt)
        account = {"tenant": cast.tenant, "account_id": "222233334444", "by": SYSTEM}
        paused, removing, removed = (create_connection(name=name, **account) for name in ("Paused", "Going", "Gone"))
        verifying = create_connection(name="Verifying", **account)
        request_verification(connection=verifying, by=SYSTEM)
        rotating = create_connection(name="Rotating", **account)
        start_rotation(connection=rotating, by=SYSTEM)
        pause(connection=paused, components=["log-analysis"], by=SYSTEM)
        for going in (removing, removed):
            request_removal(connection=going, by=SYSTEM)
            going.verifications.update(state="completed")
        now = timezone.now()
        Connection.objects.filter(pk=removing.pk).update(next_verification_at=now + timedelta(minutes=5))
        Connection.objects.filter(pk=removed.pk).update(removed_at=now)
        removed.roles.update(status="removed", removed_at=now)
    forget_old_verifications(tenant_id=cast.tenant.pk)
    return {
        "paused": str(paused.pk),
        "verifying": str(verifying.pk),
        "rotating": str(rotating.pk),
        "removing": str(removing.pk),
        "removed": str(removed.pk),
        "tenant": str(cast.tenant.pk),
        "fresh": str(fresh.pk),
        "connection": str(connection.pk),
        "verification": str(verification.pk),
        "rolled_up": str(rolled_up.pk),
        "token": str(token.pk),
        "endpoint": str(endpoint.pk),
        "delivery": str(delivery.pk),
        "hand_off": hand_off,
        "viewer": str(cast.viewer.pk),
    }
