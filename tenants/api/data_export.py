"""All that is kept for the organisation, for programs."""

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request

from tenants.actions.settings import export_data
from tenants.api.base import TenantAPIView
from tenants.api.rate_limits import too_many_requests
from tenants.api.schema import operation
from tenants.limits import TooOften
from tenants.permissions import Permission


class DataExport(TenantAPIView):
    """The data export. It is read in short scopes of its own while it is sent."""

    permissions = {"GET": Permission.OWN}
    scoped = False

    @operation("export_data", "Export all data", answers={200: OpenApiTypes.OBJECT})
    def get(self, _request: Request) -> StreamingHttpResponse:
        """All that is kept for your organisation: one object with a list of rows for each table. What opens doors
        (hashes and sealed secrets) is left out. A few times an hour at the most.
        """
        try:
            document = export_data(tenant=self.tenant, by=self.actor)
        except TooOften as error:
            raise too_many_requests(str(error), error.retry_after_seconds) from error
        return StreamingHttpResponse(
            document,
            content_type="application/json",
            headers={"Content-Disposition": f'attachment; filename="rolebridge-{self.tenant.reference}.json"'},
        )
