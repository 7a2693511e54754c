"""Session policies and the customer's trust policy."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from integrations.aws.policies import (
    InvalidExternalId,
    PolicyTooLong,
    customer_trust_policy,
    deny_all_session_policy,
    filled_in,
    launch_session_policy,
    permission_statements,
    revoke_older_sessions_policy,
    trust_test_session_policy,
    validate_external_id,
)
from integrations.catalogue import Permission
from tests.integrations.aws.builders import CUSTOMER, EXTERNAL_ID, ROLE_ARN, VENDOR

B = f"arn:aws:iam::{VENDOR}:role/rolebridge/integration"


def permission(action, **more):
    return Permission.model_construct(action=action, reason="", sees_customer_data=False, **more)


def test_f10_the_launch_session_may_enter_one_role_with_one_external_id():
    document = json.loads(launch_session_policy(ROLE_ARN, EXTERNAL_ID))

    assert document["Statement"] == [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Resource": ROLE_ARN,
            "Condition": {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}},
        },
        {"Effect": "Allow", "Action": ["sts:TagSession", "sts:SetSourceIdentity"], "Resource": ROLE_ARN},
    ]


def test_the_trust_test_session_asks_for_no_external_id_so_that_only_the_customer_can_refuse():
    [statement] = json.loads(trust_test_session_policy([ROLE_ARN]))["Statement"]

    assert "Condition" not in statement
    assert statement["Resource"] == [ROLE_ARN]


def test_a_session_that_only_proves_something_can_do_nothing():
    assert json.loads(deny_all_session_policy())["Statement"] == [{"Effect": "Deny", "Action": "*", "Resource": "*"}]


def test_permissions_with_the_same_resources_and_conditions_share_a_statement():
    encrypted = {"conditions": {"Bool": {"aws:SecureTransport": "true"}}}
    bucket = {"resources": ("arn:aws:s3:::logs",)}

    statements = permission_statements(
        [
            permission("s3:GetBucketTagging", **bucket),
            permission("ec2:DescribeVolumes"),
            permission("s3:GetBucketAcl", **bucket),
            permission("ec2:DescribeHosts", **encrypted),
        ],
        "aws-cn",
        CUSTOMER,
    )

    assert statements == [
        {"Effect": "Allow", "Action": ["s3:GetBucketAcl", "s3:GetBucketTagging"], "Resource": "arn:aws-cn:s3:::logs"},
        {"Effect": "Allow", "Action": ["ec2:DescribeVolumes"], "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": ["ec2:DescribeHosts"],
            "Resource": "*",
            "Condition": {"Bool": {"aws:SecureTransport": "true"}},
        },
    ]


def test_a_resource_is_written_for_the_partition():
    assert filled_in("arn:aws:s3:::logs", "aws-us-gov", CUSTOMER) == "arn:aws-us-gov:s3:::logs"
    assert filled_in("*", "aws-us-gov", CUSTOMER) == "*"


def test_f05_the_customers_trust_always_asks_for_a_literal_external_id():
    assume, pass_context = customer_trust_policy(B, [EXTERNAL_ID])["Statement"]

    assert assume["Action"] == "sts:AssumeRole"
    assert assume["Condition"] == {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}}
    assert assume["Principal"] == pass_context["Principal"] == {"AWS": B}
    assert pass_context["Action"] == ["sts:SetSourceIdentity", "sts:TagSession"]
    assert "Condition" not in pass_context


def test_f05_a_trust_policy_without_an_external_id_cannot_be_written():
    with pytest.raises(InvalidExternalId):
        customer_trust_policy(B, [])


def test_two_external_ids_are_accepted_while_one_replaces_the_other():
    [assume, _] = customer_trust_policy(B, [EXTERNAL_ID, "rb-next"])["Statement"]

    assert assume["Condition"] == {"StringEquals": {"sts:ExternalId": [EXTERNAL_ID, "rb-next"]}}


def test_f08_the_account_root_form_still_names_the_one_role_in_both_statements():
    root = f"arn:aws:iam::{VENDOR}:root"

    for statement in customer_trust_policy(B, [EXTERNAL_ID], account_root_arn=root)["Statement"]:
        assert statement["Principal"] == {"AWS": root}
        assert statement["Condition"]["ArnEquals"] == {"aws:PrincipalArn": B}


def test_a_trust_policy_over_the_limit_is_refused_with_the_figures():
    with pytest.raises(PolicyTooLong, match="IAM takes 2048"):
        customer_trust_policy(B, ["x" * 250 + str(number) for number in range(8)])


@pytest.mark.parametrize(
    ("before", "written"),
    [
        (datetime(2026, 11, 23, 20, 8, 34, tzinfo=UTC), "2026-11-23T20:08:34Z"),
        (datetime(2026, 11, 23, 20, 8, 34, 1, tzinfo=UTC), "2026-11-23T20:08:35Z"),
        (datetime(2026, 11, 23, 22, 8, 59, 999_999, tzinfo=timezone(timedelta(hours=2))), "2026-11-23T20:09:00Z"),
    ],
)
def test_older_sessions_are_revoked_as_the_console_does_it_and_none_is_spared(before, written):
    assert revoke_older_sessions_policy(before) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Action": "*",
                "Resource": "*",
                "Condition": {"DateLessThan": {"aws:TokenIssueTime": written}},
            }
        ],
    }


@pytest.mark.parametrize("external_id", ["", "x", "a b", "a,b", "a*", "${aws:x}", "x" * 257, "\u00e9\u00e9", "ab\n"])
def test_an_external_id_that_sts_or_a_tag_would_refuse_is_refused(external_id):
    with pytest.raises(InvalidExternalId):
        validate_external_id(external_id)


def test_the_account_is_filled_in_wherever_the_catalogue_names_it():
    [statement] = permission_statements(
        [
            permission(
                "s3:GetLifecycleConfiguration",
                resources=("arn:aws:s3:::*",),
                conditions={"StringEquals": {"aws:ResourceAccount": "{account}"}, "ArnLike": {"aws:x": ("{account}",)}},
            )
        ],
        "aws",
        CUSTOMER,
    )

    assert filled_in("arn:aws:rds:*:{account}:db:*", "aws", CUSTOMER) == f"arn:aws:rds:*:{CUSTOMER}:db:*"
    assert statement["Condition"] == {
        "StringEquals": {"aws:ResourceAccount": CUSTOMER},
        "ArnLike": {"aws:x": [CUSTOMER]},
    }
