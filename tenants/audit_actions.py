"""Every audit action, by its stable name: the one list that writing, the customer's page and the tests go by."""

from django.db import models


class AuditAction(models.TextChoices):
    """ "subject:action"; `tenants.audit.record` puts the source before it."""

    API_TOKEN_CREATED = "api_token:created", "API token made"
    API_TOKEN_REVOKED = "api_token:revoked", "API token revoked"
    CONNECTION_CHANGED = "connection:changed", "Connection changed"
    CONNECTION_CREATED = "connection:created", "Connection added"
    CONNECTION_PAUSED = "connection:paused", "Connection paused"
    CONNECTION_REMOVAL_REQUESTED = "connection:removal_requested", "Removal of a connection asked for"
    CONNECTION_REMOVED = "connection:removed", "Connection removed"
    CONNECTION_RESUMED = "connection:resumed", "Connection resumed"
    CUSTOMER_ROLE_QUARANTINE_LIFTED = "customer_role:quarantine_lifted", "Quarantine of a customer role lifted"
    CUSTOMER_ROLE_REMOVED = "customer_role:removed", "Customer role removed"
    CUSTOMER_ROLE_STATUS_CHANGED = "customer_role:status_changed", "Status of a customer role changed"
    INVITATION_ACCEPTED = "invitation:accepted", "Invitation accepted"
    INVITATION_CREATED = "invitation:created", "Member invited"
    INVITATION_RESENT = "invitation:resent", "Invitation sent again"
    INVITATION_REVOKED = "invitation:revoked", "Invitation revoked"
    MEMBER_LEFT = "member:left", "Member left"
    MEMBER_REMOVED = "member:removed", "Member removed"
    MEMBER_ROLE_CHANGED = "member:role_changed", "Role of a member changed"
    OWNERSHIP_TRANSFERRED = "member:ownership_transferred", "Ownership transferred"
    SANDBOX_STACK_DELETED = "sandbox_stack:deleted", "Stack in the sandbox deleted"
    SANDBOX_STACK_DEPLOYED = "sandbox_stack:deployed", "Stack in the sandbox created"
    TENANT_CREATED = "tenant:created", "Organisation signed up"
    VERIFICATION_COMPLETED = "verification:completed", "Verification completed"
    VERIFICATION_FAILED = "verification:failed", "Verification failed"
    VERIFICATION_REQUESTED = "verification:requested", "Verification asked for"
