"""Who may assume a role. Source: IAM user guide, "Policy evaluation logic", "AWS JSON policy elements: Principal"."""

import pytest

from tests.integrations.sandbox.world import allow, deny, document, trusting

CONDITION = {"StringEquals": {"sts:ExternalId": "the-id"}}


def bare(caller: str, role: str, action: str = "sts:AssumeRole") -> str:
    return f"User: {caller} is not authorized to perform: {action} on resource: {role}"


def test_the_right_external_id_is_allowed(vendor, customer):
    caller = vendor.user("caller", allow("sts:AssumeRole"))
    role = customer.role("target", trusting(caller.arn, Condition=CONDITION))

    session = caller.assume(role, "my-name", ExternalId="the-id")

    assert session.arn == f"arn:aws:sts::{customer.id}:assumed-role/{role.rsplit('/', 1)[1]}/my-name"
    assert session.client("sts").get_caller_identity()["Account"] == customer.id


@pytest.mark.parametrize("arguments", [{}, {"ExternalId": "another-id"}], ids=["missing", "wrong"])
def test_a_missing_or_wrong_external_id_is_denied_with_no_reason(vendor, customer, arguments):
    caller = vendor.user("caller", allow("sts:AssumeRole"))
    role = customer.role("target", trusting(caller.arn, Condition=CONDITION))

    refused = caller.refused_role(role, **arguments)

    assert (refused.code, refused.status) == ("AccessDenied", 403)
    assert refused.message == bare(caller.arn, role)


def test_a_principal_that_the_trust_does_not_name_is_denied(vendor, customer):
    trusted = vendor.user("trusted", allow("sts:AssumeRole"))
    other = vendor.user("other", allow("sts:AssumeRole"))
    role = customer.role("target", trusting(trusted.arn))

    assert other.refused_role(role).message == bare(other.arn, role)


def test_a_role_that_does_not_exist_looks_like_one_that_does_not_trust_you(vendor, customer):
    caller = vendor.user("caller", allow("sts:AssumeRole"))
    customer.role("target", trusting(customer.id))
    untrusting, missing = customer.arn("target"), customer.arn("no-such-role")

    assert caller.refused_role(untrusting).code == caller.refused_role(missing).code
    assert caller.refused_role(missing).message == bare(caller.arn, missing)


def test_the_name_and_path_of_a_role_are_compared_with_their_case(vendor, customer):
    caller = vendor.user("caller", allow("sts:AssumeRole"))
    role = customer.role("target", trusting(caller.arn), Path="/integrations/")

    caller.assume(role)

    for wrong in (role.replace("target", "Target"), role.replace("/integrations", "")):
        assert caller.refused_role(wrong).code == "AccessDenied"


def test_an_account_root_trust_needs_the_callers_own_permission(vendor, customer):
    allowed = vendor.user("allowed", allow("sts:AssumeRole"))
    without = vendor.user("without")
    role = customer.role("target", trusting(vendor.root))

    allowed.assume(role)

    assert without.refused_role(role).message == bare(without.arn, role)


def test_an_account_root_trust_in_the_same_account_says_that_the_identity_policy_is_silent(vendor):
    without = vendor.user("without")
    role = vendor.role("target", trusting(vendor.id))

    refused = without.refused_role(role)

    assert refused.message == (
        f"{bare(without.arn, role)} because no identity-based policy allows the sts:AssumeRole action"
    )


def test_a_trust_across_accounts_that_names_the_caller_still_needs_its_permission(vendor, customer):
    without = vendor.user("without")
    role = customer.role("target", trusting(without.arn))

    assert without.refused_role(role).message == bare(without.arn, role)


def test_a_trust_in_the_same_account_that_names_the_caller_is_enough(vendor):
    without = vendor.user("without")
    role = vendor.role("target", trusting(without.arn))

    assert without.assume(role)


def test_a_silent_trust_in_the_same_account_is_named(vendor):
    caller = vendor.user("caller", allow("sts:AssumeRole"))
    other = vendor.user("other")
    role = vendor.role("target", trusting(other.arn))

    assert caller.refused_role(role).message == (
        f"{bare(caller.arn, role)} because no role trust policy allows the sts:AssumeRole action"
    )


def test_a_trust_that_names_a_role_matches_its_sessions(vendor, customer):
    first = vendor.session("first", allow("sts:AssumeRole"))
    role = customer.role("target", trusting(vendor.arn("first")))

    assert first.assume(role)


def test_a_trust_that_names_a_session_matches_only_that_session(vendor, customer):
    starter = vendor.user("starter", allow("sts:AssumeRole"))
    first = vendor.role("first", trusting(starter.arn), policy=(allow("sts:AssumeRole"),))
    session = f"arn:aws:sts::{vendor.id}:assumed-role/{first.rsplit('/', 1)[1]}/wanted"
    role = customer.role("target", trusting(session))

    assert starter.assume(first, "wanted").assume(role)
    assert starter.assume(first, "another").refused_role(role).code == "AccessDenied"


def test_a_deny_in_the_trust_wins(vendor, customer):
    caller = vendor.user("caller", allow("sts:AssumeRole"))
    role = customer.role("target", trusting(vendor.id), trusting(caller.arn, effect="Deny"))

    assert caller.refused_role(role).message == bare(caller.arn, role)


def test_a_deny_in_the_identity_policy_wins(vendor, customer):
    role = customer.role("target", trusting(vendor.id))
    caller = vendor.user("caller", allow("sts:AssumeRole"), deny("sts:AssumeRole", role))

    assert caller.refused_role(role).message == bare(caller.arn, role)


def test_a_deny_in_the_same_account_is_named(vendor):
    caller = vendor.user("caller", allow("sts:*"), deny("sts:AssumeRole"))
    role = vendor.role("target", trusting(vendor.id))

    assert caller.refused_role(role).message == (
        f"{bare(caller.arn, role)} with an explicit deny in an identity-based policy"
    )


def test_the_trusts_action_must_be_the_one_called(vendor, customer):
    caller = vendor.user("caller", allow("sts:*"))
    role = customer.role("target", trusting(caller.arn, action="sts:AssumeRoleWithWebIdentity"))

    assert caller.refused_role(role).code == "AccessDenied"


@pytest.mark.parametrize(
    ("condition", "passes"),
    [
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/*caller"}}, True),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*caller"}}, False),
        ({"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::*:user/*"}}, True),
        ({"StringLike": {"sts:RoleSessionName": ["job-*", "sess*"]}}, True),
        ({"StringLike": {"sts:RoleSessionName": "job-*"}}, False),
        ({"StringEquals": {"aws:PrincipalAccount": "VENDOR"}}, True),
        ({"StringNotEquals": {"aws:PrincipalAccount": "VENDOR"}}, False),
        ({"StringEqualsIfExists": {"sts:ExternalId": "the-id"}}, True),
        ({"StringEqualsIfExists": {"aws:PrincipalAccount": "999999999999"}}, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}}, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a"]}}, False),
        ({"Null": {"sts:ExternalId": "true"}}, True),
        ({"Null": {"sts:ExternalId": "false"}}, False),
        ({"StringNotEquals": {"sts:ExternalId": "x"}}, True),
        ({"StringEquals": {"aws:PrincipalTag/team": "red"}}, True),
        ({"StringEquals": {"aws:PrincipalTag/TEAM": "red"}}, True),
        ({"StringEquals": {"aws:PrincipalTag/team": "Red"}}, False),
        ({"StringEqualsIgnoreCase": {"aws:PrincipalTag/team": "RED"}}, True),
        ({"StringEquals": {"aws:PrincipalType": "User"}}, True),
    ],
)
def test_trust_conditions(vendor, customer, condition, passes):
    operator, keys = next(iter(condition.items()))
    filled = {operator: {key: vendor.id if value == "VENDOR" else value for key, value in keys.items()}}
    caller = vendor.user("caller", allow("sts:AssumeRole"), tags={"Team": "red"})
    role = customer.role("target", trusting(vendor.id, Condition=filled))

    if passes:
        assert caller.assume(role)
    else:
        assert caller.refused_role(role).code == "AccessDenied"


def test_a_principal_deleted_and_created_anew_no_longer_matches(vendor, customer):
    starter = vendor.user("starter", allow("sts:*"))
    first = vendor.role("first", trusting(starter.arn), policy=(allow("sts:AssumeRole"),))
    role = customer.role("target", trusting(first))
    name = first.rsplit("/", 1)[1]
    old_id = vendor.iam.get_role(RoleName=name)["Role"]["RoleId"]
    assert starter.assume(first).assume(role)

    vendor.iam.delete_role_policy(RoleName=name, PolicyName="permissions")
    vendor.iam.delete_role(RoleName=name)
    shown = customer.iam.get_role(RoleName=role.rsplit("/", 1)[1])["Role"]["AssumeRolePolicyDocument"]
    vendor.role("first", trusting(starter.arn), policy=(allow("sts:AssumeRole"),))

    assert shown["Statement"][0]["Principal"] == {"AWS": old_id}
    assert starter.assume(first).refused_role(role).code == "AccessDenied"


def test_a_trust_shows_the_arn_of_a_principal_that_exists(vendor, customer):
    caller = vendor.user("caller")
    role = customer.role("target", trusting([caller.arn, vendor.root]))

    shown = customer.iam.get_role(RoleName=role.rsplit("/", 1)[1])["Role"]["AssumeRolePolicyDocument"]

    assert shown["Statement"][0]["Principal"] == {"AWS": [caller.arn, vendor.root]}


@pytest.mark.sandbox_only("signs in as an account's root")
def test_the_root_of_an_account_cannot_assume_roles(vendor, server):
    role = vendor.role("target", trusting(vendor.id))
    root = vendor.client("sts")

    with pytest.raises(root.exceptions.ClientError, match="Roles may not be assumed by root accounts"):
        root.assume_role(RoleArn=role, RoleSessionName="session")


def test_a_role_of_another_partition_cannot_be_assumed(vendor, customer):
    caller = vendor.user("caller", allow("sts:AssumeRole"))
    role = customer.role("target", trusting(caller.arn))

    assert caller.refused_role(role.replace("arn:aws:", "arn:aws-cn:")).code == "AccessDenied"


@pytest.mark.sandbox_only("needs an account of the China partition")
def test_roles_of_the_china_partition_have_its_arns(world, server):
    account = world.account()
    iam = account.client("iam", "cn-north-1")
    made = iam.create_role(RoleName="target", AssumeRolePolicyDocument=document(trusting(account.id)))["Role"]
    iam.create_user(UserName="caller")
    key = iam.create_access_key(UserName="caller")["AccessKey"]
    iam.put_user_policy(UserName="caller", PolicyName="p", PolicyDocument=document(allow("sts:AssumeRole")))
    sts = world.client("sts", key["AccessKeyId"], key["SecretAccessKey"], region="cn-north-1")

    answer = sts.assume_role(RoleArn=made["Arn"], RoleSessionName="session")

    assert made["Arn"] == f"arn:aws-cn:iam::{account.id}:role/target"
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws-cn:sts::{account.id}:assumed-role/target/session"
