"""What every page of admin says while something of the vendor's own needs somebody."""

from django.http import HttpRequest

from integrations.actions.vendor_identity import alarms

_WORDS = {
    "emergency_stop": "Emergency stop is on",
    "integration_role_recreated": "Integration role recreated",
    "vendor_identity_broken": "Our own identity is broken",
    "component_role_broken": "A component role is broken",
}


def badge(_request: HttpRequest) -> list[str] | None:
    """The theme's badge beside the title, as text and colour, of the most urgent; None while there is no alarm."""
    on = alarms()
    return [_WORDS[on[0]], "danger"] if on else None
