"""Who may ask for what: every address of the portal, and the status that each of five people gets there."""

from dataclasses import dataclass
from typing import Any


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
    # With a service token alone (tests/integrations/api/test_product.py and test_product_sessions.py)
    "api/v1/product/connections/": [everybody(401)],
    "api/v1/product/connections/<uuid:connection_id>/": [everybody(401)],
    "api/v1/product/connections/<uuid:connection_id>/sessions/": [everybody(401, method="post")],
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
