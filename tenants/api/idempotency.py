"""The header `Idempotency-Key` of POSTs."""

import json
from typing import Any

from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.actions.idempotent_requests import Answer, BeingDone, Claim, OtherRequest, claim, fingerprint
from tenants.api.problems import Problem
from tenants.models import ApiToken, IdempotentRequest

HEADER = "Idempotency-Key"
LONGEST_KEY = IdempotentRequest._meta.get_field("key").max_length or 0
_KEPT_HEADERS = ("Location", "ETag")


class AnsweredBefore(Exception):
    """The request was done before; the view answers the same."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def claim_request(request: Request, token: ApiToken) -> Claim | None:
    """The right to do the request; None where it carries no key.

    Raises:
        AnsweredBefore: it was done before.
        Problem: the key is none, was used for another request, or the same request is being done.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not 1 <= len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise Problem(
            "invalid-idempotency-key",
            "The idempotency key is not valid",
            f"Send 1 to {LONGEST_KEY} printable ASCII characters as `{HEADER}`, such as a random UUID.",
            400,
        )
    wanted = fingerprint((request.method or "").encode(), request.get_full_path().encode(), request.body)
    try:
        claimed = claim(token=token, key=key, wanted=wanted)
    except OtherRequest:
        raise Problem(
            "idempotency-key-reused",
            "The idempotency key was used for another request",
            "This token sent another address or body with this key within the last 24 hours. Take a new key.",
            422,
        ) from None
    except BeingDone:
        raise Problem(
            "request-being-done",
            "The same request is being done",
            "A request with this idempotency key is being done at this moment. Ask again for its answer.",
            409,
            retry_after=1,
        ) from None
    if isinstance(claimed, Answer):
        headers = claimed.headers | {"Idempotent-Replayed": "true"}
        raise AnsweredBefore(Response(claimed.data, status=claimed.status, headers=headers))
    return claimed


def answer_of(response: Any) -> Answer:
    """What is kept of a response."""
    data = json.loads(JSONRenderer().render(response.data) or b"null")
    return Answer(response.status_code, data, {name: response[name] for name in _KEPT_HEADERS if name in response})
