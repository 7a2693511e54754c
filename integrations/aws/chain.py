"""The chain A → B → C: opening the sessions that lead from the worker's own identity into a customer role.

IAM set-up it needs is in vendor_policies.py. Each hop narrows: A → B by a session policy that knows one customer role
and one external ID, B → C by one that knows the component's permissions. The external ID is sent on the last hop
only. In the `direct` chain there is no B, and A's session is the one that is narrowed and enters C.

Nothing here falls back to another identity: a hop that fails ends the chain with an exception of errors.py.
"""

import re
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from integrations.aws import vendor_policies as tags
from integrations.aws.assume_role import MIN_DURATION, AssumeRole, Session, open_session
from integrations.aws.clients import ClientFactory
from integrations.aws.errors import (
    AwsCallFailed,
    Refused,
    RequestInvalid,
    Retry,
    SessionPolicyInvalid,
    translate,
)
from integrations.aws.narrowing import customer_session_policies
from integrations.aws.policies import (
    deny_all_session_policy,
    grant_test_session_policy,
    inspection_session_policy,
    trust_test_session_policy,
)
from integrations.aws.report import SessionPurpose, SessionReceipt, VerificationTarget
from integrations.aws.session_plan import component_call, own_role_call, session_name, vendor_call
from integrations.aws.sts_regions import in_first_enabled_region
from integrations.aws.vendor import CANARY, TRUST_TEST, VendorSettings

# A session of ours that is used by many verifications is replaced this long before it ends.
REPLACE_BEFORE_EXPIRY = 600.0

# How many receipts of sessions in our own roles wait to be kept: those of a process that keeps none are let go.
_MOST_OWN_RECEIPTS = 1000

# What a session of ours that serves no customer is called, and says of whom it serves.
_IDENTITY_CHECK = "rolebridge-identity-check"
_NOBODY = "nobody"
_VENDOR_SESSION = re.compile(r"arn:[a-z-]+:sts::(?P<account>[0-9]{12}):assumed-role/(?P<role>[^/]+)/.+")

# STS clients of one session, by their region.
StsByRegion = Callable[[str], Any]


def trust_test_session_name(target: VerificationTarget) -> str:
    """How the trust-test's session, with its refused attempts, shows in the customer's CloudTrail."""
    return f"rolebridge-{TRUST_TEST}-{target.connection_ref}"


def grant_test_session_name(target: VerificationTarget) -> str:
    """How the attempts at what must be denied show in the customer's CloudTrail."""
    return f"rolebridge-grant-test-{target.connection_ref}"


def inspection_session_name(target: VerificationTarget) -> str:
    """How self-inspection shows in the customer's CloudTrail."""
    return f"rolebridge-inspection-{target.connection_ref}"


def canary_session_name(target: VerificationTarget) -> str:
    """How the canary's refused attempt shows in the customer's CloudTrail."""
    return f"rolebridge-{CANARY}-{target.connection_ref}"


class VendorSide:
    """The vendor's own roles, as far as a process has entered them: base → A, shared by all verifications.

    Such a session belongs to the vendor and knows no customer, so one serves every connection; it is replaced before
    it ends, by one caller while the others wait.
    """

    def __init__(self, settings: VendorSettings) -> None:
        self.settings = settings
        self.clients = ClientFactory(settings.endpoint_url)
        self._lock = threading.Lock()
        self._key_locks: dict[str, threading.Lock] = {}
        self._own_sessions: dict[str, tuple[Session, Any]] = {}
        self._base_clients: dict[str, Any] = {}
        self._base_role_name: str | None = None
        self._own_receipts: deque[SessionReceipt] = deque(maxlen=_MOST_OWN_RECEIPTS)

    def note_own_session(self, session: Session) -> Session:
        """Put aside the receipt of a session that serves no customer's role, for whoever keeps it."""
        self._own_receipts.append(session.receipt)
        return session

    def take_own_receipts(self) -> list[SessionReceipt]:
        """The receipts of the sessions in our own roles that nobody has taken yet."""
        taken = []
        with suppress(IndexError):  # nothing is left, perhaps since another thread has taken it
            while True:
                taken.append(self._own_receipts.popleft())
        return taken

    def put_back_own_receipts(self, receipts: Iterable[SessionReceipt]) -> None:
        """Receipts that were taken and could not be kept wait once more."""
        self._own_receipts.extend(receipts)

    def base_sts(self, region: str) -> Any:
        """An STS client with the worker's own identity; VendorIdentityMissing if it has none."""
        with self._lock:
            client = self._base_clients.get(region)
        if client is None:
            client = self.clients.with_own_identity("sts", region)
            with self._lock:
                client = self._base_clients.setdefault(region, client)
        return client

    def base_role_name(self) -> str:
        """The name of our role that this process acts as by itself; empty if it is none. Raises AwsCallFailed."""
        with self._lock:
            name = self._base_role_name
        if name is None:
            try:
                arn = self.base_sts(self.settings.region).get_caller_identity()["Arn"]
            except (ClientError, BotoCoreError) as error:
                raise translate(error) from None
            found = _VENDOR_SESSION.fullmatch(arn)
            ours = found is not None and found["account"] == self.settings.vendor_account_id
            name = found["role"] if found is not None and ours else ""
            with self._lock:
                self._base_role_name = name
        return name

    def own_role_sts(self, role: str) -> Any:
        """An STS client with the session of a role of ours: a component's id, `trust-test` or `canary`.

        Where the platform already runs this process as that role, there is no hop before it.
        """
        return self.own_role_sts_by_region(role)(self.settings.region)

    def own_role_sts_by_region(self, role: str) -> StsByRegion:
        """As own_role_sts, for whoever may have to ask in another region with the very same session."""
        if self.base_role_name() == role:
            return self.base_sts
        with self._lock:
            key_lock = self._key_locks.setdefault(role, threading.Lock())
        with key_lock:
            kept = self._own_sessions.get(role)
            if kept is None or kept[0].credentials.expires_within(REPLACE_BEFORE_EXPIRY):
                kept = self._enter_own_role(role)
                self._own_sessions[role] = kept
        session, sts = kept

        def in_region(region: str) -> Any:
            if region == self.settings.region:
                return sts
            return self.clients.with_session("sts", region, session.credentials)

        return in_region

    def keeps_own_role(self, role: str) -> bool:
        """Whether a session of our role `role` was opened before, by whomever."""
        with self._lock:
            return role in self._own_sessions

    def forget_own_role(self, role: str) -> None:
        """Drop the session of our role `role`, so that the next caller opens a new one."""
        if self.base_role_name() == role:
            self.forget_base()
            return
        with self._lock:
            key_lock = self._key_locks.setdefault(role, threading.Lock())
        with key_lock:
            self._own_sessions.pop(role, None)

    def forget_base(self) -> None:
        """Drop the credentials that the environment gave this process, so that it is asked anew."""
        with self._lock:
            self._base_clients.clear()
        self.clients.forget_own_identity()

    def as_base(self, call: AssumeRole, *, component: str, purpose: SessionPurpose) -> Session:
        """Make the call as this process; where AWS calls its credentials expired, once more with new ones."""
        region = self.settings.region
        try:
            return open_session(self.base_sts(region), call, component=component, purpose=purpose)
        except AwsCallFailed as failure:
            if failure.retry is not Retry.REBUILD:
                raise
            self.forget_base()
            return open_session(self.base_sts(region), call, component=component, purpose=purpose)

    def _enter_own_role(self, role: str) -> tuple[Session, Any]:
        call = own_role_call(self.settings, role)
        session = self.note_own_session(self.as_base(call, component=role, purpose=SessionPurpose.IDENTITY_CHECK))
        return session, self.clients.with_session("sts", self.settings.region, session.credentials)


@lru_cache(maxsize=8)
def vendor_side(settings: VendorSettings) -> VendorSide:
    """The one VendorSide of this process for `settings`."""
    return VendorSide(settings)


def enter_integration_role(
    vendor: VendorSide, target: VerificationTarget, *, purpose: SessionPurpose = SessionPurpose.VERIFICATION
) -> Session:
    """The narrowed session that can enter the target's customer role, and no other: A → B (`direct`: base → A)."""
    return _launch_component(vendor, target, str(target.role_arn(vendor.settings)), purpose)


def _launch_component(
    vendor: VendorSide, target: VerificationTarget, role_arn: str, purpose: SessionPurpose
) -> Session:
    """The component's session on the vendor's side, allowed to enter `role_arn` alone."""
    call = component_call(vendor.settings, target, role_arn)
    return _launch(vendor, target.component.id, call, component=target.component.id, purpose=purpose)


def enter_trust_test(vendor: VendorSide, target: VerificationTarget) -> Session:
    """The session that can try the target's customer role with any external ID or none.

    It hands nothing on (no transitive tag, no source identity), so that a trust policy which forgets to allow them is
    still tried for what it says of the external ID.
    """
    role = target.component.id if vendor.settings.chain == "direct" else TRUST_TEST
    call = _trust_test_call(
        vendor.settings,
        role=role,
        session_name=trust_test_session_name(target),
        policy=trust_test_session_policy([str(target.role_arn(vendor.settings)), vendor.settings.control_role_arn]),
    )
    return _launch(vendor, role, call, component=target.component.id, purpose=SessionPurpose.TRUST_TEST)


def prove_component_side(vendor: VendorSide, target: VerificationTarget) -> tuple[SessionReceipt, SessionReceipt]:
    """Enter the vendor's stand-in role, which has the product tag, as the component's own sessions enter customers'.

    Refused, our own policies keep the component's sessions from every customer's role, whatever that one carries or
    allows; in each chain.
    """
    stand_in = vendor.settings.stand_in_role_arn
    launch = _launch_component(vendor, target, stand_in, SessionPurpose.IDENTITY_CHECK)
    call = AssumeRole(
        role_arn=stand_in,
        session_name=session_name(target),
        policy=deny_all_session_policy(),
        external_id=target.external_id,
    )
    entered = _from_launch_session(
        vendor, launch, call, component=target.component.id, purpose=SessionPurpose.IDENTITY_CHECK
    )
    return launch.receipt, entered.receipt


def prove_vendor_chain(vendor: VendorSide, role: str = TRUST_TEST) -> Session:
    """Enter the integration role (`direct`: our role itself) with a session that can do nothing, from our role `role`:
    `trust-test` or a component's id.
    """
    settings, policy = vendor.settings, deny_all_session_policy()
    if role == TRUST_TEST:
        call = _trust_test_call(settings, role=role, session_name=_IDENTITY_CHECK, policy=policy)
    else:
        call = vendor_call(
            settings,
            role=role,
            session_name=_IDENTITY_CHECK,
            policy=policy,
            source_identity=_IDENTITY_CHECK,
            session_tags={tags.PURPOSE: tags.PURPOSE_COMPONENT, tags.COMPONENT: role}
            | dict.fromkeys((tags.TENANT, tags.CONNECTION, tags.EXTERNAL_ID), _NOBODY),
            transitive_tag_keys=(tags.TENANT, tags.CONNECTION, tags.COMPONENT),
        )
    session = _launch(vendor, role, call, component=role, purpose=SessionPurpose.IDENTITY_CHECK)
    return vendor.note_own_session(session)


def _trust_test_call(settings: VendorSettings, *, role: str, session_name: str, policy: str) -> AssumeRole:
    return vendor_call(
        settings,
        role=role,
        session_name=session_name,
        policy=policy,
        source_identity=None,
        session_tags={tags.PURPOSE: tags.PURPOSE_TRUST_TEST, tags.COMPONENT: TRUST_TEST},
        transitive_tag_keys=(),
    )


def _launch(vendor: VendorSide, role: str, call: AssumeRole, *, component: str, purpose: SessionPurpose) -> Session:
    """The last session on the vendor's side."""
    if vendor.settings.chain == "direct":
        return vendor.as_base(call, component=component, purpose=purpose)
    return _as_own_role(vendor, role, call, component=component, purpose=purpose)


def _as_own_role(
    vendor: VendorSide, role: str, call: AssumeRole, *, component: str, purpose: SessionPurpose
) -> Session:
    """Make the call as our role `role`; where its session proves stale, once more with a new one.

    Stale is what AWS calls expired, and what it refuses where the session is not new: a role that was made anew leaves
    its older sessions with no permission at all.
    """
    was_kept = vendor.keeps_own_role(role)
    try:
        return open_session(vendor.own_role_sts(role), call, component=component, purpose=purpose)
    except AwsCallFailed as failure:
        stale = failure.retry is Retry.REBUILD or (was_kept and isinstance(failure, Refused))
        if not stale:
            raise
        vendor.forget_own_role(role)
        return open_session(vendor.own_role_sts(role), call, component=component, purpose=purpose)


def enter_customer_role(
    vendor: VendorSide,
    target: VerificationTarget,
    launch: Session,
    *,
    purpose: SessionPurpose = SessionPurpose.VERIFICATION,
    duration: int = MIN_DURATION,
) -> Session:
    """B → C, narrowed to the component. The transitive tags and the source identity come along by themselves.

    Where AWS does not take the most exact session policy (a role of an older template lacks the managed policies that
    it names), the next one is tried.
    """
    failure: AwsCallFailed | None = None
    ways = customer_session_policies(
        target.component,
        target.role_arn(vendor.settings),
        self_inspection=target.self_inspection,
        regions=target.regions,
    )
    for session_policy in ways:
        try:
            session = _enter_customer_role(
                vendor,
                target,
                launch,
                name=session_name(target),
                policy=session_policy.text,
                policy_arns=session_policy.policy_arns,
                purpose=purpose,
                duration=duration,
            )
        except (RequestInvalid, SessionPolicyInvalid) as error:
            failure = error
        else:
            return replace(session, narrowing=session_policy.narrowing)
    raise failure or RequestInvalid("Policy", "There is no way to narrow the session to the component.")


def enter_for_grant_test(vendor: VendorSide, target: VerificationTarget, launch: Session) -> Session:
    """B → C, allowed exactly the calls that must be denied: only the customer's side can deny them now."""
    return _enter_customer_role(
        vendor,
        target,
        launch,
        name=grant_test_session_name(target),
        policy=grant_test_session_policy(target.component),
        purpose=SessionPurpose.GRANT_TEST,
    )


def enter_for_inspection(vendor: VendorSide, target: VerificationTarget, launch: Session) -> Session:
    """B → C, allowed to read the role itself and nothing else."""
    return _enter_customer_role(
        vendor,
        target,
        launch,
        name=inspection_session_name(target),
        policy=inspection_session_policy(str(target.role_arn(vendor.settings))),
        purpose=SessionPurpose.INSPECTION,
    )


def _enter_customer_role(
    vendor: VendorSide,
    target: VerificationTarget,
    launch: Session,
    *,
    name: str,
    policy: str | None,
    policy_arns: tuple[str, ...] = (),
    purpose: SessionPurpose,
    duration: int = MIN_DURATION,
) -> Session:
    call = AssumeRole(
        role_arn=str(target.role_arn(vendor.settings)),
        session_name=name,
        duration=duration,
        policy=policy,
        policy_arns=policy_arns,
        external_id=target.external_id,
    )
    return _from_launch_session(vendor, launch, call, component=target.component.id, purpose=purpose)


def try_customer_role(
    vendor: VendorSide, target: VerificationTarget, launch: Session, external_id: str | None
) -> SessionReceipt:
    """Try the customer role with `external_id`, or with none; the session can do nothing and is dropped at once."""
    call = AssumeRole(
        role_arn=str(target.role_arn(vendor.settings)),
        session_name=trust_test_session_name(target),
        policy=deny_all_session_policy(),
        external_id=external_id,
    )
    return _from_launch_session(
        vendor, launch, call, component=target.component.id, purpose=SessionPurpose.TRUST_TEST
    ).receipt


def try_control_role(vendor: VendorSide, target: VerificationTarget, launch: Session) -> SessionReceipt:
    """Try the vendor's control role, which lets the whole vendor account in, from a trust-test session."""
    call = AssumeRole(
        role_arn=vendor.settings.control_role_arn,
        session_name=trust_test_session_name(target),
        policy=deny_all_session_policy(),
    )
    return _from_launch_session(
        vendor, launch, call, component=target.component.id, purpose=SessionPurpose.TRUST_TEST
    ).receipt


def try_as_canary(
    vendor: VendorSide, canary_sts: StsByRegion, target: VerificationTarget, role_arn: str
) -> SessionReceipt:
    """Try `role_arn` as the canary with the target's right external ID, no tags and no source identity.

    The session can do nothing and is dropped at once. `canary_sts` is of one session of the canary's: the control and
    what it is the control for must come from one, or the one says nothing of the other.
    """
    call = AssumeRole(
        role_arn=role_arn,
        session_name=canary_session_name(target),
        policy=deny_all_session_policy(),
        external_id=target.external_id,
    )

    def ask(region: str) -> SessionReceipt:
        sts = canary_sts(region)
        return open_session(sts, call, component=target.component.id, purpose=SessionPurpose.CANARY).receipt

    return in_first_enabled_region(vendor.settings, ask)


def _from_launch_session(
    vendor: VendorSide, launch: Session, call: AssumeRole, *, component: str, purpose: SessionPurpose
) -> Session:
    def ask(region: str) -> Session:
        sts = vendor.clients.with_session("sts", region, launch.credentials)
        return open_session(sts, call, component=component, purpose=purpose)

    return in_first_enabled_region(vendor.settings, ask)
