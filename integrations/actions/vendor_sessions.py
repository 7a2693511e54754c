"""Sessions in the vendor's own roles that serve no customer's: their receipts, kept for a while."""

from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from integrations.actions.sessions import columns
from integrations.aws.chain import vendor_side
from integrations.aws.vendor import VendorSettings
from integrations.models import VendorSession
from tenants.scope import installation_scope

KEPT_FOR = timedelta(days=90)
PURGED_AT_ONCE = 1000  # rows, so that no delete holds many locks


def keep_vendor_sessions(settings: VendorSettings) -> None:
    """Keep the receipts of the sessions that this process opened in our own roles since the last time. No scope may be
    open.
    """
    receipts = vendor_side(settings).take_own_receipts()
    if not receipts:
        return
    with installation_scope():
        VendorSession.objects.bulk_create(VendorSession(**columns(receipt)) for receipt in receipts)


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
