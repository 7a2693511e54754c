"""What every format of role template renders: customer roles as plain values, measured against IAM's quotas.

Pure functions: catalogue, connection and options in, documents out. Everything that decides who gets in (external ID,
trusted principal, role name, path) is a literal in every format, so that the role's ARN is known and a deployed
template has nothing to fill in wrongly. Boundary, extra tags and session length are parameters where a format has
them, with what was chosen in the portal as their defaults.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from integrations.aws.arns import role_arn, validate_account_id
from integrations.aws.permission_policies import NamedPolicy, permission_policies
from integrations.aws.policies import (
    PolicyDocument,
    customer_trust_policy,
)
from integrations.aws.vendor import VendorSettings
from integrations.catalogue import Catalogue, Component
from integrations.role_templates.names import role_name
from integrations.role_templates.options import RoleOptions, validate_options

VERSION_TAG_SUFFIX = "-role-version"
DEFAULT_OPTIONS = RoleOptions()


@dataclass(frozen=True)
class RoleDocument:
    """One customer role. Its permissions are one inline policy, or managed policies where they do not fit inline.

    `tags` are ours and literals everywhere; `extra_tags`, `boundary_arn` and `max_session_seconds` are what the
    customer chose.
    """

    component_id: str
    role_name: str
    path: str
    description: str
    trust_policy: PolicyDocument
    inline_policies: tuple[NamedPolicy, ...]
    managed_policies: tuple[NamedPolicy, ...]
    tags: tuple[tuple[str, str], ...]
    extra_tags: tuple[tuple[str, str], ...] = ()
    boundary_arn: str = ""
    max_session_seconds: int = 3600

    @property
    def canonical(self) -> dict[str, Any]:
        """The whole role as one JSON value: what every format must create, whatever it looks like."""
        return {
            "name": self.role_name,
            "path": self.path,
            "description": self.description,
            "trust": self.trust_policy,
            "inline": {policy.name: policy.document for policy in self.inline_policies},
            "managed": {policy.name: policy.document for policy in self.managed_policies},
            "tags": dict((*self.tags, *self.extra_tags)),
            "boundary": self.boundary_arn,
            "max_session_seconds": self.max_session_seconds,
        }


@dataclass(frozen=True)
class RoleSet:
    """The customer roles of one connection, and what every file says of itself.

    `dropped_tag_keys` and `dropped_boundary_arns` were chosen once and are no more: where a format does not know by
    itself what it put on a role before, it takes these away.
    """

    product_name: str
    catalogue_version: str
    partition: str
    account_id: str
    connection_ref: str
    documents: tuple[RoleDocument, ...]
    options: RoleOptions = DEFAULT_OPTIONS
    dropped_tag_keys: tuple[str, ...] = ()
    dropped_boundary_arns: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """SHA-256, in hex, of the roles as canonical JSON: the same in every format, so that two files can be told to
        make the same roles without reading them.
        """
        roles = [document.canonical for document in self.documents]
        text = json.dumps(roles, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def name(self) -> str:
        """What the stack and the files are called: one for each connection, so that two fit one account."""
        return f"rolebridge-{self.connection_ref}"

    @property
    def heading(self) -> tuple[str, ...]:
        """The lines that begin every file."""
        return (
            f"{self.product_name}: access to AWS account {self.account_id}, catalogue {self.catalogue_version}.",
            "Each role can be entered by one role of ours only, and only with the external ID below. The external ID,",
            "the trusted role, the role names and the path belong together: change them in the portal, not here.",
            f"SHA-256 of the roles as canonical JSON, the same in every format: {self.sha256}",
        )


def version_tag_key(catalogue: Catalogue) -> str:
    """The role tag that says which version of the component a role was made for."""
    return f"{catalogue.product_tag.key}{VERSION_TAG_SUFFIX}"[:128]


def reserved_tag_keys(catalogue: Catalogue) -> tuple[str, str]:
    """The keys of the tags that the template puts on each role by itself."""
    return catalogue.product_tag.key, version_tag_key(catalogue)


def trust_policy_of(component_id: str, *, settings: VendorSettings, external_ids: Sequence[str]) -> PolicyDocument:
    """The trust policy of the component's customer role, in the form that the vendor chose; raises PolicyTooLong."""
    return customer_trust_policy(
        settings.trusted_principal_arn(component_id),
        external_ids,
        account_root_arn=settings.account_root_arn if settings.trust_form == "account-root" else None,
    )


def role_document(
    settings: VendorSettings,
    catalogue: Catalogue,
    component: Component,
    *,
    connection_ref: str,
    account_id: str,
    external_ids: tuple[str, ...],
    options: RoleOptions = DEFAULT_OPTIONS,
) -> RoleDocument:
    """The customer role of `component`; RoleDoesNotFit, PolicyTooLong, InvalidRoleOption, ... where it cannot be made.

    `external_ids` is one, and two only while a new one replaces an old one.
    """
    settings.refuse_own_account(validate_account_id(account_id))
    validate_options(
        options,
        partition=settings.partition,
        account_id=account_id,
        component_ids=(component.id,),
        reserved_tag_keys=reserved_tag_keys(catalogue),
    )
    name = role_name(connection_ref, component.id, options.name_pattern)
    arn = role_arn(settings.partition, account_id, options.path, name)
    inline, managed = permission_policies(
        arn, component, self_inspection=options.self_inspection, regions=options.regions
    )
    return RoleDocument(
        component_id=component.id,
        role_name=name,
        path=options.path,
        description=f"Lets {catalogue.product_name} do its {component.name}",
        trust_policy=trust_policy_of(component.id, settings=settings, external_ids=external_ids),
        inline_policies=inline,
        managed_policies=managed,
        tags=(
            (catalogue.product_tag.key, catalogue.product_tag.value),
            (version_tag_key(catalogue), component.version),
        ),
        extra_tags=options.tags,
        boundary_arn=options.boundary_arn,
        max_session_seconds=options.max_session_seconds,
    )
