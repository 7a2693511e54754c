"""Pages of verifications: asking for one, and following it or reading it again."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers

from integrations.actions.verifications import NotReady, request_verification
from integrations.catalogue_file import catalogue
from integrations.models import Connection, Verification
from integrations.views.pictures import picture
from tenants.access import MemberRequest, member
from tenants.audit import Actor
from tenants.page_in_hand import is_fragment
from tenants.permissions import Permission
from tenants.scope import tenant_scope


@member(Permission.VERIFY, scope=False)
def verify(request: MemberRequest, connection_id: UUID) -> HttpResponse:
    """Ask for a verification. The scope closes before the answer, since its end is what sends the task to the queue.

    If the queue is away the verification has ended as `failed` by then, and the page says so.
    """
    address = reverse("connection", args=[request.tenant.pk, connection_id])
    if request.method != "POST":
        return redirect(address)
    try:
        with tenant_scope(request.tenant.pk):
            connection = Connection.objects.for_tenant(request.tenant.pk).get(pk=connection_id)
            request_verification(connection=connection, by=Actor.user(request.user))
    except Connection.DoesNotExist:
        raise Http404 from None
    except NotReady as missing:
        messages.error(request, str(missing))
        return redirect(address)
    return redirect(address + "#verify")


@member(Permission.VIEW)
def verification(request: MemberRequest, connection_id: UUID, verification_id: UUID) -> HttpResponse:
    """One verification, live while it runs; its live part alone where htmx asks for it."""
    found = get_object_or_404(
        Verification.objects.filter(tenant_id=request.tenant.pk, connection_id=connection_id)
        .select_related("connection__tenant")
        .prefetch_related("connection__roles", "connection__external_id_rotations"),
        pk=verification_id,
    )
    context = {
        "section": "connections",
        "connection": found.connection,
        "verification": found,
        "picture": picture(found, found.connection),
        "watched": is_fragment(request),
        "counts": [(catalogue().name_of(one["component"]), one) for one in found.rolled_up or ()],
    }
    part = "partials/verification.html" if is_fragment(request) else "verification.html"
    response = render(request, f"integrations/{part}", context)
    patch_vary_headers(response, ["HX-Request"])
    return response
