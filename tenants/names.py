"""What people may call things, one rule for pages and API; and what is no text at all."""

import unicodedata

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

# Letters of Unicode that are drawn as nothing (Default_Ignorable_Code_Point, and the empty Braille pattern).
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | frozenset(map(chr, range(0x180B, 0x1810)))
# Control, format (zero-width and direction-changing), surrogate, private, unassigned.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_VARIATION_SELECTORS = dict.fromkeys([*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)])


def is_readable(text: str) -> bool:
    """Whether the text can be kept and shown at all: PostgreSQL takes no NUL, and UTF-8 no half of a surrogate pair."""
    return not any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text)


def clean_name(text: str) -> str:
    """The name in the one way it is kept: composed (NFC), single spaces, nothing at its ends.

    Two names that look alike must not differ by what nobody sees, and no name may turn the text around it.

    Raises:
        ValidationError: it holds a character that cannot be seen, or changes the direction of the text.
    """
    spaced = "".join(" " if character.isspace() else character for character in text)
    name = " ".join(unicodedata.normalize("NFC", spaced).translate(_VARIATION_SELECTORS).split())
    for character in name:
        if unicodedata.category(character) in _REFUSED_CATEGORIES or character in _BLANK:
            raise ValidationError(
                _(
                    "The name contains a character that cannot be seen or that changes the direction of the text "
                    "(%(character)s). Type the name instead of pasting it."
                ),
                code="invisible_character",
                params={"character": f"U+{ord(character):04X}"},
            )
    return name
