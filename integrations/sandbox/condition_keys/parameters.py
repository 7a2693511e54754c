"""Condition keys whose value stands in the call's parameters.

Most keys are named like the parameter that holds their value (`ec2:InstanceType`, `lambda:SubnetIds` in `VpcConfig`,
`ec2:MetadataHttpTokens` in `MetadataOptions`), those of S3 like the header or query parameter; they are found by that.
The tables hold the rest. Source: service authorization reference, descriptions of condition keys.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from integrations.sandbox import organisations
from integrations.sandbox.condition_keys.place import Place
from integrations.sandbox.condition_keys.values import bare, dug, texts
from integrations.sandbox.context import Keys
from integrations.sandbox.operations import Operation, wire_names
from integrations.sandbox.reference import Offered

_ENDINGS = ("options", "configuration", "config", "specification")

_ELSEWHERE: dict[str, tuple[str, ...]] = {
    "autoscaling:capacityreservationids": (
        "CapacityReservationSpecification.CapacityReservationTarget.CapacityReservationIds",
    ),
    "autoscaling:capacityreservationresourcegrouparns": (
        "CapacityReservationSpecification.CapacityReservationTarget.CapacityReservationResourceGroupArns",
    ),
    "autoscaling:instancetypes": ("MixedInstancesPolicy.LaunchTemplate.Overrides.InstanceType",),
    "autoscaling:trafficsourceidentifiers": ("TrafficSources.Identifier",),
    "cloudformation:importresourcetypes": ("ResourcesToImport.ResourceType",),
    "cloudformation:rolearn": ("AdministrationRoleARN",),
    "cloudformation:targetregion": ("Regions",),
    "ec2:autoplacement": ("AutoPlacement",),
    "ec2:keypairname": ("KeyName",),
    "ec2:keypairtype": ("KeyType",),
    "ec2:placementgroupname": ("GroupName",),
    "ec2:placementgroupstrategy": ("Strategy",),
    "ec2:instancemarkettype": ("InstanceMarketOptions.MarketType",),
    "ec2:instanceautorecovery": ("MaintenanceOptions.AutoRecovery",),
    "ec2:instancebandwidthweighting": ("NetworkPerformanceOptions.BandwidthWeighting",),
    "ec2:instancemetadatatags": ("MetadataOptions.InstanceMetadataTags",),
    "ec2:volumesize": ("Size", "VolumeSize"),
    "ec2:volumeiops": ("Iops",),
    "ec2:volumethroughput": ("Throughput",),
    "ec2:snapshotlockduration": ("LockDuration",),
    "ec2:snapshotcooloffperiod": ("CoolOffPeriod",),
    "ec2:vpceservicename": ("ServiceName",),
    "ec2:vpceserviceprivatednsname": ("PrivateDnsName",),
    "ec2:authorizedservice": ("AwsService",),
    "ec2:authorizeduser": ("AwsAccountId",),
    "ec2:add/userid": ("CreateVolumePermission.Add.UserId",),
    "ec2:add/group": ("CreateVolumePermission.Add.Group",),
    "ec2:remove/userid": ("CreateVolumePermission.Remove.UserId",),
    "ec2:remove/group": ("CreateVolumePermission.Remove.Group",),
    "elasticloadbalancing:listenerprotocol": ("Protocol",),
    "elasticloadbalancing:securitypolicy": ("SslPolicy",),
    "elasticloadbalancing:subnet": ("SubnetMappings.SubnetId",),
    "iam:servicespecificcredentialservicename": ("ServiceName",),
    "iam:servicespecificcredentialagedays": ("CredentialAgeDays",),
    "kms:datakeypairspec": ("KeyPairSpec",),
    "kms:grantoperations": ("Operations",),
    "kms:keyorigin": ("Origin",),
    "kms:keyspec": ("CustomerMasterKeySpec",),
    "kms:schedulekeydeletionpendingwindowindays": ("PendingWindowInDays",),
    "lambda:functionurlauthtype": ("AuthType",),
    "logs:deliverydestinationresourcearn": ("deliveryDestinationConfiguration.destinationResourceArn",),
    "logs:loggeneratingresourcearns": ("resourceArn",),
    "rds:databaseclass": ("DBInstanceClass", "DBClusterInstanceClass"),
    "rds:databaseengine": ("Engine",),
    "rds:databasename": ("DBName",),
    "rds:piops": ("Iops",),
    "rds:storagesize": ("AllocatedStorage",),
    "rds:tenantdatabasename": ("TenantDBName",),
    "s3:locationconstraint": ("CreateBucketConfiguration.LocationConstraint",),
    "s3:object-lock-legal-hold": ("ObjectLockLegalHoldStatus", "LegalHold.Status"),
    "s3:object-lock-mode": ("Retention.Mode",),
    "s3:object-lock-retain-until-date": ("Retention.RetainUntilDate",),
}
"""Where a key's value lies if not in a parameter of its name. Lists are walked."""


def keys_of_parameters(operation: Operation, offered: Offered, place: Place) -> Keys:
    """Give the keys that the call's parameters hold, of those that the reference lists."""
    keys: Keys = {}
    index = _index(operation.prefix, offered)
    for name, value in _named(operation):
        key = next((index[form] for form in names_of_key(name) if form in index), None)
        if key is not None and key not in keys and (found := texts(value)):
            keys[key] = found
    for key in offered.keys & _ELSEWHERE.keys() - keys.keys():
        found = tuple(
            text for path in _ELSEWHERE[key] for value in dug(operation.params, path) for text in texts(value)
        )
        if found:
            keys[key] = found
    for (prefix, key), read in _READ.items():
        if prefix == operation.prefix and offered.holds(key) and (found := read(operation, place)):
            keys[key] = found
    if operation.prefix == "kms":
        keys.update(_encryption_context(operation))
    if operation.prefix == "ec2" and operation.name.startswith("Modify"):
        keys.update(_attributes(operation))
    return keys


def made_from_parameters(prefix: str, key: str) -> bool:
    """Tell whether a table here gives the key its value, for the list of keys in the documentation."""
    return key in _ELSEWHERE or (prefix, key) in _READ or key.startswith(_COMPOSED)


def names_of_key(name: str) -> tuple[str, ...]:
    """Give the forms in which a key can be named like a parameter: as it is, as one of many, as many."""
    plain = bare(name)
    return (plain, plain.removesuffix("s"), plain + "s", plain.removeprefix("xamz"))


@cache
def _index(prefix: str, offered: Offered) -> dict[str, str]:
    start = f"{prefix}:"
    return {bare(key.removeprefix(start)): key for key in offered.keys if key.startswith(start)}


def _named(operation: Operation) -> Iterator[tuple[str, Any]]:
    wires = wire_names(operation.service, operation.name)
    for name, value in operation.params.items():
        yield wires.get(name, name), value
        if name.lower().startswith("tag"):
            continue
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, dict):
                for inner, deeper in part.items():
                    yield inner, deeper
                    for stem in stems(name):
                        yield stem + inner, deeper


@cache
def stems(name: str) -> tuple[str, ...]:
    """Give what a key may put before the name of a parameter in a structure: `Metadata` for `MetadataOptions`."""
    lowered = name.lower()
    short = next((lowered.removesuffix(end) for end in _ENDINGS if lowered.endswith(end)), lowered)
    return tuple({lowered, short, lowered.removesuffix("s")})


def _attributes(operation: Operation) -> Keys:
    """Give `ec2:Attribute` and `ec2:Attribute/…`: what a Modify call sets, and to what."""
    keys: Keys = {}
    names = []
    for name, value in operation.params.items():
        found = texts(value)
        if found and name not in {"Attribute", "DryRun"} and not name.endswith(("Id", "Ids")):
            names.append(name)
            keys[f"ec2:attribute/{name.lower()}"] = found
    if operation.params.get("Attribute"):
        names = [str(operation.params["Attribute"])]
    return {**keys, "ec2:attribute": tuple(names)} if names else keys


def _encryption_context(operation: Operation) -> Keys:
    context = operation.params.get("EncryptionContext")
    if context is None:
        context = next(dug(operation.params, "Constraints.EncryptionContextEquals"), None)
    if not isinstance(context, dict) or not context:
        return {}
    keys: Keys = {f"kms:encryptioncontext:{key}".lower(): (str(value),) for key, value in context.items()}
    return {**keys, "kms:encryptioncontextkeys": tuple(map(str, context))}


_COMPOSED = ("kms:encryptioncontext", "ec2:attribute")


def _arn_of(kind: str, *paths: str) -> Callable[[Operation, Place], tuple[str, ...]]:
    def read(operation: Operation, place: Place) -> tuple[str, ...]:
        names = [name for path in paths for value in dug(operation.params, path) for name in texts(value)]
        return tuple(place.ec2_arn(kind, name) for name in names)

    return read


def _instance_profile(operation: Operation, place: Place) -> tuple[str, ...]:
    profile = operation.params.get("IamInstanceProfile")
    if not isinstance(profile, dict):
        return ()
    if profile.get("Arn"):
        return (str(profile["Arn"]),)
    name = profile.get("Name")
    return (f"arn:{place.partition}:iam::{place.account}:instance-profile/{name}",) if name else ()


def _launch_template(operation: Operation, place: Place) -> tuple[str, ...]:
    template = operation.params.get("LaunchTemplate")
    name = template.get("LaunchTemplateId") if isinstance(template, dict) else None
    return (place.ec2_arn("launch-template", str(name)),) if name else ()


def _from_launch_template(operation: Operation, _place: Place) -> tuple[str, ...]:
    """Say that nothing comes from a launch template; what comes from one the sandbox does not look up."""
    return () if operation.params.get("LaunchTemplate") else ("false",)


def _launch_template_version(operation: Operation, _place: Place) -> tuple[str, ...]:
    template = operation.params.get("LaunchTemplate") or next(
        dug(operation.params, "MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification"), None
    )
    return ("true" if template.get("Version") else "false",) if isinstance(template, dict) else ()


def _zones(operation: Operation, _place: Place) -> tuple[str, ...]:
    value = operation.params.get("VPCZoneIdentifier")
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else ()


def _in_vpc(operation: Operation, _place: Place) -> tuple[str, ...]:
    return ("true",) if operation.params.get("DBSubnetGroupName") else ()


def _vpcs_of_function(operation: Operation, place: Place) -> tuple[str, ...]:
    from integrations.sandbox.condition_keys.resources import vpc_of_subnet

    subnets = [subnet for value in dug(operation.params, "VpcConfig.SubnetIds") for subnet in texts(value)]
    found = {vpc for subnet in subnets if (vpc := vpc_of_subnet(place.account, place.region, subnet))}
    return tuple(sorted(found))


def _function_arn(operation: Operation, place: Place) -> tuple[str, ...]:
    name = operation.params.get("FunctionName")
    if not isinstance(name, str) or not name:
        return ()
    whole = f"arn:{place.partition}:lambda:{place.region}:{place.account}:function:{name}"
    return (name if name.startswith("arn:") else whole,)


def _request_alias(operation: Operation, _place: Place) -> tuple[str, ...]:
    key = str(operation.params.get("KeyId", ""))
    alias = key.split(":")[-1] if key.startswith("arn:") else key
    return (alias,) if alias.startswith("alias/") else ()


def _grant_constraint(operation: Operation, _place: Place) -> tuple[str, ...]:
    constraints = operation.params.get("Constraints")
    return tuple(constraints) if isinstance(constraints, dict) else ()


def _multi_region_type(operation: Operation, _place: Place) -> tuple[str, ...]:
    return ("PRIMARY",) if operation.params.get("MultiRegion") is True else ()


def _same_key(operation: Operation, _place: Place) -> tuple[str, ...]:
    source, target = (operation.params.get(name) for name in ("SourceKeyId", "DestinationKeyId"))
    return ("true" if source == target else "false",) if source and target else ()


def _policy_type(operation: Operation, place: Place) -> tuple[str, ...]:
    """Give the type of the policy that the call makes, lists or names; `PolicyType` is read by its name."""
    said = operation.params.get("Type") or operation.params.get("Filter")
    if said:
        return (str(said),)
    policy = organisations.organisation_member(place.account, str(operation.params.get("PolicyId", "")))
    return (str(policy.type),) if policy is not None else ()


_READ: dict[tuple[str, str], Callable[[Operation, Place], tuple[str, ...]]] = {
    ("autoscaling", "autoscaling:launchtemplateversionspecified"): _launch_template_version,
    ("autoscaling", "autoscaling:vpczoneidentifiers"): _zones,
    ("ec2", "ec2:acceptervpc"): _arn_of("vpc", "PeerVpcId"),
    ("ec2", "ec2:requestervpc"): _arn_of("vpc", "VpcId"),
    ("ec2", "ec2:vpc"): _arn_of("vpc", "VpcId"),
    ("ec2", "ec2:subnet"): _arn_of("subnet", "SubnetId", "NetworkInterfaces.SubnetId"),
    ("ec2", "ec2:parentsnapshot"): _arn_of("snapshot", "SnapshotId", "SourceSnapshotId"),
    ("ec2", "ec2:parentvolume"): _arn_of("volume", "VolumeId"),
    ("ec2", "ec2:placementgroup"): _arn_of("placement-group", "Placement.GroupName"),
    ("ec2", "ec2:instanceprofile"): _instance_profile,
    ("ec2", "ec2:launchtemplate"): _launch_template,
    ("ec2", "ec2:islaunchtemplateresource"): _from_launch_template,
    ("kms", "kms:grantconstrainttype"): _grant_constraint,
    ("kms", "kms:multiregionkeytype"): _multi_region_type,
    ("kms", "kms:reencryptonsamekey"): _same_key,
    ("kms", "kms:requestalias"): _request_alias,
    ("lambda", "lambda:functionarn"): _function_arn,
    ("lambda", "lambda:vpcids"): _vpcs_of_function,
    ("organizations", "organizations:policytype"): _policy_type,
    ("rds", "rds:vpc"): _in_vpc,
}
"""Keys whose value has to be made out of parameters."""
