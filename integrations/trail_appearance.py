"""How our calls will look in the customer's CloudTrail, told before they come: no alarm goes off unannounced."""

from dataclasses import dataclass

from integrations.aws import vendor_policies as tags
from integrations.aws.chain import (
    canary_session_name,
    grant_test_session_name,
    inspection_session_name,
    trust_test_session_name,
)
from integrations.aws.checks.wrong_ids import wrong_external_ids
from integrations.aws.report import VerificationTarget
from integrations.aws.session_plan import session_name, source_identity
from integrations.aws.vendor import VendorSettings


@dataclass(frozen=True)
class SessionAppearance:
    """One kind of session in a role."""

    name: str
    what: str
    calls: int  # of one verification, AssumeRole included
    refused: bool


@dataclass(frozen=True)
class RoleAppearance:
    """What one role will be asked for in one verification."""

    role_arn: str
    principal_arn: str
    source_identity: str
    tags: tuple[tuple[str, str], ...]
    sessions: tuple[SessionAppearance, ...]

    @property
    def calls(self) -> int:
        """Calls of one verification, with those that are refused."""
        return sum(session.calls for session in self.sessions)


def role_appearance(settings: VendorSettings, target: VerificationTarget) -> RoleAppearance:
    """How one verification of the target shows in its account's CloudTrail."""
    component = target.component
    probes = sum(1 for permission in component.permissions if permission.probe) * max(len(target.regions), 1)
    sessions = [
        SessionAppearance(
            session_name(target),
            "Enters the role with your external ID and tries each permission with one harmless read.",
            1 + 1 + probes,
            refused=False,
        ),
        SessionAppearance(
            trust_test_session_name(target),
            "Tries to enter with your external ID (which succeeds, with a session that may do nothing), with none, and "
            "with wrong ones (which your role must refuse)"
            + (", and with the other external ID of a rotation." if len(target.known_external_ids) > 1 else "."),
            len(target.known_external_ids) + 1 + len(wrong_external_ids(target.external_id)),
            refused=True,
        ),
        SessionAppearance(
            canary_session_name(target),
            "Another role of ours tries to enter with the right external ID; your role must refuse it.",
            1,
            refused=True,
        ),
    ]
    if component.never_granted:
        sessions.append(
            SessionAppearance(
                grant_test_session_name(target),
                "Tries what the role must not be able to do: "
                + ", ".join(entry.action for entry in component.never_granted)
                + ". Each must be refused.",
                1 + len(component.never_granted),
                refused=True,
            )
        )
    if target.self_inspection:
        sessions.append(
            SessionAppearance(
                inspection_session_name(target),
                "Reads the role itself, its policies and what IAM's simulation says of it.",
                6,
                refused=False,
            )
        )
    shown = {tags.TENANT: target.tenant_ref, tags.CONNECTION: target.connection_ref, tags.COMPONENT: component.id}
    return RoleAppearance(
        role_arn=str(target.role_arn(settings)),
        principal_arn=settings.trusted_principal_arn(component.id),
        source_identity=source_identity(target),
        tags=tuple(shown.items()) if settings.chain == "abac" else (),
        sessions=tuple(sessions),
    )
