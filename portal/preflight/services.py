"""Broker, cache, mail server and clock."""

import smtplib
import ssl
from datetime import UTC, datetime
from urllib.parse import urlsplit

import redis
from celery import current_app
from django.conf import settings
from django.core.cache import cache
from django.core.mail import get_connection
from django.core.mail.backends.smtp import EmailBackend
from django.db import DatabaseError, connections

from integrations.aws.clock import aws_time
from integrations.aws.errors import AwsCallFailed
from integrations.vendor import vendor_settings
from portal.preflight.report import State, Wrong
from tenants.scope import APP

# Codes of second factors change every 30 seconds; AWS refuses a signature that is five minutes off.
MOST_SECONDS_OFF = 30
_NTP = "Let chrony or another NTP client set the clock of every machine; on AWS: server 169.254.169.123."


def broker_takes_messages() -> str:
    """The broker answers, and forgets nothing that waits in it."""
    address = str(current_app.conf.broker_url)
    try:
        with current_app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=2)
    except Exception as error:
        raise Wrong(
            f"The broker at {address} does not answer: {error}",
            "Compare CELERY_BROKER_URL with the server: host, port, password, rediss:// where it asks for TLS.",
        ) from error
    if not address.startswith(("redis://", "rediss://")):
        return address
    with redis.Redis.from_url(address, socket_timeout=3, socket_connect_timeout=3) as server:
        policy = server.info("memory").get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise Wrong(
            f"The broker throws messages away when its memory is full (maxmemory-policy is {policy}).",
            "Set maxmemory-policy to noeviction, on ElastiCache in the parameter group, and keep the cache elsewhere.",
        )
    if _place(address) == _place(str(settings.CACHES["default"]["LOCATION"])):
        raise Wrong(
            "Broker and cache are the same database: emptying the cache would empty the queues.",
            "Give CACHE_URL another database number, such as redis://HOST:PORT/1.",
        )
    return address


def _place(address: str) -> tuple[str | None, int, str]:
    parts = urlsplit(address)
    return parts.hostname, parts.port or 6379, parts.path.strip("/") or "0"


def cache_keeps() -> str:
    """What is put into the cache is there."""
    address = str(settings.CACHES["default"]["LOCATION"])
    try:
        cache.set("preflight", "kept", timeout=10)
        kept = cache.get("preflight")
    except (redis.RedisError, OSError) as error:
        raise Wrong(
            f"The cache at {address} does not answer: {error}",
            "Compare CACHE_URL with the server: host, port, password, rediss:// where it asks for TLS.",
        ) from error
    if kept != "kept":
        raise Wrong(f"The cache at {address} forgets at once.", "Give it more memory.")
    return address


def mail_server_takes_mail() -> str:
    """The mail server lets us in and takes our sender. No mail is sent."""
    mail = get_connection()
    if not isinstance(mail, EmailBackend):
        return f"mails go to {settings.EMAIL_BACKEND.rsplit('.', 2)[1]}, not to a server"
    where = f"{mail.host}:{mail.port}"
    try:
        mail.open()
        session = mail.connection
        if session is None:
            raise Wrong(f"{where} gave no session.", "Set EMAIL_URL.")
        code, text = session.mail(settings.DEFAULT_FROM_EMAIL)
        session.rset()
    except smtplib.SMTPAuthenticationError as error:
        raise Wrong(f"{where} does not let {mail.username} in: {error}", "Compare the name and the password in "
                    "EMAIL_URL with the server's; both are percent-encoded there.") from error  # fmt: skip
    except (smtplib.SMTPException, ssl.SSLError, OSError) as error:
        raise Wrong(
            f"{where} cannot be talked to: {error}",
            "Compare EMAIL_URL with the server: host, port, smtp+tls:// for STARTTLS (587), smtp+ssl:// for TLS (465), "
            "and whether this network lets it through.",
        ) from error
    finally:
        mail.close()
    if code >= 400:
        raise Wrong(
            f"{where} does not take mail from {settings.DEFAULT_FROM_EMAIL}: {code} {text.decode(errors='replace')}",
            "Let the server send for that address or domain (SES: verify the identity), or set another EMAIL_FROM.",
        )
    return f"{where} takes mail from {settings.DEFAULT_FROM_EMAIL}"


def clocks_agree() -> str:
    """This machine's clock is AWS's, which judges signatures by its own, and the database's, which ends leases."""
    seen, unread = {}, []
    try:
        seen["AWS"] = aws_time(vendor_settings())
    except AwsCallFailed as failure:
        unread.append(f"AWS ({failure})")
    ours = datetime.now(UTC)
    try:
        with connections[APP].cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            seen["the database"] = cursor.fetchone()[0]
    except DatabaseError:
        unread.append("the database")
    off = {whose: (ours - theirs).total_seconds() for whose, theirs in seen.items()}
    for whose, seconds in off.items():
        if abs(seconds) > MOST_SECONDS_OFF:
            raise Wrong(f"This clock is {abs(seconds):.0f} s {_side(seconds)} that of {whose}.", _NTP)
    if unread:
        raise Wrong(f"No clock to compare with: {', '.join(unread)}.", "Mend what does not answer.", State.UNKNOWN)
    return "within " + ", ".join(f"{abs(seconds):.1f} s of {whose}" for whose, seconds in off.items())


def _side(seconds: float) -> str:
    return "ahead of" if seconds > 0 else "behind"
