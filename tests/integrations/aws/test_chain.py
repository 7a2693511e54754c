"""Each hop's exact AssumeRole call, and STS's limits."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.stub import Stubber

from integrations.aws import chain, policies, session_plan
from integrations.aws.assume_role import AssumeRole, open_session
from integrations.aws.clients import ClientFactory, SessionCredentials
from integrations.aws.errors import Refused, RegionDisabled, RequestInvalid
from integrations.aws.narrowing import customer_session_policies
from integrations.aws.report import SessionPurpose
from tests.integrations.aws.builders import CUSTOMER, EXTERNAL_ID, ROLE_ARN, VENDOR, make_settings, make_target

B = f"arn:aws:iam::{VENDOR}:role/rolebridge/integration"


POLICIES = f"arn:aws:iam::{CUSTOMER}:policy"


def expiry():
    return datetime.now(UTC) + timedelta(hours=1)


def answer(**more):
    return {
        "Credentials": {
            "AccessKeyId": "ASIAEXAMPLEEXAMPLE",
            "SecretAccessKey": "the-secret",
            "SessionToken": "the-token",
            "Expiration": expiry(),
        },
        "AssumedRoleUser": {
            "AssumedRoleId": "AROAEXAMPLE:name",
            "Arn": "arn:aws:sts::111111111111:assumed-role/x/name",
        },
        "ResponseMetadata": {"RequestId": "req-1"},
        **more,
    }


class StubbedVendor(chain.VendorSide):
    """A vendor's side whose STS clients answer from one stub, in order, and note who asked in which region."""

    def __init__(self, settings):
        super().__init__(settings)
        credentials = SessionCredentials("ASIA", "secret", "token", expiry())
        self.sts = ClientFactory().with_session("sts", settings.region, credentials)
        self.stub = Stubber(self.sts)
        self.stub.activate()
        self.asked = []
        self.clients: Any = self

    def base_role_name(self):
        return "worker"

    def base_sts(self, region):
        self.asked.append(("base", region))
        return self.sts

    def with_session(self, service, region, credentials):
        self.asked.append((credentials.access_key_id, region))
        return self.sts


@pytest.fixture
def vendor():
    stubbed = StubbedVendor(make_settings())
    yield stubbed
    stubbed.stub.assert_no_pending_responses()


def launch_session():
    call = AssumeRole(role_arn=B, session_name="s1")
    vendor = StubbedVendor(make_settings())
    vendor.stub.add_response("assume_role", answer())
    return open_session(vendor.sts, call, component="compute-analysis", purpose=SessionPurpose.VERIFICATION)


def test_base_to_a_is_called_with_a_name_and_nothing_that_could_forge(vendor):
    vendor.stub.add_response(
        "assume_role",
        answer(),
        {
            "RoleArn": f"arn:aws:iam::{VENDOR}:role/rolebridge/components/compute-analysis",
            "RoleSessionName": "rolebridge-compute-analysis",
            "DurationSeconds": 3600,
        },
    )

    vendor.own_role_sts("compute-analysis")


def test_one_session_of_a_component_role_serves_many_callers(vendor):
    vendor.stub.add_response("assume_role", answer())

    for _ in range(3):
        vendor.own_role_sts("compute-analysis")

    assert [who for who, _ in vendor.asked].count("base") == 1


def test_a_component_roles_session_is_replaced_before_it_ends(vendor):
    ending = answer()
    ending["Credentials"]["Expiration"] = datetime.now(UTC) + timedelta(minutes=9)
    vendor.stub.add_response("assume_role", ending)
    vendor.stub.add_response("assume_role", answer())

    vendor.own_role_sts("compute-analysis")
    vendor.own_role_sts("compute-analysis")

    assert [who for who, _ in vendor.asked].count("base") == 2


def test_a_to_b_carries_tags_source_identity_and_the_session_policy_of_two_statements(vendor):
    vendor.stub.add_response("assume_role", answer())
    vendor.stub.add_response(
        "assume_role",
        answer(PackedPolicySize=41),
        {
            "RoleArn": B,
            "RoleSessionName": "rolebridge-compute-analysis-c1",
            "DurationSeconds": 900,
            "SourceIdentity": "rolebridge-c1",
            "Policy": policies.launch_session_policy(ROLE_ARN, EXTERNAL_ID),
            "Tags": [
                {"Key": "Tenant", "Value": "t1"},
                {"Key": "Connection", "Value": "c1"},
                {"Key": "Component", "Value": "compute-analysis"},
                {"Key": "ExternalId", "Value": EXTERNAL_ID},
                {"Key": "Purpose", "Value": "component"},
            ],
            "TransitiveTagKeys": ["Tenant", "Connection", "Component"],
        },
    )

    session = chain.enter_integration_role(vendor, make_target())

    assert session.receipt.packed_policy_percent == 41
    assert session.receipt.role_id == "AROAEXAMPLE"


def test_b_to_c_sends_the_external_id_and_passes_no_inherited_tag_again(vendor):
    target = make_target()
    vendor.stub.add_response(
        "assume_role",
        answer(),
        {
            "RoleArn": ROLE_ARN,
            "RoleSessionName": "rolebridge-compute-analysis-c1",
            "DurationSeconds": 900,
            "ExternalId": EXTERNAL_ID,
            "Policy": next(customer_session_policies(target.component, target.role_arn(make_settings()))).text,
        },
    )

    chain.enter_customer_role(vendor, target, launch_session())


@pytest.mark.parametrize("external_id", [EXTERNAL_ID, "wrong", None])
def test_a_trust_test_call_can_do_nothing_when_it_succeeds(vendor, external_id):
    expected = {
        "RoleArn": ROLE_ARN,
        "RoleSessionName": "rolebridge-trust-test-c1",
        "DurationSeconds": 900,
        "Policy": '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}',
    }
    if external_id:
        expected["ExternalId"] = external_id
    vendor.stub.add_response("assume_role", answer(), expected)

    receipt = chain.try_customer_role(vendor, make_target(), launch_session(), external_id)

    assert receipt.purpose is SessionPurpose.TRUST_TEST


def test_the_trust_test_session_hands_nothing_on_and_asks_for_no_external_id(vendor):
    vendor.stub.add_response("assume_role", answer())
    vendor.stub.add_response(
        "assume_role",
        answer(),
        {
            "RoleArn": B,
            "RoleSessionName": "rolebridge-trust-test-c1",
            "DurationSeconds": 900,
            "Policy": policies.trust_test_session_policy([ROLE_ARN, vendor.settings.control_role_arn]),
            "Tags": [{"Key": "Purpose", "Value": "trust-test"}, {"Key": "Component", "Value": "trust-test"}],
        },
    )

    chain.enter_trust_test(vendor, make_target())


def test_direct_has_no_b_and_narrows_as_session(vendor):
    direct = StubbedVendor(make_settings(chain="direct"))
    direct.stub.add_response(
        "assume_role",
        answer(),
        {
            "RoleArn": f"arn:aws:iam::{VENDOR}:role/rolebridge/components/compute-analysis",
            "RoleSessionName": "rolebridge-compute-analysis-c1",
            "DurationSeconds": 900,
            "SourceIdentity": "rolebridge-c1",
            "Policy": policies.launch_session_policy(ROLE_ARN, EXTERNAL_ID),
        },
    )

    chain.enter_integration_role(direct, make_target())


def test_chained_passes_no_session_tags():
    chained = StubbedVendor(make_settings(chain="chained"))
    chained.stub.add_response("assume_role", answer())
    chained.stub.add_response(
        "assume_role",
        answer(),
        {
            "RoleArn": B,
            "RoleSessionName": "rolebridge-compute-analysis-c1",
            "DurationSeconds": 900,
            "SourceIdentity": "rolebridge-c1",
            "Policy": policies.launch_session_policy(ROLE_ARN, EXTERNAL_ID),
        },
    )

    chain.enter_integration_role(chained, make_target())
    chained.stub.assert_no_pending_responses()


def test_expired_credentials_of_a_are_replaced_once(vendor):
    vendor.stub.add_response("assume_role", answer())
    vendor.stub.add_client_error("assume_role", "ExpiredToken", http_status_code=403)
    vendor.stub.add_response("assume_role", answer())
    vendor.stub.add_response("assume_role", answer())

    chain.enter_integration_role(vendor, make_target())


def test_a_disabled_region_sends_the_call_to_another(vendor):
    vendor.stub.add_client_error("assume_role", "RegionDisabledException", http_status_code=403)
    vendor.stub.add_response("assume_role", answer())

    chain.enter_customer_role(vendor, make_target(), launch_session())

    assert [region for _, region in vendor.asked] == ["eu-central-1", "us-east-1"]


def test_regions_disabled_everywhere_end_the_call(vendor):
    for _ in range(4):
        vendor.stub.add_client_error("assume_role", "RegionDisabledException", http_status_code=403)

    with pytest.raises(RegionDisabled):
        chain.enter_customer_role(vendor, make_target(), launch_session())


def test_a_refusal_is_ours_to_read_and_botocores_no_longer(vendor):
    vendor.stub.add_client_error("assume_role", "AccessDenied", "no", http_status_code=403)

    with pytest.raises(Refused) as caught:
        chain.enter_customer_role(vendor, make_target(), launch_session())

    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_receipt_finds_the_session_and_could_not_open_it(vendor):
    policy = policies.deny_all_session_policy()
    vendor.stub.add_response("assume_role", answer(PackedPolicySize=12, SourceIdentity="rolebridge-c1"))
    call = AssumeRole(role_arn=ROLE_ARN, session_name="name", policy=policy, session_tags={"A": "1"})

    session = open_session(vendor.sts, call, component="x", purpose=SessionPurpose.VERIFICATION)

    receipt = session.receipt
    assert receipt.access_key_id == "ASIAEXAMPLEEXAMPLE"
    assert receipt.session_name == "name"
    assert receipt.source_identity == "rolebridge-c1"
    assert receipt.tags == (("A", "1"),)
    assert receipt.policy_sha256 == hashlib.sha256(policy.encode()).hexdigest()
    assert receipt.request_id == "req-1"
    assert receipt.packed_policy_percent == 12
    for shown in (repr(receipt), repr(session), str(session)):
        assert "the-secret" not in shown
        assert "the-token" not in shown


@pytest.mark.parametrize(("percent", "warned"), [(79, False), (80, True), (None, False)])
def test_a_session_that_nearly_fills_what_sts_takes_is_warned_about(vendor, caplog, percent, warned):
    vendor.stub.add_response("assume_role", answer(**({"PackedPolicySize": percent} if percent else {})))

    open_session(
        vendor.sts,
        AssumeRole(role_arn=ROLE_ARN, session_name="name"),
        component="x",
        purpose=SessionPurpose.VERIFICATION,
    )

    assert ("fill 80 %" in caplog.text) is warned


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"role_arn": "arn:aws:iam::12345:role/x"}, "RoleArn"),
        ({"role_arn": "arn:aws:iam::111111111111:user/x"}, "RoleArn"),
        ({"role_arn": "arn:aws-moon:iam::111111111111:role/x"}, "RoleArn"),
        ({"role_arn": f"arn:aws:iam::111111111111:role/{'x' * 65}"}, "RoleArn"),
        ({"external_id": "x"}, "ExternalId"),
        ({"external_id": "a b"}, "ExternalId"),
        ({"external_id": "x" * 1225}, "ExternalId"),
        ({"policy_arns": (f"{POLICIES}/p",) * 11}, "PolicyArns"),
        ({"policy_arns": (f"arn:aws:iam::{VENDOR}:policy/p",)}, "PolicyArns"),
        ({"policy_arns": (f"{POLICIES.replace('aws', 'aws-cn')}/p",)}, "PolicyArns"),
        ({"session_name": "x"}, "SessionName"),
        ({"session_name": "x" * 65}, "SessionName"),
        ({"session_name": "a b"}, "SessionName"),
        ({"source_identity": "aws:me"}, "SourceIdentity"),
        ({"source_identity": "x"}, "SourceIdentity"),
        ({"duration": 899}, "DurationSeconds"),
        ({"duration": 3601}, "DurationSeconds"),
        ({"policy": "x" * 2049}, "Policy"),
        ({"policy": "x" * 1000, "policy_arns": ("y" * 525, "z" * 524)}, "Policy"),
        ({"session_tags": {str(number): "" for number in range(51)}}, "Tags"),
        ({"session_tags": {"k" * 129: ""}}, "Tags"),
        ({"session_tags": {"k": "v" * 257}}, "Tags"),
        ({"session_tags": {"k": "a,b"}}, "Tags"),
        ({"session_tags": {"aws:k": "v"}}, "Tags"),
        ({"session_tags": {"k": "1", "K": "2"}}, "Tags"),
        ({"transitive_tag_keys": ("k",)}, "TransitiveTagKeys"),
    ],
)
def test_a_call_over_stss_limits_is_refused_before_it_is_made(changes, field):
    with pytest.raises(RequestInvalid) as caught:
        AssumeRole(**({"role_arn": ROLE_ARN, "session_name": "name"} | changes))

    assert caught.value.code == field


def test_f15_what_the_customers_cloudtrail_shows_holds_only_opaque_ids():
    target = make_target()

    names = (
        session_plan.session_name(target),
        chain.trust_test_session_name(target),
        session_plan.source_identity(target),
    )

    assert names == ("rolebridge-compute-analysis-c1", "rolebridge-trust-test-c1", "rolebridge-c1")
    assert not any(CUSTOMER in name or EXTERNAL_ID in name for name in names)


def test_the_launch_policy_is_json_of_at_most_2048_characters():
    longest = make_target(external_id="x" * 256, role_path="/" + "p" * 400 + "/", role_name="n" * 64)

    policy = policies.launch_session_policy(str(longest.role_arn(make_settings())), longest.external_id)

    assert json.loads(policy)
    assert len(policy) <= 2048
