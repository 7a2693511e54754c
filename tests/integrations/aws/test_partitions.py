"""The chain in each of AWS's partitions: ARNs, regions and endpoints of one never mix with another's."""

import json

import pytest

from integrations.aws.clients import ClientFactory
from integrations.aws.customer_stack import SANDBOX_SECRET
from integrations.aws.report import Outcome
from integrations.aws.vendor_setup import ensure_vendor_account
from integrations.aws.verify import check_reachability, check_trust
from tests.integrations.aws.builders import make_catalogue, make_settings
from tests.integrations.aws.conftest import Customer
from tests.sandbox_server import new_account_id

REGIONS = {"aws-us-gov": "us-gov-west-1", "aws-cn": "cn-north-1", "aws-eusc": "eusc-de-east-1"}


@pytest.fixture(params=REGIONS)
def elsewhere(request, sandbox, monkeypatch):
    """The vendor and a customer in another partition; the worker is an IAM user there."""
    partition, region = request.param, REGIONS[request.param]
    vendor_account_id = new_account_id()
    factory = ClientFactory(sandbox.url)
    iam = factory.with_keys("iam", region, vendor_account_id, SANDBOX_SECRET)
    worker = iam.create_user(UserName="worker")["User"]["Arn"]
    anything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:*", "Resource": "*"}]}
    iam.put_user_policy(UserName="worker", PolicyName="permissions", PolicyDocument=json.dumps(anything))
    key = iam.create_access_key(UserName="worker")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    settings = make_settings(
        partition=partition,
        region=region,
        vendor_account_id=vendor_account_id,
        endpoint_url=sandbox.url,
        base_principal_arn=worker,
        repeat_pause=0.01,
    )
    ensure_vendor_account(settings, make_catalogue(), iam)
    customer = Customer(sandbox, settings, make_catalogue())
    customer.iam = factory.with_keys("iam", region, customer.account_id, SANDBOX_SECRET)
    return settings, customer


def test_a_role_in_another_partition_is_entered_and_its_trust_is_tested(elsewhere):
    settings, customer = elsewhere
    customer.deploy()

    reached = check_reachability(settings, customer.target(), on_finding=lambda finding: None)
    tested = check_trust(settings, customer.target(), on_finding=lambda finding: None)

    assert {finding.outcome for finding in reached.findings} == {Outcome.PASSED}
    assert reached.reachable
    assert {receipt.role_arn.split(":")[1] for receipt in reached.receipts} == {settings.partition}
    assert tested.safe is True


def test_an_open_role_in_another_partition_is_found_out(elsewhere):
    settings, customer = elsewhere
    trust = customer.document().trust_policy
    trust["Statement"][0].pop("Condition")
    customer.deploy(trust=trust)

    assert check_trust(settings, customer.target(), on_finding=lambda finding: None).safe is False
