"""The catalogue, for programs."""

from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.serializers import ComponentSerializer
from integrations.catalogue_file import catalogue
from tenants.api.base import TenantAPIView
from tenants.api.schema import operation
from tenants.permissions import Permission


class Components(TenantAPIView):
    """The parts of the product that need access of their own."""

    permissions = {"GET": Permission.VIEW}

    @operation("list_components", "List the components", answers={200: ComponentSerializer(many=True)})
    def get(self, _request: Request) -> Response:
        """Every component of the catalogue, with each permission it needs and why."""
        return Response(ComponentSerializer(catalogue().components, many=True).data)
