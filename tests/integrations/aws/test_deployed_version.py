"""Which version of its component a role was made for, and that what is new since is no fault of it."""

import json

import pytest

from integrations.aws.report import Outcome, role_status
from integrations.aws.verify import verify_role
from integrations.catalogue import Component


def newer_component(customer, *added: str, version: str = "1.1.0") -> Component:
    """The component in a newer version, in which these of its actions are new."""
    entry = customer.catalogue.component("compute-analysis").model_dump()
    entry["version"] = version
    for permission in entry["permissions"]:
        if permission["action"] in added:
            permission["since"] = version
    return Component.model_validate(entry)


def deploy_without(customer, *actions: str, self_inspection: bool = False) -> str:
    document = json.loads(json.dumps(customer.document(self_inspection=self_inspection).inline_policies[0].document))
    for statement in document["Statement"]:
        statement["Action"] = [action for action in statement["Action"] if action not in actions]
    return customer.deploy(permissions=document, self_inspection=self_inspection)


def verify(vendor, customer, component, **more):
    target = customer.target(component=component, **more)
    return verify_role(vendor, target, on_finding=lambda _: None)


def outcome(report, action: str) -> tuple[Outcome, str]:
    [found] = [one for one in report.findings if (one.check, one.action) == ("permission", action)]
    return found.outcome, found.cause


@pytest.mark.parametrize("self_inspection", [False, True])
def test_a_role_that_lacks_just_what_is_new_is_of_the_older_version_and_works(vendor, customer, self_inspection):
    deploy_without(customer, "rds:DescribeDBInstances", self_inspection=self_inspection)
    newer = newer_component(customer, "rds:DescribeDBInstances")

    report = verify(vendor, customer, newer, older_versions=("1.0.0",), self_inspection=self_inspection)

    assert report.deployed_version == "1.0.0"
    assert outcome(report, "rds:DescribeDBInstances") == (Outcome.NOT_APPLICABLE, "role_outdated")
    assert role_status(report) == "connected"


def test_a_role_that_has_what_is_new_is_of_the_current_version(vendor, customer):
    customer.deploy()

    report = verify(vendor, customer, newer_component(customer, "rds:DescribeDBInstances"), older_versions=("1.0.0",))

    assert report.deployed_version == "1.1.0"
    assert role_status(report) == "connected"


def test_a_role_that_lacks_something_older_too_is_at_fault(vendor, customer):
    deploy_without(customer, "rds:DescribeDBInstances", "ec2:DescribeInstances")
    newer = newer_component(customer, "rds:DescribeDBInstances")

    report = verify(vendor, customer, newer, older_versions=("1.0.0",))

    assert report.deployed_version == ""
    assert outcome(report, "rds:DescribeDBInstances") == (Outcome.DENIED, "missing_permission")
    assert role_status(report) == "degraded"


def test_a_role_that_had_the_newer_version_and_lost_it_is_at_fault(vendor, customer):
    deploy_without(customer, "rds:DescribeDBInstances")
    newer = newer_component(customer, "rds:DescribeDBInstances")

    report = verify(vendor, customer, newer, older_versions=("1.0.0",), known_version="1.1.0")

    assert outcome(report, "rds:DescribeDBInstances") == (Outcome.DENIED, "missing_permission")
    assert role_status(report) == "degraded"


def test_without_an_older_release_a_refusal_is_a_fault(vendor, customer):
    deploy_without(customer, "rds:DescribeDBInstances")

    report = verify(vendor, customer, newer_component(customer, "rds:DescribeDBInstances"))

    assert (report.deployed_version, role_status(report)) == ("", "degraded")


def test_the_newest_of_the_versions_that_fit_is_taken(vendor, customer):
    deploy_without(customer, "rds:DescribeDBInstances")
    newer = newer_component(customer, "rds:DescribeDBInstances", version="2.0.0")

    report = verify(vendor, customer, newer, older_versions=("1.0.0", "1.10.0", "1.9.0"))

    assert report.deployed_version == "1.10.0"
