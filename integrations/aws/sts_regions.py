"""Where STS is asked: in the vendor's region, and elsewhere for an account that has it switched off there."""

from collections.abc import Callable
from typing import TypeVar

from integrations.aws.errors import AwsCallFailed, Retry
from integrations.aws.vendor import VendorSettings

# Where STS is asked next when it is switched off in a region; these cannot be switched off, or are the only ones.
_FALLBACK_REGIONS = {
    "aws": ("us-east-1", "us-west-2", "eu-west-1"),
    "aws-us-gov": ("us-gov-west-1", "us-gov-east-1"),
    "aws-cn": ("cn-north-1", "cn-northwest-1"),
    "aws-eusc": ("eusc-de-east-1",),
}

T = TypeVar("T")


def sts_regions(settings: VendorSettings) -> list[str]:
    """The regions in which STS is asked, in this order: the customer may have switched it off in one."""
    fallbacks = settings.fallback_regions or _FALLBACK_REGIONS[settings.partition]
    return [settings.region, *(region for region in fallbacks if region != settings.region)]


def in_first_enabled_region(settings: VendorSettings, ask: Callable[[str], T]) -> T:
    """`ask` in the vendor's region, and where the customer's account has STS switched off there, in the next."""
    regions = sts_regions(settings)
    for region in regions[:-1]:
        try:
            return ask(region)
        except AwsCallFailed as failure:
            if failure.retry is not Retry.OTHER_REGION:
                raise
    return ask(regions[-1])
