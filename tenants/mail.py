"""Mails that actions send. They leave when the transaction has ended well, so that no mail speaks of what never was."""

import logging
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string
from django.utils.translation import override

from tenants.scope import APP

logger = logging.getLogger(__name__)


def send_on_commit(template: str, to: str, **context: Any) -> None:
    """Send a mail once the transaction is committed.

    A mail server that is away is logged and fails nothing: what the mail tells is on a page as well, or can be sent
    again.

    Args:
        template: a folder-less name below `tenants/email/`: `NAME_subject.txt` and `NAME_message.txt`.
        to: the address.
        context: what the templates need; they are plain text and escape nothing.
    """
    transaction.on_commit(partial(_send, template, to, context), using=APP)


def _send(template: str, to: str, context: dict[str, Any]) -> None:
    context = context | {"base_url": settings.BASE_URL}
    with override(settings.LANGUAGE_CODE):  # support staff and programs, who speak English, have mails sent as well
        subject = " ".join(render_to_string(f"tenants/email/{template}_subject.txt", context).split())
        text = render_to_string(f"tenants/email/{template}_message.txt", context)
        mail = in_html_too(EmailMultiAlternatives(subject, text, to=[to]))
    try:
        mail.send()
    except OSError:  # smtplib's errors are OSErrors
        logger.exception("The mail %s could not be sent", template)


@dataclass(frozen=True)
class Part:
    """A paragraph of a mail; what is indented in the text, such as a link or a code, stands apart."""

    text: str
    stands_apart: bool

    @property
    def is_link(self) -> bool:
        """Whether it is a link, and nothing else."""
        return self.stands_apart and self.text.startswith(("https://", "http://")) and len(self.text.split()) == 1


def in_html_too(mail: EmailMultiAlternatives) -> EmailMultiAlternatives:
    """Give a mail that is written as text the same text as HTML, in the layout of all mails."""
    text, _, footer = str(mail.body).partition("\n--\n")
    context = {"subject": mail.subject, "parts": _parts(text), "footer": footer.strip()}
    mail.attach_alternative(render_to_string("email/text.html", context), "text/html")
    return mail


def _parts(text: str) -> list[Part]:
    paragraphs = (paragraph.strip("\n") for paragraph in text.split("\n\n"))
    return [Part(one.strip(), one.startswith("    ")) for one in paragraphs if one.strip()]
