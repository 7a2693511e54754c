"""Log lines: one JSON object each in production, a line for people elsewhere; with the request and the tenant in hand,
and without what opens a door.
"""

import json
import logging
import re
from datetime import UTC, datetime

from integrations.in_hand import names_in_hand
from tenants.request_id import REQUEST_ID, request_id
from tenants.scope import scoped_tenant

# Links that are keys: how their addresses begin, and what the key looks like (deploy/nginx/rolebridge.conf knows them).
KEYS_OF_LINKS = {
    "/invitations/": r"[\w-]+",
    "/notification-addresses/": r"[\w-]{20,}",
    "/accounts/password/reset/key/": r"[^/\s\"']+",
    "/hand-off/": r"[\w-]{40,}",
    "/domains/": r"[\w-]{40,}",
}
# A session's secret key is 40 characters of base64, its token some hundred: mixed as no digest or word is, and not a
# path or the resource of an ARN. Its access key id (ASIA…) opens nothing, is kept in receipts, and stays.
_OF_AWS_SESSIONS = (
    r"(?<![\w/+.-])(?<![0-9:]:)(?!/[a-z0-9]*/)"
    r"(?=[a-z0-9/+]*[A-Z])(?=[A-Z0-9/+]*[a-z])(?=[A-Za-z]*[0-9/+])"
    r"(?:[A-Za-z0-9/+]{40}(?!\.?[\w/+=-])|[A-Za-z0-9/+]{100,}={0,2})"
)
# API tokens; secrets in the addresses of links; credentials in headers and in addresses; those of AWS sessions.
_SECRETS = re.compile(
    r"rbt_[\w-]{8,}|"
    + "|".join(f"(?<={address}){key}" for address, key in KEYS_OF_LINKS.items())
    + r"|(?<=Bearer )[^\s\"']+|(?<=sessionid=)\w+|(?<=csrftoken=)\w+|(?<=known-browser=)[\w:-]+"
    rf"|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)|{_OF_AWS_SESSIONS}"
)


def without_secrets(text: str) -> str:
    """The text, with three dots in place of each secret."""
    return _SECRETS.sub("…", text)


class Context(logging.Filter):
    """Puts on each log record what it can be joined by: request, tenant, connection and verification."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true: it adds, it drops nothing."""
        # Of an answer that is an error Django writes when the request is no longer in hand.
        answered = getattr(getattr(record, "request", None), "META", {})
        record.request_id = request_id.get() or answered.get(REQUEST_ID) or "-"
        names = names_in_hand()
        record.tenant_id = str(scoped_tenant.get() or names.get("tenant_id") or "-")
        record.connection_id = str(names.get("connection_id") or "-")
        record.verification_id = str(names.get("verification_id") or "-")
        return True


class LineFormatter(logging.Formatter):
    """For people."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return without_secrets(super().format(record))


class JsonFormatter(logging.Formatter):
    """For programs."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object on one line."""
        entry = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "request_id": getattr(record, "request_id", "-"),
            "tenant_id": getattr(record, "tenant_id", "-"),
            "connection_id": getattr(record, "connection_id", "-"),
            "verification_id": getattr(record, "verification_id", "-"),
            "message": without_secrets(record.getMessage()),
        }
        if record.exc_info:
            entry["exception"] = without_secrets(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=False)
