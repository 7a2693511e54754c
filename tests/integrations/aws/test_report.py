"""What a verification is given, and the status its report speaks for."""

from typing import Any

import pytest

from integrations.aws.arns import InvalidRegion, InvalidRoleArn
from integrations.aws.policies import InvalidExternalId
from integrations.aws.report import RoleReport, role_status
from tests.integrations.aws.builders import ROLE_ARN, make_settings, make_target


def report(**changes):
    values: dict[str, Any] = {
        "component": "compute-analysis",
        "findings": (),
        "assumable": True,
        "refused": False,
        "external_id_enforced": True,
        "permissions_ok": True,
        "vendor_fault": False,
    }
    return RoleReport(**(values | changes))


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "connected"),
        ({"permissions_ok": False}, "degraded"),
        ({"permissions_ok": None}, "no_verdict"),
        ({"external_id_enforced": False}, "unsafe"),
        ({"external_id_enforced": False, "permissions_ok": False}, "unsafe"),
        ({"external_id_enforced": False, "assumable": False, "refused": True}, "unsafe"),
        ({"external_id_enforced": False, "vendor_fault": True}, "unsafe"),
        ({"trust_too_wide": True}, "unsafe"),
        ({"trust_too_wide": True, "external_id_enforced": None}, "unsafe"),
        ({"trust_too_wide": None}, "no_verdict"),
        ({"trust_too_wide": None, "permissions_ok": False}, "no_verdict"),
        ({"trust_too_wide": None, "external_id_enforced": False}, "unsafe"),
        ({"trust_too_wide": None, "assumable": False, "refused": True}, "not_assumable"),
        ({"external_id_enforced": None}, "no_verdict"),
        ({"external_id_enforced": None, "permissions_ok": False}, "no_verdict"),
        ({"assumable": False, "refused": True, "external_id_enforced": None}, "not_assumable"),
        ({"assumable": False, "refused": False, "external_id_enforced": None}, "no_verdict"),
        ({"vendor_fault": True}, "no_verdict"),
        ({"vendor_fault": True, "assumable": False, "refused": True}, "no_verdict"),
    ],
)
def test_a_report_speaks_for_one_status(changes, status):
    assert role_status(report(**changes)) == status


def test_the_roles_arn_follows_from_the_target_and_the_vendors_partition():
    assert str(make_target().role_arn(make_settings())) == ROLE_ARN
    assert str(
        make_target(role_path="/p/").role_arn(make_settings(partition="aws-cn", region="cn-north-1"))
    ).startswith("arn:aws-cn:iam::222222222222:role/p/")


@pytest.mark.parametrize("reference", ["", "Acme", "acme corp", "a" * 17, "a-b", "jo@example.com"])
def test_f15_names_that_could_say_something_private_are_refused(reference):
    for name in ("tenant_ref", "connection_ref"):
        with pytest.raises(ValueError, match=name):
            make_target(**{name: reference})


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"role_name": "x" * 65}, InvalidRoleArn),
        ({"role_name": "a/b"}, InvalidRoleArn),
        ({"role_path": "no-slash"}, InvalidRoleArn),
        ({"account_id": "1234-5678-9012"}, InvalidRoleArn),
        ({"account_id": "12"}, ValueError),
        ({"external_id": "has spaces"}, InvalidExternalId),
    ],
)
def test_a_target_that_aws_would_refuse_is_refused_before_any_call(changes, error):
    with pytest.raises(error):
        make_target(**changes)


@pytest.mark.parametrize("regions", [("cn-north-1",), ("eu-central-1", "us-gov-west-1"), ("eusc-de-east-1",)])
def test_a_region_of_another_partition_is_refused_before_any_call(regions):
    with pytest.raises(InvalidRoleArn, match="is not in the partition aws"):
        make_target(regions=regions).role_arn(make_settings())


@pytest.mark.parametrize("region", ["", "Frankfurt", "eu-central-1a", "eu-central-1/x", "eu_central_1", "*"])
def test_what_is_no_region_is_refused(region):
    with pytest.raises(InvalidRegion):
        make_target(regions=(region,))


@pytest.mark.parametrize(
    "changes",
    [
        {"partition": "aws-us-gov"},
        {"region": "us-gov-west-1"},
        {"fallback_regions": ("cn-north-1",)},
        {"base_principal_arn": "arn:aws-cn:iam::111111111111:role/worker"},
    ],
)
def test_a_vendor_in_two_partitions_is_refused(changes):
    with pytest.raises((InvalidRegion, InvalidRoleArn), match="not in the partition"):
        make_settings(**changes)
