"""Every probe of the real catalogue can pass and can fail: each permission, granted and left out, in the sandbox."""

from pathlib import Path

import pytest

from integrations.aws.report import Outcome, role_status
from integrations.aws.verify import verify_role
from integrations.catalogue import load_catalogue
from tests.integrations.aws.conftest import Customer

CATALOGUE = load_catalogue(Path(__file__).resolve().parents[3] / "catalogue.yaml")
NOTHING = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sts:DecodeAuthorizationMessage", "Resource": "*"}],
}


@pytest.fixture
def customer(sandbox, vendor):
    return Customer(sandbox, vendor, CATALOGUE)


ADMINISTRATOR = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


# The test vendor has the roles of the builders' catalogue, so each component borrows one of those names.
@pytest.mark.parametrize("component", CATALOGUE.components, ids=lambda component: component.id)
def test_every_probe_passes_where_granted_and_is_denied_where_not(vendor, customer, component):
    customer.catalogue = CATALOGUE.model_copy(
        update={"components": (component.model_copy(update={"id": "compute-analysis"}),)}
    )
    tags = {vendor.product_tag_key: vendor.product_tag_value}
    name = customer.deploy(tags=tags)
    probed = {permission.action for permission in component.permissions if permission.probe}

    granted = verify_role(vendor, customer.target(), on_finding=lambda finding: None)
    customer.set_policy(name, NOTHING)
    left_out = verify_role(vendor, customer.target(), on_finding=lambda finding: None)

    assert actions(granted, "permission", Outcome.PASSED) == probed
    assert role_status(granted) == "connected"
    assert actions(left_out, "permission", Outcome.DENIED) == probed
    assert role_status(left_out) == "degraded"


def actions(report, check, outcome):
    return {finding.action for finding in report.findings if finding.check == check and finding.outcome is outcome}


def test_everything_that_must_be_denied_is_denied_by_the_template_and_seen_where_it_is_not(vendor, customer):
    [component, *_] = CATALOGUE.components
    wanted = {entry.action for entry in component.never_granted}
    name = customer.deploy(tags={vendor.product_tag_key: vendor.product_tag_value})

    as_templated = verify_role(vendor, customer.target(), on_finding=lambda finding: None)
    customer.set_policy(name, ADMINISTRATOR, "more")
    over_granted = verify_role(vendor, customer.target(), on_finding=lambda finding: None)

    assert actions(as_templated, "least_privilege", Outcome.PASSED) == wanted
    assert actions(over_granted, "least_privilege", Outcome.VIOLATED) == wanted
