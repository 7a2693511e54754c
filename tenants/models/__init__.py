"""Who: one file per noun."""

from tenants.models.audit import AuditEvent
from tenants.models.invitation import Invitation
from tenants.models.notification import NotificationAddress
from tenants.models.people import Member, User
from tenants.models.recovery import Recovery
from tenants.models.service_token import ServiceToken
from tenants.models.tenant import Tenant
from tenants.models.token import ApiToken

__all__ = [
    "ApiToken",
    "AuditEvent",
    "Invitation",
    "Member",
    "NotificationAddress",
    "Recovery",
    "ServiceToken",
    "Tenant",
    "User",
]
