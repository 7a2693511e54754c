"""What every template knows."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from integrations.catalogue_file import catalogue


def product(_request: HttpRequest) -> dict[str, Any]:
    """The vendor's product name, terms and privacy notice, and whether this is a trial with the sandbox."""
    return {
        "product_name": catalogue().product_name,
        "sandbox": bool(settings.AWS_ENDPOINT_URL),
        "terms_url": settings.TERMS_URL,
        "privacy_url": settings.PRIVACY_URL,
    }
