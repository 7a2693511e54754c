"""How many calls a token, and all tokens of a tenant together, may make."""

from functools import cache
from math import ceil

from django.conf import settings

from tenants.api.problems import Problem
from tenants.models import ApiToken
from tenants.rates import Bucket, Rates, client_of

AT_ONCE_SECONDS = 20  # a full bucket gives as many calls at once as come back in this time


def count_call(token: ApiToken) -> None:
    """Count one call of the token.

    Raises:
        Problem: the token, or its tenant, made too many; this one does not count.
    """
    buckets = [
        Bucket(f"api-calls:{key}", a_minute / 60, at_once=a_minute * AT_ONCE_SECONDS / 60)
        for key, a_minute in (
            (f"token:{token.pk}", settings.API_CALLS_PER_MINUTE_OF_A_TOKEN),
            (f"tenant:{token.tenant_id}", settings.API_CALLS_PER_MINUTE_OF_A_TENANT),
        )
        if a_minute
    ]
    wait = _rates().take(*buckets) if buckets else 0.0
    if wait > 0:
        seconds = ceil(wait)
        raise too_many_requests(
            f"A token may make {settings.API_CALLS_PER_MINUTE_OF_A_TOKEN} calls a minute, and all tokens of an "
            f"organisation together {settings.API_CALLS_PER_MINUTE_OF_A_TENANT}. Try again in {seconds} s.",
            seconds,
        )


def too_many_requests(detail: str, retry_after_seconds: int) -> Problem:
    """The problem of whoever must wait."""
    return Problem("too-many-requests", "Too much was asked for", detail, 429, retry_after=retry_after_seconds)


@cache
def _rates() -> Rates:
    return Rates(client_of(str(settings.CACHES["default"]["LOCATION"])), "limit of API calls")
