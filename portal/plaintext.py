"""Which of the servers that an installation stands on are spoken to in the clear: over a network, without TLS."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from psycopg.pq import Conninfo

PARTS = ("database", "broker", "cache", "mail")
_REMEDIES = {
    "database": "Add ?sslmode=verify-full&sslrootcert=FILE to it: require and verify-ca encrypt as well, and "
    "verify-full alone proves that the server is the one that is named.",
    "broker": "Let the server take TLS, and write rediss:// instead of redis://.",
    "cache": "Let the server take TLS, and write rediss:// instead of redis://.",
    "mail": "Write smtp+tls:// (STARTTLS) or smtp+ssl:// (TLS at once) instead of smtp://.",
}
_TLS_MODES = {"require", "verify-ca", "verify-full"}  # libpq falls back to plaintext in all others
_TLS_SCHEMES = {"rediss", "amqps", "sqs", "azureservicebus", "gcpubsub", "smtp+tls", "smtp+ssl"}
_SOCKET_SCHEMES = {"unix", "redis+socket"}  # redis-py's and kombu's


@dataclass(frozen=True)
class InTheClear:
    """A setting whose server is spoken to in the clear, and the part of PARTS that it belongs to."""

    part: str
    setting: str

    @property
    def refusal(self) -> str:
        """What is wrong, and what to do."""
        return (
            f"{self.setting} leads over a network without TLS. {_REMEDIES[self.part]} Only where nobody else can "
            f"listen on that network, name {self.part} in PLAINTEXT_ALLOWED_TO."
        )


def in_the_clear(
    *, databases: Mapping[str, Mapping[str, Any]], broker: str, cache: str, mail: str
) -> tuple[InTheClear, ...]:
    """The settings whose servers are spoken to in the clear. What stays on this machine crosses no network.

    Args:
        databases: what libpq is given for each database, by the name of its setting.
        broker: CELERY_BROKER_URL, which may hold several addresses, as the next.
        cache: CACHE_URL.
        mail: EMAIL_URL; empty where mails go to no server.
    """
    found = [InTheClear("database", name) for name, given in databases.items() if _database_in_the_clear(given)]
    if any(_address_in_the_clear(address) for address in broker.split(";")):  # as kombu does
        found.append(InTheClear("broker", "CELERY_BROKER_URL"))
    if any(_address_in_the_clear(address) for address in re.split("[;,]", cache)):  # as Django does
        found.append(InTheClear("cache", "CACHE_URL"))
    if mail and _address_in_the_clear(mail):
        found.append(InTheClear("mail", "EMAIL_URL"))
    return tuple(found)


def given_to_libpq(database: Mapping[str, Any]) -> dict[str, Any]:
    """What libpq is given for an entry of DATABASES, with what it takes from the environment itself: PGSSLMODE,
    PGHOSTADDR and so on.
    """
    from_environment = {option.keyword.decode(): (option.val or b"").decode() for option in Conninfo.get_defaults()}
    host = {"host": database["HOST"]} if database["HOST"] else {}
    given = {**from_environment, **database.get("OPTIONS", {}), **host}
    if given.get("service"):  # what its file says comes before PGSSLMODE
        given["sslmode"] = database.get("OPTIONS", {}).get("sslmode")
    return given


def stays_on_this_machine(host: str) -> bool:
    """Whether the host is a Unix socket (its folder, or an abstract one) or a loopback address."""
    if host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _database_in_the_clear(given: Mapping[str, Any]) -> bool:
    if str(given.get("sslmode")) in _TLS_MODES:  # one that is written twice is a list
        return False
    if given.get("service"):  # a file of libpq's says where that is
        return True
    # Each may name several, and none is a Unix socket.
    hosts = f"{given['host']},{given['hostaddr']}".split(",")
    return not all(stays_on_this_machine(host) for host in hosts if host)


def _address_in_the_clear(address: str) -> bool:
    parts = urlsplit(address.strip())
    if parts.scheme in _TLS_SCHEMES | _SOCKET_SCHEMES:
        return False
    return not stays_on_this_machine(parts.hostname or "")
