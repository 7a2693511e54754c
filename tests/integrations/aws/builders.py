"""Values that the tests of integrations/aws share."""

from functools import cache
from typing import Any

from integrations.aws.report import VerificationTarget
from integrations.aws.vendor import VendorSettings
from integrations.catalogue import Catalogue, Permission, parse_catalogue

VENDOR = "111111111111"
CUSTOMER = "222222222222"
EXTERNAL_ID = "rb-7Yw0vJk3m9Qp2Xs5Zt8A"

_CATALOGUE = """\
version: 1.0.0
product_name: Northwind Insights
product_tag: {key: Product, value: northwind}
components:
  - id: compute-analysis
    version: 1.0.0
    name: Compute analysis
    summary: Finds idle servers.
    permissions:
      - action: ec2:DescribeInstances
        reason: Lists your servers with their size and state.
        sees_customer_data: false
        probe: {service: ec2, operation: describe_instances, parameters: {MaxResults: 5}}
      - action: rds:DescribeDBInstances
        reason: Lists your databases with their size and state.
        sees_customer_data: false
        probe: {service: rds, operation: describe_db_instances, parameters: {MaxRecords: 20}}
      - action: s3:GetLifecycleConfiguration
        reason: Reads each bucket's clean-up rules.
        sees_customer_data: false
    never_granted:
      - action: iam:ListUsers
        reason: Who your people are is no business of ours.
        probe: {service: iam, operation: list_users, parameters: {MaxItems: 1}}
  - id: log-analysis
    version: 1.0.0
    name: Log analysis
    summary: Finds logs that are kept for ever.
    permissions:
      - action: logs:DescribeLogStreams
        reason: Lists the streams of a log group with their last write.
        sees_customer_data: false
        probe:
          service: logs
          operation: describe_log_streams
          parameters: {logGroupName: /none, limit: 1}
          allowed_errors: [ResourceNotFoundException]
"""


@cache
def make_catalogue() -> Catalogue:
    """The same one each time, since nothing can change it and to read one loads the models of all its services."""
    return parse_catalogue(_CATALOGUE)


def make_permission(**changes) -> Permission:
    values: dict[str, Any] = {
        "action": "s3:GetLifecycleConfiguration",
        "reason": "Reads each bucket's clean-up rules.",
        "sees_customer_data": False,
    }
    return Permission(**(values | changes))


def make_settings(**changes) -> VendorSettings:
    values: dict[str, Any] = {
        "partition": "aws",
        "region": "eu-central-1",
        "vendor_account_id": VENDOR,
        "chain": "abac",
        "product_tag_key": "Product",
        "product_tag_value": "northwind",
    }
    return VendorSettings(**(values | changes))


def make_target(**changes) -> VerificationTarget:
    values: dict[str, Any] = {
        "tenant_ref": "t1",
        "connection_ref": "c1",
        "account_id": CUSTOMER,
        "external_id": EXTERNAL_ID,
        "role_name": "rolebridge-c1-compute-analysis",
        "role_path": "/",
        "component": make_catalogue().component("compute-analysis"),
    }
    return VerificationTarget(**(values | changes))


ROLE_ARN = f"arn:aws:iam::{CUSTOMER}:role/rolebridge-c1-compute-analysis"
