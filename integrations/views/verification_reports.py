"""A verification as a report that a customer hands to an auditor: to print, and as a file with the same content."""

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone

from integrations.actions.verification_reports import report_bytes, report_of, sha256_of
from integrations.catalogue_file import catalogue
from integrations.models import Verification
from integrations.views.pictures import picture
from tenants.access import MemberRequest, member
from tenants.permissions import Permission


@member(Permission.VIEW)
def verification_report(request: MemberRequest, connection_id: UUID, verification_id: UUID) -> HttpResponse:
    """The report, made to be printed."""
    found = _find(request, connection_id, verification_id)
    report = report_of(found, found.connection)
    by_component: dict[str, list[dict[str, object]]] = {}
    for number, finding in enumerate(report["findings"], start=1):
        by_component.setdefault(finding["component"], []).append(finding | {"number": number})
    arns = {role["component"]: role["arn"] for role in report["roles"]}
    context = {
        "section": "connections",
        "connection": found.connection,
        "verification": found,
        "report": report,
        "sha256": sha256_of(report),
        "problems": picture(found, found.connection).problem_count,
        "parts": [
            {
                "name": catalogue().name_of(component),
                "arn": arns[component],
                "version": report["catalogue"]["components"].get(component, ""),
                "findings": findings,
                "passed": sum(finding["outcome"] == "passed" for finding in findings),
            }
            for component, findings in by_component.items()
        ],
        "printed_at": timezone.now(),
    }
    return render(request, "integrations/verification_report.html", context)


@member(Permission.VIEW)
def verification_report_file(request: MemberRequest, connection_id: UUID, verification_id: UUID) -> HttpResponse:
    """The same as JSON; its SHA-256 stands on the page."""
    found = _find(request, connection_id, verification_id)
    response = HttpResponse(report_bytes(report_of(found, found.connection)), content_type="application/json")
    name = f"verification-{found.connection.reference}-{found.requested_at:%Y%m%d-%H%M%S}.json"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _find(request: MemberRequest, connection_id: UUID, verification_id: UUID) -> Verification:
    """The verification, once it has a verdict and while its findings are kept; else there is no report."""
    found = get_object_or_404(
        Verification.objects.filter(tenant_id=request.tenant.pk, connection_id=connection_id)
        .select_related("connection__tenant")
        .prefetch_related("connection__roles", "connection__external_id_rotations"),
        pk=verification_id,
    )
    if found.state != Verification.State.COMPLETED or found.rolled_up is not None:
        raise Http404
    return found
