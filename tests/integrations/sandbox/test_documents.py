"""Documents that IAM does not take, and quotas. Source: "IAM JSON policy language grammar", "IAM and STS quotas"."""

import json

import pytest

from tests.integrations.sandbox.world import allow, document, refusal_of, trusting

S = {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}


def text(*statements, **top):
    return json.dumps({"Version": "2012-10-17", **top, "Statement": list(statements)})


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("{", "This policy contains invalid Json"),
        ("[]", "Syntax errors in policy."),
        (text(S, Extra=1), "Syntax errors in policy."),
        (json.dumps({"Version": "2012-10-17"}), "Syntax errors in policy."),
        (json.dumps({"Statement": [S]}), "Policy document must be version 2012-10-17 or greater."),
        (text({**S, "Effect": "Permit"}), "Syntax errors in policy."),
        (text({**S, "Principal": "*"}), "Policy document should not specify a principal."),
        (text({"Effect": "Allow", "Action": "s3:*"}), "Policy statement must contain resources."),
        (text({"Effect": "Allow", "Resource": "*"}), "Policy statement must contain actions."),
        (text({**S, "NotAction": "s3:*"}), "Syntax errors in policy."),
        (text({**S, "Action": "ListAllMyBuckets"}), "Actions/Conditions must be prefaced by a vendor"),
        (text({**S, "Resource": "bucket"}), 'Resource bucket must be in ARN format or "*".'),
        (text({**S, "Sid": "a"}, {**S, "Sid": "a"}), "Statement IDs (SID) in a single policy must be unique."),
        (text({**S, "Condition": {"StringIs": {"aws:x": "y"}}}), "Invalid Condition type : StringIs."),
        (text({**S, "Condition": {"StringEquals": {"key": "y"}}}), "must be prefaced by a vendor"),
    ],
)
def test_an_identity_policy_that_is_wrong(vendor, policy, message):
    role = vendor.role("target", trusting(vendor.id)).rsplit("/", 1)[1]

    for refused in (
        refusal_of(vendor.iam.put_role_policy, RoleName=role, PolicyName="p", PolicyDocument=policy),
        refusal_of(vendor.iam.create_policy, PolicyName=vendor.world.name("p"), PolicyDocument=policy),
    ):
        assert (refused.code, refused.status) == ("MalformedPolicyDocument", 400)
        assert message in refused.message


T = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}


@pytest.mark.parametrize(
    ("trust", "message"),
    [
        ("{", "This policy contains invalid Json"),
        (text({**T, "Resource": "*"}), "Has prohibited field Resource"),
        (text({"Effect": "Allow", "Action": "sts:AssumeRole"}), "Missing required field Principal"),
        (text({**T, "Action": "s3:GetObject"}), "AssumeRole policy may only specify STS AssumeRole actions."),
        (text({**T, "Principal": {"AWS": "arn:aws:iam::111122223333:role/x"}}), "111122223333:role/x"),
        (text({**T, "Principal": {"AWS": "arn:aws:iam::111122223333:role/*"}}), "Invalid principal in policy"),
        (text({**T, "Principal": {"AWS": "12345"}}), "Invalid principal in policy"),
        (text({**T, "Principal": {"Service": "ecs"}}), 'Invalid principal in policy: "SERVICE":"ecs"'),
    ],
)  # fmt: skip
def test_a_trust_policy_that_is_wrong(vendor, trust, message):
    role = vendor.role("target", trusting(vendor.id)).rsplit("/", 1)[1]

    for refused in (
        refusal_of(vendor.iam.create_role, RoleName=vendor.world.name("new"), AssumeRolePolicyDocument=trust),
        refusal_of(vendor.iam.update_assume_role_policy, RoleName=role, PolicyDocument=trust),
    ):
        assert refused.code == "MalformedPolicyDocument"
        assert message in refused.message


def sized(length, statement):
    """A policy of this many characters, whitespace apart."""
    bare = len(document({**statement, "Sid": ""}).replace(" ", ""))
    return document({**statement, "Sid": "x" * (length - bare)})


def test_the_size_of_a_trust_policy(vendor):
    statement = trusting(vendor.id)
    fits, larger = vendor.world.name("fits"), vendor.world.name("larger")
    vendor.iam.create_role(RoleName=fits, AssumeRolePolicyDocument=sized(2048, statement))

    refused = refusal_of(vendor.iam.create_role, RoleName=larger, AssumeRolePolicyDocument=sized(2049, statement))

    assert (refused.code, refused.status) == ("LimitExceeded", 409)
    assert refused.message == "Cannot exceed quota for ACLSizePerRole: 2048"


def test_the_size_of_all_inline_policies_of_a_role_together(vendor):
    role = vendor.role("target", trusting(vendor.id)).rsplit("/", 1)[1]
    put = vendor.iam.put_role_policy
    put(RoleName=role, PolicyName="one", PolicyDocument=sized(5120, allow("s3:*")))
    put(RoleName=role, PolicyName="two", PolicyDocument=sized(5120, allow("s3:*")))

    refused = refusal_of(put, RoleName=role, PolicyName="three", PolicyDocument=document(allow("s3:*")))

    assert refused.code == "LimitExceeded"
    assert refused.message == f"Maximum policy size of 10240 bytes exceeded for role {role}"
    put(RoleName=role, PolicyName="two", PolicyDocument=document(allow("s3:*")))


def test_the_size_of_a_managed_policy(vendor):
    fits, larger = vendor.world.name("fits"), vendor.world.name("larger")
    vendor.iam.create_policy(PolicyName=fits, PolicyDocument=sized(6144, allow("s3:*")))

    refused = refusal_of(vendor.iam.create_policy, PolicyName=larger, PolicyDocument=sized(6145, allow("s3:*")))

    assert (refused.code, refused.message) == ("LimitExceeded", "Cannot exceed quota for PolicySize: 6144")


def test_ten_managed_policies_a_role(vendor):
    role = vendor.role("target", trusting(vendor.id)).rsplit("/", 1)[1]
    policies = [vendor.managed(f"policy-{number}", allow("s3:*")) for number in range(11)]
    for arn in policies[:10]:
        vendor.iam.attach_role_policy(RoleName=role, PolicyArn=arn)

    refused = refusal_of(vendor.iam.attach_role_policy, RoleName=role, PolicyArn=policies[10])

    assert (refused.code, refused.message) == ("LimitExceeded", "Cannot exceed quota for PoliciesPerRole: 10")
    vendor.iam.attach_role_policy(RoleName=role, PolicyArn=policies[0])
