"""What the API answers beside its operations: its own description, and addresses that are none."""

from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.access import public
from tenants.api.base import ApiView
from tenants.api.problems import unknown_address


class Schema(ApiView):
    """The OpenAPI document of this API."""

    access = "public"
    authentication_classes = []
    permission_classes = [AllowAny]
    renderer_classes = [OpenApiYamlRenderer]

    @extend_schema(exclude=True)
    def get(self, _request: Request) -> Response:
        """The document, in YAML. It is the same for everybody."""
        return Response(openapi_document())


@public
def docs(request: HttpRequest) -> HttpResponse:
    """The OpenAPI document to read and to try, drawn by files of our own."""
    return render(request, "tenants/api_docs.html")


@cache
def openapi_document() -> dict[str, Any]:
    """The OpenAPI document; it changes with the code alone, so a process makes it once."""
    document: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # drf-spectacular types little of itself
    return document


@public
@csrf_exempt
def nothing_here(_request: HttpRequest, **_: object) -> HttpResponse:
    """A problem document for every address below /api/ that is none, whatever the method."""
    return unknown_address()
