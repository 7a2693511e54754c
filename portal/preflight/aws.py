"""The vendor's own side of AWS, as far as one call or two show it; `manage.py vendor_doctor` proves all of it."""

from integrations.actions.quick_create import has_quick_create, template_bucket
from integrations.aws.errors import AwsCallFailed
from integrations.aws.report import Outcome
from integrations.aws.template_bucket import BucketUnsafe, prove_template_bucket
from integrations.aws.verify import check_vendor_identity
from integrations.vendor import vendor_settings
from portal.preflight.report import State, Wrong


def identity_reaches_the_integration_role() -> str:
    """This process's own identity gets to the integration role (base → A → B)."""
    finding = check_vendor_identity(vendor_settings())
    if finding.outcome == Outcome.PASSED:
        return finding.title
    raise Wrong(
        f"{finding.title} ({finding.cause}). {finding.detail}",
        f"{finding.fix} `python manage.py vendor_doctor` proves each part of it.".strip(),
        State.UNKNOWN if finding.outcome == Outcome.THROTTLED else State.FAILED,
    )


def bucket_serves_templates() -> str:
    """Templates can be put into the bucket and read as CloudFormation reads them, and nobody can list them."""
    if not has_quick_create():
        raise Wrong("no TEMPLATE_BUCKET: pages offer the download alone", "", State.NOT_SET_UP)
    bucket = template_bucket()
    try:
        prove_template_bucket(bucket)
    except AwsCallFailed as failure:
        raise Wrong(
            f"The bucket {bucket.name} in {bucket.region} cannot be used: {failure}",
            "Compare TEMPLATE_BUCKET and TEMPLATE_BUCKET_REGION with the bucket, and let the web server's identity "
            f"s3:PutObject and s3:GetObject on arn:aws:s3:::{bucket.name}/role-templates/*.",
        ) from failure
    except BucketUnsafe as unsafe:
        raise Wrong(str(unsafe), unsafe.fix) from unsafe
    return f"{bucket.name} takes templates and serves them ({bucket.access})"
