"""What every format of role template renders: one customer role as plain values, measured against IAM's quotas.

Pure functions: catalogue and connection in, a document out. Everything that decides who gets in (external ID, trusted
principal, role name, path) is a literal, so that the role's ARN is known and a deployed template has nothing to fill
in wrongly.
"""

from dataclasses import dataclass

from integrations.aws.arns import role_arn, validate_account_id, validate_role_path
from integrations.aws.permission_policies import NamedPolicy, permission_policies
from integrations.aws.policies import (
    PolicyDocument,
    customer_trust_policy,
)
from integrations.aws.vendor import VendorSettings
from integrations.catalogue import Catalogue, Component
from integrations.role_templates.names import role_name

VERSION_TAG_SUFFIX = "-role-version"
DEFAULT_ROLE_PATH = "/"


@dataclass(frozen=True)
class RoleDocument:
    """One customer role. Its permissions are one inline policy, or managed policies where they do not fit inline."""

    component_id: str
    role_name: str
    path: str
    description: str
    trust_policy: PolicyDocument
    inline_policies: tuple[NamedPolicy, ...]
    managed_policies: tuple[NamedPolicy, ...]
    tags: tuple[tuple[str, str], ...]
    max_session_seconds: int = 3600


def version_tag_key(catalogue: Catalogue) -> str:
    """The role tag that says which version of the component a role was made for."""
    return f"{catalogue.product_tag.key}{VERSION_TAG_SUFFIX}"[:128]


def role_document(
    settings: VendorSettings,
    catalogue: Catalogue,
    component: Component,
    *,
    connection_ref: str,
    account_id: str,
    external_ids: tuple[str, ...],
    path: str = DEFAULT_ROLE_PATH,
    self_inspection: bool = False,
) -> RoleDocument:
    """The customer role of `component`; RoleDoesNotFit, InvalidRoleName, ... where it cannot be made.

    `external_ids` is one, and two only while a new one replaces an old one. With `self_inspection` the role may read
    and simulate itself, which lets the portal explain what it finds.
    """
    settings.refuse_own_account(validate_account_id(account_id))
    name = role_name(connection_ref, component.id)
    validate_role_path(path)
    own_arn = str(role_arn(settings.partition, account_id, path, name)) if self_inspection else None
    inline, managed = permission_policies(name, component, settings.partition, own_arn)
    return RoleDocument(
        component_id=component.id,
        role_name=name,
        path=path,
        description=f"Lets {catalogue.product_name} do its {component.name}",
        trust_policy=customer_trust_policy(settings.trusted_principal_arn(component.id), external_ids),
        inline_policies=inline,
        managed_policies=managed,
        tags=(
            (catalogue.product_tag.key, catalogue.product_tag.value),
            (version_tag_key(catalogue), component.version),
        ),
    )
