"""What a customer chooses about the roles of a connection."""

from dataclasses import asdict, replace
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from integrations.actions.connections import ConnectionInUse, ever_used
from integrations.actions.role_templates import checked_options
from integrations.models import Connection
from integrations.models.role_options import ROLE_OPTION_FIELDS
from integrations.role_templates.options import validate_partition_choice
from integrations.vendor import vendor_settings
from tenants import audit
from tenants.audit import Actor


@transaction.atomic
def update_role_options(
    *, connection: Connection, by: Actor, partition: str | None = None, **changes: Any
) -> Connection:
    """Change what `changes` names of the connection's RoleOptions; what is left out stays. Its tenant's scope is open.

    Raises:
        InvalidRoleOption: a choice cannot be granted; nothing is written.
        ConnectionInUse: the connection is being removed or was imported, or the change would give another ARN to roles
            that let us in already, which would leave those behind unwatched.
    """
    connection = Connection.objects.select_for_update(no_key=True).get(tenant_id=connection.tenant_id, pk=connection.pk)
    if connection.is_removed:
        raise ConnectionInUse(_("This connection is being removed and does not change any more. Add a new connection."))
    if connection.is_imported:  # another name would let it prove a role that the operator never vouched for
        raise ConnectionInUse(
            _(
                "The role of this connection was there before the portal and keeps its name: no role template makes "
                "it, so there is nothing to choose. Add a new connection to have roles made by a role template "
                "instead."
            )
        )
    if partition is not None:
        validate_partition_choice(partition, vendor_settings().partition)
    before = connection.role_options
    options = checked_options(replace(before, **changes), account_id=connection.account_id)
    if options == before:
        return connection
    renamed = (options.name_pattern, options.path) != (before.name_pattern, before.path)
    if renamed and connection.roles.filter(ever_used()).exists():
        raise ConnectionInUse(
            _(
                "Roles of this connection let us in already, so their names and path cannot change: the roles that "
                "are there would stay open with nobody looking at them. Remove this connection, and add a new one "
                "with the other names."
            )
        )
    connection.role_options = options
    connection.remember_dropped(before)
    connection.save(update_fields=[*ROLE_OPTION_FIELDS, "dropped_tag_keys", "dropped_boundary_arns"])
    was = asdict(before)
    audit.record(
        "connection:role_options_changed",
        by=by,
        tenant_id=connection.tenant_id,
        target=connection,
        **{name: value for name, value in asdict(options).items() if value != was[name]},
    )
    return connection
