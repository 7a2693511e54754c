"""The second factor: allauth's, with its secrets sealed, and never taken off by support staff themselves."""

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator

from integrations.catalogue_file import catalogue
from tenants.secrets import seal, unseal


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """What we ask of allauth.mfa beyond its settings."""

    def get_totp_issuer(self) -> str:
        """What an authenticator app shows beside the address."""
        return catalogue().product_name

    def encrypt(self, text: str) -> str:
        """A copy of the database must not be enough to make codes."""
        return seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        """The text again."""
        return unseal(encrypted_text)

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """Support staff always have one."""
        return not authenticator.user.is_staff
