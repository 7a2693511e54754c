"""Who may ask for what: every address for everybody, from one table that is kept complete by walking the URLconf."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import ResolverMatch, URLPattern, URLResolver, get_resolver, path
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.test import APIClient

from integrations.actions.connections import create_connection
from integrations.actions.hand_off_links import create_hand_off_link
from integrations.actions.role_templates import download_role_template
from integrations.models import (
    EmergencyStop,
    Finding,
    IntegrationRole,
    VendorExamination,
    VendorIdentity,
    VendorSession,
    Verification,
)
from integrations.role_templates.formats import Format
from portal.access import rule_of
from tenants.access import public
from tenants.actions.invitations import invite
from tenants.actions.recovery import request_recovery
from tenants.actions.service_tokens import create_service_token
from tenants.actions.settings import add_notification_address
from tenants.actions.single_sign_on import add_domain
from tenants.actions.tokens import create_token
from tenants.actions.webhooks import create_endpoint, send_test_event
from tenants.api.base import ApiView, TenantAPIView
from tenants.audit import SYSTEM
from tenants.models import AuditEvent, Member, Recovery, TenantDomain
from tenants.permissions import Role
from tenants.scope import staff_scope, tenant_scope
from tenants.webhook_event_types import WebhookEventType
from tests.brokers import unread, use_broker
from tests.receipts import open_session


@dataclass(frozen=True)
class Row:
    """One request, and the status that each of five people gets for it.

    The stranger is the owner of another tenant; staff is no member of any. Below /api/ each shows a token of their own
    tenant, and staff, who can have none, a signed-in session.
    """

    anonymous: int
    stranger: int
    viewer: int
    owner: int
    staff: int
    method: str = "get"
    url: str = ""
    data: dict[str, Any] | None = None


def everybody(status: int = 200, **more: Any) -> Row:
    return Row(status, status, status, status, status, **more)


def page(viewer: int = 200, owner: int = 200, **more: Any) -> Row:
    """A page of a tenant: to sign in first, and unknown to those who are no members."""
    return Row(302, 404, viewer, owner, 404, **more)


def post(owner: int = 302, **more: Any) -> Row:
    """A form of a tenant that a viewer may not send."""
    return page(403, owner, method="post", **more)


def operation(viewer: int = 200, owner: int = 200, stranger: int = 404, **more: Any) -> Row:
    """An operation of the API: only with a token."""
    return Row(401, stranger, viewer, owner, 401, **more)


def staff(status: int, **more: Any) -> Row:
    """A page of Django admin: to sign in first, and unknown to customers."""
    return Row(302, 404, 404, 404, status, **more)


def admin_pages(model: str) -> dict[str, list[Row]]:
    """The pages of a model in Django admin, on which nothing can be added, changed or deleted."""
    base, one = f"admin/{model}/", f"admin/{model}/<path:object_id>/"
    return {
        base: [staff(200), staff(200, method="post")],
        f"{base}add/": [staff(403), staff(403, method="post")],
        f"{one}history/": [staff(200)],
        f"{one}delete/": [staff(403), staff(403, method="post")],
        f"{one}change/": [staff(200), staff(403, method="post")],
        one: [staff(302)],
    }


TENANT = "tenants/<uuid:tenant_id>/"
CONNECTION = "tenants/<uuid:tenant_id>/connections/<uuid:connection_id>/"
API = "api/v1/connections/<uuid:connection_id>/"
WEBHOOK = f"{TENANT}settings/webhooks/<uuid:endpoint_id>/"
API_WEBHOOK = "api/v1/webhook-endpoints/<uuid:endpoint_id>/"
NAMED = {"name": "Named"}
HOOK = {"url": "https://hooks.example.com/", "event_types": ["connection.removed"], "enabled": "on"}
API_HOOK = {"url": "https://hooks.example.com/", "event_types": ["connection.removed"]}
OPTIONS = {"name_pattern": "rolebridge-{connection}-{component}", "path": "/partners/", "max_session_seconds": 3600}
TABLE: dict[str, list[Row]] = {
    # The portal
    "": [Row(200, 302, 302, 302, 302)],
    "organisations/": [Row(302, 200, 200, 200, 200)],
    "livez": [everybody()],
    "readyz": [everybody()],
    ".well-known/security.txt": [everybody(404)],  # the test installation names no contact
    "_mail/": [everybody()],
    "_components/": [everybody()],
    # Connections and verifications
    "tenants/<uuid:tenant_id>/connections/": [page()],
    "tenants/<uuid:tenant_id>/connections/verify/": [page(403, 302), post(data={"which": "failed"})],
    "tenants/<uuid:tenant_id>/connections/new/": [page(403), post(data=NAMED)],
    CONNECTION: [page()],
    f"{CONNECTION}components/": [page(403, 302), post(data={"components": ["log-analysis"]})],
    f"{CONNECTION}account/": [page(403, 302), post(data={"account_id": "222233334444"})],
    f"{CONNECTION}external-id-rotation/": [page()],
    f"{CONNECTION}external-id-rotation/start/": [page(403, 302), post()],
    f"{CONNECTION}external-id-rotation/cancel/": [page(403, 302), post()],
    f"{CONNECTION}guide/": [page()],
    f"{CONNECTION}what-you-will-see/": [page()],
    f"{CONNECTION}role-options/": [page(403), post(data=OPTIONS)],
    f"{CONNECTION}role-templates/": [page()],
    f"{CONNECTION}role-templates/<slug:template_format>/": [page()],
    f"{CONNECTION}role-templates/again/<uuid:download_id>/": [page()],
    f"{CONNECTION}quick-create/": [page(302, 302), page(302, 302, method="post")],
    f"{CONNECTION}hand-off/": [page(403), post(200, data={"days": 7})],
    f"{CONNECTION}hand-off/<uuid:link_id>/revoke/": [page(403, 302), post()],
    # Behind a hand-off link: who holds it needs no account, and an account adds nothing
    "hand-off/<str:text>/": [everybody(), everybody(404, url="hand-off/unknown/")],
    "hand-off/<str:text>/what-you-will-see/": [everybody()],
    "hand-off/<str:text>/role-templates/<slug:template_format>/": [everybody()],
    f"{CONNECTION}sandbox-stack/": [page(403, 302), post()],
    f"{CONNECTION}sandbox-stack/delete/": [page(403, 302), post()],
    f"{CONNECTION}pause/": [page(403, 302), post()],
    f"{CONNECTION}resume/": [page(403, 302), post()],
    f"{CONNECTION}remove/": [page(403), post()],
    f"{CONNECTION}removal-statement/": [page(302, 302)],
    f"{CONNECTION}sessions/": [page()],
    f"{CONNECTION}verify/": [page(403, 302), post()],
    f"{CONNECTION}findings/": [page()],
    f"{CONNECTION}verifications/<uuid:verification_id>/": [page()],
    f"{CONNECTION}verifications/<uuid:verification_id>/report/": [page()],
    f"{CONNECTION}verifications/<uuid:verification_id>/report.json": [page()],
    # Audit
    f"{TENANT}audit/": [page(403)],
    f"{TENANT}audit/export.csv": [page(403)],
    f"{TENANT}audit/export.json": [page(403)],
    # Settings
    f"{TENANT}settings/": [page(403), post(data={"name": "Blue Harbour"})],
    f"{TENANT}settings/notification-addresses/": [page(403, 302), post(data={"email": "security@example.com"})],
    f"{TENANT}settings/notification-addresses/<uuid:address_id>/remove/": [page(403, 302), post()],
    f"{TENANT}settings/export/": [page(403, 302), post(200)],
    f"{TENANT}settings/recoveries/<uuid:recovery_id>/cancel/": [page(403, 302), post()],
    f"{TENANT}settings/delete/": [page(403), post(data={"typed_name": "Blue Harbour"})],
    f"{TENANT}settings/delete/cancel/": [page(403, 302), post()],
    "notification-addresses/<slug:secret>/": [everybody(404, url="notification-addresses/unknown/")],
    # Webhooks
    f"{TENANT}settings/webhooks/": [page(403)],
    f"{TENANT}settings/webhooks/new/": [page(403), post(200, data=HOOK)],
    WEBHOOK: [page(403), post(data=HOOK)],
    f"{WEBHOOK}delete/": [page(403), post()],
    f"{WEBHOOK}rotate/": [page(403, 302), post(200)],
    f"{WEBHOOK}test/": [page(403, 302), post()],
    f"{WEBHOOK}deliveries/<uuid:delivery_id>/": [page(403)],
    f"{WEBHOOK}deliveries/<uuid:delivery_id>/replay/": [page(403, 302), post()],
    # Single sign-on
    f"{TENANT}settings/single-sign-on/": [page(403), post(422)],
    f"{TENANT}settings/single-sign-on/remove/": [page(403), post()],
    f"{TENANT}settings/single-sign-on/domains/": [
        page(403, 302),
        post(data={"domain": "example.org", "mailbox": "admin"}),
    ],
    f"{TENANT}settings/single-sign-on/domains/<uuid:domain_id>/remove/": [page(403, 302), post()],
    "domains/<slug:secret>/": [everybody(404, url="domains/unknown/")],
    "accounts/single-sign-on/": [everybody()],
    "accounts/single-sign-on/<uuid:tenant_id>/": [everybody(404)],
    "accounts/single-sign-on/<uuid:tenant_id>/callback/": [everybody(404)],
    # Members and invitations
    f"{TENANT}members/": [page()],
    f"{TENANT}members/invite/": [page(403), post(data={"email": "new@example.com", "role": "viewer"})],
    f"{TENANT}members/<uuid:user_id>/": [page(403), post(data={"role": "admin"})],
    f"{TENANT}members/<uuid:user_id>/remove/": [page(403)],
    f"{TENANT}members/<uuid:user_id>/transfer/": [page(403)],
    f"{TENANT}members/leave/": [page()],
    f"{TENANT}invitations/<uuid:invitation_id>/resend/": [page(403, 302), post()],
    f"{TENANT}invitations/<uuid:invitation_id>/revoke/": [page(403, 302), post()],
    "invitations/<slug:secret>/": [everybody(302, url="invitations/unknown/")],
    "invitation/": [everybody(404), everybody(404, method="post")],
    # A tenant's API tokens
    "tenants/<uuid:tenant_id>/api-tokens/": [page(403), post(200, data=NAMED | {"scopes": ["read"], "days": 90})],
    "tenants/<uuid:tenant_id>/api-tokens/<uuid:token_id>/revoke/": [page(403), post()],
    # Accounts: allauth decides what an anonymous and a signed-in visitor sees
    "accounts/login/": [Row(200, 302, 302, 302, 302)],
    "accounts/logout/": [Row(302, 200, 200, 200, 200)],
    "accounts/signup/": [Row(200, 302, 302, 302, 302)],
    "accounts/inactive/": [everybody()],
    "accounts/confirm-email/": [everybody(302)],
    "accounts/email/": [Row(302, 200, 200, 200, 200)],
    "accounts/reauthenticate/": [Row(302, 200, 200, 200, 200)],
    "accounts/sessions/": [Row(302, 200, 200, 200, 200)],
    "accounts/your-data/": [Row(302, 200, 200, 200, 200)],
    # To download or delete, everybody confirms first that it is them; where the account has to stay, its page says why.
    "accounts/your-data/export/": [everybody(302), everybody(302, method="post")],
    "accounts/your-data/delete/": [everybody(302), everybody(302, method="post")],
    "accounts/your-data/delete/confirm/": [everybody(302), everybody(302, method="post")],
    # To set up or take off a second factor, everybody confirms first that it is them.
    "accounts/second-factor/": [Row(302, 200, 200, 200, 200)],
    "accounts/second-factor/authenticate/": [everybody(302)],
    "accounts/second-factor/reauthenticate/": [Row(302, 302, 302, 302, 200)],
    "accounts/second-factor/app/": [everybody(302)],
    "accounts/second-factor/app/remove/": [Row(302, 404, 404, 404, 302)],
    "accounts/second-factor/recovery-codes/": [Row(302, 404, 404, 404, 404)],
    "accounts/second-factor/recovery-codes/new/": [everybody(302)],
    "accounts/second-factor/recovery-codes/download/": [Row(302, 404, 404, 404, 404)],
    "accounts/password/change/": [Row(302, 200, 200, 200, 200)],
    "accounts/password/reset/": [everybody()],
    "accounts/password/reset/done/": [everybody()],
    "accounts/^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$": [
        everybody(url="accounts/password/reset/key/1-unknown/")
    ],
    "accounts/password/reset/key/done/": [everybody()],
    # The API
    "api/v1/schema/": [everybody()],
    "api/v1/docs/": [everybody()],
    "api/v1/components/": [operation(stranger=200)],
    "api/v1/connections/": [operation(stranger=200), operation(403, 201, 201, method="post", data=NAMED)],
    API: [operation(), operation(403, method="patch", data=NAMED), operation(403, 202, method="delete")],
    f"{API}pause/": [operation(403, method="post")],
    f"{API}resume/": [operation(403, method="post")],
    f"{API}role-updates/": [operation()],
    f"{API}role-options/": [operation(), operation(403, method="patch", data={"path": "/partners/"})],
    f"{API}role-templates/<slug:template_format>/": [operation()],
    f"{API}role-template-downloads/": [operation()],
    f"{API}role-template-downloads/<uuid:download_id>/": [operation()],
    f"{API}quick-create/": [operation(409, 409, method="post")],
    f"{API}hand-off-links/": [operation(403), operation(403, 201, method="post", data={"days": 7})],
    f"{API}hand-off-links/<uuid:link_id>/": [operation(403), operation(403, method="delete")],
    f"{API}external-id-rotation/": [
        operation(),
        operation(403, 201, method="post"),
        operation(403, 409, method="delete"),
    ],
    f"{API}removal-statement/": [operation(409, 409)],
    f"{API}sessions/": [operation()],
    f"{API}status-changes/": [operation()],
    f"{API}verifications/": [operation(), operation(403, 202, method="post")],
    "api/v1/verifications/": [operation(403, 202, 202, method="post", data={"failed": True})],
    "api/v1/verifications/<uuid:verification_id>/": [operation()],
    "api/v1/verifications/<uuid:verification_id>/report/": [operation()],
    "api/v1/findings/": [operation(stranger=200)],
    "api/v1/tenant/": [operation(stranger=200), operation(403, stranger=200, method="patch", data=NAMED)],
    "api/v1/tenant/deletion/": [
        operation(403, 202, 400, method="post", data={"name": "Blue Harbour"}),
        operation(403, 409, 409, method="delete"),
    ],
    "api/v1/tenant/export/": [operation(403, stranger=200)],
    "api/v1/single-sign-on/": [
        operation(403, stranger=200),
        operation(403, 409, 409, method="patch"),
        operation(403, 204, 204, method="delete"),
    ],
    "api/v1/domains/": [
        operation(403, stranger=200),
        operation(403, 201, 201, method="post", data={"domain": "example.org"}),
    ],
    "api/v1/domains/<uuid:domain_id>/": [operation(403), operation(403, 204, method="delete")],
    "api/v1/recoveries/": [operation(403, stranger=200)],
    "api/v1/recoveries/<uuid:recovery_id>/": [operation(403)],
    "api/v1/recoveries/<uuid:recovery_id>/cancel/": [operation(403, method="post")],
    "api/v1/members/": [operation(stranger=200)],
    "api/v1/members/<uuid:user_id>/": [
        operation(),
        operation(403, method="patch", data={"role": "viewer"}),
        operation(403, 204, method="delete"),
    ],
    "api/v1/members/<uuid:user_id>/transfer/": [operation(403, method="post")],
    "api/v1/invitations/": [
        operation(403, stranger=200),
        operation(403, 201, 201, method="post", data={"email": "new@example.com", "role": "viewer"}),
    ],
    "api/v1/invitations/<uuid:invitation_id>/": [operation(403), operation(403, method="delete")],
    "api/v1/invitations/<uuid:invitation_id>/resend/": [operation(403, method="post")],
    "api/v1/api-tokens/": [operation(403, stranger=200), operation(403, 201, 201, method="post", data=NAMED)],
    "api/v1/api-tokens/<uuid:token_id>/": [operation(403), operation(403, method="delete")],
    "api/v1/notification-addresses/": [
        operation(403, stranger=200),
        operation(403, 201, 201, method="post", data={"email": "new@example.com"}),
    ],
    "api/v1/notification-addresses/<uuid:address_id>/": [operation(403), operation(403, 204, method="delete")],
    "api/v1/audit-events/": [operation(403, stranger=200)],
    "api/v1/webhook-endpoints/": [
        operation(403, stranger=200),
        operation(403, 201, 201, method="post", data=API_HOOK),
    ],
    API_WEBHOOK: [
        operation(403),
        operation(403, method="patch", data={"enabled": False}),
        operation(403, 204, method="delete"),
    ],
    f"{API_WEBHOOK}rotate/": [operation(403, method="post")],
    f"{API_WEBHOOK}test/": [operation(403, 202, method="post")],
    f"{API_WEBHOOK}deliveries/": [operation(403)],
    f"{API_WEBHOOK}deliveries/<uuid:delivery_id>/": [operation(403)],
    f"{API_WEBHOOK}deliveries/<uuid:delivery_id>/replay/": [operation(403, 202, method="post")],
    # With a service token alone (tests/integrations/api/test_product.py)
    "api/v1/product/connections/": [everybody(401)],
    "api/v1/product/connections/<uuid:connection_id>/": [everybody(401)],
    "api/v1/product/events/": [everybody(401)],
    "^api/": [everybody(404, url="api/nothing/"), everybody(404, url="api/v1/connections", method="post")],
    # Django admin
    "admin/": [staff(200)],
    "admin/login/": [staff(302)],
    "admin/logout/": [staff(405), staff(200, method="post")],
    "admin/password_change/": [staff(302)],
    "admin/jsi18n/": [staff(200)],
    "admin/search/": [staff(200, url="admin/search/?s=tenants")],
    "admin/^(?P<app_label>tenants|integrations)/$": [staff(200, url="admin/tenants/")],
    "admin/(?P<url>.*)$": [staff(404, url="admin/nothing/")],
    **admin_pages("tenants/tenant"),
    "admin/tenants/tenant/<path:object_id>/resend-invitation/": [
        staff(200),
        staff(422, method="post", data={"reason": "Test"}),
    ],
    "admin/tenants/tenant/<path:object_id>/revoke-token/": [
        staff(200),
        staff(422, method="post", data={"reason": "Test"}),
    ],
    "admin/tenants/tenant/<path:object_id>/customer-number/": [
        staff(200),
        staff(302, method="post", data={"number": "C-1"}),
    ],
    "admin/tenants/tenant/<path:object_id>/recovery/": [
        staff(200),
        staff(302, method="post", data={"kind": "owner", "email": "new@example.com", "reason": "They wrote."}),
    ],
    **admin_pages("tenants/member"),
    **admin_pages("tenants/apitoken"),
    **admin_pages("tenants/auditevent"),
    **admin_pages("integrations/connection"),
    "admin/integrations/connection/<path:object_id>/verify/": [
        staff(200),
        staff(302, method="post", data={"reason": "Test"}),
    ],
    "admin/integrations/connection/<path:object_id>/pause/": [
        staff(200),
        staff(302, method="post", data={"reason": "Test"}),
    ],
    **admin_pages("integrations/verification"),
    **admin_pages("integrations/session"),
    **admin_pages("integrations/vendorsession"),
    **admin_pages("integrations/emergencystop"),
    **admin_pages("integrations/vendoridentity"),
    **admin_pages("integrations/integrationrole"),
    "admin/integrations/integrationrole/<int:role>/acknowledge/": [
        staff(404, method="post", url="admin/integrations/integrationrole/999999/acknowledge/"),
    ],
    "admin/integrations/emergencystop/switch/": [staff(405), staff(302, method="post")],
    **admin_pages("tenants/servicetoken"),
    "admin/tenants/servicetoken/make/": [
        staff(200),
        staff(422, method="post"),
        staff(200, method="post", data={"name": "Product", "days": 30, "reason": "It needs one."}),
    ],
    "admin/tenants/servicetoken/<path:object_id>/revoke/": [
        staff(200),
        staff(302, method="post", data={"reason": "x"}),
    ],
    **admin_pages("integrations/vendorexamination"),
    "admin/integrations/vendorexamination/examine/": [staff(405), staff(302, method="post")],
}


def walk(
    patterns: list[URLPattern | URLResolver], prefix: str = "", namespaces: tuple[str, ...] = ()
) -> Iterator[tuple[str, URLPattern, tuple[str, ...]]]:
    """Every address of a URLconf: its whole route, its pattern, and the namespaces it is in."""
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = (*namespaces, pattern.namespace) if pattern.namespace else namespaces
            yield from walk(pattern.url_patterns, route, inner)
        else:
            yield route, pattern, namespaces


def addresses() -> list[tuple[str, URLPattern, tuple[str, ...]]]:
    return list(walk(get_resolver().url_patterns))


def test_the_table_names_every_address_and_no_other() -> None:
    assert sorted(TABLE) == sorted(route for route, _, _ in addresses())


def test_every_view_declares_its_access_rule() -> None:
    without = []
    for route, pattern, namespaces in addresses():
        match = ResolverMatch(pattern.callback, (), {}, pattern.name, namespaces=list(namespaces))
        if rule_of(pattern.callback, match) is None:
            without.append(route)

    assert without == []


@pytest.fixture(autouse=True)
def no_worker_takes_them(broker, monkeypatch) -> None:
    use_broker(monkeypatch, unread(broker))


@pytest.fixture
def things(cast) -> dict[str, Any]:
    """One of each thing of the tenant, by the name that routes give its id."""
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Production", account_id="222233334444", by=SYSTEM)
        verification = Verification.objects.create(
            tenant=cast.tenant, connection=connection, state="completed", requested_by="Test"
        )
        Finding.objects.create(
            tenant=cast.tenant, verification=verification, component="log-analysis", check_code="x", outcome="passed"
        )
        session = open_session(verification)
    (recovery,) = request_recovery(
        tenant_id=cast.tenant.pk, kind=Recovery.Kind.OWNER, email="lost@example.com", reason="They wrote.", by=SYSTEM
    )
    with tenant_scope(cast.tenant.pk):
        token, _ = create_token(tenant=cast.tenant, name="Pipeline", user=cast.owner, by=SYSTEM)
        download = download_role_template(connection=connection, chosen=Format.CLI, by=SYSTEM)
        link, text = create_hand_off_link(connection=connection, by=SYSTEM)
        owner = Member.objects.get(user=cast.owner)
        invitation = invite(tenant=cast.tenant, email="invited@example.com", role=Role.VIEWER, acting=owner, by=SYSTEM)
        address = add_notification_address(tenant=cast.tenant, email="soc@example.com", by=SYSTEM)
        endpoint, _ = create_endpoint(
            tenant=cast.tenant,
            url="https://hooks.example.com/",
            event_types=[WebhookEventType.CONNECTION_REMOVED],
            by=SYSTEM,
        )
        delivery = send_test_event(endpoint=endpoint, by=SYSTEM)
        domain = add_domain(
            tenant=cast.tenant, domain="example.com", mailbox=TenantDomain.Mailbox.POSTMASTER, by=SYSTEM
        )
    now = timezone.now()
    service_token, _ = create_service_token(name="Product", days=1, reason="Test", by=SYSTEM)
    VendorIdentity.objects.create(works=True, since=now, checked_at=now)
    role = IntegrationRole.objects.create(role_arn="arn", role_id="AROA", first_seen_at=now, acknowledged_at=now)
    own = VendorSession.objects.create(opened_at=now, expires_at=now, role_arn="arn", session_name="rolebridge-canary")
    stop = EmergencyStop.objects.create(is_active=False, reason="Test", started_at=now, started_by="Test")
    with staff_scope():
        member, event = Member.objects.filter(tenant=cast.tenant).first(), AuditEvent.objects.first()
    return {
        "tenant_id": cast.tenant.pk,
        "connection_id": connection.pk,
        "verification_id": verification.pk,
        "token_id": token.pk,
        "download_id": download.pk,
        "link_id": link.pk,
        "text": text,
        "template_format": "terraform",
        "user_id": cast.admin.pk,
        "invitation_id": invitation.pk,
        "address_id": address.pk,
        "recovery_id": recovery.pk,
        "endpoint_id": endpoint.pk,
        "delivery_id": delivery.pk,
        "domain_id": domain.pk,
        "admin/tenants/tenant": cast.tenant.pk,
        "admin/tenants/member": member.pk,
        "admin/tenants/apitoken": token.pk,
        "admin/tenants/auditevent": event.pk,
        "admin/tenants/servicetoken": service_token.pk,
        "admin/integrations/connection": connection.pk,
        "admin/integrations/verification": verification.pk,
        "admin/integrations/vendorexamination": VendorExamination.objects.create().pk,
        "admin/integrations/session": session.pk,
        "admin/integrations/emergencystop": stop.pk,
        "admin/integrations/vendoridentity": 1,
        "admin/integrations/vendorsession": own.pk,
        "admin/integrations/integrationrole": role.pk,
    }


@pytest.fixture
def clients(cast, sign_in, api):
    """The five people as clients of the pages, or of the API."""

    def made(*, for_api: bool) -> dict[str, Client | APIClient]:
        people: dict[str, Client | APIClient] = {"staff": sign_in(cast.staff)}
        if for_api:
            return people | {
                "anonymous": APIClient(),
                "stranger": api(cast.stranger, cast.other_tenant),
                "viewer": api(cast.viewer, cast.tenant),
                "owner": api(cast.owner, cast.tenant),
            }
        return people | {
            "anonymous": Client(),
            "stranger": sign_in(cast.stranger),
            "viewer": sign_in(cast.viewer),
            "owner": sign_in(cast.owner),
        }

    return made


def address(route: str, row: Row, things: dict[str, Any]) -> str:
    filled = route.replace("<path:object_id>", str(things.get(route.partition("/<path")[0])))
    filled = re.sub(r"<(?:uuid|slug|str):(\w+)>", lambda part: str(things.get(part[1], part[0])), filled)
    return "/" + (row.url or filled)


def ask(client: Client | APIClient, url: str, row: Row) -> HttpResponse:
    more = {"format": "json"} if isinstance(client, APIClient) else {}
    return getattr(client, row.method)(url, row.data or {}, **more)


# The owner comes last: what the others try must not have changed what the owner meets.
PEOPLE = ("anonymous", "stranger", "viewer", "staff", "owner")


def named(route: str, row: Row) -> str:
    return f"{row.method} /{row.url or route}"


def statuses_of(route: str, row: Row, things: dict[str, Any], people: dict[str, Client | APIClient]) -> dict[str, int]:
    """What each person's request is answered."""
    url = address(route, row, things)
    return {
        who: ask(people[who], url, row).status_code for who in ("anonymous", "stranger", "viewer", "staff", "owner")
    }


def expected(row: Row) -> dict[str, int]:
    return {who: getattr(row, who) for who in PEOPLE}


ROWS = [(route, row) for route, rows in TABLE.items() for row in rows]
READS = [(route, row) for route, row in ROWS if row.method == "get"]
AT_ONCE = 20  # what reads changes nothing for the next, so the things are made once for so many


@pytest.mark.parametrize("first", range(0, len(READS), AT_ONCE), ids=lambda first: named(*READS[first]))
def test_everybody_reads_what_the_table_says(first, things, clients, sandbox_address) -> None:
    people = {for_api: clients(for_api=for_api) for for_api in (False, True)}
    met, told = {}, {}

    for route, row in READS[first : first + AT_ONCE]:
        met[named(route, row)] = statuses_of(route, row, things, people["api/" in route[:5]])
        told[named(route, row)] = expected(row)

    assert met == told


@pytest.mark.parametrize(("route", "row"), [pytest.param(*one, id=named(*one)) for one in ROWS if one not in READS])
def test_everybody_gets_what_the_table_says(route, row, things, clients, sandbox_address) -> None:
    people = clients(for_api="api/" in route[:5])

    assert statuses_of(route, row, things, people) == expected(row)


WITH_OTHER_IDS = [route for route in TABLE if "<uuid:tenant_id>/" in route and route.count("<uuid:") > 1]


@pytest.mark.parametrize("route", WITH_OTHER_IDS)
def test_in_ones_own_tenant_another_tenants_things_are_unknown(route, cast, things, sign_in) -> None:
    url = address(route, Row(0, 0, 0, 0, 0), things | {"tenant_id": cast.other_tenant.pk})
    client = sign_in(cast.stranger)

    for row in TABLE[route]:
        answer = ask(client, url, row)
        assert (answer.status_code == 404) or (row.method == "get" and answer.status_code == 302), answer
        if answer.status_code == 302:  # to the page of the thing, for a form that was opened by hand
            assert client.get(answer["Location"]).status_code == 404


def without_a_rule(_request) -> HttpResponse:
    return HttpResponse("let in")


class WithoutPermissions(ApiView):
    """An API view that says it takes tokens, and not what they may do."""

    access = "token"

    def get(self, _request) -> Response:
        return Response("let in")


class WithoutMethod(TenantAPIView):
    """An API view that forgot to say what its handler asks for."""

    def get(self, _request) -> Response:
        return Response("let in")


@pytest.fixture
def careless_urls():
    module = ModuleType("tests.portal.careless_urls")
    vars(module)["urlpatterns"] = [
        path("page/", without_a_rule),
        path("declared/", public(lambda _request: HttpResponse("let in"))),
        path("api/page/", without_a_rule),
        path("api/permissions/", WithoutPermissions.as_view()),
        path("api/method/", WithoutMethod.as_view()),
        *get_resolver().url_patterns,
    ]
    vars(module)["handler403"] = "portal.errors.permission_denied"
    sys.modules[module.__name__] = module
    with override_settings(ROOT_URLCONF=module.__name__):
        yield
    del sys.modules[module.__name__]


@pytest.mark.parametrize("url", ["/page/", "/api/page/", "/api/permissions/", "/api/method/"])
def test_a_view_that_declares_no_rule_lets_nobody_in(url, careless_urls, clients) -> None:
    for for_api in (False, True):
        for client in clients(for_api=for_api).values():
            answer = client.get(url)
            assert answer.status_code in {401, 403, 405}
            assert b"let in" not in answer.content
            assert answer["Content-Type"].startswith("application/problem+json" if "api" in url else "text/html")


def test_a_view_that_declares_one_is_reached(careless_urls, db) -> None:
    assert Client().get("/declared/").content == b"let in"
