"""Who: one file per noun."""

from tenants.models.audit import AuditEvent
from tenants.models.idempotent_request import IdempotentRequest
from tenants.models.invitation import Invitation
from tenants.models.notification import NotificationAddress
from tenants.models.people import Member, User
from tenants.models.recovery import Recovery
from tenants.models.service_token import ServiceToken
from tenants.models.single_sign_on import IdentityProvider, TenantDomain
from tenants.models.tenant import Tenant
from tenants.models.token import ApiToken
from tenants.models.webhook import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookEvent, WebhookSecret

__all__ = [
    "ApiToken",
    "AuditEvent",
    "IdempotentRequest",
    "IdentityProvider",
    "Invitation",
    "Member",
    "NotificationAddress",
    "Recovery",
    "ServiceToken",
    "Tenant",
    "TenantDomain",
    "User",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookEvent",
    "WebhookSecret",
]
