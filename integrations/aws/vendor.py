"""The vendor's own side: which account, which roles, and what they are called."""

from dataclasses import dataclass
from typing import Literal

from integrations.aws.arns import (
    InvalidRegion,
    InvalidRoleArn,
    partition_of_region,
    role_arn,
    validate_account_id,
    validate_partition,
    validate_role_path,
)
from integrations.aws.words import InWords, gettext_noop

Chain = Literal["direct", "chained", "abac"]
TrustForm = Literal["pinned", "account-root"]
# How CloudFormation gets at a template in the bucket.
TemplateAccess = Literal["public-read", "presigned"]
TEMPLATE_PREFIX = "role-templates/"

TRUST_TEST = "trust-test"
CANARY = "canary"
UNTAGGED = "untagged"  # of the vendor doctor's: a component role without the product tag


class VendorAccountAsCustomer(InWords):
    """The vendor's own account was given as a customer's (F20)."""


@dataclass(frozen=True)
class VendorSettings:
    """What a verification must know of the vendor. Times are in seconds.

    `role_path` is where the vendor's roles live; component roles have a path of their own below it, because the
    integration role's trust policy tells them by it. `endpoint_url` is for the sandbox and tests; None means AWS.
    `base_principal_arn` is the identity the worker process has by itself: the worker role unless the vendor's
    platform gives it another. `repeat_pause` is the wait before an alarming answer is asked for a second time.
    `trust_form` is how customer roles name the role they trust: as their principal (`pinned`), which a recreated role
    no longer is, or in a condition beside our account (`account-root`), which survives that. `template_bucket` is where
    templates are put for the "Launch stack" link; empty for none.
    """

    partition: str
    region: str
    vendor_account_id: str
    chain: Chain
    product_tag_key: str
    product_tag_value: str
    role_path: str = "/rolebridge/"
    endpoint_url: str | None = None
    base_principal_arn: str | None = None
    fallback_regions: tuple[str, ...] = ()
    repeat_pause: float = 1.0
    trust_form: TrustForm = "pinned"
    template_bucket: str = ""
    template_bucket_access: TemplateAccess = "public-read"

    def __post_init__(self) -> None:
        validate_partition(self.partition)
        for region in (self.region, *self.fallback_regions):
            if partition_of_region(region) != self.partition:
                raise InvalidRegion(f"The region {region} is not in the partition {self.partition}.")
        if self.base_principal_arn is not None and self.base_principal_arn.split(":")[1:2] != [self.partition]:
            raise InvalidRoleArn(f"{self.base_principal_arn} is not in the partition {self.partition}.")
        validate_account_id(self.vendor_account_id)
        validate_role_path(self.role_path)
        if self.role_path == "/":
            raise ValueError("The vendor's roles need a path of their own, such as /rolebridge/.")

    @property
    def component_role_path(self) -> str:
        return f"{self.role_path}components/"

    @property
    def control_role_path(self) -> str:
        """Apart from `role_path`. Of the vendor's roles, who enters customers' roles enters those in here alone."""
        return f"{self.role_path.rstrip('/')}-control/"

    def component_role_arn(self, component_id: str) -> str:
        return self._arn(self.component_role_path, component_id)

    @property
    def component_roles_pattern(self) -> str:
        """What `ArnLike aws:PrincipalArn` asks for in the integration role's trust policy."""
        return f"arn:{self.partition}:iam::{self.vendor_account_id}:role{self.component_role_path}*"

    @property
    def trust_test_role_arn(self) -> str:
        return self._arn(self.component_role_path, TRUST_TEST)

    @property
    def integration_role_arn(self) -> str:
        return self._arn(self.role_path, "integration")

    @property
    def worker_role_arn(self) -> str:
        return self._arn(self.role_path, "worker")

    @property
    def canary_role_arn(self) -> str:
        return self._arn(self.role_path, CANARY)

    @property
    def control_role_arn(self) -> str:
        return self._arn(self.control_role_path, "open-door")

    @property
    def stand_in_role_arn(self) -> str:
        """The role that stands for a customer's when the vendor doctor tries the chain."""
        return self._arn(self.control_role_path, "stand-in")

    @property
    def forger_role_arn(self) -> str:
        """A role outside the components' path whose sessions may bring any tag."""
        return self._arn(self.role_path, "forger")

    @property
    def base_arn(self) -> str:
        return self.base_principal_arn or self.worker_role_arn

    @property
    def templates_arn(self) -> str:
        """Every template in the bucket."""
        return f"arn:{self.partition}:s3:::{self.template_bucket}/{TEMPLATE_PREFIX}*"

    @property
    def account_root_arn(self) -> str:
        return f"arn:{self.partition}:iam::{self.vendor_account_id}:root"

    def trusted_principal_arn(self, component_id: str) -> str:
        """The vendor role that a customer role of this component trusts: B, or A itself in the `direct` chain."""
        return self.component_role_arn(component_id) if self.chain == "direct" else self.integration_role_arn

    def refuse_own_account(self, account_id: str) -> None:
        """Raise VendorAccountAsCustomer if `account_id` is the vendor's own."""
        if account_id == self.vendor_account_id:
            raise VendorAccountAsCustomer(
                gettext_noop("This is our own AWS account, not yours. Give the ID of the account you want to connect.")
            )

    def _arn(self, path: str, name: str) -> str:
        return str(role_arn(self.partition, self.vendor_account_id, path, name))
