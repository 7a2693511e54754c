"""The customer's cloud administrator, played in the sandbox with the press of a button."""

from collections.abc import Callable
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from integrations.actions.sandbox_stacks import deploy_stack, remove_stack
from integrations.actions.verifications import NotReady
from integrations.aws.customer_stack import NotASandbox, StackFailed
from integrations.aws.errors import AwsCallFailed
from integrations.models import Connection
from tenants.access import MemberRequest, member
from tenants.audit import Actor
from tenants.permissions import Permission


@member(Permission.MANAGE, scope=False)
def stack_deploy(request: MemberRequest, connection_id: UUID) -> HttpResponse:
    """Create or update the connection's stack in the sandbox."""
    return _act(request, connection_id, deploy_stack, _("The stack is in place in sandbox account %s."))


@member(Permission.MANAGE, scope=False)
def stack_delete(request: MemberRequest, connection_id: UUID) -> HttpResponse:
    """Delete the connection's stack in the sandbox, and the customer roles with it."""
    return _act(request, connection_id, remove_stack, _("The stack is deleted from sandbox account %s."))


def _act(request: MemberRequest, connection_id: UUID, action: Callable[..., str], done: str) -> HttpResponse:
    if not settings.AWS_ENDPOINT_URL:
        raise Http404
    address = reverse("connection", args=[request.tenant.pk, connection_id])
    if request.method != "POST":
        return redirect(address)
    try:
        account_id = action(tenant_id=request.tenant.pk, connection_id=connection_id, by=Actor.user(request.user))
    except Connection.DoesNotExist:
        raise Http404 from None
    except (NotReady, NotASandbox, StackFailed) as refused:
        messages.error(request, str(refused))
    except AwsCallFailed as failed:
        messages.error(request, _("The sandbox refused: %s") % failed)
    else:
        messages.success(request, done % account_id)
        return redirect(address + "#template")
    return redirect(address)
