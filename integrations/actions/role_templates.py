"""Role templates of a connection: the files that make its customer roles, rendered, handed out and kept."""

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from integrations.actions.external_ids import template_external_ids
from integrations.actions.verifications import NotReady
from integrations.aws.permission_policies import RoleDoesNotFit
from integrations.aws.policies import PolicyTooLong
from integrations.catalogue_file import catalogue
from integrations.models import Connection, RoleTemplate, RoleTemplateDownload
from integrations.models.connection import GOING
from integrations.readers_language import refusal_in_readers_language
from integrations.role_templates import formats
from integrations.role_templates.cloudformation import TemplateTooLong
from integrations.role_templates.console import ConsoleCannot
from integrations.role_templates.document import RoleSet, reserved_tag_keys, role_document
from integrations.role_templates.formats import Format, TemplateFile
from integrations.role_templates.options import InvalidRoleOption, RoleOptions, validate_options
from integrations.vendor import vendor_settings
from tenants import audit
from tenants.audit import Actor


class NoRoleTemplate(NotReady):
    """These roles cannot be made in this way; the message holds the figures and says what can be done."""


def checked_options(options: RoleOptions, *, account_id: str) -> RoleOptions:
    """`options`, if the roles of an account can be made with them; InvalidRoleOption otherwise."""
    current = catalogue()
    return validate_options(
        options,
        partition=vendor_settings().partition,
        account_id=account_id,
        component_ids=[component.id for component in current.components],
        reserved_tag_keys=reserved_tag_keys(current),
    )


def role_set(*, connection: Connection) -> RoleSet:
    """The roles of the connection's components, whose tenant's scope is open.

    Raises:
        NotReady: no AWS account or no component is chosen yet; the message says which.
        NoRoleTemplate: a role breaks one of IAM's quotas, or an option no longer holds.
    """
    if not connection.account_id:
        raise NotReady(_("Give the 12-digit id of your AWS account first: the role template is made for that account."))
    if connection.is_imported:
        raise NoRoleTemplate(
            _(
                "The role of this connection was there before the portal, so there is no role template for it: its "
                "trust policy is changed in the account. Add a new connection to have roles made by a role template "
                "instead."
            )
        )
    current, vendor, options = catalogue(), vendor_settings(), connection.role_options
    of_connection = connection.roles.all()  # as a page has prefetched them
    roles = [role for role in of_connection if role.status not in GOING and current.offers(role.component)]
    if not roles:
        raise NotReady(_("Choose at least one component first: the role template makes one role for each."))
    external_ids = template_external_ids(connection)
    try:
        documents = tuple(
            role_document(
                vendor,
                current,
                current.component(role.component),
                connection_ref=connection.reference,
                account_id=connection.account_id,
                external_ids=external_ids,
                options=options,
            )
            for role in roles
        )
    except InvalidRoleOption as error:
        raise NoRoleTemplate(refusal_in_readers_language(error)) from error
    except (RoleDoesNotFit, PolicyTooLong) as error:  # the catalogue's fault, and the vendor's to read
        raise NoRoleTemplate(str(error)) from error
    return RoleSet(
        product_name=current.product_name,
        catalogue_version=current.version,
        partition=vendor.partition,
        account_id=connection.account_id,
        connection_ref=connection.reference,
        documents=documents,
        options=options,
        dropped_tag_keys=tuple(connection.dropped_tag_keys),
        dropped_boundary_arns=tuple(connection.dropped_boundary_arns),
    )


def render_role_template(*, roles: RoleSet, chosen: Format) -> TemplateFile:
    """The roles in a format, handed out to nobody; NoRoleTemplate where the format has no way to make them."""
    try:
        return formats.render(chosen, roles)
    except (TemplateTooLong, ConsoleCannot) as error:
        raise NoRoleTemplate(refusal_in_readers_language(error)) from error


def cloudformation_template(*, connection: Connection) -> TemplateFile:
    """The role template for CloudFormation, as YAML, handed out to nobody; raises as `role_set`."""
    return render_role_template(roles=role_set(connection=connection), chosen=Format.CLOUDFORMATION)


@transaction.atomic
def download_role_template(*, connection: Connection, chosen: Format, by: Actor) -> RoleTemplateDownload:
    """Hand out the role template as it is now, and keep its bytes; raises as `role_set` and `render_role_template`."""
    roles = role_set(connection=connection)
    file = render_role_template(roles=roles, chosen=chosen)
    kept, _ = RoleTemplate.objects.get_or_create(
        tenant_id=connection.tenant_id,
        connection=connection,
        format=file.format,
        sha256=file.sha256,
        defaults={
            "filename": file.filename,
            "content": file.content,
            "roles_sha256": roles.sha256,
            "catalogue_version": roles.catalogue_version,
        },
    )
    return _record(kept, by)


@transaction.atomic
def download_again(*, connection: Connection, download_id: UUID, by: Actor) -> RoleTemplateDownload:
    """Hand out the same bytes as an earlier download did.

    Raises:
        RoleTemplateDownload.DoesNotExist: the connection has no such download.
    """
    earlier = RoleTemplateDownload.objects.select_related("role_template").get(connection=connection, pk=download_id)
    return _record(earlier.role_template, by)


def _record(kept: RoleTemplate, by: Actor) -> RoleTemplateDownload:
    download = RoleTemplateDownload.objects.create(
        tenant_id=kept.tenant_id, connection_id=kept.connection_id, role_template=kept, downloaded_by=by.name
    )
    audit.record(
        "role_template:downloaded",
        by=by,
        tenant_id=kept.tenant_id,
        target=kept,
        connection=str(kept.connection_id),
        format=kept.format,
        sha256=kept.sha256,
        catalogue_version=kept.catalogue_version,
    )
    return download


def last_download(connection: Connection) -> RoleTemplateDownload | None:
    """Which role template of the connection was taken last, and when; without its content."""
    downloads = connection.role_template_downloads.select_related("role_template")
    return downloads.defer("role_template__content").first()
