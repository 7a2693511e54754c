"""The logins of a trial installation."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DemoLogin:
    """Somebody to sign in as."""

    email: str
    organisation: str  # empty for the vendor's support staff


DEMO_LOGINS = (
    DemoLogin("owner@blue-harbour.example", "Blue Harbour"),
    DemoLogin("owner@red-mill.example", "Red Mill"),
    DemoLogin("staff@vendor.example", ""),
)
