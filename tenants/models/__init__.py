"""Who: one file per noun."""

from tenants.models.audit import AuditEvent
from tenants.models.invitation import Invitation
from tenants.models.notification import NotificationAddress
from tenants.models.people import Member, User
from tenants.models.recovery import Recovery
from tenants.models.single_sign_on import IdentityProvider, TenantDomain
from tenants.models.tenant import Tenant
from tenants.models.token import ApiToken
from tenants.models.webhook import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookEvent, WebhookSecret

__all__ = [
    "ApiToken",
    "AuditEvent",
    "IdentityProvider",
    "Invitation",
    "Member",
    "NotificationAddress",
    "Recovery",
    "Tenant",
    "TenantDomain",
    "User",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookEvent",
    "WebhookSecret",
]
