"""Create or update the vendor's own roles through IAM. Safe to repeat: the second run changes nothing.

It needs credentials of the vendor's account that may manage IAM roles below `role_path` and the control role's path.
The sandbox is set up by it; on AWS the same roles can be made from the rendered vendor set-up instead.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from integrations.aws.clients import ClientFactory
from integrations.aws.errors import AwsCallFailed, translate
from integrations.aws.policies import compact
from integrations.aws.vendor import VendorSettings
from integrations.aws.vendor_roles import POLICY_NAME, VendorRole, vendor_roles
from integrations.catalogue import Catalogue

__all__ = ["POLICY_NAME", "VendorAccount", "ensure_vendor_account", "iam_client"]

# A role made a moment ago may not be known yet as a principal; IAM then calls the trust policy malformed.
_PRINCIPAL_ATTEMPTS = 6
_PRINCIPAL_PAUSE = 2.0  # seconds


@dataclass(frozen=True)
class VendorAccount:
    """What was set up: the unique id that AWS gave each role, by role ARN (F9 watches the integration role's)."""

    role_ids: Mapping[str, str]


def iam_client(settings: VendorSettings, access_key_id: str, secret_access_key: str) -> Any:
    """An IAM client with keys of the vendor's account, such as the sandbox's account root."""
    return ClientFactory(settings.endpoint_url).with_keys("iam", settings.region, access_key_id, secret_access_key)


def ensure_vendor_account(settings: VendorSettings, catalogue: Catalogue, iam: Any) -> VendorAccount:
    """Make the vendor's account what `settings` and `catalogue` say, with the IAM client `iam`.

    Raises AwsCallFailed, and PolicyTooLong where the `chained` trust policy cannot list all components.
    """
    role_ids = {}
    wanted = vendor_roles(settings, catalogue)
    for role in wanted.roles:
        arn, role_id = _ensure_role(iam, role)
        role_ids[arn] = role_id
    return VendorAccount(role_ids)


def _ensure_role(iam: Any, role: VendorRole) -> tuple[str, str]:
    """Create the role, or bring an existing one up to date; its ARN and unique id."""
    for attempt in range(1, _PRINCIPAL_ATTEMPTS + 1):
        try:
            return _create_or_update(iam, role)
        except (ClientError, BotoCoreError) as error:
            failure = translate(error)
            if failure.code != "MalformedPolicyDocument" or attempt == _PRINCIPAL_ATTEMPTS:
                raise failure from None
            time.sleep(_PRINCIPAL_PAUSE)
    raise AwsCallFailed("NoAttempt")  # not reached: the last attempt returns or raises


def _create_or_update(iam: Any, role: VendorRole) -> tuple[str, str]:
    try:
        answer = iam.create_role(
            RoleName=role.name,
            Path=role.path,
            Description=role.description,
            AssumeRolePolicyDocument=compact(role.trust),
            Tags=[{"Key": key, "Value": value} for key, value in role.tags.items()],
        )
    except iam.exceptions.EntityAlreadyExistsException:
        answer = iam.get_role(RoleName=role.name)
        if answer["Role"]["Path"] != role.path:
            raise AwsCallFailed(
                "RoleNameTaken", f"The role '{role.name}' exists already, in the path {answer['Role']['Path']}."
            ) from None
        iam.update_assume_role_policy(RoleName=role.name, PolicyDocument=compact(role.trust))
        if role.tags:
            iam.tag_role(RoleName=role.name, Tags=[{"Key": key, "Value": value} for key, value in role.tags.items()])
    if role.permissions is not None:
        iam.put_role_policy(RoleName=role.name, PolicyName=POLICY_NAME, PolicyDocument=compact(role.permissions))
    return answer["Role"]["Arn"], answer["Role"]["RoleId"]
