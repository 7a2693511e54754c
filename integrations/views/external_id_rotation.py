"""The page on which a connection's external ID is replaced: begun, followed role by role, called off."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from integrations.actions.connections import ConnectionInUse
from integrations.actions.external_id_rotations import (
    NothingToCancel,
    can_be_cancelled,
    cancel_rotation,
    progress_of,
    start_rotation,
)
from integrations.catalogue_file import catalogue
from integrations.views.connections import find_connection
from tenants.access import MemberRequest, member
from tenants.audit import Actor
from tenants.permissions import Permission


@member(Permission.VIEW)
def external_id_rotation(request: MemberRequest, connection_id: UUID) -> HttpResponse:
    """How far the rotation is, or what one would do."""
    found = find_connection(request, connection_id)
    rotation, progress = progress_of(connection=found)
    context = {
        "section": "connections",
        "connection": found,
        "rotation": rotation,
        "progress": [(one, catalogue().name_of(one.role.component)) for one in progress],
        "can_be_cancelled": rotation is not None and can_be_cancelled(rotation),
    }
    return render(request, "integrations/external_id_rotation.html", context)


@member(Permission.MANAGE)
def rotation_start(request: MemberRequest, connection_id: UUID) -> HttpResponse:
    """Issue a new external ID."""
    found = find_connection(request, connection_id)
    if request.method == "POST":
        try:
            start_rotation(connection=found, by=Actor.user(request.user))
        except ConnectionInUse as error:
            messages.error(request, str(error))
        else:
            messages.success(request, _("A new external ID is issued. The role template accepts both from now on."))
    return redirect("external_id_rotation", found.tenant_id, found.pk)


@member(Permission.MANAGE)
def rotation_cancel(request: MemberRequest, connection_id: UUID) -> HttpResponse:
    """Call the rotation off, while no role has moved."""
    found = find_connection(request, connection_id)
    if request.method == "POST":
        try:
            cancel_rotation(connection=found, by=Actor.user(request.user))
        except NothingToCancel as error:
            messages.error(request, str(error))
        else:
            messages.success(request, _("The rotation is called off. The external ID stays as it was."))
    return redirect("external_id_rotation", found.tenant_id, found.pk)
