"""Where a hand-off link leads."""

from django.conf import settings
from django.urls import reverse


def hand_off_url(text: str) -> str:
    """The whole address of the link of that text, to be sent to somebody."""
    return settings.BASE_URL.rstrip("/") + reverse("hand_off", args=[text])
