"""The vendor's bucket from which CloudFormation reads a role template, for the "Launch stack" link.

Set-up it needs, as `vendor_setup` renders it: the web server's identity may `s3:PutObject` and `s3:GetObject` below
`role-templates/` of the bucket; for `public-read` the bucket's policy lets everybody `s3:GetObject` there, and nobody
list it. A key is the SHA-256 of the template, which holds the connection's external ID of 160 random bits: who does not
have the template cannot guess its address. The same template has the same key, so it is written over with itself.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import URLLib3Session

from integrations.aws.clients import CONNECT_TIMEOUT, READ_TIMEOUT, ClientFactory
from integrations.aws.errors import translate
from integrations.aws.vendor import TEMPLATE_PREFIX, TemplateAccess

PRESIGNED_SECONDS = 3600
# CloudFormation takes a TemplateURL of this length (botocore, cloudformation: TemplateURL).
MAX_TEMPLATE_URL = 5120


class TemplateUrlTooLong(ValueError):
    """CloudFormation would not take the address; the message holds both figures."""


class BucketUnsafe(Exception):
    """The bucket takes templates, and does not serve them as it must. `fix` says what to do."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.fix = fix


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


_PROOF = b"# Written by Rolebridge to prove that this bucket serves role templates.\n"


def prove_template_bucket(bucket: TemplateBucket) -> None:
    """Put one small object into the bucket, read it as CloudFormation would, and try what must be refused.

    Raises AwsCallFailed where it cannot be put, and BucketUnsafe where it cannot be read or too much can.
    """
    place = f"role-templates/{hashlib.sha256(_PROOF).hexdigest()}.yaml"
    published = publish_template(bucket, _PROOF, hashlib.sha256(_PROOF).hexdigest())
    if (status := _status(published.url)) != 200:
        raise BucketUnsafe(
            f"The bucket {bucket.name} took {place}, and its address answers {status}: stacks cannot be launched.",
            "For public-read let everybody s3:GetObject below role-templates/ by the bucket's policy, and block public "
            "access by ACLs alone; or set TEMPLATE_BUCKET_ACCESS=presigned and let our identity s3:GetObject there.",
        )
    plain = published.url.partition("?")[0]
    if bucket.access == "presigned" and _status(plain) == 200:
        raise BucketUnsafe(
            f"Everybody may read from {bucket.name}, and it is set up as presigned.",
            "Take the public statement out of the bucket's policy, or set TEMPLATE_BUCKET_ACCESS=public-read.",
        )
    if _status(plain.removesuffix(place)) == 200:
        raise BucketUnsafe(
            f"Everybody may list {bucket.name}, and so read every customer's role template with its external ID.",
            "Take s3:ListBucket for everybody out of the bucket's policy and ACL at once.",
        )


def _status(url: str) -> int:
    """The status of a GET with no identity, as somebody with the address alone makes it."""
    # It takes a pair as well, as the clients give it one; its types do not say so.
    session = URLLib3Session(timeout=(CONNECT_TIMEOUT, READ_TIMEOUT))  # type: ignore[arg-type]  # as said
    try:
        return int(session.send(AWSRequest("GET", url).prepare()).status_code)
    except BotoCoreError as error:
        raise translate(error) from None
    finally:
        session.close()
