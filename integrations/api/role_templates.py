"""Role templates, for programs: what a customer chooses, the files, and what was handed out."""

import logging
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.actions.connections import ConnectionInUse
from integrations.actions.quick_create import BUCKET_FAILED, NoTemplateBucket, prepare_quick_create
from integrations.actions.role_options import update_role_options
from integrations.actions.role_templates import NoRoleTemplate, download_again, download_role_template
from integrations.actions.verifications import NotReady
from integrations.api.connections import connection_or_404, field_error, not_ready, valid
from integrations.api.file_digests import digest_header, digest_parameter
from integrations.api.role_template_serializers import (
    DownloadSerializer,
    QuickCreateSerializer,
    RoleOptionsInput,
    RoleOptionsSerializer,
)
from integrations.aws.errors import AwsCallFailed
from integrations.aws.template_bucket import TemplateUrlTooLong
from integrations.models import Connection, RoleTemplateDownload
from integrations.role_templates.formats import MEDIA_TYPES, Format
from integrations.role_templates.options import InvalidRoleOption
from integrations.vendor import vendor_settings
from tenants.api.base import Pagination, TenantAPIView
from tenants.api.filters import Filters
from tenants.api.problems import Problem
from tenants.api.schema import FORBIDDEN, INVALID_BODY, NOT_FOUND, operation
from tenants.permissions import Permission

logger = logging.getLogger(__name__)

_FORMAT = OpenApiParameter(
    "template_format",
    OpenApiTypes.STR,
    OpenApiParameter.PATH,
    enum=[chosen.value for chosen in Format],
    description="The format; all of them make the same roles.",
)
_DIGEST = digest_parameter()
_VERSION = OpenApiParameter(
    "X-Catalogue-Version",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Version of the catalogue the file was made from.",
    response=[200],
)
_MEDIA_TYPES = tuple(sorted(set(MEDIA_TYPES.values())))


class DownloadPagination(Pagination):
    """The latest first."""

    ordering = ("-downloaded_at", "-id")


class RoleOptionsDetail(TenantAPIView):
    """What is chosen about the roles of a connection."""

    permissions = {"GET": Permission.VIEW, "PATCH": Permission.MANAGE}

    @operation(
        "get_role_options", "Show the options", answers={200: RoleOptionsSerializer}, problems=NOT_FOUND, etag=True
    )
    def get(self, _request: Request, connection_id: UUID) -> Response:
        """What is chosen about the connection's roles, beside its components."""
        return self.one(_options(connection_or_404(self.tenant, connection_id)))

    @operation(
        "update_role_options",
        "Change the options",
        request=RoleOptionsInput,
        answers={200: RoleOptionsSerializer},
        problems=INVALID_BODY
        | FORBIDDEN
        | NOT_FOUND
        | {409: "Roles that let us in already would get another ARN, or it is imported or being removed."},
        etag=True,
    )
    def patch(self, request: Request, connection_id: UUID) -> Response:
        """Change some of the options; what is left out stays. Deploy the role template anew afterwards.

        Names and path can change until a role first let us in: the ARN follows from them.
        """
        wanted = valid(RoleOptionsInput(data=request.data, partial=True))
        connection = connection_or_404(self.tenant, connection_id, for_change=True)
        self.require_match(_options(connection))
        try:
            return self.one(_options(update_role_options(connection=connection, by=self.actor, **wanted)))
        except InvalidRoleOption as error:
            raise field_error(error.option, str(error), "invalid_role_option") from error
        except ConnectionInUse as error:
            raise Problem("connection-in-use", "The connection cannot change this way", str(error), 409) from error


class RoleTemplateFile(TenantAPIView):
    """The connection's role template in one of its formats."""

    permissions = {"GET": Permission.VIEW}

    @operation(
        "get_role_template",
        "Download a role template",
        answers={200: OpenApiTypes.BINARY},
        media_type=_MEDIA_TYPES,
        parameters=[_FORMAT, _DIGEST, _VERSION],
        problems=NOT_FOUND
        | {409: "No AWS account or no component is chosen yet, or these roles cannot be made in this format."},
    )
    def get(self, _request: Request, connection_id: UUID, template_format: str) -> HttpResponse:
        """The file that makes one role for each component of the connection, with its external ID in it.

        The same connection and options give the same bytes. Each download is recorded, and its bytes are kept.
        """
        connection = connection_or_404(self.tenant, connection_id)
        if template_format not in set(Format):
            raise Http404
        try:
            download = download_role_template(connection=connection, chosen=Format(template_format), by=self.actor)
        except NoRoleTemplate as error:
            raise Problem("no-role-template", "There is no role template of this kind", str(error), 409) from error
        except NotReady as error:
            raise not_ready(error) from error
        return file_response(download)


class QuickCreateLink(TenantAPIView):
    """The "Launch stack" link. The bucket is written to with no transaction open."""

    permissions = {"POST": Permission.VIEW}
    scoped = False

    @operation(
        "create_quick_create_link",
        "Make a Launch stack link",
        request=None,
        answers={201: QuickCreateSerializer},
        problems=NOT_FOUND
        | {
            409: "There is no bucket for templates, or no AWS account or no component is chosen yet.",
            502: "The bucket could not be used.",
        },
    )
    def post(self, _request: Request, connection_id: UUID) -> Response:
        """Put the CloudFormation template where CloudFormation reads it, and give the address of the console's page
        that makes a stack of it. It is recorded as a download.
        """
        try:
            made = prepare_quick_create(tenant_id=self.tenant.pk, connection_id=connection_id, by=self.actor)
        except Connection.DoesNotExist:
            raise Http404 from None
        except NoTemplateBucket as error:
            raise Problem("no-template-bucket", "There is no launch link here", str(error), 409) from error
        except NoRoleTemplate as error:
            raise Problem("no-role-template", "There is no role template of this kind", str(error), 409) from error
        except NotReady as error:
            raise not_ready(error) from error
        except (TemplateUrlTooLong, AwsCallFailed) as error:
            logger.exception("The template bucket could not be used")
            raise Problem("template-bucket-failed", "The launch link could not be made", BUCKET_FAILED, 502) from error
        return Response(QuickCreateSerializer(asdict(made)).data, status=201)


class Downloads(TenantAPIView):
    """Role templates that were handed out."""

    permissions = {"GET": Permission.VIEW}
    pagination_class = DownloadPagination

    @operation(
        "list_role_template_downloads",
        "List the downloads of role templates",
        answers={200: DownloadSerializer(many=True)},
        filters=Filters,
        problems=NOT_FOUND,
    )
    def get(self, _request: Request, connection_id: UUID) -> Response:
        """Who took which role template of the connection, and when; the latest first."""
        connection = connection_or_404(self.tenant, connection_id)
        rows = connection.role_template_downloads.select_related("role_template").defer("role_template__content")
        return self.page(rows, DownloadSerializer)


class DownloadFile(TenantAPIView):
    """A role template that was handed out, once more."""

    permissions = {"GET": Permission.VIEW}

    @operation(
        "get_role_template_again",
        "Download an earlier role template again",
        answers={200: OpenApiTypes.BINARY},
        media_type=_MEDIA_TYPES,
        parameters=[_DIGEST, _VERSION],
        problems=NOT_FOUND,
    )
    def get(self, _request: Request, connection_id: UUID, download_id: UUID) -> HttpResponse:
        """The same bytes as then, whatever changed since. It is recorded as a download of its own."""
        connection = connection_or_404(self.tenant, connection_id)
        try:
            return file_response(download_again(connection=connection, download_id=download_id, by=self.actor))
        except RoleTemplateDownload.DoesNotExist:
            raise Http404 from None


def file_response(download: RoleTemplateDownload) -> HttpResponse:
    """The downloaded file, with what it is in its headers."""
    kept = download.role_template
    return HttpResponse(
        bytes(kept.content),
        content_type=kept.media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{kept.filename}"',
            "X-Catalogue-Version": kept.catalogue_version,
        }
        | digest_header(bytes.fromhex(kept.sha256)),
    )


def _options(connection: Connection) -> dict[str, Any]:
    shown = connection.role_options
    return dict(
        RoleOptionsSerializer(
            {
                "name_pattern": shown.name_pattern,
                "path": shown.path,
                "boundary_arn": shown.boundary_arn,
                "tags": dict(shown.tags),
                "max_session_seconds": shown.max_session_seconds,
                "regions": shown.regions,
                "self_inspection": shown.self_inspection,
                "partition": vendor_settings().partition,
            }
        ).data
    )
