"""What AWS is asked to do: what must work works, and what must be refused is refused.

Every session opened here can do nothing: the roles it may enter have no permissions. `stand-in` takes the place of a
customer's role, carries the product tag and lets the integration role in with any external ID or none, so that a
refusal can only come from our own policies. `open-door` is such a role without the product tag.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from integrations.aws import vendor_policies as tags
from integrations.aws.assume_role import AssumeRole, Session, open_session
from integrations.aws.chain import (
    VendorSide,
    enter_customer_role,
    enter_integration_role,
    enter_trust_test,
    try_as_canary,
    try_control_role,
    try_customer_role,
)
from integrations.aws.narrowing import Narrowing, customer_session_policies
from integrations.aws.policies import (
    MAX_SESSION_POLICY,
    compact,
    deny_all_session_policy,
    launch_session_policy,
    policy,
)
from integrations.aws.report import SessionPurpose, SessionReceipt, VerificationTarget
from integrations.aws.vendor import CANARY, UNTAGGED
from integrations.aws.vendor_doctor.record import SET_UP, Record
from integrations.aws.vendor_doctor.report import Meter
from integrations.catalogue import Catalogue, Component

_TENANT = _CONNECTION = "doctor0000"  # as long as the real ones


@dataclass(frozen=True)
class Reached:
    """What was reached of the vendor's side."""

    integration_role_id: str = ""
    component: Component | None = None  # the first whose role became the integration role


class LiveChecks:
    """The live checks of one examination."""

    def __init__(self, vendor: VendorSide, catalogue: Catalogue, record: Record) -> None:
        self.vendor = vendor
        self.settings = vendor.settings
        self.catalogue = catalogue
        self.record = record
        self.external_id = _new_external_id()
        self.other_external_id = _new_external_id()

    def run(self) -> Reached:
        """All of them, in the order in which one builds on another. Raises OutOfTime."""
        reached = Reached()
        for component in self.catalogue.components:
            launch = self._component(component)
            if launch is not None and reached.component is None:
                reached = Reached(launch.receipt.role_id, component)
        if reached.component is not None:
            self._guards_of_b(reached.component)
        self._trust_test()
        self._canary()
        if self.settings.chain != "direct":
            self._outsiders(reached.component)
        return reached

    def _component(self, component: Component) -> Session | None:
        """base → A → B → stand-in, as a verification goes, and with another connection's external ID."""
        about, direct = component.id, self.settings.chain == "direct"
        if not direct:
            entered = self.record.must_work(
                "component_role",
                about,
                "Our worker becomes the component role",
                lambda: self.vendor.own_role_sts(component.id),
                broken=f"Our worker cannot become the component role {self.settings.component_role_arn(about)}",
                fix=f"The component role must exist and trust the worker. {SET_UP}",
            )
            if entered is None:
                return None
        target = self._target(component)
        launch = self.record.must_work(
            "integration_role",
            about,
            "The component role becomes the integration role"
            if not direct
            else "Our worker becomes the component role",
            lambda: enter_integration_role(self.vendor, target),
            broken="The component role cannot become the integration role"
            if not direct
            else f"Our worker cannot become the component role {self.settings.component_role_arn(about)}",
            fix=f"{self._why_not_b(about)} {SET_UP}",
        )
        if launch is None:
            return None
        entered_c = self.record.must_work(
            "customer_role",
            about,
            "From there it enters a role that stands for a customer's",
            lambda: enter_customer_role(self.vendor, target, launch),
            broken="From there it cannot enter a role that stands for a customer's",
            fix="Its policy must allow sts:AssumeRole, sts:TagSession and sts:SetSourceIdentity on "
            f"{self.settings.stand_in_role_arn}, which must trust it and carry the product tag "
            f"{self.settings.product_tag_key}={self.settings.product_tag_value}. {SET_UP}",
        )
        self.record.must_be_refused(
            "session_policy",
            about,
            "The session of one connection cannot use another's external ID",
            lambda: self._enter(launch, self.settings.stand_in_role_arn, self.other_external_id),
            broken="The session of one connection can use another's external ID",
            fix="The session policy of the last hop on our side does not hold. Stop the workers and report this: it "
            "is a fault of the program.",
            by_callers_policy=True,
        )
        self._measure(component, target, launch, entered_c)
        return launch

    def _guards_of_b(self, component: Component) -> None:
        """What B's own policy must refuse to a component's session, whatever its session policy says."""
        if self.settings.chain != "abac":
            return
        wide = compact(
            policy(
                [
                    {
                        "Effect": "Allow",
                        "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
                        "Resource": [self.settings.stand_in_role_arn, self.settings.control_role_arn],
                    }
                ]
            )
        )
        session = self.record.must_work(
            "integration_role_policy",
            "integration",
            "A component's session with no session policy to narrow it, for the next checks",
            lambda: self._become_b(component.id, self._component_tags(component.id), session_policy=wide),
            broken="A component's session cannot be opened for the next checks",
            fix=SET_UP,
        )
        if session is None:
            return
        control = self.record.must_work(
            "integration_role_policy",
            "integration",
            "With its own external ID it enters a tagged role",
            lambda: self._enter(session, self.settings.stand_in_role_arn, self.external_id),
            broken="With its own external ID it cannot enter a tagged role",
            fix=f"The integration role's policy must have the statement ComponentSessions. {SET_UP}",
        )
        if control is None:
            return
        for external_id, words in ((self.other_external_id, "another external ID"), (None, "no external ID")):
            self.record.must_be_refused(
                "integration_role_policy",
                "integration",
                f"With {words} than its session was opened for, it enters no role"
                if external_id
                else "With no external ID it enters no role",
                lambda external_id=external_id: self._enter(  # type: ignore[misc]  # mypy reads no default of a lambda
                    session, self.settings.stand_in_role_arn, external_id
                ),
                broken=f"A component's session enters customers' roles with {words}",
                fix="The integration role's policy must compare sts:ExternalId with ${aws:PrincipalTag/"
                f"{tags.EXTERNAL_ID}}} in the statement ComponentSessions. {SET_UP}",
                by_callers_policy=True,
            )
        self.record.must_be_refused(
            "integration_role_policy",
            "integration",
            "It enters no role without the product tag",
            lambda: self._enter(session, self.settings.control_role_arn, self.external_id),
            broken="A component's session enters roles that do not carry the product tag",
            fix=f"The integration role's policy must ask for iam:ResourceTag/{self.settings.product_tag_key} in the "
            f"statement ComponentSessions. {SET_UP}",
            by_callers_policy=True,
        )

    def _trust_test(self) -> None:
        """The trust-test enters with any external ID or none, or it would find every customer's role closed."""
        component = self.catalogue.components[0]
        target = self._target(component)
        launch = self.record.must_work(
            "trust_test",
            "trust-test",
            "The trust-test's session can be opened",
            lambda: enter_trust_test(self.vendor, target),
            broken="The trust-test's session cannot be opened",
            fix=f"{self._why_not_b('trust-test')} {SET_UP}",
        )
        if launch is None:
            return
        for external_id, words in (
            (self.external_id, "the right external ID"),
            (self.other_external_id, "a wrong external ID"),
            (None, "no external ID"),
        ):
            self.record.must_work(
                "trust_test",
                "trust-test",
                f"It can try a customer's role with {words}",
                lambda external_id=external_id: try_customer_role(  # type: ignore[misc]  # as above
                    self.vendor, target, launch, external_id
                ),
                broken=f"The trust-test cannot try a customer's role with {words}, so it would call open roles safe",
                fix="The integration role's policy must allow it in the statement TrustTestSessions, with no condition "
                f"on sts:ExternalId. {SET_UP}",
            )
        self.record.must_work(
            "control_role",
            "open-door",
            "The trust-test enters the control role",
            lambda: try_control_role(self.vendor, target, launch),
            broken="The trust-test cannot enter the control role, so no removal can be proved",
            fix=f"{self.settings.control_role_arn} must trust the whole account, and the statement NeverOurOwnRoles "
            f"must spare it. {SET_UP}",
        )

    def _canary(self) -> None:
        target = self._target(self.catalogue.components[0])
        control = self.record.must_work(
            "canary",
            "canary",
            "The canary enters the control role",
            lambda: self._as_canary(target, self.settings.control_role_arn),
            broken="The canary cannot enter the control role, so its refusals prove nothing",
            fix=f"{self.settings.canary_role_arn} must trust the worker and be allowed sts:AssumeRole on every role "
            f"but our own. {SET_UP}",
        )
        if control is not None:
            self.record.must_be_refused(
                "canary",
                "canary",
                "The canary enters no role that trusts the integration role alone",
                lambda: self._as_canary(target, self.settings.stand_in_role_arn),
                broken="The canary enters a role that should trust the integration role alone",
                fix=f"Correct the trust policy of {self.settings.stand_in_role_arn}. {SET_UP}",
            )

    def _as_canary(self, target: VerificationTarget, role_arn: str) -> SessionReceipt:
        return try_as_canary(self.vendor, self.vendor.own_role_sts_by_region(CANARY), target, role_arn)

    def _outsiders(self, component: Component | None) -> None:
        """Who must not become the integration role."""
        untagged = self._outsider(UNTAGGED, self.settings.component_role_arn(UNTAGGED), {})
        if untagged is not None:
            self._must_not_become_b(
                untagged,
                UNTAGGED,
                tags.untagged_role_tags(),
                "A role in the components' path that lacks the product tag",
                f"The integration role's trust policy must ask for aws:PrincipalTag/{self.settings.product_tag_key}.",
            )
        self.record.must_be_refused(
            "forged_tags",
            UNTAGGED,
            "No session brings a component role the product tag that it lacks",
            lambda: self._become(self.settings.component_role_arn(UNTAGGED), self._product_tag()),
            broken="A session can bring a component role the product tag",
            fix=f"The trust policy of every role below {self.settings.component_role_path} needs the statement "
            f"NoForgedTags. {SET_UP}",
        )
        forged = {**self._product_tag(), **tags.untagged_role_tags()}
        forger = self._outsider("forger", self.settings.forger_role_arn, forged)
        if forger is not None:
            self._must_not_become_b(
                forger,
                "forger",
                tags.untagged_role_tags(),
                "A role elsewhere whose session forges all tags",
                f"The integration role's trust policy must ask for ArnLike aws:PrincipalArn "
                f"{self.settings.component_roles_pattern}."
                if self.settings.chain == "abac"
                else "The integration role's trust policy must list the component roles and nobody else.",
            )
        if component is None or self.settings.chain != "abac":
            return
        own = self._component_tags(component.id)
        for name, wrong, words in (
            ("forged_tags", {**own, **self._product_tag()}, "with the product tag in its own session"),
            ("posing", {**own, tags.COMPONENT: f"not-{component.id}"}, "posing as another component"),
            ("posing", {**own, tags.PURPOSE: tags.PURPOSE_TRUST_TEST}, "posing as the trust-test"),
        ):
            self.record.must_be_refused(
                name,
                component.id,
                f"The component role cannot become the integration role {words}",
                lambda wrong=wrong: self._become_b(component.id, wrong),  # type: ignore[misc]  # as above
                broken=f"The component role becomes the integration role {words}",
                fix="The integration role's trust policy must compare aws:RequestTag with aws:PrincipalTag for "
                f"{tags.PURPOSE} and {tags.COMPONENT}, and needs the statement NoForgedTags. {SET_UP}",
            )

    def _outsider(self, name: str, role_arn: str, session_tags: Mapping[str, str]) -> Session | None:
        """A session of a role that must not become B, and the proof that its own policy would let it try."""
        session = self.record.must_work(
            "outsiders",
            name,
            "It can be entered, to try what must be refused",
            lambda: self._become(role_arn, session_tags),
            broken=f"Our worker cannot become {role_arn}, so what it must not do is not tried",
            fix=SET_UP,
        )
        if session is None:
            return None
        control = self.record.must_work(
            "outsiders",
            name,
            "Its own policy lets it try",
            lambda: self._enter(session, self.settings.control_role_arn, None),
            broken=f"{role_arn} cannot enter the control role, so a refusal of it proves nothing",
            fix=SET_UP,
        )
        return session if control is not None else None

    def _must_not_become_b(
        self, session: Session, about: str, session_tags: Mapping[str, str], who: str, needed: str
    ) -> None:
        self.record.must_be_refused(
            "outsiders",
            about,
            f"{who} cannot become the integration role",
            lambda: self._enter(session, self.settings.integration_role_arn, None, self._if_abac(session_tags)),
            broken=f"{who} becomes the integration role",
            fix=f"{needed} {SET_UP}",
        )

    def _become(self, role_arn: str, session_tags: Mapping[str, str]) -> Session:
        call = AssumeRole(role_arn=role_arn, session_name="rolebridge-doctor", session_tags=session_tags)
        return self._open(self.vendor.base_sts(self.settings.region), call)

    def _become_b(self, role: str, session_tags: Mapping[str, str], session_policy: str | None = None) -> Session:
        call = AssumeRole(
            role_arn=self.settings.integration_role_arn,
            session_name="rolebridge-doctor",
            policy=session_policy or deny_all_session_policy(),
            session_tags=self._if_abac(session_tags),
        )
        return self._open(self.vendor.own_role_sts(role), call)

    def _enter(
        self, session: Session, role_arn: str, external_id: str | None, session_tags: Mapping[str, str] | None = None
    ) -> Session:
        call = AssumeRole(
            role_arn=role_arn,
            session_name="rolebridge-doctor",
            policy=deny_all_session_policy(),
            external_id=external_id,
            session_tags=session_tags or {},
        )
        sts = self.vendor.clients.with_session("sts", self.settings.region, session.credentials)
        return self._open(sts, call)

    def _open(self, sts: object, call: AssumeRole) -> Session:
        session = open_session(sts, call, component="", purpose=SessionPurpose.IDENTITY_CHECK)
        return self.vendor.note_own_session(session)

    def _measure(
        self, component: Component, target: VerificationTarget, launch: Session, customer: Session | None
    ) -> None:
        role = target.role_arn(self.settings)
        launch_policy = launch_session_policy(str(role), self.external_id)
        add = self.record.meters.append
        add(Meter("launch_session_policy", component.id, len(launch_policy), MAX_SESSION_POLICY, "characters"))
        exact = next(customer_session_policies(component, role))
        used = len(exact.text or "") + sum(map(len, exact.policy_arns))
        by = "" if exact.narrowing is Narrowing.ACTIONS else f"_by_{exact.narrowing}"
        add(Meter(f"customer_session_policy{by}", component.id, used, MAX_SESSION_POLICY, "characters"))
        for name, session in (("launch_packed_size", launch), ("customer_packed_size", customer)):
            percent = session.receipt.packed_policy_percent if session is not None else None
            if percent is not None:
                add(Meter(name, component.id, percent, 100, "percent"))

    def _target(self, component: Component) -> VerificationTarget:
        path, _, name = self.settings.stand_in_role_arn.partition(":role")[2].rpartition("/")
        return VerificationTarget(
            tenant_ref=_TENANT,
            connection_ref=_CONNECTION,
            account_id=self.settings.vendor_account_id,
            external_id=self.external_id,
            role_name=name,
            role_path=f"{path}/",
            component=component,
        )

    def _component_tags(self, component_id: str) -> dict[str, str]:
        return {
            tags.TENANT: _TENANT,
            tags.CONNECTION: _CONNECTION,
            tags.COMPONENT: component_id,
            tags.EXTERNAL_ID: self.external_id,
            tags.PURPOSE: tags.PURPOSE_COMPONENT,
        }

    def _product_tag(self) -> dict[str, str]:
        return {self.settings.product_tag_key: self.settings.product_tag_value}

    def _if_abac(self, session_tags: Mapping[str, str]) -> Mapping[str, str]:
        """No other chain reads session tags."""
        return session_tags if self.settings.chain == "abac" else {}

    def _why_not_b(self, role: str) -> str:
        """What has to be so for a role of ours to become B."""
        arn = self.settings.component_role_arn(role)
        if self.settings.chain == "direct":
            return f"{arn} must exist and trust the worker."
        if self.settings.chain == "chained":
            return f"{self.settings.integration_role_arn} must exist and list {arn} in its trust policy."
        wanted = ", ".join(f"{key}={value}" for key, value in tags.component_role_tags(self.settings, role).items())
        return (
            f"{arn} must carry the role tags {wanted}, and {self.settings.integration_role_arn} must exist and trust "
            f"tagged roles below {self.settings.component_role_path}."
        )


def _new_external_id() -> str:
    """As long as a connection's, and nobody's."""
    return f"rb-doctor-{secrets.token_hex(13)}"[:35]
