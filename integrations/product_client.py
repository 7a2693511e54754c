"""Opens sessions in customers' roles for a component of the vendor's product. Copy this one file: it needs boto3 and
Python 3.11, and nothing of Rolebridge.

    rolebridge = Rolebridge("https://access.example.com", service_token, component="log-analysis")
    session = rolebridge.session(connection_id)        # a boto3.Session in the customer's role
    session.client("ec2", region_name="eu-central-1").describe_instances()

Ask for the session anew for each piece of work. It is kept and replaced before it ends, and the portal is asked every
minute whether the role may still be used: once it is quarantined, paused or removed, `session` refuses, and so it does
when the portal cannot be asked for five minutes. Safe to share between threads.

IAM set-up it needs: the process runs as the worker role, or as the component role itself (docs/vendor-guide.md). It
falls back to no other identity.
"""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

REPLACE_BEFORE_EXPIRY = timedelta(minutes=10)
ASK_AGAIN_AFTER = 60.0  # seconds for which the portal's answer about a role is used without asking again
REFUSE_AFTER = 300.0  # seconds without an answer of the portal after which no session is given out any more
TIMEOUT = 10.0  # seconds for one request to the portal
MOST_ANSWER = 8 * 1024 * 1024  # bytes; no answer of the portal is nearly as long

_CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "max_attempts": 3})
# What AWS answers where a session policy does not fit, or names policies that the role's account does not have.
_OTHER_SESSION_POLICY = {"MalformedPolicyDocument", "PackedPolicyTooLarge", "ValidationError"}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId"}


class RoleNotUsable(Exception):
    """The customer role must not be used now: it is quarantined, paused, removed, not proved, or never was. Do not try
    another way in: skip this customer, and look again later.
    """


class PortalUnavailable(Exception):
    """The portal could not be asked, or refused the token, so nobody knows whether the role may be used."""


class CursorRefused(Exception):
    """The cursor is not one of this feed any more, as after a restored backup: list the connections anew."""


@dataclass
class _Role:
    """What is known of one connection's role, and the session in it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    asked_at: float | None = None
    tried_at: float | None = None
    description: Mapping[str, Any] | None = None
    regions: list[str] = field(default_factory=list)
    credentials: Mapping[str, Any] | None = None
    opened_for: str = ""


class Rolebridge:
    """The portal, asked with a service token, and the sessions of one component.

    Args:
        portal: its address; `https`, or a loopback address to try it out.
        service_token: from support staff, `rbs_…`.
        component: id of the component in the catalogue.
        clock: seconds that only rise, for tests.
    """

    def __init__(
        self,
        portal: str,
        service_token: str,
        *,
        component: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        address = urlsplit(portal)
        if address.scheme != "https" and address.hostname not in {"127.0.0.1", "::1", "localhost"}:
            raise ValueError("The portal's address begins with https://: the service token is sent to it.")
        self._portal = portal.rstrip("/")
        self._token = service_token
        self._component = component
        self._clock = clock
        self._lock = threading.Lock()
        self._roles: dict[str, _Role] = {}
        self._first_hop: dict[str, Mapping[str, Any]] = {}
        self._own_role: str | None = None

    def session(self, connection_id: str) -> boto3.Session:
        """A session in the customer role of this connection, for this piece of work.

        Raises:
            RoleNotUsable: the role must not be used.
            PortalUnavailable: nobody knows whether it may be used.
            botocore.exceptions.ClientError: AWS refused a hop.
        """
        with self._lock:
            role = self._roles.setdefault(str(connection_id), _Role())
        with role.lock:
            self._ask(str(connection_id), role)
            if role.description is None:
                role.credentials = None
                raise RoleNotUsable(
                    f"The role of connection {connection_id} for {self._component} must not be used now."
                )
            # A rotated external ID or another policy makes it another session.
            opened_for = json.dumps(role.description["hops"]) + json.dumps(role.description["session_policies"])
            if role.credentials is None or role.opened_for != opened_for or _ends_soon(role.credentials):
                role.credentials = self._open(role.description, role.regions)
                role.opened_for = opened_for
            return _boto3_session(role.credentials)

    def connections(self, **filters: str) -> Iterator[Mapping[str, Any]]:
        """Every connection (filters: account_id, tenant_id, customer_number), page by page."""
        address: str | None = f"{self._portal}/api/v1/product/connections/?{urlencode({'page_size': 200} | filters)}"
        while address:
            page = self._get(address)
            yield from page["results"]
            address = page["next"]

    def events(self, cursor: int = 0) -> Iterator[tuple[Mapping[str, Any], int]]:
        """The events behind `cursor` that are there now, each with the cursor to go on from after it."""
        more = True
        while more:
            page = self._get(f"{self._portal}/api/v1/product/events/?{urlencode({'cursor': cursor})}")
            for event in page["events"]:
                yield event, event["position"]
            cursor, more = page["cursor"], page["more"]

    def _ask(self, connection_id: str, role: _Role) -> None:
        """Ask the portal about the role, unless it was asked just now; the caller holds the role's lock."""
        now = self._clock()
        if role.asked_at is not None and now - role.asked_at < ASK_AGAIN_AFTER:
            return
        try:
            answer = self._get(f"{self._portal}/api/v1/product/connections/{quote(connection_id, safe='')}/")
        except RoleNotUsable:
            role.description, role.asked_at = None, now
            return
        except PortalUnavailable:
            if role.asked_at is None or now - role.asked_at >= REFUSE_AFTER:
                role.credentials = None
                raise
            return
        roles = {found["component"]: found for found in answer["roles"]}
        role.description, role.asked_at = roles.get(self._component), now
        role.regions = answer["chain"]["sts_regions"]

    def _get(self, address: str) -> Any:
        if not address.startswith(f"{self._portal}/"):
            raise PortalUnavailable(f"The portal leads to another address, {address}: the token is not sent there.")
        request = urllib.request.Request(  # noqa: S310 — https or loopback, checked above
            address,
            headers={"Authorization": f"Bearer {self._token}", "User-Agent": "rolebridge-product-client/1"},
        )
        try:
            with _OPENER.open(request, timeout=TIMEOUT) as answer:
                return json.loads(answer.read(MOST_ANSWER))
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404:
                    raise RoleNotUsable("The portal knows no such connection.") from None
                if error.code == 400:
                    raise CursorRefused("The portal refused the cursor.") from None
                raise PortalUnavailable(f"The portal answered {error.code}.") from None
        except (OSError, ValueError) as error:
            raise PortalUnavailable(f"The portal could not be asked: {error}") from None

    def _open(self, description: Mapping[str, Any], regions: list[str]) -> Mapping[str, Any]:
        """Make the hops one after the other; gives the credentials of the last one."""
        *before, last = description["hops"]
        credentials: Mapping[str, Any] | None = None
        if description["caller_may_be_first"]:
            first, *before = before
            if not self._runs_as(first["RoleArn"], regions[0]):
                credentials = self._enter_own_role(first, regions)
        for number, hop in enumerate(before):
            try:
                credentials = self._assume(credentials, hop, regions)
            except ClientError as error:
                if number or not description["caller_may_be_first"] or error.response["Error"]["Code"] not in _EXPIRED:
                    raise
                self._first_hop.pop(first["RoleArn"], None)
                credentials = self._assume(self._enter_own_role(first, regions), hop, regions)
        *others, least_exact = description["session_policies"]
        for session_policy in others:
            try:
                return self._assume(credentials, {**last, **session_policy}, regions)
            except ClientError as error:
                if error.response["Error"]["Code"] not in _OTHER_SESSION_POLICY:
                    raise
        return self._assume(credentials, {**last, **least_exact}, regions)

    def _enter_own_role(self, call: Mapping[str, Any], regions: list[str]) -> Mapping[str, Any]:
        """The session of our component role, which serves every customer; kept until it ends soon."""
        with self._lock:
            kept = self._first_hop.get(call["RoleArn"])
        if kept is None or _ends_soon(kept):
            kept = self._assume(None, call, regions)
            with self._lock:
                self._first_hop[call["RoleArn"]] = kept
        return kept

    def _runs_as(self, role_arn: str, region: str) -> bool:
        """Whether this process has that role's identity by itself."""
        if self._own_role is None:
            self._own_role = self._sts(None, region).get_caller_identity()["Arn"]
        account, name = role_arn.split(":")[4], role_arn.rpartition("/")[2]
        return f":{account}:assumed-role/{name}/" in self._own_role

    def _assume(
        self, credentials: Mapping[str, Any] | None, call: Mapping[str, Any], regions: list[str]
    ) -> Mapping[str, Any]:
        """One AssumeRole, in the next region where STS is switched off in one."""
        for region in regions[:-1]:
            try:
                found: Mapping[str, Any] = self._sts(credentials, region).assume_role(**call)["Credentials"]
            except ClientError as error:
                if error.response["Error"]["Code"] != "RegionDisabledException":
                    raise
            else:
                return found
        last: Mapping[str, Any] = self._sts(credentials, regions[-1]).assume_role(**call)["Credentials"]
        return last

    def _sts(self, credentials: Mapping[str, Any] | None, region: str) -> Any:
        session = boto3.Session() if credentials is None else _boto3_session(credentials)
        return session.client("sts", region_name=region, config=_CONFIG)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The token goes to the portal and nowhere else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """A redirect is an error here."""
        return


_OPENER = urllib.request.build_opener(_NoRedirects)


def _ends_soon(credentials: Mapping[str, Any]) -> bool:
    return bool(credentials["Expiration"] < datetime.now(UTC) + REPLACE_BEFORE_EXPIRY)


def _boto3_session(credentials: Mapping[str, Any]) -> boto3.Session:
    return boto3.Session(
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )
