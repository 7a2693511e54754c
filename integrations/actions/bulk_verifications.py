"""Asking for the verification of many connections at once.

They are made due, and the schedule takes them up within seconds: each tenant's first before any tenant's second, and no
more of one tenant in the queue than others leave room for. So a thousand take one query here and keep nobody waiting.
"""

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from integrations.actions.verifications import State, refuse_too_many, refuse_while_stopped
from integrations.models import Connection, CustomerRole, Verification
from integrations.models.connection import FAILED, OUT_OF_USE, ConnectionQuerySet
from tenants import audit
from tenants.audit import Actor
from tenants.models import Tenant

MOST_NAMED = 100  # in the audit event


@transaction.atomic
def request_verifications(*, tenant: Tenant, by: Actor, connection_ids: Iterable[UUID]) -> int:
    """Ask for the verification of these connections of the tenant, whose scope is open; how many were asked for.

    Those that cannot be verified are left out, and so are those that are being verified or due already: asking twice
    asks once.

    Raises:
        NotReady: the vendor's emergency stop is on.
        TooManyVerifications: these are more than the tenant may still ask for in this hour; none is asked for.
    """
    return _make_due(tenant, by, Connection.objects.for_tenant(tenant.pk).filter(pk__in=list(connection_ids)))


@transaction.atomic
def request_verifications_of_failed(*, tenant: Tenant, by: Actor) -> int:
    """Ask for the verification of every connection of the tenant that did not pass; as `request_verifications`.

    Raises:
        NotReady: the vendor's emergency stop is on.
    """
    failed = Connection.objects.for_tenant(tenant.pk).of_status(FAILED)
    return _make_due(tenant, by, failed)


def _make_due(tenant: Tenant, by: Actor, wanted: ConnectionQuerySet) -> int:
    refuse_while_stopped()
    now = timezone.now()
    to_look_at = CustomerRole.objects.filter(tenant_id=tenant.pk).exclude(status__in=OUT_OF_USE)
    active = Verification.objects.filter(tenant_id=tenant.pk, state__in=[State.QUEUED, State.RUNNING])
    # Locked in one order, as whoever asks for a verification locks the connection first.
    ready = (
        wanted.exclude(account_id="")
        .filter(Q(next_verification_at__gt=now) | Q(next_verification_at__isnull=True))
        .filter(pk__in=to_look_at.values("connection"))
        .exclude(pk__in=active.values("connection"))
        .order_by("pk")
        .select_for_update(of=["self"], no_key=True)
    )
    ids = list(ready.values_list("pk", flat=True))
    if not ids:
        return 0
    if by.is_customer:
        refuse_too_many(tenant.pk, len(ids))
    Connection.objects.for_tenant(tenant.pk).filter(pk__in=ids).update(next_verification_at=now, asked_at=now)
    audit.record(
        "connection:verifications_requested",
        by=by,
        tenant_id=tenant.pk,
        target=tenant,
        count=len(ids),
        connections=[str(one) for one in ids[:MOST_NAMED]],
    )
    return len(ids)
