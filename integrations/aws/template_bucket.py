"""The vendor's bucket from which CloudFormation reads a role template, for the "Launch stack" link.

Set-up it needs, as `vendor_setup` renders it: the web server's identity may `s3:PutObject` and `s3:GetObject` below
`role-templates/` of the bucket; for `public-read` the bucket's policy lets everybody `s3:GetObject` there, and nobody
list it. A key is the SHA-256 of the template, which holds the connection's external ID of 160 random bits: who does not
have the template cannot guess its address. The same template has the same key, so it is written over with itself.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from integrations.aws.clients import ClientFactory
from integrations.aws.errors import translate
from integrations.aws.vendor import TEMPLATE_PREFIX, TemplateAccess

PRESIGNED_SECONDS = 3600
# CloudFormation takes a TemplateURL of this length (botocore, cloudformation: TemplateURL).
MAX_TEMPLATE_URL = 5120


class TemplateUrlTooLong(ValueError):
    """CloudFormation would not take the address; the message holds both figures."""


@dataclass(frozen=True)
class TemplateBucket:
    """Where templates are put, and how CloudFormation gets at them."""

    name: str
    region: str
    access: TemplateAccess
    endpoint_url: str | None = None


@dataclass(frozen=True)
class PublishedTemplate:
    """A template in the bucket. `expires_at` is None where its address lasts."""

    url: str
    expires_at: datetime | None


def publish_template(bucket: TemplateBucket, content: bytes, sha256: str) -> PublishedTemplate:
    """Put a template into the bucket, and give the address under which CloudFormation reads it.

    The address of a presigned object ends with the credentials that signed it, if they end before it does.
    Raises AwsCallFailed, and TemplateUrlTooLong.
    """
    s3 = ClientFactory(bucket.endpoint_url).with_own_identity("s3", bucket.region)
    place = {"Bucket": bucket.name, "Key": f"{TEMPLATE_PREFIX}{sha256}.yaml"}
    try:
        s3.put_object(**place, Body=content, ContentType="application/yaml")
        expires_at = datetime.now(UTC) + timedelta(seconds=PRESIGNED_SECONDS)
        url: str = s3.generate_presigned_url("get_object", Params=place, ExpiresIn=PRESIGNED_SECONDS)
    except (ClientError, BotoCoreError) as error:
        raise translate(error) from None
    if bucket.access == "public-read":
        return PublishedTemplate(url.partition("?")[0], None)
    if len(url) > MAX_TEMPLATE_URL:
        raise TemplateUrlTooLong(f"The address has {len(url)} characters; CloudFormation takes {MAX_TEMPLATE_URL}.")
    return PublishedTemplate(url, expires_at)
