"""What a tenant's programs can be told by webhook: stable names, and the audit events that they are told of.

What happens is written to the audit log first; a webhook tells of the same moment, in the same transaction. What the
audit log has no event for (a status that is sure, `integrations.actions.status_webhooks`) is queued beside it.
"""

from django.db import models

from tenants.audit_actions import AuditAction


class WebhookEventType(models.TextChoices):
    """The names, "subject.what_happened", with what they mean."""

    CONNECTION_CREATED = "connection.created", "A connection was added"
    CONNECTION_CHANGED = "connection.changed", "A connection was changed"
    CONNECTION_STATUS_CHANGED = "connection.status_changed", "Customer roles of a connection have another status"
    CONNECTION_PAUSED = "connection.paused", "Roles of a connection were paused"
    CONNECTION_RESUMED = "connection.resumed", "Roles of a connection were resumed"
    CONNECTION_REMOVAL_REQUESTED = "connection.removal_requested", "A connection is being removed"
    CONNECTION_REMOVED = "connection.removed", "AWS refuses us in every role of a removed connection"
    CUSTOMER_ROLE_REMOVED = "customer_role.removed", "AWS refuses us in a removed role"
    CUSTOMER_ROLE_QUARANTINE_LIFTED = "customer_role.quarantine_lifted", "The quarantine of a role was lifted"
    VERIFICATION_COMPLETED = "verification.completed", "A verification reached a verdict"
    VERIFICATION_FAILED = "verification.failed", "A verification reached no verdict"
    ACCESS_PAUSED = "access.paused", "We paused all access ourselves"
    ACCESS_RESTORED = "access.restored", "The access that we paused is restored"
    API_TOKEN_CREATED = "api_token.created", "An API token was made"
    API_TOKEN_REVOKED = "api_token.revoked", "An API token was revoked"
    MEMBER_JOINED = "member.joined", "Somebody became a member"
    MEMBER_LEFT = "member.left", "A member left or was removed"
    MEMBER_ROLE_CHANGED = "member.role_changed", "A member has another role"
    RECOVERY_REQUESTED = "recovery.requested", "Our support asked for a recovery"
    DELETION_REQUESTED = "tenant.deletion_requested", "The deletion of the organisation was asked for"
    DELETION_CANCELLED = "tenant.deletion_cancelled", "The deletion of the organisation was called off"


# Sent when somebody asks for it, to one endpoint; nobody chooses it.
TEST = "webhook.test"

_TOLD_OF: dict[AuditAction, WebhookEventType] = {
    AuditAction.API_TOKEN_CREATED: WebhookEventType.API_TOKEN_CREATED,
    AuditAction.API_TOKEN_REVOKED: WebhookEventType.API_TOKEN_REVOKED,
    AuditAction.CONNECTION_CREATED: WebhookEventType.CONNECTION_CREATED,
    AuditAction.CONNECTION_CHANGED: WebhookEventType.CONNECTION_CHANGED,
    AuditAction.CONNECTION_PAUSED: WebhookEventType.CONNECTION_PAUSED,
    AuditAction.CONNECTION_RESUMED: WebhookEventType.CONNECTION_RESUMED,
    AuditAction.CONNECTION_REMOVAL_REQUESTED: WebhookEventType.CONNECTION_REMOVAL_REQUESTED,
    AuditAction.CONNECTION_REMOVED: WebhookEventType.CONNECTION_REMOVED,
    AuditAction.CUSTOMER_ROLE_REMOVED: WebhookEventType.CUSTOMER_ROLE_REMOVED,
    AuditAction.CUSTOMER_ROLE_QUARANTINE_LIFTED: WebhookEventType.CUSTOMER_ROLE_QUARANTINE_LIFTED,
    AuditAction.EMERGENCY_STOP_PAUSED: WebhookEventType.ACCESS_PAUSED,
    AuditAction.EMERGENCY_STOP_RESTORED: WebhookEventType.ACCESS_RESTORED,
    AuditAction.INVITATION_ACCEPTED: WebhookEventType.MEMBER_JOINED,
    AuditAction.MEMBER_LEFT: WebhookEventType.MEMBER_LEFT,
    AuditAction.MEMBER_REMOVED: WebhookEventType.MEMBER_LEFT,
    AuditAction.MEMBER_ROLE_CHANGED: WebhookEventType.MEMBER_ROLE_CHANGED,
    AuditAction.OWNERSHIP_TRANSFERRED: WebhookEventType.MEMBER_ROLE_CHANGED,
    AuditAction.RECOVERY_REQUESTED: WebhookEventType.RECOVERY_REQUESTED,
    AuditAction.TENANT_DELETION_CANCELLED: WebhookEventType.DELETION_CANCELLED,
    AuditAction.TENANT_DELETION_REQUESTED: WebhookEventType.DELETION_REQUESTED,
    AuditAction.VERIFICATION_COMPLETED: WebhookEventType.VERIFICATION_COMPLETED,
    AuditAction.VERIFICATION_FAILED: WebhookEventType.VERIFICATION_FAILED,
}


def event_type_of(action: AuditAction) -> WebhookEventType | None:
    """The event that tells of an audit action, None where webhooks tell nothing of it."""
    return _TOLD_OF.get(action)
