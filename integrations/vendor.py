"""The vendor's side as this installation is set up: settings and catalogue, as the plain values that AWS code takes."""

from django.conf import settings

from integrations.aws.vendor import VendorSettings
from integrations.catalogue_file import catalogue


def vendor_settings() -> VendorSettings:
    """Who we are to AWS."""
    current = catalogue()
    return VendorSettings(
        partition=settings.VENDOR_PARTITION,
        region=settings.VENDOR_REGION,
        vendor_account_id=settings.VENDOR_ACCOUNT_ID,
        chain=current.chain,
        product_tag_key=current.product_tag.key,
        product_tag_value=current.product_tag.value,
        endpoint_url=settings.AWS_ENDPOINT_URL or None,
        template_bucket=settings.TEMPLATE_BUCKET,
        template_bucket_access="presigned" if settings.TEMPLATE_BUCKET_ACCESS == "presigned" else "public-read",
        trust_form="account-root" if settings.CUSTOMER_TRUST_FORM == "account-root" else "pinned",
    )
