"""Connections: made, given an account and components, found proved by another tenant."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from integrations.actions.role_templates import checked_options
from integrations.actions.status_changes import Cause, change_status, write_history
from integrations.aws.arns import validate_account_id
from integrations.aws.vendor import VendorAccountAsCustomer
from integrations.catalogue_file import catalogue
from integrations.models import Connection, CustomerRole, ExternalIdOrigin, Status
from integrations.models.connection import GOING
from tenants import audit
from tenants.actions.tenants import create_tenant
from tenants.audit import Actor
from tenants.models import Tenant, User
from tenants.scope import tenant_scope


class ConnectionInUse(ValueError):
    """What was asked for cannot be done to this connection any more; the message says what can."""


class TooManyConnections(ValueError):
    """The tenant has as many connections as it may; the message says what to do."""


@transaction.atomic
def open_tenant(*, name: str, owner: User, by: Actor) -> Tenant:
    """A new tenant with its owner and a first connection, whose external ID is stored before anybody sees it."""
    tenant = create_tenant(name=name, owner=owner, by=by)
    with tenant_scope(tenant.pk):
        create_connection(tenant=tenant, name="First AWS account", by=by)
    return tenant


@dataclass(frozen=True)
class RoleFromBefore:
    """A role that a customer made before there was a portal, and the external ID that it asks for."""

    name: str
    path: str
    external_id: str


@transaction.atomic
def create_connection(
    *,
    tenant: Tenant,
    name: str,
    by: Actor,
    account_id: str = "",
    components: Iterable[str] | None = None,
    from_before: RoleFromBefore | None = None,
) -> Connection:
    """A new connection with an external ID of its own (F4).

    Args:
        tenant: whose it is; its scope is open.
        name: what the customer calls it.
        by: who acts.
        account_id: the AWS account, if it is known already; dashes and spaces are allowed.
        components: ids from the catalogue; all of them by default.
        from_before: for `vendor_import` alone: the role that serves all of the components already.

    Raises:
        InvalidAccountId, VendorAccountAsCustomer, UnknownComponent, TooManyConnections: the message says what to do;
            nothing is written.
    """
    chosen = _known_components(components)
    account_id = _customer_account(account_id) if account_id else ""
    _lock(tenant)
    _refuse_too_many(tenant)
    connection = Connection(tenant=tenant, name=name, account_id=account_id)
    if from_before is not None:
        connection.external_id, connection.external_id_origin = from_before.external_id, ExternalIdOrigin.IMPORTED
        connection.role_name_pattern, connection.role_path = from_before.name, from_before.path
        connection.next_verification_at = timezone.now()
    connection.save()
    _set_roles(connection, chosen)
    audit.record(
        "connection:created" if from_before is None else "connection:imported",
        by=by,
        tenant_id=tenant.pk,
        target=connection,
        name=name,
        account_id=connection.account_id,
        components=chosen,
    )
    return connection


@transaction.atomic
def update_connection(
    *,
    connection: Connection,
    by: Actor,
    name: str | None = None,
    account_id: str | None = None,
    components: Iterable[str] | None = None,
) -> Connection:
    """Change the name, the account or the components of a connection; what is None stays.

    Raises:
        InvalidAccountId, VendorAccountAsCustomer, UnknownComponent, ConnectionInUse: the message says what to do;
            nothing is written.
        InvalidRoleOption: the permissions boundary chosen for its roles is a policy of another account.
    """
    connection = Connection.objects.select_for_update(no_key=True).get(tenant_id=connection.tenant_id, pk=connection.pk)
    changes: dict[str, object] = {}
    if connection.is_removed:
        raise ConnectionInUse(_("This connection is being removed and does not change any more. Add a new connection."))
    if name is not None and name != connection.name:
        connection.name = changes["name"] = name
    if account_id is not None and (canonical := _customer_account(account_id)) != connection.account_id:
        if connection.is_imported:
            raise ConnectionInUse(
                _(
                    "The role of this connection was there before the portal, in AWS account %(account_id)s, so its "
                    "account cannot change. Remove it, and add a new one for the other account."
                )
                % {"account_id": connection.account_id}
            )
        if connection.roles.filter(ever_used()).exists():
            raise ConnectionInUse(
                _(
                    "This connection gave us access to AWS account %(account_id)s, so its account cannot change. "
                    "Remove it, and add a new one for the other account."
                )
                % {"account_id": connection.account_id}
            )
        checked_options(connection.role_options, account_id=canonical)
        connection.account_id = changes["account_id"] = canonical
        connection.asked_at = connection.next_verification_at = None
        # What was found in another account says nothing of this one: the same components begin anew.
        chosen_before = list(connection.roles.all())
        write_history(chosen_before, "", cause=Cause.ACCOUNT_CHANGED, at=timezone.now())
        connection.roles.all().delete()
        _set_roles(connection, [role.component for role in chosen_before])
    if components is not None:
        chosen = _known_components(components)
        if set(chosen) != {role.component for role in connection.roles.exclude(status__in=GOING)}:
            changes["components"] = chosen
            _set_roles(connection, chosen)
    if changes:
        connection.save(update_fields=["name", "account_id", "asked_at", "next_verification_at"])
        audit.record("connection:changed", by=by, tenant_id=connection.tenant_id, target=connection, **changes)
    return connection


def _lock(tenant: Tenant) -> None:
    """Let one at a time make connections of a tenant."""
    list(Tenant.objects.select_for_update(no_key=True).filter(pk=tenant.pk).values_list("pk"))


def _refuse_too_many(tenant: Tenant) -> None:
    # The tenant is locked, or two could both see the last free place.
    most = settings.MOST_CONNECTIONS_PER_TENANT
    if Connection.objects.for_tenant(tenant.pk).filter(removed_at=None).count() >= most:
        raise TooManyConnections(
            _(
                "Your organisation has %(most)s connections, which is as many as it may have. Remove one that you no "
                "longer need, or ask our support for more."
            )
            % {"most": most}
        )


def ever_used() -> Q:
    """Roles that let us in at some time, safely or not."""
    return Q(worked_at__isnull=False) | Q(quarantined=True)


def _customer_account(account_id: str) -> str:
    canonical = validate_account_id(account_id)
    if canonical == settings.VENDOR_ACCOUNT_ID:
        raise VendorAccountAsCustomer(
            _(
                "%(account_id)s is the vendor's own AWS account. Give the 12-digit id of your account, shown at the "
                "top right of the AWS console."
            )
            % {"account_id": canonical}
        )
    return canonical


def _known_components(components: Iterable[str] | None) -> list[str]:
    if components is None:
        return [component.id for component in catalogue().components]
    return [catalogue().component(component).id for component in dict.fromkeys(components)]


def _set_roles(connection: Connection, components: list[str]) -> None:
    """Choose these components. A role that let us in is not forgotten but removed, which is proved (F16)."""
    now = timezone.now()
    dropped = connection.roles.exclude(component__in=components).exclude(status__in=GOING)
    if change_status(dropped.filter(ever_used()), Status.REMOVING, cause=Cause.DROPPED):
        connection.next_verification_at = now
    never_used = connection.roles.exclude(component__in=components).exclude(ever_used())
    write_history(never_used, "", cause=Cause.DROPPED, at=now)
    never_used.delete()
    chosen_again = connection.roles.filter(component__in=components, status__in=GOING)
    change_status(chosen_again.filter(quarantined=True), Status.UNSAFE, cause=Cause.CHOSEN, removed_at=None)
    change_status(chosen_again, Status.AWAITING, cause=Cause.CHOSEN, removed_at=None)
    has = set(connection.roles.values_list("component", flat=True))
    new = [
        CustomerRole(tenant_id=connection.tenant_id, connection=connection, component=component)
        for component in components
        if component not in has
    ]
    CustomerRole.objects.bulk_create(new)
    write_history(new, Status.AWAITING, cause=Cause.CHOSEN, at=now, new=True)
