"""Which tenant, connection and verification the work in hand is about: for log lines alone."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from uuid import UUID

_names: ContextVar[Mapping[str, UUID]] = ContextVar("in_hand", default=MappingProxyType({}))


def names_in_hand() -> Mapping[str, UUID]:
    """`tenant_id`, `connection_id`, `verification_id`, as far as they are known."""
    return _names.get()


@contextmanager
def in_hand(**names: UUID) -> Iterator[None]:
    """What is done inside is about these, and about nothing named before."""
    token = _names.set(names)
    try:
        yield
    finally:
        _names.reset(token)


def name(**names: UUID) -> None:
    """Inside of `in_hand`, what is done from now on is about these as well."""
    _names.set({**_names.get(), **names})
