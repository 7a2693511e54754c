"""One HTTP request and one answer, apart from any server."""

import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, unquote


@dataclass
class HttpRequest:
    """A request as it arrived. `target` is the raw path with its query; `headers` have lower-case names."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""
    peer: str = "127.0.0.1"
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))  # in the answer and in CloudTrail

    @cached_property
    def raw_path(self) -> str:
        """The path, still percent-encoded."""
        return self.target.split("?", 1)[0] or "/"

    @cached_property
    def path(self) -> str:
        """The path, decoded."""
        return unquote(self.raw_path)

    @cached_property
    def raw_query(self) -> str:
        """What follows `?`, or nothing."""
        return self.target.partition("?")[2]

    @cached_property
    def query(self) -> dict[str, str]:
        """Query parameters, decoded; the last of several wins."""
        return dict(parse_qsl(self.raw_query, keep_blank_values=True))

    @cached_property
    def form(self) -> dict[str, str]:
        """Parameters of an AWS query request, from its body or, for GET, from its query."""
        if self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            try:
                return {
                    **self.query,
                    **dict(parse_qsl(self.body.decode(), keep_blank_values=True, max_num_fields=5000)),
                }
            except (UnicodeDecodeError, ValueError):
                return dict(self.query)
        return dict(self.query)


@dataclass
class HttpResponse:
    """An answer. `dropped` closes the connection without one."""

    status: int
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)
    dropped: bool = False

    def header(self, name: str) -> str | None:
        """Give a header's value, by its name in any case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


def json_response(status: int, value: Any, headers: Iterable[tuple[str, str]] = ()) -> HttpResponse:
    """Give `value` as JSON."""
    return HttpResponse(status, json.dumps(value).encode(), [("Content-Type", "application/json"), *headers])
