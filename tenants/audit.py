"""Writing audit events. An action writes its own in its own transaction: neither exists without the other."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tenants.audit_actions import AuditAction
from tenants.models import ApiToken, AuditEvent, ServiceToken, User
from tenants.request_id import client_address, request_id
from tenants.webhook_events import queue_audit_event

_SOURCE_OF = {"user": "page", "staff": "admin", "token": "api", "service": "api", "link": "page"}
ACTOR_KINDS = (*_SOURCE_OF, "system")
SOURCES = ("page", "admin", "api", "system")


@dataclass(frozen=True)
class Actor:
    """Who acts: every action takes one as `by`, and the audit event names it."""

    kind: str
    id: str
    name: str
    reason: str = ""  # why, where staff acts: each event of the act carries it, and the customer reads it

    @property
    def source(self) -> str:
        """Where the act came from, the first part of an audit action's name."""
        return _SOURCE_OF.get(self.kind, "system")

    @property
    def is_customer(self) -> bool:
        """Whether a member or a member's program acts, and not the vendor."""
        return self.kind in {"user", "token"}

    @classmethod
    def user(cls, user: User) -> "Actor":
        """A member, on a page."""
        return cls("user", str(user.pk), user.email)

    @classmethod
    def staff(cls, user: User, reason: str = "") -> "Actor":
        """The vendor's support staff, in admin."""
        return cls("staff", str(user.pk), user.email, reason)

    @classmethod
    def link(cls) -> "Actor":
        """Whoever opened a link that was sent to a mailbox, signed in or not."""
        return cls("link", "", "")

    @classmethod
    def token(cls, token: ApiToken) -> "Actor":
        """A program with an API token."""
        return cls("token", str(token.pk), str(token))

    @classmethod
    def service(cls, token: ServiceToken) -> "Actor":
        """The vendor's product, with a service token."""
        return cls("service", str(token.pk), str(token))


SYSTEM = Actor("system", "", "Rolebridge")


def record(action: str, *, by: Actor, tenant_id: UUID | None, target: Any, **data: Any) -> None:
    """Append one audit event, and queue it for the webhooks that tell of it.

    Args:
        action: one of `AuditAction`, such as "connection:created"; the source is put before it.
        by: who acted.
        tenant_id: the tenant it concerns, whose scope must be open; None for what concerns the installation.
        target: the model instance acted upon; None where it is the installation as a whole.
        data: what changed, as JSON values; never a secret.

    Raises:
        ValueError: the action is on no list.
    """
    event = AuditEvent(
        tenant_id=tenant_id,
        action=f"{by.source}:{AuditAction(action)}",
        actor_kind=by.kind,
        actor_id=by.id,
        actor_name=by.name,
        target_kind=target._meta.model_name if target is not None else "",
        target_id=str(target.pk) if target is not None else "",
        data={"reason": by.reason} | data if by.reason else data,
        request_id=request_id.get(),
        address=client_address.get(),
    )
    if tenant_id is not None:
        event.save(force_insert=True)
        queue_audit_event(event)
    else:
        # What concerns no tenant is read by staff alone, so the app may not ask for the row's key: this does not.
        AuditEvent.objects.bulk_create([event], ignore_conflicts=True)
