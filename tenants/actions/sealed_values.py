"""After a change of SECRET_KEY: what is stored sealed is sealed again with the present key, so that the earlier one can
be taken out of SECRET_KEY_FALLBACKS.

What is sealed stands in the columns named `sealed_secret`, of whichever model, and in the data of second factors, which
is allauth's. A test holds that nothing is sealed into any other place, but for what the cache keeps for minutes.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from uuid import UUID

from allauth.mfa.models import Authenticator
from cryptography.fernet import InvalidToken
from django.apps import apps
from django.db.models import Model, QuerySet

from tenants import audit
from tenants.audit import Actor
from tenants.models import Tenant
from tenants.scope import installation_scope, staff_scope, tenant_scope
from tenants.secrets import seal_with_present_key

SEALED_COLUMN = "sealed_secret"
SEALED_IN_SECOND_FACTOR = frozenset({"secret", "seed"})  # of an app, and of recovery codes
AT_ONCE = 100  # rows that are read in one transaction
SAMPLE_TENANTS = 20  # whose values `sample` looks at, besides those of second factors


@dataclass(frozen=True)
class Place:
    """A column whose values are sealed, or hold what is."""

    model: type[Model]
    column: str

    @property
    def table(self) -> str:
        """Where it is stored."""
        return self.model._meta.db_table

    @property
    def is_tenants(self) -> bool:
        """Whether its rows belong to tenants, so that each is seen in its tenant's scope alone."""
        return any(one.name == "tenant" for one in self.model._meta.fields)


@dataclass
class Outcome:
    """How the sealed values of one table were found, and what became of them."""

    table: str
    present: int = 0  # sealed with SECRET_KEY already
    earlier: int = 0  # sealed with one of SECRET_KEY_FALLBACKS; of `seal_again`, sealed anew now
    changed: int = 0  # changed or removed by somebody else meanwhile, and left alone
    unreadable: list[str] = field(default_factory=list)  # ids of rows that no key reads


def sealed_places() -> list[Place]:
    """Every column in which something is stored sealed."""
    models = [model for model in apps.get_models() if any(one.name == SEALED_COLUMN for one in model._meta.fields)]
    return [Place(Authenticator, "data"), *(Place(model, SEALED_COLUMN) for model in models)]


def seal_again(*, by: Actor) -> list[Outcome]:
    """Seal every stored value with SECRET_KEY that was sealed with one of SECRET_KEY_FALLBACKS. No scope is open.

    It may run beside everything else, may be cut short, and may be repeated: each row is a transaction of its own,
    which writes only where the row is still as it was read. The audit event counts what a whole run did; a run that is
    cut short leaves none.
    """
    outcomes = {place: Outcome(place.table) for place in sealed_places()}
    for place, tenant_id in _everywhere(_tenant_ids()):
        for row_id, value in _values(place, tenant_id):
            sealed = _look(outcomes[place], row_id, value)
            if sealed == value:
                continue
            if _swap(place, tenant_id, row_id, value, sealed):
                outcomes[place].earlier += 1
            else:
                outcomes[place].changed += 1
    done = {outcome.table: outcome.earlier for outcome in outcomes.values() if outcome.earlier}
    if done:
        with installation_scope():
            audit.record("secret_key:sealed_again", by=by, tenant_id=None, target=None, **done)
    return list(outcomes.values())


def sample() -> list[Outcome]:
    """How some of the sealed values are found: of second factors and of a few tenants. Changes nothing, and takes about
    as long in a large installation as in a small one. No scope is open.
    """
    outcomes = {place: Outcome(place.table) for place in sealed_places()}
    for place, tenant_id in _everywhere(islice(_tenant_ids(), SAMPLE_TENANTS)):
        for row_id, value in islice(_values(place, tenant_id), AT_ONCE):
            if _look(outcomes[place], row_id, value) != value:
                outcomes[place].earlier += 1
    return list(outcomes.values())


def _everywhere(tenant_ids: Iterable[UUID]) -> Iterator[tuple[Place, UUID | None]]:
    places = sealed_places()
    yield from ((place, None) for place in places if not place.is_tenants)
    for tenant_id in tenant_ids:
        yield from ((place, tenant_id) for place in places if place.is_tenants)


def _tenant_ids() -> Iterator[UUID]:
    """Of all tenants. A tenant that is made meanwhile has nothing that was sealed with an earlier key."""
    last = UUID(int=0)
    while True:
        with staff_scope():
            found = list(Tenant.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
        yield from found
        if len(found) < AT_ONCE:
            return
        last = found[-1]


def _values(place: Place, tenant_id: UUID | None) -> Iterator[tuple[Any, Any]]:
    """Each row's id and what stands in the column, where something does."""
    rows: QuerySet[Any] = QuerySet(place.model).order_by("pk")
    if tenant_id is not None:
        rows = rows.filter(tenant_id=tenant_id)
    after = rows
    while True:
        with _scope(tenant_id):
            found = list(after.values_list("pk", place.column)[:AT_ONCE])
        yield from ((row_id, value) for row_id, value in found if value)
        if len(found) < AT_ONCE:
            return
        after = rows.filter(pk__gt=found[-1][0])


def _look(outcome: Outcome, row_id: Any, value: Any) -> Any:
    """The value as it is with SECRET_KEY; the same where it need not or cannot be sealed again, which is counted."""
    try:
        sealed = _with_present_key(value)
    except InvalidToken:
        outcome.unreadable.append(str(row_id))
        return value
    if sealed == value:
        outcome.present += 1
    return sealed


def _with_present_key(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: seal_with_present_key(part) if name in SEALED_IN_SECOND_FACTOR else part
            for name, part in value.items()
        }
    return seal_with_present_key(value)


def _swap(place: Place, tenant_id: UUID | None, row_id: Any, value: Any, sealed: Any) -> bool:
    """Write what is sealed with SECRET_KEY; False where the row is no longer as it was read."""
    with _scope(tenant_id):
        as_read: QuerySet[Any] = QuerySet(place.model).filter(pk=row_id, **{place.column: value})
        return bool(as_read.update(**{place.column: sealed}))


def _scope(tenant_id: UUID | None) -> AbstractContextManager[None]:
    return installation_scope() if tenant_id is None else tenant_scope(tenant_id)
