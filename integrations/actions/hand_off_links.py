"""Hand-off links: the guide and the downloads of one connection for somebody with no account, for a while."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.core.cache import cache
from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from integrations.models import Connection, HandOffLink
from tenants import audit, limits
from tenants.audit import Actor
from tenants.models import Tenant
from tenants.scope import call

USUAL_DAYS, LONGEST_DAYS = 7, 30
# People with no account load these pages as often as they like: what each time would add is bounded.
USE_TOLD_EVERY = timedelta(minutes=1)  # of a link, from one network
REFUSAL_TOLD_EVERY = timedelta(hours=1)  # of a link
MOST_DOWNLOADS_AN_HOUR = 60  # by a link

# The signature keeps guesses from the database; what decides is the row, which can be revoked.
_SIGNER = Signer(salt="rolebridge.hand-off-link", sep=".")


class InvalidExpiry(ValueError):
    """The link would last too short or too long; the message says how long it may."""


class TooManyHandOffLinks(RuntimeError):
    """The tenant has as many hand-off links as it may have; the message says what to do."""


@dataclass(frozen=True)
class HandOff:
    """What a link leads to. `ended` says why it lets nobody in any more; empty where it does."""

    link: HandOffLink
    ended: str

    @property
    def connection(self) -> Connection:
        """The one connection that the link is about."""
        return self.link.connection


@transaction.atomic
def create_hand_off_link(*, connection: Connection, by: Actor, days: int = USUAL_DAYS) -> tuple[HandOffLink, str]:
    """A new link, and its text, which can be shown this once and never again; the tenant's scope is open.

    Raises:
        InvalidExpiry: `days` is not 1 to 30.
        TooManyHandOffLinks: nothing is written.
    """
    if not 1 <= days <= LONGEST_DAYS:
        raise InvalidExpiry(_("A hand-off link lasts 1 to %(days)s days.") % {"days": LONGEST_DAYS})
    _refuse_too_many(connection.tenant_id)
    secret = secrets.token_urlsafe(32)
    link = HandOffLink.objects.create(
        tenant_id=connection.tenant_id,
        connection=connection,
        digest=_digest(secret),
        created_by=by.name,
        expires_at=timezone.now() + timedelta(days=days),
    )
    audit.record(
        "hand_off_link:created",
        by=by,
        tenant_id=connection.tenant_id,
        target=link,
        connection=str(connection.pk),
        expires_at=link.expires_at.isoformat(),
    )
    return link, _SIGNER.sign(secret)


def _refuse_too_many(tenant_id: UUID) -> None:
    # One at a time of a tenant, or two could both see the last free place.
    Tenant.objects.select_for_update(no_key=True).filter(pk=tenant_id).first()
    most = settings.MOST_HAND_OFF_LINKS_PER_TENANT
    if HandOffLink.objects.filter(tenant_id=tenant_id, revoked_at=None, expires_at__gt=timezone.now()).count() >= most:
        raise TooManyHandOffLinks(
            _(
                "Your organisation has %(most)s hand-off links, which is as many as it may have. Revoke one that is "
                "no longer needed, or ask our support for more."
            )
            % {"most": most}
        )


@transaction.atomic
def revoke_hand_off_link(*, connection: Connection, link_id: UUID, by: Actor) -> HandOffLink:
    """End a link at once. Revoking it twice changes nothing.

    Raises:
        HandOffLink.DoesNotExist: the connection has no such link.
    """
    link = HandOffLink.objects.select_for_update().get(connection=connection, pk=link_id)
    if link.revoked_at is None:
        link.revoked_at = timezone.now()
        link.save(update_fields=["revoked_at"])
        audit.record(
            "hand_off_link:revoked", by=by, tenant_id=link.tenant_id, target=link, connection=str(connection.pk)
        )
    return link


def find_hand_off_link(text: str) -> tuple[UUID, UUID] | None:
    """The ids of the tenant and the link of that text, whether it is open or not; None where it is none of ours."""
    try:
        secret = _SIGNER.unsign(text)
    except BadSignature:
        return None
    rows = call("hand_off_link_by_digest", _digest(secret))
    return (rows[0][1], rows[0][0]) if rows else None


def count_hand_off_request() -> None:
    """Count one more request by any hand-off link, before anything is looked up for it.

    Raises:
        TooOften: too many came from the same network.
    """
    limits.count_by_network("hand_off", most=60, seconds=60, message=_("Wait a minute."))


def count_hand_off_download(link: HandOffLink) -> None:
    """Count one more role template that is downloaded by the link: each is kept, and told.

    Raises:
        TooOften: too many were.
    """
    limits.count("hand_off_download", link.pk, most=MOST_DOWNLOADS_AN_HOUR, seconds=3600, message=_("Wait an hour."))


@transaction.atomic
def use_hand_off_link(*, link_id: UUID, what: str) -> HandOff:
    """Say whether the link still lets in whoever asked for `what`, and record it, unless it was told just before; the
    scope is open.
    """
    link = HandOffLink.objects.select_related("connection").get(pk=link_id)
    now = timezone.now()
    ended = ""
    if link.revoked_at is not None:
        ended = "revoked"
    elif not link.is_open(now):
        ended = "expired"
    elif link.connection.is_removed:
        ended = "removed"
    if _is_to_be_told(link, ended):
        HandOffLink.objects.filter(pk=link.pk).update(last_used_at=now)
        audit.record(
            "hand_off_link:refused" if ended else "hand_off_link:used",
            by=actor_of(link),
            tenant_id=link.tenant_id,
            target=link,
            connection=str(link.connection_id),
            what=what,
            **({"because": ended} if ended else {}),
        )
    return HandOff(link, ended)


def _is_to_be_told(link: HandOffLink, ended: str) -> bool:
    if ended:
        return cache.add(f"hand-off-refused:{link.pk}", 1, timeout=REFUSAL_TOLD_EVERY.total_seconds())
    entry = f"hand-off-used:{link.pk}:{limits.client_network()}"
    return cache.add(entry, 1, timeout=USE_TOLD_EVERY.total_seconds())


def actor_of(link: HandOffLink) -> Actor:
    """Whoever holds the link."""
    return Actor("link", str(link.pk), f"Hand-off link made by {link.created_by}"[:254])


def _digest(secret: str) -> str:
    """What is stored of a link. Its secret has 256 random bits, so a plain hash is enough (nothing to guess)."""
    return hashlib.sha256(secret.encode()).hexdigest()
