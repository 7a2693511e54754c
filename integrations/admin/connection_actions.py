"""What support staff may do with a connection: the customer's own actions, with a reason that the customer reads."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from unfold.decorators import action

from integrations.actions.pausing import pause
from integrations.actions.verifications import NotReady, request_verification
from integrations.models import Connection, Verification
from tenants.audit import Actor
from tenants.scope import tenant_scope
from tenants.staff_forms import FormPage, ReasonForm


class ConnectionActions:
    """Buttons on the page of a connection."""

    admin_site: Any
    actions_detail = ("verify", "pause")

    @action(description="Ask for a new verification", url_path="verify", permissions=["view"])  # type: ignore[untyped-decorator]  # the theme has no types
    def verify(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for a verification."""
        connection = _connection(object_id)

        def act(by: Actor) -> str:
            if problem := ask_for_verification(connection.tenant_id, connection.pk, by):
                raise NotReady(problem)
            return "A verification is under way."

        return self._answer(request, connection, "Ask for a new verification", act)

    @action(description="Pause it", url_path="pause", permissions=["view"])  # type: ignore[untyped-decorator]  # as above
    def pause(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Pause all of its roles; the customer resumes them."""
        connection = _connection(object_id)

        def act(by: Actor) -> str:
            with tenant_scope(connection.tenant_id):
                paused = pause(connection=connection, by=by)
            return f"Paused: {', '.join(paused)}. The customer can resume them." if paused else "Nothing was in use."

        return self._answer(request, connection, "Pause the connection", act)

    def _answer(
        self, request: HttpRequest, connection: Connection, title: str, act: Callable[[Actor], str]
    ) -> HttpResponse:
        form = ReasonForm(request.POST if request.method == "POST" else None)
        about = f"{connection.name}, AWS account {connection.account_id or 'not named yet'}, of {connection.tenant}"
        back = reverse("admin:integrations_connection_change", args=[connection.pk])
        return FormPage(self.admin_site, title, about).answer(request, form, act, back=back)


def ask_for_verification(tenant_id: UUID, connection_id: UUID, by: Actor) -> str:
    """Ask for a verification in the scope of its tenant; what stood in the way, empty if nothing did."""
    try:
        with tenant_scope(tenant_id):
            connection = Connection.objects.for_tenant(tenant_id).get(pk=connection_id)
            asked = request_verification(connection=connection, by=by)
    except Connection.DoesNotExist:
        return "it is gone."
    except NotReady as error:
        return str(error)
    with tenant_scope(tenant_id):
        verification = Verification.objects.get(tenant_id=tenant_id, pk=asked.pk)
    return "the queue is unavailable, nothing was started." if verification.failure == "queue_unavailable" else ""


def _connection(object_id: str) -> Connection:
    try:
        return Connection.objects.select_related("tenant").get(pk=UUID(object_id))
    except (ValueError, Connection.DoesNotExist):
        raise Http404 from None
