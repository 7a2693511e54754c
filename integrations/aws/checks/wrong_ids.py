"""External IDs that are wrong, each in a way that one mistake in a trust policy takes for right. Pure.

The nearer a wrong ID is to the right one, the more patterns take it: `rb-k7q2*` takes an ID that differs in its last
character and none that is wholly random. So most of them differ in one place only. What no few calls can find is a
pattern that leaves a single character open somewhere else; it lets in nobody who does not know the rest.
"""

import secrets
import string

# An external ID of ours is written in base32; an older or imported one may hold other letters and digits.
_BASE32 = string.ascii_lowercase + "234567"
_MAX_LENGTH = 256
# Where an ID begins with a word and a hyphen, such as `rb-`, a pattern may keep that word: what differs comes after it.
_LONGEST_PREFIX = 8


def wrong_external_ids(external_id: str) -> dict[str, str]:
    """Wrong IDs by what is wrong with them, none of them equal to `external_id`; all valid external IDs."""
    start = external_id.find("-", 0, _LONGEST_PREFIX) + 1
    start = start if start < len(external_id) else 0
    last = len(external_id) - 1
    wrong = {
        "an ID chosen at random": _at_random(external_id, start),
        "an ID that ends differently": _changed_at(external_id, last),
        "an ID that begins differently": _changed_at(external_id, start),
        "an ID that differs in the middle": _changed_at(external_id, (start + last) // 2),
        "your ID in another case": external_id.swapcase(),
        "your ID with something after it": (external_id + secrets.choice(_BASE32))[:_MAX_LENGTH],
    }
    return {how: other for how, other in wrong.items() if other != external_id}


def _at_random(external_id: str, start: int) -> str:
    while True:
        kept, replaced = external_id[:start], external_id[start:]
        other = kept + "".join(secrets.choice(_alphabet_of(character)) for character in replaced)
        if other != external_id:
            return other


def _changed_at(external_id: str, position: int) -> str:
    """The ID with the character at `position` replaced by another of its kind."""
    others = _alphabet_of(external_id[position]).replace(external_id[position], "")
    return external_id[:position] + secrets.choice(others) + external_id[position + 1 :]


def _alphabet_of(character: str) -> str:
    for alphabet in (_BASE32, string.digits, string.ascii_uppercase):
        if character in alphabet:
            return alphabet
    return _BASE32
