"""Encryption: what goes over a network in the clear, on purpose or behind our back."""

from django.conf import settings
from django.db import DatabaseError, connections

from portal.plaintext import stays_on_this_machine
from portal.preflight.report import State, Wrong
from tenants.scope import APP


def nothing_goes_in_the_clear() -> str:
    """What settings let go in the clear, and whether PostgreSQL itself is spoken to by TLS: a pooler may hide that."""
    names = ", ".join(one.setting for one in settings.IN_THE_CLEAR)
    allowed = f"in the clear, as PLAINTEXT_ALLOWED_TO says: {names}"
    try:
        postgresql, safe = _at_postgresql()
    except DatabaseError as error:
        message = f"{allowed}; the database does not answer" if names else "The database does not answer."
        raise Wrong(message, "Mend `database` first.", State.UNKNOWN) from error
    if not safe and "database" not in settings.PLAINTEXT_ALLOWED_TO:
        raise Wrong(
            f"{postgresql}, such as a pooler or a tunnel: whether that network is safe cannot be told from here.",
            "Let it speak TLS to PostgreSQL (pgbouncer: server_tls_sslmode = verify-full), or name database in "
            "PLAINTEXT_ALLOWED_TO.",
            State.UNKNOWN,
        )
    if names:
        raise Wrong(f"{allowed}; {postgresql}", "", State.NOT_SET_UP)
    if not safe:
        raise Wrong(f"{postgresql}, as PLAINTEXT_ALLOWED_TO says", "", State.NOT_SET_UP)
    return f"database, broker, cache and mail stay on this machine or take TLS; {postgresql}"


def _at_postgresql() -> tuple[str, bool]:
    """How the connection looks at PostgreSQL's own end, and whether it is safe there.

    Raises:
        DatabaseError: the database does not answer.
    """
    encrypted, version, client = _connection_at_postgresql()
    if encrypted:
        return f"PostgreSQL is spoken to by {version}", True
    if client is None or stays_on_this_machine(client):
        return "PostgreSQL is spoken to from its own machine", True
    return f"PostgreSQL is spoken to in the clear from {client}", False


def _connection_at_postgresql() -> tuple[bool, str | None, str | None]:
    with connections[APP].cursor() as cursor:
        cursor.execute("SELECT ssl, version, host(inet_client_addr()) FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        encrypted, version, client = cursor.fetchone()
    return encrypted, version, client
