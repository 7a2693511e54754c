"""`ETag` and `If-Match`: nobody changes what they have not seen."""

import hashlib
from typing import Any

from django.utils.http import parse_etags
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from tenants.api.problems import Problem


def entity_tag(data: Any) -> str:
    """The tag of one object: the hash of what is shown of it."""
    return f'"{hashlib.sha256(JSONRenderer().render(data)).hexdigest()[:32]}"'


def require_match(request: Request, data: Any) -> None:
    """Refuse to change an object that is not what the client saw. The caller has locked it.

    Raises:
        Problem: the request says nothing of what it saw, or the object is another by now.
    """
    header = request.headers.get("If-Match")
    if header is None:
        raise Problem(
            "precondition-required",
            "The request must say what it changes",
            "Send the object's `ETag` as `If-Match`, or `If-Match: *` to change it whatever it is by now.",
            428,
        )
    tags = parse_etags(header)
    if "*" not in tags and entity_tag(data) not in tags:
        raise Problem(
            "changed-meanwhile",
            "The object has changed meanwhile",
            "Read it again, look whether your change still makes sense, and send its new `ETag` as `If-Match`.",
            412,
        )
