"""The chain in each of AWS's partitions: ARNs, regions and endpoints of one never mix with another's."""

import pytest

from integrations.aws.clients import ClientFactory
from integrations.aws.customer_stack import SANDBOX_SECRET
from integrations.aws.policies import compact, policy
from integrations.aws.report import Outcome
from integrations.aws.vendor_setup import ensure_vendor_account
from integrations.aws.verify import check_reachability, check_trust
from tests.integrations.aws.builders import make_catalogue, make_settings
from tests.integrations.aws.conftest import Customer
from tests.sandbox_server import new_account_id

REGIONS = {"aws-us-gov": "us-gov-west-1", "aws-cn": "cn-north-1", "aws-eusc": "eusc-de-east-1"}


def become_worker(factory, iam, region, monkeypatch):
    """Give this process the session of a role of that account, and nothing else; the role's ARN.

    The sandbox's container address knows the partition `aws` only, so a user enters the role first.
    """
    user = iam.create_user(UserName="starter")["User"]["Arn"]
    trust = {"Effect": "Allow", "Principal": {"AWS": user}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName="platform", AssumeRolePolicyDocument=compact(policy([trust])))["Role"]["Arn"]
    anything = compact(policy([{"Effect": "Allow", "Action": "sts:*", "Resource": "*"}]))
    iam.put_user_policy(UserName="starter", PolicyName="permissions", PolicyDocument=anything)
    iam.put_role_policy(RoleName="platform", PolicyName="permissions", PolicyDocument=anything)
    key = iam.create_access_key(UserName="starter")["AccessKey"]
    sts = factory.with_keys("sts", region, key["AccessKeyId"], key["SecretAccessKey"])
    session = sts.assume_role(RoleArn=role, RoleSessionName="worker")["Credentials"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", session["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", session["SecretAccessKey"])
    monkeypatch.setenv("AWS_SESSION_TOKEN", session["SessionToken"])
    return role


@pytest.fixture(params=REGIONS)
def elsewhere(request, sandbox, monkeypatch):
    """The vendor and a customer in another partition; the worker has a role there."""
    partition, region = request.param, REGIONS[request.param]
    vendor_account_id = new_account_id()
    factory = ClientFactory(sandbox.url)
    iam = factory.with_keys("iam", region, vendor_account_id, SANDBOX_SECRET)
    worker = become_worker(factory, iam, region, monkeypatch)
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
