"""The customer's administrator, played in the sandbox: the template deployed, spoilt, taken down."""

import json

import pytest

from integrations.aws.customer_stack import (
    NotASandbox,
    StackFailed,
    create_or_update_stack,
    delete_stack,
    is_sandbox,
)
from integrations.aws.errors import AwsCallFailed
from integrations.aws.report import role_status
from integrations.aws.verify import verify_role
from integrations.role_templates.cloudformation import render_yaml
from integrations.role_templates.document import RoleSet

STACK = "rolebridge-c1"


def template(customer, components=("compute-analysis", "log-analysis")):
    documents = tuple(customer.document(component) for component in components)
    return render_yaml(RoleSet("Northwind Insights", "1.0.0", "aws", customer.account_id, "c1", documents))


def status(vendor, customer, component="compute-analysis"):
    return role_status(verify_role(vendor, customer.target(component), on_finding=lambda finding: None))


@pytest.mark.parametrize("vendor", ["abac", "chained", "direct"], indirect=True)
def test_a_deployed_stack_goes_from_connected_to_unsafe_to_degraded_to_gone(vendor, sandbox, customer):
    name = customer.document().role_name

    create_or_update_stack(sandbox.url, customer.account_id, STACK, template(customer))
    assert status(vendor, customer) == "connected"
    assert status(vendor, customer, "log-analysis") == "connected"

    open_door = json.loads(json.dumps(customer.document().trust_policy))
    del open_door["Statement"][0]["Condition"]
    customer.set_trust(name, open_door)
    assert status(vendor, customer) == "unsafe"

    customer.set_trust(name, customer.document().trust_policy)
    assert status(vendor, customer) == "connected"

    customer.set_policy(
        name,
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "ec2:DescribeInstances", "Resource": "*"}],
        },
    )
    assert status(vendor, customer) == "degraded"

    delete_stack(sandbox.url, customer.account_id, STACK)
    assert status(vendor, customer) == "not_assumable"


def test_a_stack_is_updated_in_place_and_an_unchanged_one_is_fine(vendor, sandbox, customer):
    first = create_or_update_stack(sandbox.url, customer.account_id, STACK, template(customer, ["compute-analysis"]))
    second = create_or_update_stack(sandbox.url, customer.account_id, STACK, template(customer))
    third = create_or_update_stack(sandbox.url, customer.account_id, STACK, template(customer))

    assert first == second == third
    assert status(vendor, customer, "log-analysis") == "connected"


def test_deleting_a_stack_that_is_not_there_is_fine(sandbox, customer):
    delete_stack(sandbox.url, customer.account_id, "rolebridge-none")


def test_a_stack_that_cannot_be_made_says_why(sandbox, customer):
    with pytest.raises((StackFailed, AwsCallFailed)):
        create_or_update_stack(sandbox.url, customer.account_id, STACK, "Resources: {}")


@pytest.mark.parametrize(
    "endpoint_url",
    [
        None,
        "",
        "https://cloudformation.us-east-1.amazonaws.com",
        "http://10.0.0.1:4566",
        "http://127.0.0.1.example.com:4566",
        "http://localhost.example.com",
        "http://example.com/127.0.0.1",
        "http://127.0.0.1@example.com",
    ],
)
def test_nothing_is_deployed_for_a_customer_outside_the_sandbox(endpoint_url):
    assert not is_sandbox(endpoint_url)
    with pytest.raises(NotASandbox):
        create_or_update_stack(endpoint_url, "222222222222", STACK, "Resources: {}")
    with pytest.raises(NotASandbox):
        delete_stack(endpoint_url, "222222222222", STACK)


@pytest.mark.parametrize("endpoint_url", ["http://127.0.0.1:4566", "http://localhost:4566", "http://[::1]:4566"])
def test_an_endpoint_on_this_machine_is_a_sandbox(endpoint_url):
    assert is_sandbox(endpoint_url)
