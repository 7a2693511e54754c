"""Taking a connection out of use: paused and resumed, removed for good, and the statement that access is gone."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations.actions.offboarding import request_removal
from integrations.actions.pausing import NotOfThisConnection, pause, resume
from integrations.actions.removal_statements import NotRemoved
from integrations.actions.removal_statements import removal_statement as statement_of
from integrations.actions.sandbox_stacks import stack_name
from integrations.actions.verifications import NotReady
from integrations.models import Status
from integrations.views.connections import connection_address, find_connection, named_roles
from tenants.access import MemberRequest, member
from tenants.audit import Actor
from tenants.permissions import Permission
from tenants.scope import tenant_scope


@member(Permission.MANAGE, scope=False)
def pause_roles(request: MemberRequest, connection_id: UUID) -> HttpResponse:
    """Pause the roles of the components that were sent, or of all."""
    return _act(request, connection_id, pause, _paused)


@member(Permission.MANAGE, scope=False)
def resume_roles(request: MemberRequest, connection_id: UUID) -> HttpResponse:
    """Resume the roles of the components that were sent, or of all, and verify them.

    The scope closes before the answer: its end is what sends the verification to the queue, and if that is away the
    page says so.
    """
    return _act(request, connection_id, resume, _resumed)


@member(Permission.MANAGE, scope=False)
def remove(request: MemberRequest, connection_id: UUID) -> HttpResponse:
    """Say what removal means; on POST, remove the connection. As above, its end sends a verification to the queue."""
    with tenant_scope(request.tenant.pk):
        found = find_connection(request, connection_id)
        address = connection_address(found)
        if request.method != "POST" and not found.is_removed:
            roles = [role for role in named_roles(found) if role[0].status != Status.REMOVED]
            context = {
                "section": "connections",
                "connection": found,
                "roles": roles,
                "stack_name": stack_name(found),
                "has_something_to_delete": bool(found.account_id and roles),
            }
            return render(request, "integrations/connection_remove.html", context)
        if request.method == "POST":
            request_removal(connection=found, by=Actor.user(request.user))
    return redirect(address)


@member(Permission.VIEW)
def removal_statement(request: MemberRequest, connection_id: UUID) -> HttpResponse:
    """The dated statement that access is gone; until it is, the connection's page says how far it is."""
    found = find_connection(request, connection_id)
    try:
        statement = statement_of(connection=found)
    except NotRemoved:
        return redirect(connection_address(found))
    context = {
        "section": "connections",
        "connection": found,
        "roles": named_roles(found),
        "external_ids": statement.external_ids,
        "was_open": statement.was_open,
    }
    return render(request, "integrations/removal_statement.html", context)


def _act(
    request: MemberRequest,
    connection_id: UUID,
    action: Callable[..., list[str]],
    done: Callable[[list[str]], str],
) -> HttpResponse:
    with tenant_scope(request.tenant.pk):
        found = find_connection(request, connection_id)
        if request.method == "POST":
            components = request.POST.getlist("components") or None
            try:
                changed = action(connection=found, by=Actor.user(request.user), components=components)
            except (NotOfThisConnection, NotReady) as error:
                messages.error(request, str(error))
            else:
                messages.success(request, done(changed))
    return redirect(connection_address(found))


def _paused(components: list[str]) -> str:
    if not components:
        return _("There was nothing left to pause.")
    return ngettext("%d role is paused.", "%d roles are paused.", len(components)) % len(components)


def _resumed(components: list[str]) -> str:
    if not components:
        return _("Nothing was paused any more.")
    words = ngettext(
        "%d role is resumed and is verified now.", "%d roles are resumed and are verified now.", len(components)
    )
    return words % len(components)
