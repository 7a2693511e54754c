"""Opens sessions in customers' roles for a component of the vendor's product. Copy this one file: it needs boto3 and
Python 3.11, and nothing of Rolebridge.

    rolebridge = Rolebridge("https://access.example.com", service_token, component="log-analysis")
    session = rolebridge.session(connection_id)        # a boto3.Session in the customer's role
    session.client("ec2", region_name="eu-central-1").describe_instances()

Ask for the session anew for each piece of work. It is kept and replaced before it ends, and `session` asks the portal,
once a minute for each role, whether it may still be used: once it is quarantined, paused or removed, `session` refuses,
and so it does when the portal cannot be asked for five minutes. Each session is told to the portal before it is given
out, and the customer sees its receipt there. Safe to share between threads.

A service token has 600 calls a minute, which is enough for about 500 roles in constant use: docs/open-a-session.md says
what to do with more.

IAM set-up it needs: the process runs as the worker role, or as the component role itself (docs/vendor-guide.md). It
falls back to no other identity.
"""

import hashlib
import json
import math
import threading
import time
import urllib.error
import urllib.request
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
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
MOST_ROLES = 2000  # whose sessions are kept; of more, those that were used least lately are forgotten

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


@dataclass(frozen=True)
class _Session:
    """A session, and its receipt as the portal takes it: nothing in that opens anything."""

    credentials: Mapping[str, Any]
    receipt: Mapping[str, Any]
    opened_for: str = ""


@dataclass
class _Role:
    """What is known of one connection's role, and the session in it. `opened` is not given out yet: the portal has not
    taken all of `untold`. `events` and `users`, the threads that have it in hand or wait for it, belong to the lock of
    all roles; the rest to its own.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    users: int = 0
    events: int = 0  # how many the feed has had about it
    asked_at: float = -math.inf
    asked_after: int = 0  # of those events
    description: Mapping[str, Any] | None = None
    regions: list[str] = field(default_factory=list)
    given: _Session | None = None
    opened: _Session | None = None
    untold: list[Mapping[str, Any]] = field(default_factory=list)


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
        self._roles: OrderedDict[str, _Role] = OrderedDict()
        self._first_hop: dict[str, _Session] = {}
        self._own_role: str | None = None

    def session(self, connection_id: str) -> boto3.Session:
        """A session in the customer role of this connection, for this piece of work.

        Raises:
            RoleNotUsable: the role must not be used.
            PortalUnavailable: nobody knows whether it may be used, or the portal does not know of the session yet.
            botocore.exceptions.ClientError: AWS refused a hop.
        """
        connection_id = str(connection_id)
        with self._role(connection_id) as role:
            self._ask(connection_id, role)
            if role.description is None:
                role.given = role.opened = None
                with suppress(PortalUnavailable):
                    self._tell(connection_id, role)  # what was opened was opened
                raise RoleNotUsable(
                    f"The role of connection {connection_id} for {self._component} must not be used now."
                )
            # A rotated external ID or another policy makes it another session.
            opened_for = json.dumps(role.description["hops"]) + json.dumps(role.description["session_policies"])
            given = role.given
            if given is None or given.opened_for != opened_for or _ends(given, REPLACE_BEFORE_EXPIRY):
                try:
                    role.given = given = self._next(connection_id, role, opened_for)
                except PortalUnavailable:
                    if given is None or given.opened_for != opened_for or _ends(given, timedelta()):
                        raise
            return _boto3_session(given.credentials)

    def connections(self, **filters: str) -> Iterator[Mapping[str, Any]]:
        """Every connection (filters: account_id, tenant_id, customer_number), page by page."""
        address: str | None = f"{self._portal}/api/v1/product/connections/?{urlencode({'page_size': 200} | filters)}"
        while address:
            page = self._call(address)
            yield from page["results"]
            address = page["next"]

    def events(self, cursor: int = 0) -> Iterator[tuple[Mapping[str, Any], int]]:
        """The events behind `cursor` that are there now, each with the cursor to go on from after it. Of a connection
        that one is about, the portal is asked anew before a session is given out.
        """
        more = True
        while more:
            page = self._call(f"{self._portal}/api/v1/product/events/?{urlencode({'cursor': cursor})}")
            for event in page["events"]:
                with self._lock:
                    if role := self._roles.get(event["connection_id"]):
                        role.events += 1  # the portal is asked before its session is given out again
                yield event, event["position"]
            cursor, more = page["cursor"], page["more"]

    @contextmanager
    def _role(self, connection_id: str) -> Iterator[_Role]:
        """What is known of this connection's role, for one thread at a time."""
        with self._lock:
            role = self._roles.setdefault(connection_id, _Role())
            self._roles.move_to_end(connection_id)
            role.users += 1
            # Forgotten in use, a role would be entered twice; with receipts, they would be lost. So there are more than
            # MOST_ROLES only by one for each thread, and by one for each connection whose receipts the portal has not
            # taken: a few each, since nothing more is opened there until it has.
            idle = (name for name, one in self._roles.items() if not one.users and not one.untold)
            for name in list(islice(idle, max(0, len(self._roles) - MOST_ROLES))):
                del self._roles[name]
        try:
            with role.lock:
                yield role
        finally:
            with self._lock:
                role.users -= 1

    def _next(self, connection_id: str, role: _Role, opened_for: str) -> _Session:
        """Open another session, and tell the portal of it before it counts; the caller holds the role's lock.

        What the portal has not taken yet is told first: so nothing is opened while it takes no receipt.
        """
        self._tell(connection_id, role)
        opened, role.opened = role.opened, None
        if opened is None or opened.opened_for != opened_for or _ends(opened, REPLACE_BEFORE_EXPIRY):
            try:
                opened = role.opened = self._open(role, opened_for)
            except BaseException:
                with suppress(PortalUnavailable):
                    self._tell(connection_id, role)  # AWS refused a hop: those before it were opened all the same
                raise
            self._tell(connection_id, role)
            role.opened = None
        return opened

    def _tell(self, connection_id: str, role: _Role) -> None:
        """Give the portal the receipts that it has not taken yet; PortalUnavailable where it does not take them."""
        if role.untold:
            address = f"{self._portal}/api/v1/product/connections/{quote(connection_id, safe='')}/sessions/"
            self._call(address, {"component": self._component, "sessions": role.untold})
            role.untold = []

    def _ask(self, connection_id: str, role: _Role) -> None:
        """Ask the portal about the role, unless it was asked just now; the caller holds the role's lock."""
        # An event that comes while the portal answers may be younger than the answer, so they are counted before.
        now, events = self._clock(), role.events
        age = now - role.asked_at if role.asked_after == events else math.inf
        if age < ASK_AGAIN_AFTER:
            return
        try:
            answer = self._call(f"{self._portal}/api/v1/product/connections/{quote(connection_id, safe='')}/")
        except RoleNotUsable:
            role.description = None
        except PortalUnavailable:
            if age >= REFUSE_AFTER or role.events != events:
                role.given = None
                raise
            return
        else:
            roles = {found["component"]: found for found in answer["roles"]}
            role.description = roles.get(self._component)
            role.regions = answer["chain"]["sts_regions"]
        role.asked_at, role.asked_after = now, events

    def _call(self, address: str, body: Mapping[str, Any] | None = None) -> Any:
        """GET an address of the portal, or POST the body to it; what it answers."""
        if not address.startswith(f"{self._portal}/"):
            raise PortalUnavailable(f"The portal leads to another address, {address}: the token is not sent there.")
        request = urllib.request.Request(  # noqa: S310 — https or loopback, checked above
            address,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
                "User-Agent": "rolebridge-product-client/1",
            },
        )
        try:
            with _OPENER.open(request, timeout=TIMEOUT) as answer:
                return json.loads(answer.read(MOST_ANSWER))
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404:
                    raise RoleNotUsable("The portal knows no such connection.") from None
                if error.code == 400 and body is None:
                    raise CursorRefused("The portal refused the cursor.") from None
                raise PortalUnavailable(f"The portal answered {error.code}.") from None
        except (OSError, ValueError) as error:
            raise PortalUnavailable(f"The portal could not be asked: {error}") from None

    def _open(self, role: _Role, opened_for: str) -> _Session:
        """Make the hops one after the other; gives the session of the last one. What is opened for this customer alone
        is put down as untold.
        """
        description: Mapping[str, Any] = role.description or {}
        regions = role.regions
        *before, last = description["hops"]
        session: _Session | None = None
        if description["caller_may_be_first"]:
            first, *before = before
            if not self._runs_as(first["RoleArn"], regions[0]):
                session = self._enter_own_role(first, regions)
        for number, hop in enumerate(before):
            try:
                session = self._assume(session, hop, regions)
            except ClientError as error:
                if number or not description["caller_may_be_first"] or error.response["Error"]["Code"] not in _EXPIRED:
                    raise
                self._first_hop.pop(first["RoleArn"], None)
                session = self._assume(self._enter_own_role(first, regions), hop, regions)
            role.untold.append(session.receipt)
        for session_policy in description["session_policies"]:
            try:
                entered = self._assume(session, {**last, **session_policy}, regions)
            except ClientError as error:
                is_last = session_policy is description["session_policies"][-1]
                if is_last or error.response["Error"]["Code"] not in _OTHER_SESSION_POLICY:
                    raise
            else:
                role.untold.append(entered.receipt)
                return replace(entered, opened_for=opened_for)
        raise RoleNotUsable("The portal names no session policy, and without one no session is opened.")

    def _enter_own_role(self, call: Mapping[str, Any], regions: list[str]) -> _Session:
        """The session of our component role, which serves every customer; kept until it ends soon."""
        with self._lock:
            kept = self._first_hop.get(call["RoleArn"])
        if kept is None or _ends(kept, REPLACE_BEFORE_EXPIRY):
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

    def _assume(self, session: _Session | None, call: Mapping[str, Any], regions: list[str]) -> _Session:
        """One AssumeRole, in the next region where STS is switched off in one."""
        opened_at = datetime.now(UTC)
        for region in regions[:-1]:
            try:
                answer = self._sts(session, region).assume_role(**call)
            except ClientError as error:
                if error.response["Error"]["Code"] != "RegionDisabledException":
                    raise
            else:
                return _Session(answer["Credentials"], _receipt(call, answer, opened_at))
        answer = self._sts(session, regions[-1]).assume_role(**call)
        return _Session(answer["Credentials"], _receipt(call, answer, opened_at))

    def _sts(self, session: _Session | None, region: str) -> Any:
        boto3_session = boto3.Session() if session is None else _boto3_session(session.credentials)
        return boto3_session.client("sts", region_name=region, config=_CONFIG)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The token goes to the portal and nowhere else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """A redirect is an error here."""
        return


_OPENER = urllib.request.build_opener(_NoRedirects)


def _receipt(call: Mapping[str, Any], answer: Mapping[str, Any], opened_at: datetime) -> Mapping[str, Any]:
    """What finds the session in CloudTrail, and nothing that could open it again."""
    narrowed_by = [call["Policy"]] if "Policy" in call else []
    narrowed_by += [policy["arn"] for policy in call.get("PolicyArns", [])]
    return {
        "opened_at": opened_at.isoformat(),
        "expires_at": answer["Credentials"]["Expiration"].isoformat(),
        "role_arn": call["RoleArn"],
        "role_id": answer["AssumedRoleUser"]["AssumedRoleId"].partition(":")[0],
        "session_name": call["RoleSessionName"],
        "source_identity": answer.get("SourceIdentity", call.get("SourceIdentity", "")),
        "tags": {tag["Key"]: tag["Value"] for tag in call.get("Tags", [])},
        "transitive_tag_keys": list(call.get("TransitiveTagKeys", [])),
        "policy_sha256": hashlib.sha256("\n".join(narrowed_by).encode()).hexdigest() if narrowed_by else "",
        "access_key_id": answer["Credentials"]["AccessKeyId"],
        "request_id": answer["ResponseMetadata"].get("RequestId", ""),
        "packed_policy_percent": answer.get("PackedPolicySize"),
    }


def _ends(session: _Session, within: timedelta) -> bool:
    """Whether it has ended, or ends within this time."""
    return bool(session.credentials["Expiration"] < datetime.now(UTC) + within)


def _boto3_session(credentials: Mapping[str, Any]) -> boto3.Session:
    return boto3.Session(
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )
