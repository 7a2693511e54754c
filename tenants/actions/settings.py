"""What owners and admins settle for their tenant, and the number that the vendor's staff gives it."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants import audit, limits
from tenants.audit import Actor
from tenants.export import export
from tenants.mail import send_on_commit
from tenants.models import NotificationAddress, Tenant
from tenants.scope import call, tenant_scope
from tenants.secrets import digest, new_secret

MOST_ADDRESSES = 20
MOST_EXPORTS_AN_HOUR = 20


class AddressRefused(ValueError):
    """The address cannot be added; the message says why."""


class UnusableLink(Exception):
    """The link confirms nothing."""


@transaction.atomic
def change_settings(*, tenant: Tenant, name: str, require_second_factor: bool, daily_digest: bool, by: Actor) -> Tenant:
    """Change a tenant's name, whether it asks for a second factor, and how often it gets mails. Its scope is open."""
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    wanted: dict[str, Any] = {
        "name": name,
        "require_second_factor": require_second_factor,
        "daily_digest": daily_digest,
    }
    changes = {field: value for field, value in wanted.items() if getattr(tenant, field) != value}
    if changes:
        for field, value in changes.items():
            setattr(tenant, field, value)
        tenant.save(update_fields=list(changes))
        audit.record("tenant:changed", by=by, tenant_id=tenant.pk, target=tenant, **changes)
    return tenant


@transaction.atomic
def set_customer_number(*, tenant: Tenant, number: str, by: Actor) -> Tenant:
    """Note the vendor's own number of this customer. Staff's alone; the customer sees that it was done."""
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    if tenant.customer_number != number:
        tenant.customer_number = number
        tenant.save(update_fields=["customer_number"])
        audit.record("tenant:customer_number_set", by=by, tenant_id=tenant.pk, target=tenant, customer_number=number)
    return tenant


def export_data(*, tenant: Tenant, by: Actor) -> Iterator[str]:
    """All that is kept for the tenant, as the pieces of one JSON document. No scope is open.

    Raises:
        TooOften: nothing is written.
    """
    limits.count(
        "data_exports",
        tenant.pk,
        most=MOST_EXPORTS_AN_HOUR,
        seconds=3600,
        message=_("The data can be exported %(most)s times an hour. Try again in an hour.")
        % {"most": MOST_EXPORTS_AN_HOUR},
    )
    with tenant_scope(tenant.pk):
        audit.record("tenant:exported", by=by, tenant_id=tenant.pk, target=tenant)
    return export(tenant.pk)


@transaction.atomic
def add_notification_address(*, tenant: Tenant, email: str, by: Actor) -> NotificationAddress:
    """Add an address, which is told nothing until its reader has opened the link that goes there. Adding one that is
    not confirmed yet sends the link again.

    Raises:
        AddressRefused, TooOften: nothing is written.
    """
    email = email.lower()
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    known = NotificationAddress.objects.filter(tenant_id=tenant.pk)
    found = known.filter(email=email).first()
    if found and found.verified_at:
        raise AddressRefused(_("%(email)s is confirmed already.") % {"email": email})
    if not found and known.count() >= MOST_ADDRESSES:
        raise AddressRefused(
            _("%(most)s addresses are the most. Remove one first, or use a mailing list.") % {"most": MOST_ADDRESSES}
        )
    limits.count(
        "notification_addresses",
        tenant.pk,
        most=MOST_ADDRESSES,
        seconds=24 * 3600,
        message=_("Too many confirmations were sent today. Try again tomorrow."),
    )
    secret = new_secret()
    address = found or NotificationAddress(tenant=tenant, email=email)
    address.digest = digest(secret)
    address.save()
    send_on_commit(
        "notification_address", email, tenant=tenant, path=reverse("notification_address_confirm", args=[secret])
    )
    audit.record("notification_address:added", by=by, tenant_id=tenant.pk, target=address, email=email)
    return address


@transaction.atomic
def remove_notification_address(*, tenant: Tenant, address_id: UUID, by: Actor) -> None:
    """Tell an address nothing any more.

    Raises:
        NotificationAddress.DoesNotExist: the tenant has no such address.
    """
    address = NotificationAddress.objects.get(tenant_id=tenant.pk, pk=address_id)
    audit.record("notification_address:removed", by=by, tenant_id=tenant.pk, target=address, email=address.email)
    address.delete()


def find_notification_address(secret: str) -> NotificationAddress:
    """The address that a link confirms, with its tenant.

    Raises:
        UnusableLink: there is none.
    """
    for address_id, tenant_id in call("notification_address_by_digest", digest(secret)):
        with tenant_scope(tenant_id):
            if found := NotificationAddress.objects.select_related("tenant").filter(pk=address_id).first():
                return found
    raise UnusableLink


def confirm_notification_address(*, secret: str, by: Actor) -> NotificationAddress:
    """Confirm the address of a link. Confirming twice changes nothing.

    Raises:
        UnusableLink: there is none.
    """
    found = find_notification_address(secret)
    with tenant_scope(found.tenant_id):
        address = NotificationAddress.objects.select_for_update().select_related("tenant").get(pk=found.pk)
        if address.verified_at is None:
            address.verified_at = timezone.now()
            address.save(update_fields=["verified_at"])
            audit.record(
                "notification_address:verified",
                by=by,
                tenant_id=address.tenant_id,
                target=address,
                email=address.email,
            )
    return address
