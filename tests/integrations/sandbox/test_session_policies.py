"""Session policies, durations and the packed size. Source: IAM user guide, "Session policies"; STS API reference."""

import secrets

import pytest

from tests.integrations.sandbox.world import ALL_STS, allow, deny, document, trusting


@pytest.fixture
def starter(vendor):
    return vendor.user("starter", allow(ALL_STS))


@pytest.fixture
def wide(vendor, starter):
    return vendor.role("wide", trusting(starter.arn, action=ALL_STS), policy=(allow(["iam:List*", "ec2:Describe*"]),))


def denied(call, **arguments):
    with pytest.raises(Exception, match=r"AccessDenied|UnauthorizedOperation") as caught:
        call(**arguments)
    return str(caught.value)


def test_an_inline_session_policy_intersects(starter, wide):
    session = starter.assume(wide, Policy=document(allow(["iam:ListRoles", "s3:ListAllMyBuckets"])))

    assert session.client("iam").list_roles()
    assert "because no session policy allows the iam:ListUsers action" in denied(session.client("iam").list_users)
    assert "because no identity-based policy allows" in denied(session.client("s3").list_buckets)


def test_a_deny_in_a_session_policy_wins_and_is_named(starter, wide):
    session = starter.assume(wide, Policy=document(allow("*"), deny("iam:ListUsers")))

    assert session.client("iam").list_roles()
    assert "with an explicit deny in a session policy" in denied(session.client("iam").list_users)


def test_managed_session_policies_intersect_too(vendor, starter, wide):
    roles, users = (vendor.managed(name, allow(f"iam:{name}")) for name in ("ListRoles", "ListUsers"))

    session = starter.assume(wide, PolicyArns=[{"arn": roles}, {"arn": users}])

    assert session.client("iam").list_roles()
    assert session.client("iam").list_users()
    assert "no session policy" in denied(session.client("iam").list_groups)


def test_managed_session_policies_must_be_of_the_roles_account(customer, starter, wide):
    foreign = customer.managed("foreign", allow("iam:ListRoles"))

    assert starter.refused_role(wide, PolicyArns=[{"arn": foreign}]).code == "ValidationError"


def test_a_session_policy_limits_that_hop_only(vendor, customer, starter):
    role = customer.role("target", trusting(vendor.id), policy=(allow("iam:ListRoles"),))
    first = vendor.role("first", trusting(starter.arn), policy=(allow("sts:AssumeRole"),))

    entered = starter.assume(first, Policy=document(allow("sts:AssumeRole")))

    assert entered.assume(role).client("iam").list_roles()


def test_a_session_policy_limits_the_next_assume_role(vendor, customer, starter):
    wanted, other = (customer.role(name, trusting(vendor.id)) for name in ("wanted", "other"))
    first = vendor.role("first", trusting(starter.arn), policy=(allow("sts:AssumeRole"),))
    only = allow("sts:AssumeRole", wanted, Condition={"StringEquals": {"sts:ExternalId": "the-id"}})

    entered = starter.assume(first, Policy=document(only))

    assert entered.assume(wanted, ExternalId="the-id")
    assert entered.refused_role(wanted, ExternalId="another").code == "AccessDenied"
    assert entered.refused_role(other, ExternalId="the-id").code == "AccessDenied"


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        ("not json", "MalformedPolicyDocument"),
        ("{}", "MalformedPolicyDocument"),
        (document(trusting("*", Resource="*")), "MalformedPolicyDocument"),
        (document(allow([f"iam:List{number:04}" for number in range(200)])), "ValidationError"),
    ],
    ids=["no json", "empty", "principal", "too long"],
)
def test_a_session_policy_that_is_wrong(starter, wide, policy, code):
    assert starter.refused_role(wide, Policy=policy).code == code


def test_more_than_ten_managed_session_policies(vendor, starter, wide):
    arn = vendor.managed("one", allow("iam:ListRoles"))

    assert starter.refused_role(wide, PolicyArns=[{"arn": arn}] * 11).code == "ValidationError"


def test_the_packed_size_comes_back_when_policy_or_tags_are_passed(starter, wide):
    assert "PackedPolicySize" not in starter.assume(wide).answer
    assert 0 < starter.assume(wide, Policy=document(allow("*"))).answer["PackedPolicySize"] < 100
    assert 0 < starter.assume(wide, Tags=[{"Key": "a", "Value": "b"}]).answer["PackedPolicySize"] < 100


def test_a_chained_session_lasts_at_most_an_hour(vendor, customer, starter):
    first = vendor.role("first", trusting(starter.arn), policy=(allow("sts:AssumeRole"),))
    role = customer.role("target", trusting(vendor.id), MaxSessionDuration=43200)
    entered = starter.assume(first)

    refused = entered.refused_role(role, DurationSeconds=3601)

    assert refused.code == "ValidationError"
    assert refused.message == (
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
    )
    assert entered.assume(role, DurationSeconds=3600)


def test_a_duration_above_the_roles_maximum(vendor, starter):
    short = vendor.role("short", trusting(starter.arn), MaxSessionDuration=7200)

    assert starter.assume(short, DurationSeconds=7200)
    refused = starter.refused_role(short, DurationSeconds=7201)
    assert (refused.code, "MaxSessionDuration set for this role" in refused.message) == ("ValidationError", True)


@pytest.mark.parametrize("seconds", [0, 899, 43201])
def test_durations_that_no_role_can_have(starter, wide, seconds):
    assert starter.refused_role(wide, DurationSeconds=seconds).code == "ValidationError"


@pytest.mark.parametrize(
    "arguments",
    [
        {"name": "with space"},
        {"name": "x" * 65},
        {"ExternalId": "with space"},
        {"SourceIdentity": "aws:x"},
        {"SourceIdentity": "with space"},
    ],
)
def test_names_that_sts_does_not_take(starter, wide, arguments):
    assert starter.refused_role(wide, **arguments).code == "ValidationError"


@pytest.mark.parametrize("arn", ["arn:aws:iam::12345:role/name-here", "arn:aws:iam::123456789012:user/x", "x" * 30])
def test_arns_that_are_no_roles(starter, arn):
    assert starter.refused_role(arn).code == "ValidationError"


def test_more_than_can_be_packed_is_refused(vendor, starter):
    role = vendor.role("target", trusting(starter.arn, action=ALL_STS))
    tags = [{"Key": f"key-{number}", "Value": secrets.token_hex(128)} for number in range(50)]

    assert starter.refused_role(role, Tags=tags).code == "PackedPolicyTooLarge"
