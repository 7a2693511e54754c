"""How B → C is narrowed to the component, however long its list of permissions is."""

import json

import pytest

from integrations.aws.arns import parse_role_arn
from integrations.aws.customer_stack import create_or_update_stack
from integrations.aws.narrowing import Narrowing, customer_session_policies
from integrations.aws.permission_policies import permission_policies
from integrations.aws.policies import PolicyTooLong
from integrations.aws.report import role_status
from integrations.aws.verify import verify_role
from integrations.catalogue import Component, Permission
from integrations.role_templates.cloudformation import render_yaml
from integrations.role_templates.document import RoleSet, role_document
from tests.integrations.aws.builders import CUSTOMER, EXTERNAL_ID, ROLE_ARN, make_catalogue
from tests.integrations.aws.conftest import root_client

ROLE = parse_role_arn(ROLE_ARN)
PROBED = make_catalogue().component("compute-analysis").permissions[:2]


def component_of(actions, *more):
    # Built without validation: the actions need not exist, only be many.
    permissions = tuple(
        Permission.model_construct(action=action, reason="", sees_customer_data=False) for action in actions
    )
    return Component.model_construct(
        id="compute-analysis", version="1.0.0", name="Big", summary="Big", permissions=(*more, *permissions)
    )


def many(count):
    return [f"ec2:DescribeThingWithAnUncommonlyLongName{number:04}" for number in range(count)]


def ways(component):
    return list(customer_session_policies(component, ROLE))


def test_a_component_that_fits_is_narrowed_to_its_actions():
    [way] = ways(make_catalogue().component("compute-analysis"))

    assert way.narrowing is Narrowing.ACTIONS
    assert json.loads(way.text)["Statement"] == [
        {
            "Effect": "Allow",
            "Action": ["ec2:DescribeInstances", "rds:DescribeDBInstances", "s3:GetLifecycleConfiguration"],
            "Resource": "*",
        }
    ]


def test_one_that_fits_a_role_but_no_session_is_narrowed_to_its_services():
    [way] = ways(component_of(many(100)))

    assert way.narrowing is Narrowing.SERVICES
    assert json.loads(way.text)["Statement"][0]["Action"] == ["ec2:*"]


def test_one_whose_role_has_managed_policies_is_narrowed_by_those_and_by_services_where_they_are_missing():
    first, second = ways(component_of(many(400)))

    _, managed = permission_policies(ROLE, component_of(many(400)))
    assert first.narrowing is Narrowing.MANAGED_POLICIES
    assert first.policy_arns == tuple(f"arn:aws:iam::{CUSTOMER}:policy/{piece.name}" for piece in managed)
    assert second.narrowing is Narrowing.SERVICES


def test_what_fits_in_no_way_is_refused_with_the_figures():
    with pytest.raises(PolicyTooLong, match=r"\d{4} characters even by service; STS takes 2048"):
        ways(component_of([f"service-number-{number}:GetThing" for number in range(200)]))


@pytest.fixture
def big(customer):
    """A customer whose component has 400 actions, two of them with probes."""
    catalogue = customer.catalogue
    component = component_of(many(398), *PROBED)
    customer.catalogue = catalogue.model_copy(update={"components": (component,)})
    return customer


def deploy_by_hand(customer, *, attach):
    document = customer.document()
    customer.iam.create_role(
        RoleName=document.role_name,
        AssumeRolePolicyDocument=json.dumps(document.trust_policy),
        Tags=[{"Key": key, "Value": value} for key, value in document.tags],
    )
    for piece in document.managed_policies:
        if attach:
            made = customer.iam.create_policy(PolicyName=piece.name, PolicyDocument=json.dumps(piece.document))
            customer.iam.attach_role_policy(RoleName=document.role_name, PolicyArn=made["Policy"]["Arn"])
    if not attach:
        customer.set_policy(
            document.role_name,
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": ["ec2:*", "rds:*"], "Resource": "*"}],
            },
        )


def test_a_component_of_400_actions_works_and_is_narrowed_by_its_managed_policies(vendor, big):
    deploy_by_hand(big, attach=True)

    report = verify_role(vendor, big.target(), on_finding=lambda finding: None)

    assert report.narrowing == "managed_policies"
    assert {finding.action for finding in report.findings if finding.outcome == "passed" and finding.action} >= {
        permission.action for permission in PROBED
    }
    assert role_status(report) == "connected"


def test_a_role_of_an_older_template_without_those_policies_is_narrowed_by_service(vendor, big):
    deploy_by_hand(big, attach=False)

    report = verify_role(vendor, big.target(), on_finding=lambda finding: None)

    assert report.narrowing == "services"
    assert role_status(report) == "connected"


def test_a_stack_of_400_actions_works(vendor, big, sandbox):
    document = role_document(
        vendor,
        big.catalogue,
        big.catalogue.components[0],
        connection_ref="c1",
        account_id=big.account_id,
        external_ids=(EXTERNAL_ID,),
    )
    template = render_yaml(RoleSet("N", "1.0.0", "aws", big.account_id, "c1", (document,)))
    create_or_update_stack(sandbox.url, big.account_id, "big", template)

    report = verify_role(vendor, big.target(), on_finding=lambda finding: None)

    assert report.narrowing == "managed_policies"
    assert role_status(report) == "connected"
    assert root_client(sandbox, "iam", big.account_id).list_attached_role_policies(RoleName=document.role_name)


def test_a_component_that_fits_says_that_it_was_narrowed_to_its_actions(vendor, customer):
    customer.deploy()

    assert verify_role(vendor, customer.target(), on_finding=lambda finding: None).narrowing == "actions"
