"""Session tags, transitive tags and SourceIdentity along a chain of roles.

Source: IAM user guide, "Pass session tags in AWS STS" and "Monitor and control actions taken with assumed roles".
"""

import secrets

import pytest

from tests.integrations.sandbox.world import ALL_STS, allow, trusting


def tags(**values):
    return [{"Key": key, "Value": value} for key, value in values.items()]


@pytest.fixture
def starter(vendor):
    return vendor.user("starter", allow(ALL_STS))


def test_session_tags_need_tag_session_in_the_trust(vendor, customer, starter):
    role = customer.role("target", trusting(starter.arn, action="sts:AssumeRole"))

    refused = starter.refused_role(role, Tags=tags(team="red"))

    assert refused.message == f"User: {starter.arn} is not authorized to perform: sts:TagSession on resource: {role}"


def test_session_tags_need_tag_session_in_the_callers_policy_across_accounts(vendor, customer):
    caller = vendor.user("caller", allow("sts:AssumeRole"))
    role = customer.role("target", trusting(caller.arn, action=["sts:AssumeRole", "sts:TagSession"]))

    assert "sts:TagSession" in caller.refused_role(role, Tags=tags(team="red")).message


def test_session_tags_of_a_named_caller_in_the_same_account_need_the_trust_alone(vendor):
    caller = vendor.user("caller")
    role = vendor.role("target", trusting(caller.arn, action=["sts:AssumeRole", "sts:TagSession"]))

    assert caller.assume(role, Tags=tags(team="red"))


def test_a_session_tag_is_a_principal_tag_in_the_roles_policies(vendor, starter):
    condition = {"StringEquals": {"aws:PrincipalTag/Team": "red"}}
    policy = (allow("ec2:DescribeRegions", Condition=condition),)
    role = vendor.role("target", trusting(starter.arn, action=ALL_STS), policy=policy)

    red, blue = (starter.assume(role, Tags=tags(Team=team)) for team in ("red", "blue"))

    assert red.client("ec2").describe_regions(RegionNames=["eu-central-1"])
    with pytest.raises(blue.client("ec2").exceptions.ClientError, match="UnauthorizedOperation"):
        blue.client("ec2").describe_regions()


def test_a_session_tag_overrides_the_roles_tag_whatever_its_case(vendor, starter):
    condition = {"StringEquals": {"aws:PrincipalTag/team": "red"}}
    policy = (allow("iam:ListRoles", Condition=condition),)
    role = vendor.role("target", trusting(starter.arn, action=ALL_STS), policy=policy, tags={"Team": "red"})

    assert starter.assume(role).client("iam").list_roles()
    overridden = starter.assume(role, Tags=tags(TEAM="blue")).client("iam")
    with pytest.raises(overridden.exceptions.ClientError, match="AccessDenied"):
        overridden.list_roles()


@pytest.fixture
def chain(vendor, customer, starter):
    """A role of the vendor that anyone of the account may enter, and one of the customer that trusts it."""
    first = vendor.role("first", trusting(vendor.id, action=ALL_STS), policy=(allow(ALL_STS),))

    def target(*actions):
        return customer.role("target", trusting(first, action=list(actions)))

    return first, target


def test_transitive_tags_are_carried_on_and_others_are_not(customer, starter, chain):
    first, target = chain
    role = target(*ALL_STS)
    customer.policy(role, allow(ALL_STS))
    entered = starter.assume(first, Tags=tags(Tenant="t1", Job="j1"), TransitiveTagKeys=["Tenant"])
    carried, lost = (
        customer.role(
            name, trusting(role, action=ALL_STS, Condition={"StringEquals": {f"aws:PrincipalTag/{key}": value}})
        )
        for name, key, value in (("third", "Tenant", "t1"), ("fourth", "Job", "j1"))
    )

    second = entered.assume(role)

    assert second.assume(carried)
    assert second.refused_role(lost).code == "AccessDenied"


def test_inherited_tags_need_tag_session_on_the_next_role(starter, chain):
    first, target = chain
    role = target("sts:AssumeRole")
    plain = starter.assume(first)
    tagged = starter.assume(first, Tags=tags(Tenant="t1"), TransitiveTagKeys=["Tenant"])

    assert plain.assume(role)
    assert "sts:TagSession" in tagged.refused_role(role).message


def test_an_inherited_tag_cannot_be_passed_again(starter, chain):
    first, target = chain
    role = target(*ALL_STS)
    tagged = starter.assume(first, Tags=tags(Tenant="t1"), TransitiveTagKeys=["Tenant"])

    refused = tagged.refused_role(role, Tags=tags(tenant="t2"))

    assert refused.code == "InvalidParameterValue"
    assert "conflicts with a transitive tag key from the calling session" in refused.message


@pytest.mark.parametrize(
    ("condition", "passed", "passes"),
    [
        ({"StringEquals": {"aws:RequestTag/Team": "red"}}, {"Team": "red"}, True),
        ({"StringEquals": {"aws:RequestTag/Team": "red"}}, {"Team": "blue"}, False),
        ({"StringEquals": {"aws:RequestTag/Team": "red"}}, {}, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["Team"]}}, {"Team": "red"}, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["Team"]}}, {"Team": "red", "Job": "1"}, False),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["Team"]}}, {"Team": "red", "Job": "1"}, True),
        ({"StringEquals": {"aws:RequestTag/Team": "${aws:PrincipalTag/Team}"}}, {"Team": "own"}, True),
        ({"StringEquals": {"aws:RequestTag/Team": "${aws:PrincipalTag/Team}"}}, {"Team": "other"}, False),
    ],
)
def test_conditions_on_the_tags_of_the_request(vendor, customer, condition, passed, passes):
    caller = vendor.user("caller", allow(ALL_STS), tags={"Team": "own"})
    role = customer.role("target", trusting(vendor.id, action=ALL_STS, Condition=condition))

    if passes:
        assert caller.assume(role, Tags=tags(**passed))
    else:
        assert caller.refused_role(role, Tags=tags(**passed)).code == "AccessDenied"


def test_the_transitive_keys_are_a_condition_key(vendor, customer, starter):
    condition = {"ForAllValues:StringEquals": {"sts:TransitiveTagKeys": ["Tenant"]}}
    role = customer.role("target", trusting(vendor.id, action=ALL_STS, Condition=condition))

    assert starter.assume(role, Tags=tags(Tenant="t", Job="j"), TransitiveTagKeys=["Tenant"])
    refused = starter.refused_role(role, Tags=tags(Tenant="t", Job="j"), TransitiveTagKeys=["Tenant", "Job"])
    assert refused.code == "AccessDenied"


@pytest.mark.parametrize("key", ["iam:ResourceTag/Product", "aws:ResourceTag/Product"])
def test_the_callers_policy_can_ask_for_a_tag_of_the_role(vendor, customer, key):
    caller = vendor.user("caller", allow(ALL_STS, Condition={"StringEquals": {key: "yes"}}))
    tagged = customer.role("tagged", trusting(caller.arn), tags={"Product": "yes"})
    plain = customer.role("plain", trusting(caller.arn))

    assert caller.assume(tagged)
    assert caller.refused_role(plain).code == "AccessDenied"


def test_a_transitive_tag_overrides_the_resource_tag(vendor, customer, starter):
    condition = {"StringEquals": {"iam:ResourceTag/Product": "yes"}}
    first = vendor.role("first", trusting(starter.arn, action=ALL_STS), policy=(allow(ALL_STS, Condition=condition),))
    role = customer.role("target", trusting(first, action=ALL_STS), tags={"Product": "yes"})

    assert starter.assume(first).assume(role)
    overriding = starter.assume(first, Tags=tags(Product="no"), TransitiveTagKeys=["Product"])
    assert overriding.refused_role(role).code == "AccessDenied"


def test_the_external_id_can_be_compared_with_the_sessions_tag(vendor, customer, starter):
    compared = allow("sts:AssumeRole", Condition={"StringEquals": {"sts:ExternalId": "${aws:PrincipalTag/ExternalId}"}})
    policy = (compared, allow(["sts:TagSession", "sts:SetSourceIdentity"]))
    first = vendor.role("first", trusting(starter.arn, action=ALL_STS), policy=policy)
    role = customer.role("target", trusting(first, action=ALL_STS))
    tagged = starter.assume(first, Tags=tags(ExternalId="id-1"))

    assert tagged.assume(role, ExternalId="id-1")
    assert tagged.refused_role(role, ExternalId="id-2").code == "AccessDenied"
    assert starter.assume(first).refused_role(role, ExternalId="id-1").code == "AccessDenied"


def test_a_policy_variable_in_a_resource_counts_only_after_the_fifth_colon(vendor, customer):
    role = customer.role("team-red", trusting(vendor.id, action=ALL_STS))
    after = f"arn:aws:iam::{customer.id}:role/{customer.world.name('team-')}${{aws:PrincipalTag/Team}}"
    before = f"arn:aws:iam::${{aws:PrincipalTag/Account}}:role/{role.rsplit('/', 1)[1]}"

    fits = vendor.user("fits", allow(ALL_STS, after), tags={"Team": "red"})
    other = vendor.user("other", allow(ALL_STS, after), tags={"Team": "blue"})
    early = vendor.user("early", allow(ALL_STS, before), tags={"Account": customer.id})

    assert fits.assume(role)
    assert other.refused_role(role).code == "AccessDenied"
    assert early.refused_role(role).code == "AccessDenied"


def test_a_wildcard_in_a_tags_value_is_no_wildcard(vendor, customer):
    role = customer.role("target", trusting(vendor.id, action=ALL_STS))
    resource = f"arn:aws:iam::{customer.id}:role/${{aws:PrincipalTag/Role}}"
    caller = vendor.user("caller", allow(ALL_STS, resource), tags={"Role": "+"})
    assert caller.refused_role(role).code == "AccessDenied"

    trust = trusting(vendor.id, Condition={"StringLike": {"sts:ExternalId": "${aws:PrincipalTag/Role}*"}})
    other = customer.role("other", trust)
    allowed = vendor.user("allowed", allow(ALL_STS), tags={"Role": "x"})
    assert allowed.assume(other, ExternalId="xyz")
    assert allowed.refused_role(other, ExternalId="abc").code == "AccessDenied"


def test_a_default_stands_in_for_a_tag_that_is_not_there(vendor, customer):
    condition = {"StringEquals": {"sts:ExternalId": "${aws:PrincipalTag/Id, 'spare'}"}}
    role = customer.role("target", trusting(vendor.id, Condition=condition))
    caller = vendor.user("caller", allow(ALL_STS))

    assert caller.assume(role, ExternalId="spare")
    assert caller.refused_role(role, ExternalId="other").code == "AccessDenied"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"Tags": tags(a="1", A="2")}, "InvalidParameterValue"),
        ({"Tags": tags(a="1"), "TransitiveTagKeys": ["b"]}, "InvalidParameterValue"),
        ({"Tags": [{"Key": "aws:x", "Value": "1"}]}, "ValidationError"),
        ({"Tags": [{"Key": "a", "Value": "1,2"}]}, "ValidationError"),
        ({"Tags": [{"Key": f"k{number}", "Value": ""} for number in range(51)]}, "ValidationError"),
        ({"Tags": [{"Key": f"k{n}", "Value": secrets.token_hex(120)} for n in range(50)]}, "PackedPolicyTooLarge"),
    ],
)
def test_limits_of_session_tags(vendor, customer, starter, arguments, code):
    role = customer.role("target", trusting(starter.arn, action=ALL_STS))

    assert starter.refused_role(role, **arguments).code == code


def test_source_identity_needs_its_permission_in_the_trust(vendor, customer, starter):
    role = customer.role("target", trusting(starter.arn, action=["sts:AssumeRole", "sts:TagSession"]))

    refused = starter.refused_role(role, SourceIdentity="alice")

    assert "is not authorized to perform: sts:SetSourceIdentity on resource" in refused.message


def test_source_identity_needs_its_permission_in_the_callers_policy(vendor, customer):
    caller = vendor.user("caller", allow("sts:AssumeRole"))
    role = customer.role("target", trusting(caller.arn, action=ALL_STS))

    assert "sts:SetSourceIdentity" in caller.refused_role(role, SourceIdentity="alice").message


def test_source_identity_sticks_to_the_chain_and_cannot_change(starter, chain):
    first, target = chain
    entered = starter.assume(first, SourceIdentity="alice")
    role = target(*ALL_STS)

    assert entered.answer["SourceIdentity"] == "alice"
    assert entered.assume(role).answer.get("SourceIdentity") == "alice"
    assert entered.assume(role, SourceIdentity="alice")
    assert entered.refused_role(role, SourceIdentity="bob").code == "AccessDenied"


def test_an_inherited_source_identity_needs_its_permission_on_the_next_role(starter, chain):
    first, target = chain
    role = target("sts:AssumeRole")

    assert starter.assume(first).assume(role)
    refused = starter.assume(first, SourceIdentity="alice").refused_role(role)
    assert "sts:SetSourceIdentity" in refused.message


def test_source_identity_is_a_condition_key(vendor, customer, starter):
    role = customer.role(
        "target", trusting(starter.arn, action=ALL_STS, Condition={"StringEquals": {"sts:SourceIdentity": "alice"}})
    )

    assert starter.assume(role, SourceIdentity="alice")
    assert starter.refused_role(role, SourceIdentity="bob").code == "AccessDenied"


def test_the_external_id_is_offered_to_assume_role_alone(vendor, customer, starter):
    condition = {"StringEquals": {"sts:ExternalId": "the-id"}}
    together = customer.role("together", trusting(starter.arn, action=ALL_STS, Condition=condition))
    apart = customer.role(
        "apart",
        trusting(starter.arn, Condition=condition),
        trusting(starter.arn, action=["sts:TagSession", "sts:SetSourceIdentity"]),
    )

    assert starter.assume(together, ExternalId="the-id")
    refused = starter.refused_role(together, ExternalId="the-id", Tags=tags(team="red"))
    assert "sts:TagSession" in refused.message
    assert starter.assume(apart, ExternalId="the-id", Tags=tags(team="red"), SourceIdentity="alice")
