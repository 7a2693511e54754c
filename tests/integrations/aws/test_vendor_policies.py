"""The vendor's own side: who may become which role, and what those roles may do."""

import pytest

from integrations.aws import vendor_policies
from integrations.aws.policies import PolicyTooLong, length_without_whitespace
from integrations.aws.vendor import VendorAccountAsCustomer
from integrations.catalogue import Catalogue
from tests.integrations.aws.builders import CUSTOMER, VENDOR, make_catalogue, make_settings

ROOT = {"AWS": f"arn:aws:iam::{VENDOR}:root"}
ANY_ROLE = "arn:aws:iam::*:role/*"


def statements(document):
    return {statement["Sid"]: statement for statement in document["Statement"]}


def catalogue_of(count):
    template = make_catalogue()
    return Catalogue.model_construct(
        **{
            **template.__dict__,
            "components": tuple(
                template.components[0].model_copy(update={"id": f"component-number-{number}"})
                for number in range(count)
            ),
        }
    )


def test_role_arns_follow_from_the_settings():
    settings = make_settings(partition="aws-us-gov", region="us-gov-west-1")

    assert settings.component_role_arn("x") == f"arn:aws-us-gov:iam::{VENDOR}:role/rolebridge/components/x"
    assert settings.trust_test_role_arn == f"arn:aws-us-gov:iam::{VENDOR}:role/rolebridge/components/trust-test"
    assert settings.integration_role_arn == f"arn:aws-us-gov:iam::{VENDOR}:role/rolebridge/integration"
    assert settings.worker_role_arn == f"arn:aws-us-gov:iam::{VENDOR}:role/rolebridge/worker"
    assert settings.canary_role_arn == f"arn:aws-us-gov:iam::{VENDOR}:role/rolebridge/canary"
    assert settings.control_role_arn == f"arn:aws-us-gov:iam::{VENDOR}:role/rolebridge-control/open-door"


@pytest.mark.parametrize(
    "changes",
    [{"partition": "aws-iso"}, {"vendor_account_id": "12"}, {"role_path": "/"}, {"role_path": "rolebridge"}],
)
def test_settings_that_cannot_work_are_refused(changes):
    with pytest.raises(ValueError, match=r"\w"):
        make_settings(**changes)


def test_f20_the_vendors_own_account_is_no_customer():
    settings = make_settings()

    settings.refuse_own_account(CUSTOMER)
    with pytest.raises(VendorAccountAsCustomer, match="our own AWS account"):
        settings.refuse_own_account(VENDOR)


def test_a_customer_trusts_b_and_in_direct_the_component_role():
    assert make_settings().trusted_principal_arn("x").endswith("role/rolebridge/integration")
    assert make_settings(chain="chained").trusted_principal_arn("x").endswith("role/rolebridge/integration")
    assert make_settings(chain="direct").trusted_principal_arn("x").endswith("role/rolebridge/components/x")


def test_only_the_worker_becomes_a_component_role_and_brings_no_tag_that_counts():
    found = statements(vendor_policies.component_role_trust(make_settings()))

    assert found["WorkerOnly"]["Principal"] == {"AWS": f"arn:aws:iam::{VENDOR}:role/rolebridge/worker"}
    assert found["NoForgedTags"]["Effect"] == "Deny"
    assert found["NoForgedTags"]["Condition"] == {
        "ForAnyValue:StringEqualsIgnoreCase": {"aws:TagKeys": ["Product", "Purpose", "Component"]}
    }


def test_component_roles_are_told_from_the_trust_test_by_their_role_tags():
    settings = make_settings()

    assert vendor_policies.component_role_tags(settings, "log-analysis") == {
        "Product": "northwind",
        "Purpose": "component",
        "Component": "log-analysis",
    }
    assert vendor_policies.component_role_tags(settings, "trust-test")["Purpose"] == "trust-test"


def test_b_trusts_tagged_roles_of_the_component_path_that_do_not_pose_as_another():
    found = statements(vendor_policies.integration_role_trust(make_settings(), make_catalogue()))

    assume = found["TaggedComponentRoles"]
    assert assume["Principal"] == found["PassSourceIdentity"]["Principal"] == ROOT
    assert assume["Condition"] == {
        "StringEquals": {
            "aws:PrincipalTag/Product": "northwind",
            "aws:RequestTag/Purpose": "${aws:PrincipalTag/Purpose}",
            "aws:RequestTag/Component": "${aws:PrincipalTag/Component}",
        },
        "ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{VENDOR}:role/rolebridge/components/*"},
    }
    assert found["PassSourceIdentity"]["Condition"] == {
        "StringEquals": {"aws:PrincipalTag/Product": "northwind"},
        "ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{VENDOR}:role/rolebridge/components/*"},
    }
    assert found["NoForgedTags"]["Condition"] == {"ForAnyValue:StringEqualsIgnoreCase": {"aws:TagKeys": ["Product"]}}


def test_bs_trust_does_not_grow_with_the_number_of_components():
    settings = make_settings()

    few = vendor_policies.integration_role_trust(settings, catalogue_of(1))
    many = vendor_policies.integration_role_trust(settings, catalogue_of(500))

    assert few == many
    assert length_without_whitespace(many) < 2048


def test_chained_lists_the_component_roles_and_refuses_more_than_fit():
    settings = make_settings(chain="chained")

    [statement] = vendor_policies.integration_role_trust(settings, catalogue_of(3))["Statement"]
    assert statement["Principal"]["AWS"] == [
        *(settings.component_role_arn(f"component-number-{number}") for number in range(3)),
        settings.trust_test_role_arn,
    ]

    with pytest.raises(PolicyTooLong, match=r"40 component roles in \d+ characters; IAM takes 2048"):
        vendor_policies.integration_role_trust(settings, catalogue_of(40))


def test_b_enters_only_tagged_roles_and_only_with_its_own_sessions_external_id():
    found = statements(vendor_policies.integration_role_policy(make_settings()))

    assert found["ComponentSessions"]["Resource"] == ANY_ROLE
    assert found["ComponentSessions"]["Condition"] == {
        "StringEquals": {
            "aws:PrincipalTag/Purpose": "component",
            "iam:ResourceTag/Product": "northwind",
            "sts:ExternalId": "${aws:PrincipalTag/ExternalId}",
        }
    }
    assert found["TrustTestSessions"]["Condition"] == {"StringEquals": {"aws:PrincipalTag/Purpose": "trust-test"}}
    assert "Condition" not in found["PassSessionContext"]


@pytest.mark.parametrize("chain", ["direct", "chained", "abac"])
def test_f20_no_role_that_enters_customers_may_enter_our_own(chain):
    settings = make_settings(chain=chain)
    entering = (
        vendor_policies.component_role_policy(settings)
        if chain == "direct"
        else vendor_policies.integration_role_policy(settings)
    )

    for document in (entering, vendor_policies.canary_role_policy(settings)):
        own = statements({"Statement": [s for s in document["Statement"] if "Sid" in s]})["NeverOurOwnRoles"]
        assert own["Effect"] == "Deny"
        assert own["Action"] == ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"]
        assert own["NotResource"] == [settings.control_role_arn, settings.stand_in_role_arn]
        assert own["Condition"] == {"StringEquals": {"aws:ResourceAccount": VENDOR}}


def test_the_worker_becomes_component_roles_canary_and_forger_only_and_reads_its_own_roles():
    become, read = vendor_policies.worker_role_policy(make_settings())["Statement"]

    assert become["Resource"] == [
        f"arn:aws:iam::{VENDOR}:role/rolebridge/components/*",
        f"arn:aws:iam::{VENDOR}:role/rolebridge/canary",
        f"arn:aws:iam::{VENDOR}:role/rolebridge/forger",
    ]
    assert all(action.startswith(("iam:Get", "iam:List")) for action in read["Action"])
    assert read["Resource"] == [
        f"arn:aws:iam::{VENDOR}:role/rolebridge/*",
        f"arn:aws:iam::{VENDOR}:role/rolebridge-control/*",
    ]


def test_the_control_role_is_open_to_the_account_alone():
    [statement] = vendor_policies.control_role_trust(make_settings())["Statement"]

    assert statement["Principal"] == ROOT
    assert "Condition" not in statement
