"""The environment that settings are read from, and how: what is missing or wrong stops the process at boot, by name,
and with a hint.
"""

import os
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from django.conf.global_settings import LANGUAGES
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email
from django.utils.translation import to_locale

BASE_DIR = Path(__file__).resolve().parent.parent
LOCAL_DIR = Path(os.environ.get("ROLEBRIDGE_LOCAL_DIR") or BASE_DIR / ".local")

MODE = os.environ.get("ROLEBRIDGE_MODE", "production")
if MODE not in {"production", "local", "test"}:
    raise ImproperlyConfigured(f"ROLEBRIDGE_MODE is {MODE!r}; use production, local or test.")
PRODUCTION = MODE == "production"

environment = dict(os.environ)
if MODE == "local" and (LOCAL_DIR / "environment").exists():
    _written = (line.partition("=") for line in (LOCAL_DIR / "environment").read_text().splitlines() if "=" in line)
    environment = {name: value for name, _, value in _written} | environment
    # boto3 finds its identity in the process's own environment.
    os.environ.update({name: value for name, value in environment.items() if name.startswith("AWS_")})


def setting(name: str, hint: str, default: str | None = None) -> str:
    """The value of `name` or of the file named by `name_FILE`; without either `default`, or a refusal to boot.

    Raises:
        ImproperlyConfigured: it is not set; the hint says what to set it to. The other functions raise it too, where
            what is set is not what they read.
    """
    value = environment.get(name)
    if not value and (path := environment.get(f"{name}_FILE")):
        value = Path(path).read_text().strip()
    if value:
        return value
    if default is None:
        raise ImproperlyConfigured(f"{name} is not set. {hint} To try Rolebridge on this machine, use `make run`.")
    return default


def number(name: str, default: int) -> int:
    """A whole number from 0."""
    text = setting(name, "", str(default))
    if not text.isdecimal():
        raise ImproperlyConfigured(f"{name} is {text!r}; give a whole number.")
    return int(text)


def https_address(name: str) -> str:
    """An address that a browser is sent to, or nothing."""
    address = environment.get(name, "").strip()
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is {address!r}, which is no address.") from error
    if address and not (parts.scheme == "https" and parts.hostname and len(address) <= 500):
        raise ImproperlyConfigured(f"{name} is {address!r}; give an address that starts with https://, or none.")
    if len(address.split()) > 1:
        raise ImproperlyConfigured(f"{name} is {address!r}; an address holds no spaces and is one line.")
    return address


def contact_address(name: str) -> str:
    """Where people write to, `mailto:…` or `https://…`, or nothing."""
    address = environment.get(name, "").strip()
    if address.startswith("mailto:"):
        try:
            validate_email(address.removeprefix("mailto:"))
        except ValidationError:
            # Not `from` it: to show it would take the settings, which are not there yet.
            raise ImproperlyConfigured(f"{name} is {address!r}; give one mail address after mailto:.") from None
        return address
    if address and not address.startswith("https://"):
        raise ImproperlyConfigured(f"{name} is {address!r}; give mailto:ADDRESS, an https:// address, or none.")
    return https_address(name)


def listed(name: str) -> list[str]:
    """What stands in `name` with commas between it."""
    return [part.strip() for part in environment.get(name, "").split(",") if part.strip()]


def networks(name: str) -> list[str]:
    """IP addresses or networks with commas between them, as they are written."""
    parts = listed(name)
    for part in parts:
        try:
            ip_network(part)
        except ValueError as error:
            raise ImproperlyConfigured(f"{name} holds {part!r}, which is no IP address or network.") from error
    return parts


def language(name: str, *, translations: Path) -> str:
    """The code of the language that pages and mails speak, whose translation is below `translations`; English, which
    needs none, where none is named.
    """
    code = setting(name, "", "en")
    if code not in dict(LANGUAGES):
        raise ImproperlyConfigured(f"{name} is {code!r}; give the code of a language in small letters: de or pt-br.")
    translation = translations / to_locale(code) / "LC_MESSAGES" / "django.mo"
    if code != "en" and not translation.is_file():
        raise ImproperlyConfigured(f"{name} is {code!r}, and there is no {translation}: put the translation there.")
    return code


def outside_production(value: str) -> str | None:
    """A default that exists outside production only."""
    return None if PRODUCTION else value
