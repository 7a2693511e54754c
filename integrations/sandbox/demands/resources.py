"""The resources that a call names, as ARNs of the types that its action has."""

import re
from collections.abc import Iterator
from functools import cache

from integrations.sandbox import organisations, reference
from integrations.sandbox.condition_keys import Place
from integrations.sandbox.condition_keys.values import bare, dug, texts
from integrations.sandbox.operations import Operation

_PARAMETERS = {
    ("iam", "policy"): ("PolicyArn",),
    ("iam", "mfa"): ("SerialNumber",),
    ("iam", "oidc-provider"): ("OpenIDConnectProviderArn",),
    ("iam", "saml-provider"): ("SAMLProviderArn",),
    ("logs", "log-group"): ("logGroupName", "logGroupIdentifier", "logGroupArn", "resourceArn", "logGroupNames"),
    ("cloudtrail", "trail"): ("Name", "TrailName", "TrailARN", "ResourceId"),
    ("kms", "key"): ("KeyId", "TargetKeyId"),
    ("kms", "alias"): ("AliasName",),
    ("cloudwatch", "alarm"): ("AlarmName", "AlarmNames", "ResourceARN"),
    ("cloudwatch", "dashboard"): ("DashboardName", "DashboardNames"),
    ("autoscaling", "autoscalinggroup"): ("AutoScalingGroupName", "Tags.ResourceId"),
    ("autoscaling", "launchconfiguration"): ("LaunchConfigurationName",),
    ("ec2", "dedicated-host"): ("HostId", "HostIds"),
    ("ec2", "elastic-ip"): ("AllocationId", "AllocationIds"),
    ("ec2", "key-pair"): ("KeyPairId", "KeyName"),
    ("ec2", "launch-template"): ("LaunchTemplateId", "LaunchTemplate.LaunchTemplateId"),
    ("ec2", "natgateway"): ("NatGatewayId",),
    ("ec2", "network-interface"): ("NetworkInterfaceId", "NetworkInterfaces.NetworkInterfaceId"),
    ("ec2", "security-group"): (
        "GroupId", "SecurityGroupId", "SecurityGroupIds", "Groups", "NetworkInterfaces.Groups", "GroupIds",
    ),
    ("ec2", "subnet"): ("SubnetId", "SubnetIds", "NetworkInterfaces.SubnetId"),
    ("ec2", "snapshot"): ("SnapshotId", "SourceSnapshotId"),
    ("ec2", "placement-group"): ("Placement.GroupName", "GroupName"),
    ("ec2", "vpc-flow-log"): ("FlowLogIds",),
    ("elasticloadbalancing", "loadbalancer"): ("LoadBalancerName", "LoadBalancerNames"),
    ("lambda", "function"): ("FunctionName", "Resource"),
    ("rds", "db"): ("DBInstanceIdentifier",),
    ("rds", "cluster"): ("DBClusterIdentifier",),
    ("rds", "snapshot"): ("DBSnapshotIdentifier",),
    ("rds", "cluster-snapshot"): ("DBClusterSnapshotIdentifier",),
    ("rds", "pg"): ("DBParameterGroupName",),
    ("rds", "cluster-pg"): ("DBClusterParameterGroupName",),
    ("rds", "og"): ("OptionGroupName",),
    ("rds", "subgrp"): ("DBSubnetGroupName",),
    ("rds", "secgrp"): ("DBSecurityGroupName",),
    ("organizations", "account"): ("AccountId", "TargetId", "ResourceId", "ChildId"),
    ("organizations", "policy"): ("PolicyId", "ResourceId"),
    ("organizations", "organizationalunit"): ("OrganizationalUnitId", "ParentId", "TargetId", "ResourceId"),
    ("organizations", "root"): ("RootId", "ParentId", "TargetId", "ResourceId"),
}  # fmt: skip
"""Where an operation names a resource; other types are found by their own name, `vpc-endpoint` in `VpcEndpointId`."""

_BY_ARN = ("ResourceArn", "ResourceARN", "resourceArn", "ResourceName", "Resource", "ResourceId")
"""Parameters that name a resource of any type by its ARN, as tagging operations do."""

_TYPES_OF_IDS = {
    "acl": "network-acl", "ami": "image", "cgw": "customer-gateway", "cr": "capacity-reservation",
    "dopt": "dhcp-options", "eigw": "egress-only-internet-gateway", "eipalloc": "elastic-ip",
    "eni": "network-interface",
    "fl": "vpc-flow-log", "fleet": "fleet", "h": "dedicated-host", "i": "instance", "igw": "internet-gateway",
    "key": "key-pair", "lt": "launch-template", "nat": "natgateway", "pcx": "vpc-peering-connection",
    "pg": "placement-group", "pl": "prefix-list", "rtb": "route-table", "sfr": "spot-fleet-request",
    "sg": "security-group", "sgr": "security-group-rule", "sir": "spot-instances-request", "snap": "snapshot",
    "subnet": "subnet", "tgw": "transit-gateway", "vgw": "vpn-gateway", "vol": "volume", "vpc": "vpc",
    "vpce": "vpc-endpoint", "vpn": "vpn-connection",
}  # fmt: skip
"""EC2's resource type by the beginning of an id, for the operations that take ids of any type."""

_ORGANIZATION = {
    "account": (re.compile(r"^\d{12}$"), "account/{organisation}/{name}"),
    "handshake": (re.compile(r"^h-"), "handshake/{organisation}/*/{name}"),
    "organizationalunit": (re.compile(r"^ou-"), "ou/{organisation}/{name}"),
    "policy": (re.compile(r"^p-"), "policy/{organisation}/*/{name}"),
    "root": (re.compile(r"^r-"), "root/{organisation}/{name}"),
}


def arns_of(operation: Operation, kind: str, place: Place) -> Iterator[str]:
    """Give the ARN of each resource of a type that the call names."""
    prefix = operation.prefix
    if prefix == "iam" and kind in {"role", "user", "group", "instance-profile", "policy"}:
        yield from _iam(operation, kind, place)
    elif prefix == "cloudformation" and kind in {"stack", "stackset"}:
        yield from _cloudformation(operation, kind, place)
    elif operation.service == "elbv2":
        yield from _load_balancing(operation, kind, place)
    elif prefix == "organizations":
        yield from _organizations(operation, kind, place)
    elif prefix == "ec2" and operation.name in {"CreateTags", "DeleteTags"}:
        for name in texts(operation.params.get("Resources")):
            if _TYPES_OF_IDS.get(name.split("-", 1)[0]) == kind:
                yield any_arn(operation, kind, name, place)
    else:
        yield from _by_parameters(operation, kind, place)


def any_arn(operation: Operation, kind: str, name: str, place: Place) -> str:
    """Write the ARN of a resource with a name; with `*` that of every resource of the type."""
    if operation.prefix == "organizations":
        return _organization_arn(kind, name, place)
    arn = (
        reference.arn_format(operation.prefix, kind)
        .replace("${Partition}", place.partition)
        .replace("${Region}", place.region)
        .replace("${Account}", place.account)
    )
    blanks = re.findall(r"\$\{(\w+)\}", arn)
    filled = {bare(key): value for key, value in operation.params.items() if isinstance(value, str) and name != "*"}
    left = [blank for blank in blanks if not _fits(filled.get(bare(blank), ""))]
    # Load balancers have their name before their id, everything else its name at the end.
    main = (left[0] if operation.prefix == "elasticloadbalancing" else left[-1]) if left else None
    for blank in blanks:
        value = name if blank == main else "*" if blank in left else filled[bare(blank)]
        arn = arn.replace("${" + blank + "}", value)
    return arn


def _fits(value: str) -> bool:
    return bool(value) and not value.startswith("arn:")


def _by_parameters(operation: Operation, kind: str, place: Place) -> Iterator[str]:
    prefix = operation.prefix
    for value in _named(operation, prefix, kind):
        if value.startswith("arn:"):
            if _is_of(value, prefix, kind):
                yield value.removesuffix(":*") if prefix == "logs" else value
        elif not (prefix == "kms" and kind == "key" and value.startswith("alias/")):
            yield any_arn(operation, kind, value.removeprefix("alias/") if prefix == "kms" else value, place)


def _named(operation: Operation, prefix: str, kind: str) -> Iterator[str]:
    paths = _PARAMETERS.get((prefix, kind))
    if paths is None:
        stem = bare(kind)
        wanted = {stem + end for end in ("", "s", "id", "ids", "name", "names", "arn", "arns", "identifier")}
        paths = tuple(name for name in operation.params if name.lower() in wanted)
    for path in paths:
        found = [text for value in dug(operation.params, path) for text in texts(value)]
        if found:
            yield from dict.fromkeys(found)
            return
    for name in _BY_ARN:
        value = operation.params.get(name)
        if name not in paths and isinstance(value, str) and value.startswith("arn:"):
            yield value
            return


@cache
def _shape(prefix: str, kind: str) -> re.Pattern[str]:
    literal = re.sub(r"\\\$\\\{\w+\\\}", ".*", re.escape(reference.arn_format(prefix, kind)))
    return re.compile(literal)


def _is_of(arn: str, prefix: str, kind: str) -> bool:
    """Tell whether an ARN is of a resource type."""
    return _shape(prefix, kind).fullmatch(arn) is not None


def _load_balancing(operation: Operation, kind: str, place: Place) -> Iterator[str]:
    """Give the ARNs in the parameters that are of this type, and that of what is made: elbv2 names all else by ARN."""
    name = operation.params.get("Name")
    stem = f"arn:{place.partition}:elasticloadbalancing:{place.region}:{place.account}"
    if operation.name == "CreateLoadBalancer" and kind == "loadbalancer":
        short = {"network": "net", "gateway": "gwy"}.get(str(operation.params.get("Type")), "app")
        yield f"{stem}:loadbalancer/{short}/{name}/*"
        return
    if operation.name == "CreateTargetGroup" and kind == "targetgroup":
        yield f"{stem}:targetgroup/{name}/*"
        return
    for value in operation.params.values():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and f":{kind.rstrip('/')}/" in text and text.startswith("arn:"):
                yield text


def _iam(operation: Operation, kind: str, place: Place) -> Iterator[str]:
    params = operation.params
    stem = f"arn:{place.partition}:iam::{place.account}"
    path = params.get("Path") or "/"
    creates = operation.name.startswith("Create")
    if kind == "role" and "RoleName" in params:
        yield place.find_role(params["RoleName"]) or f"{stem}:role{path if creates else '/'}{params['RoleName']}"
    elif kind == "role" and "PolicySourceArn" in params:
        yield params["PolicySourceArn"]
    elif kind == "user" and "UserName" in params:
        yield place.find_user(params["UserName"]) or f"{stem}:user{path if creates else '/'}{params['UserName']}"
    elif kind == "user" and ":user/" in place.caller_arn and "GroupName" not in params:
        yield place.caller_arn
    elif kind == "policy" and "PolicyArn" in params:
        yield params["PolicyArn"]
    elif kind == "policy" and "PolicyName" in params:
        yield f"{stem}:policy{path}{params['PolicyName']}"
    elif kind == "group" and "GroupName" in params:
        yield f"{stem}:group{path if creates else '/'}{params['GroupName']}"
    elif kind == "instance-profile" and "InstanceProfileName" in params:
        yield f"{stem}:instance-profile{path if creates else '/'}{params['InstanceProfileName']}"


def _cloudformation(operation: Operation, kind: str, place: Place) -> Iterator[str]:
    stem = f"arn:{place.partition}:cloudformation:{place.region}:{place.account}"
    if kind == "stack":
        name = operation.params.get("StackName")
        if isinstance(name, str) and name:
            yield name if name.startswith("arn:") else place.find_stack(name) or f"{stem}:stack/{name}/*"
        elif operation.name == "DescribeStacks":
            yield f"{stem}:stack/*/*"
    elif isinstance(operation.params.get("StackSetName"), str):
        yield f"{stem}:stackset/{operation.params['StackSetName']}:*"


def _organizations(operation: Operation, kind: str, place: Place) -> Iterator[str]:
    if kind not in _ORGANIZATION:
        return
    for value in _named(operation, "organizations", kind):
        if _ORGANIZATION[kind][0].match(value):
            yield _organization_arn(kind, value, place)


def _organization_arn(kind: str, name: str, place: Place) -> str:
    found = organisations.organisation_member(place.account, name)
    if found is not None:
        return str(found.arn)
    organisation, home = organisations.organisation_home(place.account) or ("o-*", place.account)
    resource = _ORGANIZATION[kind][1] if kind in _ORGANIZATION else kind + "/{organisation}/{name}"
    return f"arn:{place.partition}:organizations::{home}:" + resource.format(organisation=organisation, name=name)
