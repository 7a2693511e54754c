"""Pages of connections: a new one, and the page on which a connection goes from external ID to tested."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _

from integrations.actions.connections import (
    ConnectionInUse,
    TooManyConnections,
    create_connection,
    update_connection,
)
from integrations.actions.external_ids import latest_rotation
from integrations.actions.quick_create import has_quick_create
from integrations.actions.role_templates import last_download
from integrations.actions.role_updates import format_of_original, role_updates
from integrations.actions.sandbox_stacks import DELETED, last_stack_event, stack_name
from integrations.actions.status_changes import changes_since
from integrations.actions.vendor_identity import stands_in_the_way
from integrations.actions.verifications import NotReady
from integrations.aws.arns import InvalidAccountId
from integrations.aws.policies import revoke_older_sessions_policy
from integrations.aws.vendor import VendorAccountAsCustomer
from integrations.catalogue_file import catalogue
from integrations.forms import AccountForm, ComponentsForm, ConnectionForm
from integrations.models import Connection, CustomerRole, Status, Verification
from integrations.models.connection import GOING, OUT_OF_USE
from integrations.next_verification import is_waiting_for_aws
from integrations.readers_language import refusal_in_readers_language
from integrations.role_templates.options import InvalidRoleOption
from integrations.vendor import vendor_settings
from integrations.views import steps
from integrations.views.pictures import picture
from integrations.views.template_tabs import TABS, TemplateTabs, format_name, template_tabs
from integrations.views.timelines import WINDOW, cause_of, timeline_of
from tenants.access import MemberRequest, member
from tenants.audit import Actor
from tenants.models import AuditEvent
from tenants.page_in_hand import is_fragment
from tenants.permissions import Permission

REFUSED = 422  # the status of a page that shows a form again with what is wrong with it
SHOWN_VERIFICATIONS = 10
SHOWN_CHANGES = 20
A_MOMENT = timedelta(minutes=1)


@member(Permission.MANAGE)
def connection_new(request: MemberRequest) -> HttpResponse:
    """Add a connection, which gets its external ID at once."""
    form = ConnectionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            connection = create_connection(tenant=request.tenant, by=Actor.user(request.user), **form.cleaned_data)
        except (InvalidAccountId, VendorAccountAsCustomer) as error:
            form.add_error("account_id", refusal_in_readers_language(error))
        except TooManyConnections as error:
            form.add_error(None, str(error))
        else:
            return redirect(connection_address(connection))
    context = {"section": "connections", "form": form}
    return render(request, "integrations/connection_new.html", context, status=REFUSED if form.errors else 200)


@member(Permission.VIEW)
def connection(request: MemberRequest, connection_id: UUID) -> HttpResponse:
    """The page of one connection; its live part alone where htmx asks for it."""
    return _connection_page(request, find_connection(request, connection_id))


@member(Permission.MANAGE)
def components(request: MemberRequest, connection_id: UUID) -> HttpResponse:
    """Choose the components of a connection."""
    found = find_connection(request, connection_id)
    if request.method != "POST":
        return redirect(connection_address(found))
    form = ComponentsForm(request.POST)
    if form.is_valid():
        try:
            update_connection(connection=found, by=Actor.user(request.user), **form.cleaned_data)
        except ConnectionInUse as error:
            form.add_error(None, str(error))
    if form.errors:
        return _connection_page(request, found, components_form=form)
    messages.success(request, _("Your choice of components is saved."))
    return redirect(connection_address(found) + "#components")


@member(Permission.MANAGE)
def account(request: MemberRequest, connection_id: UUID) -> HttpResponse:
    """Name the AWS account of a connection."""
    found = find_connection(request, connection_id)
    if request.method != "POST":
        return redirect(connection_address(found))
    form = AccountForm(request.POST)
    if form.is_valid():
        try:
            update_connection(connection=found, by=Actor.user(request.user), **form.cleaned_data)
        except (InvalidAccountId, VendorAccountAsCustomer, InvalidRoleOption) as error:
            form.add_error("account_id", refusal_in_readers_language(error))
        except ConnectionInUse as error:
            form.add_error(None, str(error))
    if form.errors:
        return _connection_page(request, found, account_form=form)
    messages.success(request, _("Your AWS account ID is saved."))
    return redirect(connection_address(found) + "#account")


def find_connection(request: MemberRequest, connection_id: UUID) -> Connection:
    """The tenant's connection, or 404."""
    return get_object_or_404(
        Connection.objects.for_tenant(request.tenant.pk)
        .select_related("tenant")
        .prefetch_related("roles", "external_id_rotations"),
        pk=connection_id,
    )


def connection_address(connection: Connection) -> str:
    return reverse("connection", args=[connection.tenant_id, connection.pk])


def _connection_page(
    request: MemberRequest,
    connection: Connection,
    *,
    components_form: ComponentsForm | None = None,
    account_form: AccountForm | None = None,
) -> HttpResponse:
    roles = list(connection.roles.all())
    template_roles = [role for role in roles if role.status not in GOING and catalogue().offers(role.component)]
    chosen = [role.component for role in template_roles]
    last = list(connection.verifications.all()[:SHOWN_VERIFICATIONS])
    latest = next((one for one in last if one.checks == Verification.Checks.ALL), None) or (
        connection.verifications.filter(checks=Verification.Checks.ALL).first()
    )
    if is_fragment(request) and latest and not latest.is_active and _has_seen(request, latest):
        return HttpResponse(status=204)  # nothing new: htmx leaves the page, and what is open on it, as it is
    shown = picture(latest, connection) if latest else None
    refused = [form for form in (components_form, account_form) if form is not None]
    has_sandbox = bool(settings.AWS_ENDPOINT_URL)
    stack_event = last_stack_event(connection) if has_sandbox and roles and connection.account_id else None
    now = timezone.now()
    changes = changes_since(connection, now - WINDOW) if latest else []
    timeline = timeline_of(roles, changes, now=now)
    standing = steps.step_of(connection, [role.status for role in roles], verified=latest is not None)
    context: dict[str, Any] = {
        "section": "connections",
        "connection": connection,
        "status": connection.status,
        "rotation": latest_rotation(connection),
        **_updates(connection),
        "vendor_is_broken": stands_in_the_way(chosen),
        "confirming": any(role.is_confirming for role in roles),
        "changes": [
            (change, catalogue().name_of(change.component), cause_of(change)) for change in changes[:SHOWN_CHANGES]
        ],
        "timeline": timeline,
        "timeline_bars": [(bar, catalogue().name_of(bar.component)) for bar in timeline.bars],
        "taken": last_download(connection),
        "waiting_for_aws": is_waiting_for_aws(connection.status, asked_at=connection.asked_at, now=now),
        "components": catalogue().components,
        "components_form": components_form or ComponentsForm(chosen=chosen),
        "account_form": account_form or AccountForm(initial={"account_id": connection.account_id}),
        "refused_form": refused[0] if refused else None,
        "integration_role": vendor_settings().integration_role_arn,
        "vendor_account": vendor_settings().vendor_account_id,
        "ready": bool(chosen and connection.account_id),
        "templates": _templates(request, connection) if chosen and connection.account_id else None,
        "has_quick_create": has_quick_create(),
        "options": connection.role_options,
        "template_roles": template_roles,
        "roles": named_roles(connection),
        "paused": [role for role in roles if role.status == Status.PAUSED and not role.vendor_paused_from],
        "can_pause": [role for role in roles if role.status not in OUT_OF_USE],
        "revoke_policy": json.dumps(revoke_older_sessions_policy(now), indent=2),
        "stack_name": stack_name(connection),
        "looks_soon": connection.next_verification_at is not None and connection.next_verification_at < now + A_MOMENT,
        "step": standing.key,
        "standing": standing,
        "steps_in_all": steps.IN_ALL,
        "in_use": steps.is_in_use(connection),
        "picture": shown,
        "watched": is_fragment(request),
        "other_verifications": [one for one in last if one != latest],
        "stack": stack_event if stack_event and not stack_event.action.endswith(DELETED) else None,
        "deployed": _is_deployed(connection, stack_event),
        "stack_deleted": stack_event is not None and stack_event.action.endswith(DELETED),
    }
    template = "integrations/partials/live_fragment.html" if is_fragment(request) else "integrations/connection.html"
    response = render(request, template, context, status=REFUSED if refused else 200)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _updates(connection: Connection) -> dict[str, object]:
    """What newer versions of components ask of the roles that are there, and in which format to take it."""
    updates = role_updates(connection=connection)
    if not updates:
        return {}
    original = format_of_original(connection=connection)
    tab = next(tab for tab, formats in TABS.items() if original in formats)
    return {
        "updates": updates,
        "update_format": original.value,
        "update_format_name": format_name(original),
        "update_tab": tab,
    }


def _templates(request: HttpRequest, connection: Connection) -> TemplateTabs | None:
    """The formats of the role template; None where the connection has none, such as one that is being removed."""
    if is_fragment(request):
        return None  # the live part does not show them
    try:
        return template_tabs(
            connection,
            request.GET.get("format", ""),
            page=connection_address(connection),
            address_of=lambda chosen: reverse("role_template", args=[connection.tenant_id, connection.pk, chosen]),
        )
    except NotReady as missing:
        messages.error(request, str(missing))
        return None


def _is_deployed(connection: Connection, stack_event: AuditEvent | None) -> bool:
    """Whether the roles are in the account, as far as is known here: seen by a verification, or made from here."""
    if stack_event is not None:
        return not stack_event.action.endswith(DELETED)
    if connection.status == Status.PAUSED:
        return any(role.worked_at for role in connection.roles.all())
    return connection.status in {Status.CONNECTED, Status.DEGRADED, Status.UNSAFE}


def named_roles(connection: Connection) -> list[tuple[CustomerRole, str]]:
    """The connection's roles, each with what people call its component."""
    return [(role, catalogue().name_of(role.component)) for role in connection.roles.all()]


def _has_seen(request: HttpRequest, latest: Verification) -> bool:
    """Whether the page that asks shows the end of the latest verification already."""
    return request.GET.get("seen") == str(latest.pk)
