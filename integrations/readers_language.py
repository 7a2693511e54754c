"""What is stored in English, in the language that the installation speaks: for pages and mails, as they are written.

Programs are told what is stored: the API, webhooks, audit events, logs, and the message that a customer forwards.
"""

from django.utils.translation import gettext

from integrations.aws.verdicts import RUN_AGAIN
from integrations.aws.words import InWords


def in_readers_language(text: str) -> str:
    """A finding's title or fix, or where its cure goes, translated; as it is where there is no translation of it.

    Texts with a value in them are no translator's to know, so they stay English. Where RUN_AGAIN follows a fix, each of
    the two is a text of its own.
    """
    if not text.endswith(RUN_AGAIN):
        return gettext(text)
    return f"{gettext(text.removesuffix(RUN_AGAIN).rstrip())} {gettext(RUN_AGAIN)}"


def refusal_in_readers_language(error: InWords) -> str:
    """A refusal of the engine or of a role template, translated, with its values in it."""
    return gettext(error.text) % error.values if error.values else gettext(error.text)
