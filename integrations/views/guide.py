"""What the guide and the page "What you will see" show, to members and behind a hand-off link."""

from typing import Any

from django.conf import settings
from django.db.models import prefetch_related_objects

from integrations.actions.external_ids import template_external_ids
from integrations.actions.targets import verification_target
from integrations.catalogue_file import catalogue
from integrations.models import Connection
from integrations.models.connection import GOING
from integrations.trail_appearance import role_appearance
from integrations.vendor import vendor_settings


def guide_context(connection: Connection) -> dict[str, Any]:
    """What is asked for, in plain words; the tenant's scope is open."""
    prefetch_related_objects([connection], "external_id_rotations")
    current, vendor = catalogue(), vendor_settings()
    roles = [role for role in connection.roles.exclude(status__in=GOING) if current.offers(role.component)]
    components = [
        (
            role,
            component := current.component(role.component),
            [(permission, component.what_stops_without(permission)) for permission in component.permissions],
        )
        for role in roles
    ]
    return {
        "connection": connection,
        "tenant": connection.tenant,
        "guide_components": components,
        "options": connection.role_options,
        "external_ids": template_external_ids(connection),
        "trusted_principals": sorted({vendor.trusted_principal_arn(role.component) for role in roles}),
        "vendor_account": vendor.vendor_account_id,
        "partition": vendor.partition,
        "sees_customer_data": any(component.sees_customer_data for _, component, _ in components),
        "catalogue_version": current.version,
    }


def will_see_context(connection: Connection) -> dict[str, Any]:
    """How our calls will look in the account's CloudTrail; the tenant's scope is open."""
    prefetch_related_objects([connection], "external_id_rotations")
    current, vendor = catalogue(), vendor_settings()
    roles = [role for role in connection.roles.exclude(status__in=GOING) if current.offers(role.component)]
    appearances = (
        [role_appearance(vendor, verification_target(connection, role)) for role in roles]
        if connection.account_id
        else []
    )
    return {
        "connection": connection,
        "tenant": connection.tenant,
        "appearances": appearances,
        "principals": sorted({appearance.principal_arn for appearance in appearances}),
        "canary": vendor.canary_role_arn,
        "calls": sum(appearance.calls for appearance in appearances),
        "egress_addresses": settings.EGRESS_ADDRESSES,
    }
