"""The tags of resources, for `aws:ResourceTag` and its services' own forms."""

from collections.abc import Iterable, Mapping
from typing import Any

from moto.backends import get_backend

from integrations.sandbox import organisations
from integrations.sandbox.condition_keys.place import Place
from integrations.sandbox.identities import Tags, as_tags


def tags_of_resource(prefix: str, kind: str, arn: str, place: Place) -> Tags:
    """Give a resource's tags; none for what does not exist or carries none."""
    name = arn.rsplit("/", 1)[-1]
    if prefix == "iam":
        return _iam(kind, arn, name, place)
    if prefix == "organizations":
        member = organisations.organisation_member(place.account, name)
        return _mapping(member.tags) if member is not None else {}
    if prefix == "elasticloadbalancing":
        return _load_balancing(kind, arn, name, place)
    if prefix == "rds":
        return _rds(arn, place)
    if prefix == "lambda":
        return _lambda(arn, place)
    if prefix == "autoscaling":
        return _autoscaling(name, place)
    if prefix == "cloudformation":
        return _mapping(place.find_stack_tags(arn))
    if prefix == "s3":
        return {}
    return _from_tagger(prefix, arn, name, place)


def object_tags(bucket: str, key: str, account: str, partition: str) -> Tags:
    """Give the tags of an object in S3."""
    from moto.s3.models import s3_backends

    found = s3_backends[account][partition].buckets.get(bucket) if account in s3_backends else None
    item = found.keys.get(key) if found is not None else None
    return _mapping(s3_backends[account][partition].tagger.get_tag_dict_for_resource(item.arn)) if item else {}


def _iam(kind: str, arn: str, name: str, place: Place) -> Tags:
    from moto.iam.models import iam_backends

    if place.account not in iam_backends:
        return {}
    backend = iam_backends[place.account][place.partition]
    if kind == "role":
        return _pairs(next((role.tags for role in list(backend.roles.values()) if role.arn == arn), ()))
    if kind == "user" and name in backend.users:
        return _pairs(backend.users[name].tags or ())
    if kind == "policy" and arn in backend.managed_policies:
        return _pairs(backend.managed_policies[arn].get_tags())
    return {}


def _load_balancing(kind: str, arn: str, name: str, place: Place) -> Tags:
    from moto.elb.models import elb_backends
    from moto.elbv2.models import elbv2_backends

    if kind == "loadbalancer" and arn.count("/") == 1:
        balancers = elb_backends[place.account][place.region].load_balancers if place.account in elb_backends else {}
        return _mapping(balancers[name].tags) if name in balancers else {}
    if place.account not in elbv2_backends:
        return {}
    backend = elbv2_backends[place.account][place.region]
    found = backend.load_balancers.get(arn) or backend.target_groups.get(arn)
    return _mapping(backend.tagging_service.get_tag_dict_for_resource(arn)) if found else {}


def _rds(arn: str, place: Place) -> Tags:
    from moto.rds.exceptions import RDSClientError
    from moto.rds.models import rds_backends

    if place.account not in rds_backends:
        return {}
    try:
        return _pairs(rds_backends[place.account][place.region].list_tags_for_resource(arn))
    except RDSClientError:
        return {}


def _lambda(arn: str, place: Place) -> Tags:
    from moto.awslambda.models import lambda_backends

    if place.account not in lambda_backends:
        return {}
    functions = lambda_backends[place.account][place.region].list_functions()
    name = arn.split(":")[6] if arn.count(":") >= 6 else ""
    return next((_mapping(item.tags) for item in functions if item.function_name == name), {})


def _autoscaling(name: str, place: Place) -> Tags:
    from moto.autoscaling.models import autoscaling_backends

    if place.account not in autoscaling_backends:
        return {}
    group = autoscaling_backends[place.account][place.region].autoscaling_groups.get(name)
    return _pairs(group.tags) if group is not None else {}


def _from_tagger(prefix: str, arn: str, name: str, place: Place) -> Tags:
    """Read tags where moto keeps them in its tagging service, or in EC2's dictionary of them."""
    if prefix not in {"cloudtrail", "cloudwatch", "ec2", "kms", "logs"}:
        return {}
    find: Any = get_backend  # Its overloads take a literal name alone.
    backends = find(prefix)
    if place.account not in backends:
        return {}
    backend = backends[place.account][place.region]
    if prefix == "ec2":
        return _mapping(backend.tags.get(name, {}))
    tagger = backend.tagging_service if prefix == "cloudtrail" else backend.tagger
    return _mapping(tagger.get_tag_dict_for_resource(name if prefix == "kms" else arn))


def _mapping(tags: Mapping[str, Any]) -> Tags:
    return as_tags({"Key": key, "Value": value or ""} for key, value in tags.items())


def _pairs(tags: Iterable[Any]) -> Tags:
    return as_tags({"Key": tag["Key"], "Value": tag.get("Value") or ""} for tag in tags)
