"""A request with an `Idempotency-Key` is done once: claimed before, kept with its answer after, given back on failure.

The claim is a row of its own that is committed before anything is done, so that a second request with the same key
finds it, in whichever process. The answer is kept in the transaction of what was done, where that is one.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from tenants.models import ApiToken, IdempotentRequest
from tenants.scope import call, tenant_scope
from tenants.secrets import seal, unseal

KEPT_FOR = timedelta(hours=24)
# Longer than any request lasts: whoever claimed it and has not answered since was lost.
LOST_AFTER = timedelta(minutes=5)


class OtherRequest(ValueError):
    """The key was used for another request."""


class BeingDone(RuntimeError):
    """The same request is being done at this moment."""


@dataclass(frozen=True)
class Answer:
    """What a request was answered: its data are JSON values."""

    status: int
    data: Any
    headers: dict[str, str]


@dataclass(frozen=True)
class Claim:
    """The right to do a request."""

    tenant_id: UUID
    request_id: UUID
    claim: UUID


def fingerprint(*parts: bytes) -> str:
    """What tells one request from another: the hash of its parts, which cannot run into each other."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big") + part)
    return whole.hexdigest()


def claim(*, token: ApiToken, key: str, wanted: str) -> Claim | Answer:
    """The right to do a request, or what it was answered before. No scope is open.

    Args:
        token: whose key it is.
        key: as it was sent.
        wanted: the request's fingerprint.

    Raises:
        OtherRequest, BeingDone: nothing is to be done.
    """
    now = timezone.now()
    new = IdempotentRequest(
        tenant_id=token.tenant_id, token=token, key=key, fingerprint=wanted, claim=uuid4(), claimed_at=now
    )
    with tenant_scope(token.tenant_id):
        IdempotentRequest.objects.bulk_create([new], ignore_conflicts=True)
        found = IdempotentRequest.objects.select_for_update().get(token=token, key=key)
        if found.pk != new.pk and found.claimed_at > now - KEPT_FOR:
            if found.fingerprint != wanted:
                raise OtherRequest
            if found.status is not None:
                return Answer(found.status, json.loads(unseal(found.sealed_secret)), found.headers)
            if found.claimed_at > now - LOST_AFTER:
                raise BeingDone
        if found.pk != new.pk:
            found.fingerprint, found.claim, found.claimed_at = wanted, new.claim, now
            found.status, found.headers, found.sealed_secret = None, {}, ""
            found.save()
    return Claim(token.tenant_id, found.pk, new.claim)


def keep(claim: Claim, answer: Answer) -> None:
    """Keep the answer of what was done, in the transaction that is open, or in one of its own.

    Raises:
        RuntimeError: the claim was lost; what was done must not be either.
    """
    with tenant_scope(claim.tenant_id):
        kept = _mine(claim).update(
            status=answer.status, headers=answer.headers, sealed_secret=seal(json.dumps(answer.data))
        )
    if not kept:
        raise RuntimeError("another process claimed this request")


def give_back(claim: Claim) -> None:
    """Nothing was done: the next request with this key is the first. No scope is open."""
    with tenant_scope(claim.tenant_id):
        _mine(claim).delete()


def purge() -> int:
    """Forget what is older than a day, tenant by tenant; gives how many requests that were."""
    until = timezone.now() - KEPT_FOR
    forgotten = 0
    for (tenant_id,) in call("tenants_with_old_idempotent_requests", until):
        with tenant_scope(tenant_id):
            forgotten += IdempotentRequest.objects.filter(tenant_id=tenant_id, claimed_at__lt=until).delete()[0]
    return forgotten


def _mine(claim: Claim) -> Any:
    return IdempotentRequest.objects.filter(
        tenant_id=claim.tenant_id, pk=claim.request_id, claim=claim.claim, status=None
    )
