"""What a password may be, beyond Django's own validators."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

LONGEST = 128  # characters; hashing is slow by intent, and nobody remembers more


class MaximumLengthValidator:
    """Refuses what is longer than a person needs. Nothing is ever cut off."""

    def validate(self, password: str, _user: object = None) -> None:
        """Accept the password.

        Raises:
            ValidationError: it is too long.
        """
        if len(password) > LONGEST:
            raise ValidationError(self.get_help_text(), code="password_too_long")

    def get_help_text(self) -> str:
        """What is asked for, as Django's validators say it."""
        return _("Your password has at most %s characters.") % LONGEST
