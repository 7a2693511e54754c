"""Sessions of one connection and component: kept in memory, replaced in time, dropped at once.

Either in the customer role, for the product's own work (`open_for_product`), or in the integration role, for checks of
reachability (`open_launch`): from there only that one customer role can be entered.

One session for each connection and component. Many callers that need a new one cause one chain to be opened, by one of
them, while the others wait. Nothing here is stored: a process that ends forgets its sessions.

A session that was handed out cannot be taken back from whoever holds it; what ends live sessions is the customer's or
the vendor's revoke-older-sessions policy.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from integrations.aws.assume_role import MAX_CHAINED_DURATION, Session
from integrations.aws.calls import SESSION_CACHE
from integrations.aws.chain import VendorSide, enter_customer_role, enter_integration_role
from integrations.aws.errors import SessionExpired
from integrations.aws.report import SessionPurpose, SessionReceipt, VerificationTarget

# botocore's mandatory refresh time: a session with less than this left is replaced before it is used.
REFRESH_BEFORE_EXPIRY = 600.0  # seconds
# A session in the integration role lasts a quarter of an hour and serves a run of a minute at the most.
REPLACE_LAUNCH_BEFORE_EXPIRY = 180.0  # seconds
MAX_SESSIONS = 2000

T = TypeVar("T")
_Key = tuple[str, str]


@dataclass
class _Slot:
    """One key's session. `identity` is what it was opened for: a rotated external ID makes it another. `callers` are
    those who open it or wait for it.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    session: Session | None = None
    identity: tuple[str, ...] = ()
    dropped: bool = False
    callers: int = 0


Opened = tuple[Session, tuple[SessionReceipt, ...]]


def open_for_product(vendor: VendorSide, target: VerificationTarget) -> Opened:
    """A session in the customer role that lasts an hour, and the receipts of the chain."""
    purpose = SessionPurpose.PRODUCT
    launch = enter_integration_role(vendor, target, purpose=purpose)
    session = enter_customer_role(vendor, target, launch, purpose=purpose, duration=MAX_CHAINED_DURATION)
    return session, (launch.receipt, session.receipt)


def open_launch(vendor: VendorSide, target: VerificationTarget) -> Opened:
    """A session in the integration role that can enter the target's customer role and no other, and its receipt."""
    launch = enter_integration_role(vendor, target)
    return launch, (launch.receipt,)


class SessionCache:
    """The sessions of this process, at most `max_sessions` of them, the least recently used going first. What is just
    being opened goes by itself when that has ended, or who asks meanwhile would open another.

    `open_session` opens one. `on_opened` gets the receipts of every chain that is opened, so that each session leaves
    one.
    """

    def __init__(
        self,
        vendor: VendorSide,
        *,
        open_session: Callable[[VendorSide, VerificationTarget], Opened] = open_for_product,
        replace_before_expiry: float | None = None,
        max_sessions: int = MAX_SESSIONS,
        on_opened: Callable[[tuple[SessionReceipt, ...]], None] = lambda _: None,
    ) -> None:
        self._vendor = vendor
        self._open_session = open_session
        self._replace_before_expiry = replace_before_expiry
        self._max_sessions = max_sessions
        self._on_opened = on_opened
        self._lock = threading.Lock()
        self._slots: OrderedDict[_Key, _Slot] = OrderedDict()

    def __len__(self) -> int:
        with self._lock:
            return len(self._slots)

    def session(self, target: VerificationTarget) -> Session:
        """The target's session, opened if there is none that lasts; raises AwsCallFailed, and keeps nothing then."""
        return self.session_and_receipts(target)[0]

    def session_and_receipts(self, target: VerificationTarget) -> Opened:
        """As `session`, with the receipts of what this very call opened: none where the session was there."""
        replace_before = REFRESH_BEFORE_EXPIRY if self._replace_before_expiry is None else self._replace_before_expiry
        identity = (str(target.role_arn(self._vendor.settings)), target.external_id, target.component.version)
        while True:
            with self._slot((target.connection_ref, target.component.id)) as slot, slot.lock:
                if slot.dropped:
                    continue  # dropped while this caller waited: what was dropped must not come back
                session = slot.session
                receipts: tuple[SessionReceipt, ...] = ()
                result = "hit"
                if session is None or slot.identity != identity or session.credentials.expires_within(replace_before):
                    result = "miss"
                    session, receipts = self._open_session(self._vendor, target)
                    self._on_opened(receipts)
                    # Dropped while the chain was being opened: this caller asked before, and may have it once.
                    if not slot.dropped:
                        slot.session, slot.identity = session, identity
                SESSION_CACHE.labels(result).inc()
                return session, receipts

    def use(self, target: VerificationTarget, work: Callable[[Session], T]) -> T:
        """Do `work` with the target's session; if AWS calls it expired, once more with a new one."""
        session = self.session(target)
        try:
            return work(session)
        except SessionExpired:
            self._forget(target, session)
            return work(self.session(target))

    def drop(self, connection_ref: str, component_id: str | None = None) -> None:
        """Forget the sessions of a connection, or of one component of it: on pause, quarantine and removal."""
        with self._lock:
            for key in [key for key in self._slots if key[0] == connection_ref and component_id in (None, key[1])]:
                self._slots.pop(key).dropped = True

    def clear(self) -> None:
        """Forget every session: the emergency stop."""
        with self._lock:
            for slot in self._slots.values():
                slot.dropped = True
            self._slots.clear()

    @contextmanager
    def _slot(self, key: _Key) -> Iterator[_Slot]:
        """The key's slot, which keeps its place as long as somebody uses it."""
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            slot.callers += 1
        try:
            yield slot
        finally:
            with self._lock:
                slot.callers -= 1
                self._let_go_of_too_many()

    def _let_go_of_too_many(self) -> None:
        too_many = len(self._slots) - self._max_sessions
        if too_many > 0:
            idle = [key for key, slot in self._slots.items() if not slot.callers]
            for key in idle[:too_many]:
                del self._slots[key]

    def _forget(self, target: VerificationTarget, session: Session) -> None:
        """Forget `session`, unless another caller has replaced it already."""
        with self._slot((target.connection_ref, target.component.id)) as slot, slot.lock:
            if slot.session is session:
                slot.session = None
