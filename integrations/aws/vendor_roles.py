"""Every role of the vendor's own side, as plain values: set up by `ensure_vendor_account`, rendered by each format.

Pure. Besides the roles of the chain there are three for proofs. Only the vendor doctor uses `untagged` and `forger`,
which must never become the integration role; `stand-in` stands for a customer's role, also where a verification is
refused and our own side may be why. None can do anything.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from integrations.aws import vendor_policies
from integrations.aws.arns import parse_role_arn
from integrations.aws.policies import PolicyDocument, policy
from integrations.aws.vendor import CANARY, TRUST_TEST, UNTAGGED, VendorSettings
from integrations.aws.vendor_policies import TrustForm
from integrations.catalogue import Catalogue

POLICY_NAME = "rolebridge"

_ISSUER = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+(/[A-Za-z0-9_-]+)*")
_SERVICE_ACCOUNT = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?:[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


class InvalidBase(ValueError):
    """What should be the worker's identity cannot be one; the message says what to give."""


class BaseKind(StrEnum):
    """Where the worker process gets its AWS identity from."""

    ECS_TASK = "ecs-task"
    EC2_INSTANCE = "ec2-instance"
    EKS_POD_IDENTITY = "eks-pod-identity"
    EKS_IRSA = "eks-irsa"
    EXISTING_ROLE = "existing-role"


@dataclass(frozen=True)
class Base:
    """The worker's identity: a worker role for the platform `kind`, or a role that exists (`role_arn`).

    `oidc_issuer` (the EKS cluster's, without https://) and `service_account` (`namespace:name`) are for `eks-irsa`.
    """

    kind: BaseKind = BaseKind.ECS_TASK
    role_arn: str = ""
    oidc_issuer: str = ""
    service_account: str = ""

    def __post_init__(self) -> None:
        if (self.kind is BaseKind.EXISTING_ROLE) != bool(self.role_arn):
            raise InvalidBase("The base 'existing-role' takes the ARN of that role, and no other base takes one.")
        irsa = self.kind is BaseKind.EKS_IRSA
        if irsa != bool(self.oidc_issuer) or irsa != bool(self.service_account):
            raise InvalidBase(
                "The base 'eks-irsa' takes the cluster's OIDC issuer and the service account, and no other base does."
            )
        if irsa and not _ISSUER.fullmatch(self.oidc_issuer):
            raise InvalidBase(
                f"'{self.oidc_issuer}' is no OIDC issuer. Ask for it with: aws eks describe-cluster --name CLUSTER "
                "--query cluster.identity.oidc.issuer"
            )
        if irsa and not _SERVICE_ACCOUNT.fullmatch(self.service_account):
            raise InvalidBase(f"'{self.service_account}' is no Kubernetes service account written as namespace:name.")


@dataclass(frozen=True)
class VendorRole:
    """One role. `permissions` is its one inline policy, called POLICY_NAME; None where it may do nothing.

    `instance_profile` asks for an instance profile of the same name and path.
    """

    name: str
    path: str
    description: str
    trust: PolicyDocument
    permissions: PolicyDocument | None
    tags: Mapping[str, str] = field(default_factory=dict)
    instance_profile: bool = False

    def arn(self, settings: VendorSettings) -> str:
        """Its ARN in the vendor's account."""
        return f"arn:{settings.partition}:iam::{settings.vendor_account_id}:role{self.path}{self.name}"


@dataclass(frozen=True)
class VendorRoles:
    """The roles in the order in which they can be made: each comes after those that its trust policy names.

    `existing_role_name` is the role that serves as base and gets `base_policy`; empty where `roles` has a worker role.
    `bucket_policy` is that of the bucket for templates, which exists; None where it needs none.
    """

    settings: VendorSettings
    roles: tuple[VendorRole, ...]
    base_policy: PolicyDocument
    existing_role_name: str = ""
    bucket_policy: PolicyDocument | None = None

    def named_in_trust(self, role: VendorRole) -> list[VendorRole]:
        """Our other roles that the trust policy of `role` names as principals: IAM asks that they exist."""
        named: set[str] = set()
        for statement in role.trust["Statement"]:
            principals = statement["Principal"].get("AWS", [])
            named |= {principals} if isinstance(principals, str) else set(principals)
        return [other for other in self.roles if other.arn(self.settings) in named]


def vendor_roles(
    settings: VendorSettings, catalogue: Catalogue, base: Base | None = None, trust_form: TrustForm = "pinned"
) -> VendorRoles:
    """All of the vendor's roles.

    Raises InvalidBase, and PolicyTooLong where the `chained` trust policy cannot list all components.
    """
    if base is None and settings.base_principal_arn:
        base = Base(BaseKind.EXISTING_ROLE, role_arn=settings.base_principal_arn)
    base = base or Base()
    existing_name = ""
    if base.kind is BaseKind.EXISTING_ROLE:
        existing = parse_role_arn(base.role_arn)
        if (existing.partition, existing.account_id) != (settings.partition, settings.vendor_account_id):
            raise InvalidBase(
                f"{base.role_arn} is not in the vendor's account {settings.vendor_account_id} ({settings.partition}): "
                "the base role and the component roles are in one account."
            )
        existing_name = existing.name
        settings = replace(settings, base_principal_arn=base.role_arn)
    else:
        settings = replace(settings, base_principal_arn=None)
    base_policy = vendor_policies.worker_role_policy(settings)
    roles = [] if existing_name else [_worker(settings, base, base_policy)]
    roles += _component_roles(settings, catalogue, trust_form)
    roles.append(
        VendorRole(
            name=CANARY,
            path=settings.role_path,
            description="Tries customer roles that must refuse it",
            trust=vendor_policies.component_role_trust(settings, trust_form),
            permissions=vendor_policies.canary_role_policy(settings),
        )
    )
    roles.append(
        VendorRole(
            name="open-door",
            path=settings.control_role_path,
            description="May be entered by every role of this account, and may do nothing",
            trust=vendor_policies.control_role_trust(settings),
            permissions=None,
        )
    )
    if settings.chain != "direct":
        roles += _integration_role_and_who_must_not_become_it(settings, catalogue, trust_form)
    roles.append(
        VendorRole(
            name="stand-in",
            path=settings.control_role_path,
            description="Stands for a customer role when the vendor doctor tries the chain, and may do nothing",
            trust=vendor_policies.stand_in_trust(settings),
            permissions=None,
            tags={settings.product_tag_key: settings.product_tag_value},
        )
    )
    return VendorRoles(
        settings, tuple(roles), base_policy, existing_name, vendor_policies.template_bucket_policy(settings)
    )


def _worker(settings: VendorSettings, base: Base, permissions: PolicyDocument) -> VendorRole:
    return VendorRole(
        name="worker",
        path=settings.role_path,
        description="Rolebridge's worker process",
        trust=_platform_trust(settings, base),
        permissions=permissions,
        instance_profile=base.kind is BaseKind.EC2_INSTANCE,
    )


def _platform_trust(settings: VendorSettings, base: Base) -> PolicyDocument:
    """Lets the platform give the role to our process; each as AWS's guide for that platform writes it."""
    if base.kind is BaseKind.EKS_IRSA:
        provider = f"arn:{settings.partition}:iam::{settings.vendor_account_id}:oidc-provider/{base.oidc_issuer}"
        namespace, _, name = base.service_account.partition(":")
        return policy(
            [
                {
                    "Effect": "Allow",
                    "Principal": {"Federated": provider},
                    "Action": "sts:AssumeRoleWithWebIdentity",
                    "Condition": {
                        "StringEquals": {
                            f"{base.oidc_issuer}:aud": "sts.amazonaws.com",
                            f"{base.oidc_issuer}:sub": f"system:serviceaccount:{namespace}:{name}",
                        }
                    },
                }
            ]
        )
    service, actions = {
        BaseKind.ECS_TASK: ("ecs-tasks.amazonaws.com", "sts:AssumeRole"),
        BaseKind.EC2_INSTANCE: ("ec2.amazonaws.com", "sts:AssumeRole"),
        BaseKind.EKS_POD_IDENTITY: ("pods.eks.amazonaws.com", ["sts:AssumeRole", "sts:TagSession"]),
    }[base.kind]
    return policy([{"Effect": "Allow", "Principal": {"Service": service}, "Action": actions}])


def _component_roles(settings: VendorSettings, catalogue: Catalogue, trust_form: TrustForm) -> list[VendorRole]:
    return [
        VendorRole(
            name=component_id,
            path=settings.component_role_path,
            description=f"Component role of {component_id}",
            trust=vendor_policies.component_role_trust(settings, trust_form),
            permissions=vendor_policies.component_role_policy(settings),
            tags=vendor_policies.component_role_tags(settings, component_id),
        )
        for component_id in (*(component.id for component in catalogue.components), TRUST_TEST)
    ]


def _integration_role_and_who_must_not_become_it(
    settings: VendorSettings, catalogue: Catalogue, trust_form: TrustForm
) -> list[VendorRole]:
    return [
        VendorRole(
            name="integration",
            path=settings.role_path,
            description="The one role that customers trust",
            trust=vendor_policies.integration_role_trust(settings, catalogue, trust_form),
            permissions=vendor_policies.integration_role_policy(settings),
        ),
        VendorRole(
            name=UNTAGGED,
            path=settings.component_role_path,
            description="Lacks the product tag, so it must not become the integration role; tried by the vendor doctor",
            trust=vendor_policies.component_role_trust(settings, trust_form),
            permissions=vendor_policies.outsider_policy(settings),
            tags=vendor_policies.untagged_role_tags(),
        ),
        VendorRole(
            name="forger",
            path=settings.role_path,
            description="Lets its sessions bring any tag, so it must not become the integration role; tried by the "
            "vendor doctor",
            trust=vendor_policies.forger_trust(settings, trust_form),
            permissions=vendor_policies.outsider_policy(settings),
        ),
    ]
