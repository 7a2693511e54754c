"""The one way to enter a tenant, and which database role a piece of work speaks as.

PostgreSQL enforces the border (row-level security): a tenant's rows exist only inside a transaction that has named the
tenant. Pages, API, tasks and commands all come through `tenant_scope`. Outside of it the tenant tables look empty, and
a write is refused.

The name of the tenant is set transaction-locally, so it can never leak into the next user of a pooled connection, also
when a pooler hands out connections per transaction.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError, connections, transaction
from psycopg_pool import PoolTimeout

APP = "default"
STAFF = "staff"
PRODUCT = "product"
OWNER = "owner"

# What a query raises while the database is away or gives no connection. It came to nothing, or nobody knows whether it
# did: whoever catches it must look again before it writes once more.
DATABASE_AWAY = (OperationalError, InterfaceError, PoolTimeout)

_database: ContextVar[str] = ContextVar("database", default=APP)
# For log lines alone: what counts is the database's own setting, `current_tenant`.
scoped_tenant: ContextVar[UUID | None] = ContextVar("scoped_tenant", default=None)


class DatabaseRouter:
    """Sends each query to the database role of the work in hand: the app's, or the staff's for Django admin."""

    def db_for_read(self, model: Any, **_hints: Any) -> str:
        """The alias of the role that reads. Sessions of the portal are the app's alone: whoever reads one is let in."""
        return APP if model._meta.app_label == "sessions" else _database.get()

    def db_for_write(self, model: Any, **hints: Any) -> str:
        """The alias of the role that writes."""
        return self.db_for_read(model, **hints)

    def allow_relation(self, _one: Any, _other: Any, **_hints: Any) -> bool:
        """The aliases are roles of one database, so any two rows may be related."""
        return True

    def allow_migrate(self, db: str, _app_label: str, **_hints: Any) -> bool:
        """Only the owner changes the schema: `migrate --database owner`."""
        return db == OWNER


@contextmanager
def tenant_scope(tenant_id: UUID) -> Iterator[None]:
    """Open a transaction in which the rows of this tenant, and of no other, can be seen and written.

    Scopes of the same tenant nest. Entering another tenant inside a scope is a programming error and is refused, since
    one transaction must never mix two tenants.

    Raises:
        RuntimeError: another tenant's scope is open, or `tenant_id` is no UUID.
    """
    if not isinstance(tenant_id, UUID):
        raise RuntimeError("tenant_scope needs the UUID of a tenant")  # noqa: TRY004 — a bug here, not bad input
    token, named = _database.set(APP), scoped_tenant.set(tenant_id)
    # The tenant's name lives as long as the transaction: a new one has none before, and needs none taken away after.
    is_new = not connections[APP].in_atomic_block
    try:
        with transaction.atomic(using=APP):
            current = None if is_new else current_tenant()
            if current not in {None, tenant_id}:
                raise RuntimeError("a transaction of one tenant cannot enter another tenant")
            _set_tenant(str(tenant_id))
            yield
            if current is None and not is_new and not connections[APP].needs_rollback:
                _set_tenant("")
    finally:
        scoped_tenant.reset(named)
        _database.reset(token)


def let_go() -> None:
    """Give this thread's database connection back to the pool, before a long wait for something else. The next query
    takes one again. No scope may be open.
    """
    connections[APP].close()


@contextmanager
def staff_scope() -> Iterator[None]:
    """Speak as the staff role, which reads across tenants and writes hardly anything (Django admin)."""
    token = _database.set(STAFF)
    try:
        yield
    finally:
        _database.reset(token)


@contextmanager
def product_scope() -> Iterator[None]:
    """Speak as the role behind service tokens: it reads across tenants, and only the columns that opening a session
    takes, of the customer roles that may be used (docs/adr/0018). Load with `only` what it may read.
    """
    token = _database.set(PRODUCT)
    try:
        yield
    finally:
        _database.reset(token)


@contextmanager
def installation_scope() -> Iterator[None]:
    """Open a transaction as the app, in which no tenant's rows can be seen: for what belongs to the installation."""
    token = _database.set(APP)
    try:
        with transaction.atomic(using=APP):
            yield
    finally:
        _database.reset(token)


def current_tenant() -> UUID | None:
    """The tenant whose scope is open on the app's connection, if one is."""
    with connections[APP].cursor() as cursor:
        cursor.execute("SELECT current_tenant_id()")
        tenant_id: UUID | None = cursor.fetchone()[0]
    return tenant_id


def call(function: str, *arguments: object) -> list[tuple[Any, ...]]:
    """The rows of a listed look-up that comes before a tenant is known (`tenants.row_level_security.look_up`)."""
    with connections[APP].cursor() as cursor:
        cursor.callproc(function, arguments)
        return list(cursor.fetchall())


def _set_tenant(value: str) -> None:
    with connections[APP].cursor() as cursor:
        cursor.execute("SELECT set_config('rolebridge.tenant_id', %s, true)", [value])
