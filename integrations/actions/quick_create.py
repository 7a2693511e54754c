"""The "Launch stack" link: the role template in the vendor's bucket, and the console's page that makes a stack of it.

No transaction is open while the bucket is written to.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _

from integrations.actions.role_templates import download_role_template
from integrations.aws.template_bucket import TemplateBucket, publish_template
from integrations.models import Connection
from integrations.role_templates.formats import Format
from integrations.role_templates.quick_create import quick_create_url
from integrations.vendor import vendor_settings
from tenants.audit import Actor
from tenants.scope import tenant_scope

BUCKET_FAILED = "Our bucket for templates did not take this one. Download the template instead; we will see to it."


class NoTemplateBucket(ValueError):
    """This installation has no bucket for templates; the message says what to do instead."""


@dataclass(frozen=True)
class QuickCreate:
    """A link to the console. `expires_at` is when the template behind it can be read no more, None for never."""

    url: str
    expires_at: datetime | None
    sha256: str


def has_quick_create() -> bool:
    """Whether this installation has a bucket for templates, which is in the partition of its roles."""
    return bool(settings.TEMPLATE_BUCKET)


def template_bucket() -> TemplateBucket:
    """The bucket as this installation is set up; only where it `has_quick_create`."""
    return TemplateBucket(
        name=settings.TEMPLATE_BUCKET,
        region=settings.TEMPLATE_BUCKET_REGION,
        access="presigned" if settings.TEMPLATE_BUCKET_ACCESS == "presigned" else "public-read",
        endpoint_url=vendor_settings().endpoint_url,
    )


def prepare_quick_create(*, tenant_id: UUID, connection_id: UUID, by: Actor) -> QuickCreate:
    """Put the connection's CloudFormation template into the bucket, recorded as a download. No scope may be open.

    Raises:
        NoTemplateBucket: there is no bucket.
        Connection.DoesNotExist: the tenant has no such connection.
        NotReady: there is no template yet, or none of this kind.
        TemplateUrlTooLong, AwsCallFailed: the bucket could not be used.
    """
    with tenant_scope(tenant_id):
        connection = Connection.objects.for_tenant(tenant_id).get(pk=connection_id)
        if not has_quick_create():
            raise NoTemplateBucket(_("There is no launch link in this installation. Download the template instead."))
        kept = download_role_template(connection=connection, chosen=Format.CLOUDFORMATION, by=by).role_template
    vendor = vendor_settings()
    published = publish_template(template_bucket(), bytes(kept.content), kept.sha256)
    url = quick_create_url(
        partition=vendor.partition,
        region=next(iter(connection.role_options.regions), vendor.region),
        template_url=published.url,
        stack_name=f"rolebridge-{connection.reference}",
    )
    return QuickCreate(url, published.expires_at, kept.sha256)
