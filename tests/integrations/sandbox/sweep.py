"""Removing from an account everything of IAM whose name begins with a prefix, and what hangs on it."""

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError


def sweep(iam: Any, prefix: str) -> list[str]:
    """Remove it, as far as it goes; give what could not be removed."""
    failed = []
    for remove, name in [*_found(iam, prefix)]:
        try:
            remove(iam, name)
        except ClientError as error:
            failed.append(f"{name}: {error}")
    return failed


def _found(iam: Any, prefix: str) -> Iterator[tuple[Any, str]]:
    """Give what is there in an order in which it can be removed: holders before the policies that they hold."""
    for operation, kind, name, remove in (
        ("list_instance_profiles", "InstanceProfiles", "InstanceProfileName", _instance_profile),
        ("list_users", "Users", "UserName", _user),
        ("list_groups", "Groups", "GroupName", _group),
        ("list_roles", "Roles", "RoleName", _role),
    ):
        for page in iam.get_paginator(operation).paginate():
            yield from ((remove, item[name]) for item in page[kind] if item[name].startswith(prefix))
    for page in iam.get_paginator("list_policies").paginate(Scope="Local"):
        yield from ((_policy, item["Arn"]) for item in page["Policies"] if item["PolicyName"].startswith(prefix))


def _instance_profile(iam: Any, name: str) -> None:
    for role in iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Roles"]:
        iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role["RoleName"])
    iam.delete_instance_profile(InstanceProfileName=name)


def _user(iam: Any, name: str) -> None:
    for group in iam.list_groups_for_user(UserName=name)["Groups"]:
        iam.remove_user_from_group(UserName=name, GroupName=group["GroupName"])
    for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    for policy in iam.list_user_policies(UserName=name)["PolicyNames"]:
        iam.delete_user_policy(UserName=name, PolicyName=policy)
    for attached in iam.list_attached_user_policies(UserName=name)["AttachedPolicies"]:
        iam.detach_user_policy(UserName=name, PolicyArn=attached["PolicyArn"])
    iam.delete_user(UserName=name)


def _group(iam: Any, name: str) -> None:
    for policy in iam.list_group_policies(GroupName=name)["PolicyNames"]:
        iam.delete_group_policy(GroupName=name, PolicyName=policy)
    for attached in iam.list_attached_group_policies(GroupName=name)["AttachedPolicies"]:
        iam.detach_group_policy(GroupName=name, PolicyArn=attached["PolicyArn"])
    iam.delete_group(GroupName=name)


def _role(iam: Any, name: str) -> None:
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    for attached in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
        iam.detach_role_policy(RoleName=name, PolicyArn=attached["PolicyArn"])
    iam.delete_role(RoleName=name)


def _policy(iam: Any, arn: str) -> None:
    for version in iam.list_policy_versions(PolicyArn=arn)["Versions"]:
        if not version["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
    iam.delete_policy(PolicyArn=arn)
