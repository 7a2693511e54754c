"""The tags of resources, for `aws:ResourceTag` and its services' own forms."""

from collections.abc import Iterable
from typing import Any

from integrations.sandbox.identities import Tags, as_tags


def tags_of_resource(prefix: str, kind: str, arn: str, partition: str, region: str, account: str) -> Tags:
    """Give a resource's tags; none for what does not exist or carries none."""
    name = arn.rsplit("/", 1)[-1]
    if prefix == "iam":
        return _iam(kind, arn, name, partition, account)
    if prefix == "ec2":
        return _ec2(name, region, account)
    if prefix == "logs" and kind == "log-group":
        return _logs(arn, region, account)
    return {}


def _iam(kind: str, arn: str, name: str, partition: str, account: str) -> Tags:
    from moto.iam.models import iam_backends

    if account not in iam_backends:
        return {}
    backend = iam_backends[account][partition]
    if kind == "role":
        return _pairs(next((role.tags for role in list(backend.roles.values()) if role.arn == arn), ()))
    if kind == "user" and name in backend.users:
        return _pairs(backend.users[name].tags or ())
    if kind == "policy" and arn in backend.managed_policies:
        return _pairs(backend.managed_policies[arn].get_tags())
    return {}


def _ec2(resource_id: str, region: str, account: str) -> Tags:
    from moto.ec2.models import ec2_backends

    if account not in ec2_backends:
        return {}
    tags = ec2_backends[account][region].tags.get(resource_id, {})
    return as_tags({"Key": key, "Value": value or ""} for key, value in tags.items())


def _logs(arn: str, region: str, account: str) -> Tags:
    from moto.logs.models import logs_backends

    if account not in logs_backends:
        return {}
    tags = logs_backends[account][region].tagger.get_tag_dict_for_resource(arn)
    return as_tags({"Key": key, "Value": value or ""} for key, value in tags.items())


def _pairs(tags: Iterable[Any]) -> Tags:
    return as_tags({"Key": tag["Key"], "Value": tag.get("Value") or ""} for tag in tags)
