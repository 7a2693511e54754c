"""Permissions boundaries, service control policies and bucket policies. Source: "Policy evaluation logic"."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.integrations.sandbox.world import REGION, Account, allow, deny, document, refusal_of, trusting


def test_a_roles_boundary_limits_its_sessions(vendor):
    boundary = vendor.managed("boundary", allow("iam:ListRoles"))
    session = vendor.session("target", allow("iam:*"))
    vendor.iam.put_role_permissions_boundary(RoleName=vendor.world.name("target"), PermissionsBoundary=boundary)
    vendor.world.changed()

    assert session.client("iam").list_roles()
    refused = refusal_of(session.client("iam").list_users)
    assert refused.message.endswith("because no permissions boundary allows the iam:ListUsers action")

    vendor.iam.delete_role_permissions_boundary(RoleName=vendor.world.name("target"))
    vendor.world.changed()
    assert session.client("iam").list_users()


def test_a_boundary_alone_allows_nothing(vendor):
    boundary = vendor.managed("boundary", allow("*"))
    session = vendor.session("target")
    vendor.iam.put_role_permissions_boundary(RoleName=vendor.world.name("target"), PermissionsBoundary=boundary)
    vendor.world.changed()

    assert "no identity-based policy" in refusal_of(session.client("iam").list_users).message


def test_a_deny_in_a_boundary_is_named_with_its_arn(vendor):
    boundary = vendor.managed("boundary", allow("*"), deny("iam:ListUsers"))
    session = vendor.session("target", allow("iam:*"))
    vendor.iam.put_role_permissions_boundary(RoleName=vendor.world.name("target"), PermissionsBoundary=boundary)
    vendor.world.changed()

    refused = refusal_of(session.client("iam").list_users)

    assert refused.message.endswith(f"with an explicit deny in a permissions boundary: {boundary}")


def test_a_users_boundary_limits_the_user(vendor):
    boundary = vendor.managed("boundary", allow("iam:ListRoles"))
    caller = vendor.user("caller", allow("iam:*"))
    name = caller.arn.rsplit("/", 1)[1]

    vendor.iam.put_user_permissions_boundary(UserName=name, PermissionsBoundary=boundary)
    vendor.world.changed()
    assert "no permissions boundary" in refusal_of(caller.client("iam").list_users).message
    assert caller.client("iam").list_roles()

    vendor.iam.delete_user_permissions_boundary(UserName=name)
    vendor.world.changed()
    assert caller.client("iam").list_users()


ORGANISATION = pytest.mark.sandbox_only("makes an organisation, of which an account has one, and a member account")


@dataclass
class Organisation:
    """An organisation as its management account sees it; calling it attaches a service control policy."""

    client: Any
    root: str
    member: Account

    def __call__(
        self, *statements: dict[str, Any], target: str | None = None, kind: str = "SERVICE_CONTROL_POLICY"
    ) -> dict[str, Any]:
        target = target or self.member.id
        policy = self.client.create_policy(
            Name=f"{kind}-{len(statements)}-{target}", Description="", Type=kind, Content=document(*statements)
        )["Policy"]["PolicySummary"]
        self.client.attach_policy(PolicyId=policy["Id"], TargetId=target)
        return dict(policy)


@pytest.fixture
def organisation(vendor, world, server):
    """An organisation of the vendor's with one member account."""
    org = vendor.client("organizations", "us-east-1")
    org.create_organization(FeatureSet="ALL")
    root = org.list_roots()["Roots"][0]["Id"]
    org.enable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
    made = org.create_account(AccountName="member", Email="member@example.com")["CreateAccountStatus"]["AccountId"]
    member = Account(world, made, lambda service, region: world.client(service, made, region=region))

    return Organisation(org, root, member)


@ORGANISATION
def test_a_service_control_policy_denies_and_is_named_with_its_arn(organisation):
    policy = organisation(deny("iam:ListUsers"))
    session = organisation.member.session("target", allow("iam:*"))

    refused = refusal_of(session.client("iam").list_users)

    assert refused.message.endswith(f"with an explicit deny in a service control policy: {policy['Arn']}")
    assert session.client("iam").list_roles()


@ORGANISATION
def test_every_level_of_the_organisation_has_to_allow(organisation):
    organisation(allow(["iam:*", "sts:*"]))
    organisation.client.detach_policy(PolicyId="p-FullAWSAccess", TargetId=organisation.member.id)
    session = organisation.member.session("target", allow("*"))

    refused = refusal_of(session.client("s3").list_buckets)

    assert refused.message.endswith("because no service control policy allows the s3:ListAllMyBuckets action")
    assert session.client("iam").list_roles()


@ORGANISATION
def test_a_service_control_policy_binds_the_root_of_a_member(organisation):
    organisation(deny("iam:ListUsers"), target=organisation.root)

    refused = refusal_of(organisation.member.iam.list_users)

    assert "explicit deny in a service control policy" in refused.message


@ORGANISATION
def test_a_service_control_policy_does_not_bind_the_management_account(vendor, organisation):
    organisation(deny("iam:ListUsers"), target=organisation.root)

    assert vendor.iam.list_users()


@ORGANISATION
def test_a_service_control_policy_can_keep_to_regions(organisation):
    elsewhere = {"StringNotEquals": {"aws:RequestedRegion": REGION}}
    organisation({"Effect": "Deny", "NotAction": ["iam:*", "sts:*"], "Resource": "*", "Condition": elsewhere})
    session = organisation.member.session("target", allow("ec2:*"))

    assert session.client("ec2").describe_volumes()
    refused = refusal_of(session.client("ec2", "us-east-2").describe_volumes)
    assert "explicit deny in a service control policy" in refused.message


@ORGANISATION
def test_a_service_control_policy_binds_assume_role_of_its_account(organisation, customer):
    organisation(deny("sts:AssumeRole", Condition={"StringNotEquals": {"aws:ResourceAccount": organisation.member.id}}))
    caller = organisation.member.user("caller", allow("sts:AssumeRole"))
    role = customer.role("target", trusting(caller.arn))

    assert caller.refused_role(role).code == "AccessDenied"


@ORGANISATION
def test_service_control_policies_count_only_while_their_type_is_enabled(organisation):
    organisation(deny("iam:ListUsers"))
    org = organisation.client
    assert refusal_of(organisation.member.iam.list_users).code == "AccessDenied"

    org.disable_policy_type(RootId=organisation.root, PolicyType="SERVICE_CONTROL_POLICY")

    assert organisation.member.iam.list_users()


@pytest.fixture
def resource_control(organisation):
    """Attaches resource control policies to the member account."""
    organisation.client.enable_policy_type(RootId=organisation.root, PolicyType="RESOURCE_CONTROL_POLICY")

    def attach(*statements):
        return organisation(*statements, kind="RESOURCE_CONTROL_POLICY")

    return attach


def outsiders_denied(action, organisation):
    """Deny an action to everyone of no organisation or another one."""
    org_id = organisation.client.describe_organization()["Organization"]["Id"]
    condition = {"StringNotEqualsIfExists": {"aws:PrincipalOrgID": org_id}}
    return {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": "*", "Condition": condition}


@ORGANISATION
def test_a_resource_control_policy_guards_the_roles_of_its_account(organisation, resource_control, customer):
    outsider = customer.user("outsider", allow("sts:AssumeRole"))
    insider = organisation.member.user("insider", allow("sts:AssumeRole"))
    role = organisation.member.role("target", trusting([outsider.arn, insider.arn]))
    assert outsider.assume(role)

    resource_control(outsiders_denied("sts:AssumeRole", organisation))

    assert outsider.refused_role(role).code == "AccessDenied"
    assert insider.assume(role)


@ORGANISATION
def test_a_resource_control_policy_guards_buckets_and_is_named(organisation, resource_control):
    member = organisation.member
    name = f"guarded-{member.id}"
    s3 = member.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    reader = member.user("reader", allow("s3:*"))

    policy = resource_control({"Effect": "Deny", "Principal": "*", "Action": "s3:ListBucket", "Resource": "*"})

    refused = refusal_of(reader.client("s3").list_objects_v2, Bucket=name)
    assert refused.message.endswith(f"with an explicit deny in a resource control policy: {policy['Arn']}")
    assert reader.client("s3").get_bucket_location(Bucket=name)


@ORGANISATION
def test_a_resource_control_policy_says_nothing_on_services_that_have_none(organisation, resource_control):
    session = organisation.member.session("target", allow("iam:*"))

    resource_control({"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"})

    assert session.client("iam").list_users()


@ORGANISATION
def test_resource_control_policies_count_only_while_their_type_is_enabled(organisation, resource_control, customer):
    outsider = customer.user("outsider", allow("sts:AssumeRole"))
    role = organisation.member.role("target", trusting(outsider.arn))
    resource_control(outsiders_denied("sts:AssumeRole", organisation))
    assert outsider.refused_role(role).code == "AccessDenied"

    organisation.client.disable_policy_type(RootId=organisation.root, PolicyType="RESOURCE_CONTROL_POLICY")

    assert outsider.assume(role)


@ORGANISATION
def test_an_organisations_id_is_a_condition_key_of_trust_policies(organisation, customer, vendor):
    org_id = organisation.client.describe_organization()["Organization"]["Id"]
    condition = {"StringEquals": {"aws:PrincipalOrgID": org_id}}
    role = customer.role("target", trusting("*", Condition=condition))
    inside = organisation.member.user("inside", allow("sts:AssumeRole"))
    outside = customer.world.account().user("outside", allow("sts:AssumeRole"))

    assert inside.assume(role)
    assert outside.refused_role(role).code == "AccessDenied"


@dataclass
class Bucket:
    """A bucket of the customer's; calling it sets its policy."""

    s3: Any
    name: str

    @property
    def arn(self) -> str:
        return f"arn:aws:s3:::{self.name}"

    def __call__(self, *statements: dict[str, Any]) -> None:
        self.s3.put_bucket_policy(Bucket=self.name, Policy=document(*statements))


@pytest.fixture
def bucket(customer):
    s3 = customer.client("s3")
    name = customer.bucket("files")
    s3.put_object(Bucket=name, Key="open/file", Body=b"content")
    s3.put_object(Bucket=name, Key="closed/file", Body=b"content")

    return Bucket(s3, name)


def test_a_bucket_across_accounts_needs_both_sides(vendor, bucket):
    reader, other = vendor.user("reader", allow("s3:GetObject")), vendor.user("other")
    place = {"Bucket": bucket.name, "Key": "open/file"}
    assert "no resource-based policy" in refusal_of(reader.client("s3").get_object, **place).message

    named = {"AWS": [reader.arn, other.arn]}
    bucket({"Effect": "Allow", "Principal": named, "Action": "s3:GetObject", "Resource": f"{bucket.arn}/open/*"})

    assert reader.client("s3").get_object(**place)["Body"].read() == b"content"
    assert refusal_of(reader.client("s3").get_object, Bucket=bucket.name, Key="closed/file").code == "AccessDenied"
    assert "no identity-based policy" in refusal_of(other.client("s3").get_object, **place).message


def test_a_bucket_policy_in_the_same_account_is_enough(customer, bucket):
    reader = customer.user("reader")
    bucket({"Effect": "Allow", "Principal": {"AWS": reader.arn}, "Action": "s3:ListBucket", "Resource": bucket.arn})

    assert reader.client("s3").list_objects_v2(Bucket=bucket.name)["KeyCount"] == 2


def test_a_bucket_policy_denies_even_an_administrator(customer, bucket):
    admin = customer.user("admin", allow("*"))
    condition = {"StringNotEquals": {"aws:PrincipalArn": "arn:aws:iam::000000000000:user/x"}}
    bucket(
        {"Effect": "Deny", "Principal": "*", "Action": "s3:ListBucket", "Resource": bucket.arn, "Condition": condition}
    )

    refused = refusal_of(admin.client("s3").list_objects_v2, Bucket=bucket.name)

    assert refused.message.endswith("with an explicit deny in a resource-based policy")


def test_a_boundary_limits_a_role_that_a_bucket_policy_names(customer, bucket):
    boundary = customer.managed("boundary", allow("iam:*"))
    session = customer.session("target")
    customer.iam.put_role_permissions_boundary(RoleName=customer.world.name("target"), PermissionsBoundary=boundary)
    customer.world.changed()
    statement = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": bucket.arn}

    bucket({**statement, "Principal": {"AWS": customer.arn("target")}})
    assert "no permissions boundary" in refusal_of(session.client("s3").list_objects_v2, Bucket=bucket.name).message

    bucket({**statement, "Principal": {"AWS": session.arn}})
    assert session.client("s3").list_objects_v2(Bucket=bucket.name)


def test_the_prefix_of_a_listing_is_a_condition_key(customer, bucket):
    caller = customer.user(
        "caller", allow("s3:ListBucket", bucket.arn, Condition={"StringLike": {"s3:prefix": "open/*"}})
    )
    s3 = caller.client("s3")

    assert s3.list_objects_v2(Bucket=bucket.name, Prefix="open/")["KeyCount"] == 1
    assert refusal_of(s3.list_objects_v2, Bucket=bucket.name, Prefix="closed/").code == "AccessDenied"
    assert refusal_of(s3.list_objects_v2, Bucket=bucket.name).code == "AccessDenied"


def test_a_bucket_policy_shows_the_arn_of_its_principals(vendor, bucket):
    reader = vendor.user("reader")
    bucket({"Effect": "Allow", "Principal": {"AWS": reader.arn}, "Action": "s3:ListBucket", "Resource": bucket.arn})

    shown = json.loads(bucket.s3.get_bucket_policy(Bucket=bucket.name)["Policy"])

    assert shown["Statement"][0]["Principal"] == {"AWS": reader.arn}


def test_not_principal_denies_everybody_but_those_it_names(customer, bucket):
    reader, other = (customer.user(name, allow("s3:ListBucket")) for name in ("reader", "other"))
    named = {"AWS": [reader.arn, customer.root]}
    denial = {"Effect": "Deny", "Action": "s3:ListBucket", "Resource": bucket.arn}

    bucket({**denial, "NotPrincipal": named})
    assert reader.client("s3").list_objects_v2(Bucket=bucket.name)
    assert "explicit deny" in refusal_of(other.client("s3").list_objects_v2, Bucket=bucket.name).message

    bucket({**denial, "NotPrincipal": {"AWS": reader.arn}})
    assert "explicit deny" in refusal_of(reader.client("s3").list_objects_v2, Bucket=bucket.name).message


def test_not_principal_spares_a_session_that_is_named_with_its_role_and_account(customer, bucket):
    session = customer.session("target", allow("s3:ListBucket"))
    role = customer.arn("target")
    denial = {"Effect": "Deny", "Action": "s3:ListBucket", "Resource": bucket.arn}

    bucket({**denial, "NotPrincipal": {"AWS": [session.arn, role, customer.root]}})
    assert session.client("s3").list_objects_v2(Bucket=bucket.name)

    bucket({**denial, "NotPrincipal": {"AWS": [role, customer.root]}})
    assert "explicit deny" in refusal_of(session.client("s3").list_objects_v2, Bucket=bucket.name).message


@ORGANISATION
def test_a_policy_of_a_unit_binds_the_accounts_anywhere_below_it(organisation):
    org, member = organisation.client, organisation.member
    upper = org.create_organizational_unit(ParentId=organisation.root, Name="upper")["OrganizationalUnit"]["Id"]
    lower = org.create_organizational_unit(ParentId=upper, Name="lower")["OrganizationalUnit"]["Id"]
    policy = organisation(deny("iam:ListUsers"), target=upper)
    assert member.iam.list_users()

    org.move_account(AccountId=member.id, SourceParentId=organisation.root, DestinationParentId=lower)
    assert refusal_of(member.iam.list_users).message.endswith(policy["Arn"])

    org.move_account(AccountId=member.id, SourceParentId=lower, DestinationParentId=organisation.root)
    assert member.iam.list_users()
