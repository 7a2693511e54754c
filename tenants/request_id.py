"""The id of the request in hand: on each log line, on each audit event, and in the answer."""

import logging
from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")


class RequestIdFilter(logging.Filter):
    """Puts the request's id on each log record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true: it adds, it drops nothing."""
        record.request_id = request_id.get() or "-"
        return True
