"""Verifications as evidence, for programs: the file that the page offers, byte for byte."""

import hashlib
from uuid import UUID

from django.http import Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request

from integrations.actions.verification_reports import report_bytes, report_of
from integrations.api.file_digests import digest_header, digest_parameter
from integrations.models import Verification
from tenants.api.base import TenantAPIView
from tenants.api.problems import Problem
from tenants.api.schema import NOT_FOUND, operation
from tenants.permissions import Permission

_DIGEST = digest_parameter("in hex it stands on the printed report")


class VerificationReport(TenantAPIView):
    """The report of one verification."""

    permissions = {"GET": Permission.VIEW}

    @operation(
        "get_verification_report",
        "Download a verification's report",
        answers={200: OpenApiTypes.OBJECT},
        parameters=[_DIGEST],
        problems=NOT_FOUND | {409: "The verification has come to no verdict."},
    )
    def get(self, _request: Request, verification_id: UUID) -> HttpResponse:
        """All that a verification was and found, with the receipts of its sessions, for an auditor. The same bytes at
        any time.
        """
        found = (
            Verification.objects.select_related("connection__tenant")
            .prefetch_related("connection__roles", "connection__external_id_rotations")
            .filter(tenant=self.tenant, pk=verification_id)
            .first()
        )
        if found is None:
            raise Http404
        if found.state != Verification.State.COMPLETED:
            detail = "There is a report once the verification is `completed`."
            raise Problem("no-verdict", "The verification has no verdict", detail, 409)
        content = report_bytes(report_of(found, found.connection))
        name = f"verification-{found.connection.reference}-{found.requested_at:%Y%m%d-%H%M%S}.json"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'} | digest_header(
            hashlib.sha256(content).digest()
        )
        return HttpResponse(content, content_type="application/json", headers=headers)
