"""What every template knows."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from integrations.catalogue_file import catalogue


def product(_request: HttpRequest) -> dict[str, Any]:
    """The vendor's product name, and whether this is a trial installation with the sandbox."""
    return {"product_name": catalogue().product_name, "sandbox": bool(settings.AWS_ENDPOINT_URL)}
