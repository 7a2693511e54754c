"""The request in hand: its id, on each log line, audit event and answer, and the address it came from."""

import logging
from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")
client_address: ContextVar[str | None] = ContextVar("client_address", default=None)


class RequestIdFilter(logging.Filter):
    """Puts the request's id on each log record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true: it adds, it drops nothing."""
        record.request_id = request_id.get() or "-"
        return True
