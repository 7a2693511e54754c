"""The SHA-256 of a file in its answer's headers (RFC 9530), for views that hand out files."""

import base64

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

NAME = "Repr-Digest"


def digest_parameter(note: str = "") -> OpenApiParameter:
    """The header, for `operation(parameters=...)`; `note` says where else the digest stands."""
    return OpenApiParameter(
        NAME,
        OpenApiTypes.STR,
        OpenApiParameter.HEADER,
        description=f"SHA-256 of the bytes of the file (RFC 9530){f'; {note}' if note else ''}.",
        response=[200],
    )


def digest_header(sha256: bytes) -> dict[str, str]:
    """The header with this digest, of 32 bytes."""
    return {NAME: f"sha-256=:{base64.b64encode(sha256).decode()}:"}
