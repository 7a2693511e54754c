"""Pages of role templates: downloads, options, the guide, what you will see, and the launch link."""

import logging
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from integrations.actions.connections import ConnectionInUse
from integrations.actions.quick_create import BUCKET_FAILED, NoTemplateBucket, prepare_quick_create
from integrations.actions.role_options import update_role_options
from integrations.actions.role_templates import download_again, download_role_template
from integrations.actions.verifications import NotReady
from integrations.aws.errors import AwsCallFailed
from integrations.aws.template_bucket import TemplateUrlTooLong
from integrations.forms import RoleOptionsForm
from integrations.models import Connection, RoleTemplate, RoleTemplateDownload
from integrations.readers_language import refusal_in_readers_language
from integrations.role_templates.formats import Format
from integrations.role_templates.options import InvalidRoleOption
from integrations.vendor import vendor_settings
from integrations.views.connections import REFUSED, connection_address, find_connection
from integrations.views.guide import guide_context, will_see_context
from tenants.access import MemberRequest, member
from tenants.audit import Actor
from tenants.permissions import Permission

logger = logging.getLogger(__name__)
SHOWN_DOWNLOADS = 100


@member(Permission.VIEW)
def role_template(request: MemberRequest, connection_id: UUID, template_format: str) -> HttpResponse:
    """Download the connection's role template in a format."""
    found = find_connection(request, connection_id)
    if template_format not in set(Format):
        raise Http404
    try:
        download = download_role_template(connection=found, chosen=Format(template_format), by=Actor.user(request.user))
    except NotReady as missing:
        messages.error(request, str(missing))
        return redirect(connection_address(found))
    return file_response(download.role_template)


@member(Permission.VIEW)
def role_template_downloads(request: MemberRequest, connection_id: UUID) -> HttpResponse:
    """Who took which role template, and the files again."""
    found = find_connection(request, connection_id)
    downloads = found.role_template_downloads.select_related("role_template").defer("role_template__content")
    context = {"section": "connections", "connection": found, "downloads": downloads[:SHOWN_DOWNLOADS]}
    return render(request, "integrations/role_template_downloads.html", context)


@member(Permission.VIEW)
def role_template_again(request: MemberRequest, connection_id: UUID, download_id: UUID) -> HttpResponse:
    """The same bytes as an earlier download."""
    found = find_connection(request, connection_id)
    try:
        again = download_again(connection=found, download_id=download_id, by=Actor.user(request.user))
    except RoleTemplateDownload.DoesNotExist:
        raise Http404 from None
    return file_response(again.role_template)


@member(Permission.MANAGE)
def role_options(request: MemberRequest, connection_id: UUID) -> HttpResponse:
    """Choose names, boundary, tags, session length, regions and self-inspection of the connection's roles."""
    found = find_connection(request, connection_id)
    form = RoleOptionsForm(request.POST or None, initial=RoleOptionsForm.initial_of(found.role_options))
    if request.method == "POST" and form.is_valid():
        try:
            update_role_options(connection=found, by=Actor.user(request.user), **form.options)
        except InvalidRoleOption as error:
            form.add_error(error.option, refusal_in_readers_language(error))
        except ConnectionInUse as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Your choices are saved. Deploy the role template anew, so that they apply."))
            return redirect(connection_address(found) + "#template")
    context = {
        "section": "connections",
        "connection": found,
        "form": form,
        "partition": vendor_settings().partition,
    }
    return render(request, "integrations/role_options.html", context, status=REFUSED if form.errors else 200)


@member(Permission.VIEW)
def guide(request: MemberRequest, connection_id: UUID) -> HttpResponse:
    """Every action in plain words, before anything is downloaded."""
    found = find_connection(request, connection_id)
    return render(request, "integrations/guide.html", {"section": "connections", **guide_context(found)})


@member(Permission.VIEW)
def what_you_will_see(request: MemberRequest, connection_id: UUID) -> HttpResponse:
    """How our calls will look in the customer's CloudTrail."""
    found = find_connection(request, connection_id)
    return render(request, "integrations/what_you_will_see.html", {"section": "connections", **will_see_context(found)})


@member(Permission.VIEW, scope=False)
def quick_create(request: MemberRequest, connection_id: UUID) -> HttpResponse:
    """Put the template where CloudFormation reads it, and show the link to the console."""
    address = reverse("connection", args=[request.tenant.pk, connection_id])
    if request.method != "POST":
        return redirect(address)
    try:
        made = prepare_quick_create(
            tenant_id=request.tenant.pk, connection_id=connection_id, by=Actor.user(request.user)
        )
    except Connection.DoesNotExist:
        raise Http404 from None
    except (NotReady, NoTemplateBucket) as missing:
        messages.error(request, str(missing))
        return redirect(address + "#template")
    except (TemplateUrlTooLong, AwsCallFailed):
        logger.exception("The template bucket could not be used")
        messages.error(request, BUCKET_FAILED)
        return redirect(address + "#template")
    context = {"section": "connections", "made": made, "connection_address": address}
    return render(request, "integrations/quick_create.html", context)


def file_response(kept: RoleTemplate) -> HttpResponse:
    """The file, to be saved."""
    return HttpResponse(
        bytes(kept.content),
        content_type=f"{kept.media_type}; charset=utf-8" if kept.format != Format.TERRAFORM_ZIP else kept.media_type,
        headers={"Content-Disposition": f'attachment; filename="{kept.filename}"'},
    )
