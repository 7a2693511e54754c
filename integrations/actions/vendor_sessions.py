"""Sessions in the vendor's own roles that serve no customer's: their receipts, kept for a while."""

import logging
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from integrations.actions.sessions import columns
from integrations.aws.chain import vendor_side
from integrations.aws.vendor import VendorSettings
from integrations.models import VendorSession
from tenants.scope import DATABASE_AWAY, installation_scope

logger = logging.getLogger(__name__)

KEPT_FOR = timedelta(days=90)
PURGED_AT_ONCE = 1000  # rows, so that no delete holds many locks


def keep_vendor_sessions(settings: VendorSettings) -> None:
    """Keep the receipts of the sessions that this process opened in our own roles since the last time. No scope may be
    open.

    While the database is away they wait in this process for the next time.
    """
    side = vendor_side(settings)
    receipts = {one.access_key_id: one for one in side.take_own_receipts()}
    if not receipts:
        return
    try:
        with installation_scope():
            # Nobody knows of a transaction that broke off whether it was kept. The times are there for the index.
            recent = VendorSession.objects.filter(expires_at__gte=min(one.expires_at for one in receipts.values()))
            known = set(recent.filter(access_key_id__in=receipts).values_list("access_key_id", flat=True))
            VendorSession.objects.bulk_create(
                VendorSession(**columns(receipt)) for key, receipt in receipts.items() if key not in known
            )
    except DATABASE_AWAY:
        side.put_back_own_receipts(receipts.values())
        logger.warning("%d receipts of our own sessions wait: the database is away", len(receipts), exc_info=True)


def purge_vendor_sessions() -> int:
    """Delete the receipts of sessions that ended more than `KEPT_FOR` ago, a bounded number; gives how many."""
    with installation_scope():
        old = VendorSession.objects.filter(expires_at__lt=timezone.now() - KEPT_FOR).order_by("expires_at")
        some = list(old.values_list("pk", flat=True)[:PURGED_AT_ONCE])
        deleted, _ = VendorSession.objects.filter(pk__in=some).delete()
    return deleted


def open_vendor_sessions(at: datetime) -> QuerySet[VendorSession]:
    """The receipts of our own roles' sessions that were open at that time, the oldest first."""
    return VendorSession.objects.filter(opened_at__lte=at, expires_at__gt=at).order_by("opened_at")
