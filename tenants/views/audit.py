"""The audit events of a tenant: a page with a filter, and the same as a file."""

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render

from tenants.access import MemberRequest, member
from tenants.audit_export import as_csv, as_json
from tenants.forms import AuditFilterForm
from tenants.models import AuditEvent
from tenants.permissions import Permission

PAGE_SIZE = 50


@member(Permission.ADMINISTER)
def audit_events(request: MemberRequest) -> HttpResponse:
    """What was done, newest first, by whom and from where."""
    form = AuditFilterForm(request.GET)
    valid = form.is_valid()
    events = AuditEvent.objects.for_tenant(request.tenant.pk).filter(form.wanted()).order_by("-pk")
    before = request.GET.get("before", "")
    if before.isdecimal() and len(before) < 19:
        events = events.filter(pk__lt=int(before))
    page = list(events[: PAGE_SIZE + 1])
    asked = request.GET.copy()
    asked.pop("before", None)
    context = {
        "section": "audit",
        "form": form,
        "events": page[:PAGE_SIZE],
        "older": page[PAGE_SIZE - 1].pk if len(page) > PAGE_SIZE else None,
        "query": asked.urlencode(),
    }
    return render(request, "tenants/audit_events.html", context, status=200 if valid else 422)


@member(Permission.ADMINISTER, scope=False)
def audit_export(request: MemberRequest, file_format: str) -> HttpResponseBase:
    """The events that the filter names, as CSV or JSON."""
    form = AuditFilterForm(request.GET)
    if not form.is_valid():
        return redirect("audit_events", tenant_id=request.tenant.pk)
    write, content_type = {"csv": (as_csv, "text/csv; charset=utf-8"), "json": (as_json, "application/json")}[
        file_format
    ]
    response = StreamingHttpResponse(write(request.tenant.pk, form.wanted()), content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="audit-{request.tenant.reference}.{file_format}"'
    return response
