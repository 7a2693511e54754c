"""The findings of a connection: of one verification, with filters."""

from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render

from integrations.catalogue_file import catalogue
from integrations.forms import FindingFilterForm, is_uuid
from integrations.models import Finding
from integrations.problems import PROBLEMS
from integrations.views.connections import REFUSED, find_connection
from tenants.access import MemberRequest, member
from tenants.permissions import Permission

PAGE_SIZE = 50
OFFERED_VERIFICATIONS = 20


@member(Permission.VIEW)
def findings(request: MemberRequest, connection_id: UUID) -> HttpResponse:
    """Every finding of the latest verification, or of the one that the filter names."""
    connection = find_connection(request, connection_id)
    kept = connection.verifications.filter(rolled_up__isnull=True)
    offered = list(kept[:OFFERED_VERIFICATIONS])
    named = request.GET.get("verification", "")
    if is_uuid(named) and named not in {str(one.pk) for one in offered}:
        offered.append(get_object_or_404(kept, pk=named))
    components = [role.component for role in connection.roles.all()]
    form = FindingFilterForm(request.GET, verifications=offered, components=components)
    valid = form.is_valid()
    wanted = form.cleaned_data if valid else {}
    chosen = next((one for one in offered if str(one.pk) == wanted.get("verification")), None)
    chosen = chosen or next(iter(offered), None)
    found = chosen.findings.all() if chosen else Finding.objects.none()
    if outcome := wanted.get("outcome"):
        found = found.filter(outcome__in=PROBLEMS if outcome == form.PROBLEMS else [outcome])
    for field in ("component", "who"):
        if wanted.get(field):
            found = found.filter(**{field: wanted[field]})
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    asked = request.GET.copy()
    asked.pop("page", None)
    context = {
        "section": "connections",
        "connection": connection,
        "form": form,
        "verification": chosen,
        "page": page,
        "rows": [(finding, catalogue().name_of(finding.component)) for finding in page],
        "query": asked.urlencode(),
    }
    return render(request, "integrations/findings.html", context, status=200 if valid else REFUSED)
