"""Condition keys whose value is how a resource is now: an instance's type, a key's usage, a policy's type, its tags.

Source: service authorization reference, descriptions of condition keys.
"""

from collections.abc import Mapping
from typing import Any

from integrations.sandbox.buckets import bucket_owner
from integrations.sandbox.condition_keys.place import Place
from integrations.sandbox.condition_keys.resource_tags import object_tags, tags_of_resource
from integrations.sandbox.condition_keys.values import bare, texts
from integrations.sandbox.context import Keys, tag_keys

_INSTANCE = {
    "instancetype": "instance_type", "ebsoptimized": "ebs_optimized", "rootdevicetype": "root_device_type",
    "availabilityzone": "availability_zone",
}  # fmt: skip
_EC2: Mapping[str, Mapping[str, str]] = {
    "image": {
        "imagetype": "image_type", "owner": "owner_id", "public": "is_public", "rootdevicetype": "root_device_type",
    },
    "instance": _INSTANCE,
    "network-interface": {},
    "snapshot": {"encrypted": "encrypted", "owner": "owner_id", "snapshottime": "start_time"},
    "subnet": {"availabilityzone": "availability_zone"},
    "volume": {
        "availabilityzone": "zone", "encrypted": "encrypted", "volumeiops": "iops", "volumesize": "size",
        "volumethroughput": "throughput", "volumetype": "volume_type",
    },
    "vpc": {"tenancy": "instance_tenancy"},
    "security-group": {},
    "placement-group": {"placementgroupname": "name", "placementgroupstrategy": "strategy"},
    "key-pair": {"keypairname": "name", "keypairtype": "type"},
}  # fmt: skip
"""By EC2's resource type: the condition key's name and the attribute of moto's object that holds its value."""

_RDS = {
    "databaseclass": "db_instance_class", "databaseengine": "engine", "databasename": "db_name", "multiaz": "multi_az",
    "piops": "iops", "storageencrypted": "storage_encrypted", "storagesize": "allocated_storage",
}  # fmt: skip
_KMS = {"keyspec": "key_spec", "keyusage": "key_usage", "keyorigin": "origin", "multiregion": "multi_region"}


def keys_of_resource(prefix: str, kind: str, arn: str, place: Place) -> Keys:
    """Give the keys that say how a resource is; none but its id for what does not exist."""
    tags = tags_of_resource(prefix, kind, arn, place)
    keys = {**tag_keys("aws:resourcetag", tags), **tag_keys(f"{prefix}:resourcetag", tags)}
    name = arn.rsplit("/", 1)[-1]
    if prefix == "ec2":
        keys.update(_ec2(kind, name, place))
    elif prefix == "kms" and kind == "key":
        keys.update(_kms(name, place))
    elif prefix == "rds":
        keys.update(tag_keys(f"rds:{kind}-tag", tags))
        if kind == "db":
            keys.update(_rds(arn.rsplit(":", 1)[-1], place))
    elif prefix == "s3" and kind == "object":
        bucket, _, key = arn.split(":", 5)[5].partition("/")
        owner = bucket_owner(bucket) or place.account
        keys.update(tag_keys("s3:existingobjecttag", object_tags(bucket, key, owner, place.partition)))
    return keys


def read_from_resources(key: str) -> bool:
    """Tell whether a resource's state gives a key its value, for the list of keys in the documentation."""
    prefix, _, name = key.partition(":")
    if "tag/" in key:
        return True
    if prefix == "ec2":
        return any(name in listed for listed in _EC2.values()) or name in _COMPOSED_OF_EC2
    return name in {"rds": _RDS, "kms": {**_KMS, "resourcealiases": ""}}.get(prefix, {})


def vpc_of_subnet(account: str, region: str, subnet: str) -> str | None:
    """Give the VPC that a subnet is in."""
    found = _ec2_object("subnet", subnet, account, region)
    return str(found.vpc_id) if found is not None else None


_COMPOSED_OF_EC2 = {"vpc", "subnet", "parentvolume", "parentsnapshot", "instanceprofile", "tenancy", "volumesize",
                    "instancemarkettype", "placementgroup"}  # fmt: skip


def _ec2(kind: str, name: str, place: Place) -> Keys:
    keys: Keys = {f"ec2:{bare(kind)}id": (name,)}
    if kind == "elastic-ip":
        keys = {"ec2:allocationid": (name,)}
    found = _ec2_object(kind, name, place.account, place.region)
    if found is None:
        return keys
    keys.update(_attributes("ec2", _EC2.get(kind, {}), found))
    above = {"vpc": "vpc_id", "subnet": "subnet_id"}
    if kind in {"subnet", "security-group", "network-interface", "route-table", "network-acl"}:
        for type_, attribute in above.items():
            if type_ != kind and getattr(found, attribute, None):
                keys[f"ec2:{type_}"] = (place.ec2_arn(type_, str(getattr(found, attribute))),)
    if kind == "snapshot":
        keys["ec2:parentvolume"] = (place.ec2_arn("volume", str(found.volume.id)),)
        keys["ec2:volumesize"] = (str(found.volume.size),)
    if kind == "volume" and found.snapshot_id:
        keys["ec2:parentsnapshot"] = (place.ec2_arn("snapshot", str(found.snapshot_id)),)
    if kind == "instance":
        keys["ec2:instancemarkettype"] = ("spot" if found.lifecycle == "spot" else "on-demand",)
        keys["ec2:tenancy"] = (str(getattr(found.placement, "tenancy", None) or "default"),)
    return keys


def _ec2_object(kind: str, name: str, account: str, region: str) -> Any | None:
    from moto.ec2.models import ec2_backends

    if account not in ec2_backends:
        return None
    backend = ec2_backends[account][region]
    if kind == "instance":
        return next((item for item in backend.all_instances() if item.id == name), None)
    if kind == "security-group":
        return backend.get_security_group_from_id(name)
    if kind == "subnet":
        return next((found[name] for found in list(backend.subnets.values()) if name in found), None)
    attribute = {
        "image": "amis", "volume": "volumes", "snapshot": "snapshots", "vpc": "vpcs", "network-interface": "enis",
        "route-table": "route_tables", "network-acl": "network_acls", "key-pair": "keypairs",
        "placement-group": "placement_groups",
    }.get(kind)  # fmt: skip
    return getattr(backend, attribute, {}).get(name) if attribute is not None else None


def _kms(name: str, place: Place) -> Keys:
    from moto.kms.models import kms_backends

    if place.account not in kms_backends:
        return {}
    key = kms_backends[place.account][place.region].keys.get(name)
    if key is None:
        return {}
    keys = _attributes("kms", _KMS, key)
    if key.aliases:
        keys["kms:resourcealiases"] = tuple(key.aliases)
    return keys


def _rds(name: str, place: Place) -> Keys:
    from moto.rds.models import rds_backends

    if place.account not in rds_backends:
        return {}
    database = rds_backends[place.account][place.region].databases.get(name)
    if database is None:
        return {}
    return _attributes("rds", _RDS, database)


def _attributes(prefix: str, names: Mapping[str, str], holder: Any) -> Keys:
    """Give the keys whose values are attributes of an object of moto's."""
    found = {f"{prefix}:{key}": texts(getattr(holder, attribute, None)) for key, attribute in names.items()}
    return {key: value for key, value in found.items() if value}
