"""AWS itself refuses what would mix two customers up or let one role pose as another. Against the sandbox."""

import json

import pytest

from integrations.aws import vendor_policies
from integrations.aws.assume_role import AssumeRole, open_session
from integrations.aws.chain import (
    VendorSide,
    enter_customer_role,
    enter_integration_role,
    enter_trust_test,
    try_customer_role,
    vendor_side,
)
from integrations.aws.errors import AwsCallFailed, Refused
from integrations.aws.report import SessionPurpose
from integrations.aws.vendor_setup import POLICY_NAME, ensure_vendor_account, iam_client
from integrations.catalogue import Catalogue
from tests.integrations.aws.builders import EXTERNAL_ID, make_catalogue
from tests.integrations.aws.conftest import Customer, root_client

TAGS = {"Purpose": "component", "Component": "compute-analysis", "ExternalId": EXTERNAL_ID}


@pytest.fixture
def side(vendor):
    return vendor_side(vendor)


def open_to_anyone(customer):
    """A role whose trust policy asks for no external ID."""
    trust = json.loads(json.dumps(customer.document().trust_policy))
    del trust["Statement"][0]["Condition"]
    customer.deploy(trust=trust)


def become_b(side, role, **changes):
    values = {"role_arn": side.settings.integration_role_arn, "session_name": "guard-test", "session_tags": TAGS}
    call = AssumeRole(**(values | changes))
    return open_session(side.own_role_sts(role), call, component="x", purpose=SessionPurpose.IDENTITY_CHECK)


def with_b(side, launch, customer, external_id):
    call = AssumeRole(
        role_arn=str(customer.target().role_arn(side.settings)), session_name="guard-test", external_id=external_id
    )
    sts = side.clients.with_session("sts", side.settings.region, launch.credentials)
    return open_session(sts, call, component="x", purpose=SessionPurpose.VERIFICATION)


def test_the_ordinary_session_is_blind_to_an_open_role_and_the_trust_test_is_not(side, customer):
    open_to_anyone(customer)
    ordinary = enter_integration_role(side, customer.target())
    trust_test = enter_trust_test(side, customer.target())

    with pytest.raises(Refused):
        with_b(side, ordinary, customer, None)
    with pytest.raises(Refused):
        with_b(side, ordinary, customer, "rb-wrong")
    assert try_customer_role(side, customer.target(), trust_test, None).access_key_id


def test_f10_a_session_opened_for_one_customer_cannot_enter_another(side, sandbox, vendor, customer):
    other = Customer(sandbox, vendor, make_catalogue())
    open_to_anyone(other)
    launch = enter_integration_role(side, customer.target())

    with pytest.raises(Refused):
        with_b(side, launch, other, EXTERNAL_ID)


def test_f10_without_its_session_policy_b_still_uses_no_other_external_id_than_its_sessions(side, customer):
    open_to_anyone(customer)
    launch = become_b(side, "compute-analysis")

    assert with_b(side, launch, customer, EXTERNAL_ID)
    with pytest.raises(Refused):
        with_b(side, launch, customer, "rb-of-another-customer")
    with pytest.raises(Refused):
        with_b(side, launch, customer, None)


def test_b_enters_no_role_that_lacks_the_product_tag(side, customer):
    customer.deploy(tags={})
    launch = enter_integration_role(side, customer.target())

    with pytest.raises(Refused):
        enter_customer_role(side, customer.target(), launch)


@pytest.mark.parametrize(
    "tags",
    [
        {**TAGS, "Purpose": "trust-test"},
        {**TAGS, "Component": "log-analysis"},
        {**TAGS, "Component": "trust-test", "Purpose": "trust-test"},
        {**TAGS, "Product": "northwind"},
        {**TAGS, "PRODUCT": "northwind"},
        {key: value for key, value in TAGS.items() if key != "Purpose"},
        {},
    ],
)
def test_no_component_can_pose_as_another_or_as_the_trust_test(side, tags):
    with pytest.raises(Refused):
        become_b(side, "compute-analysis", session_tags=tags)


@pytest.mark.parametrize("key", ["Product", "product", "Purpose", "Component"])
def test_no_session_brings_a_component_role_the_tags_it_is_known_by(side, key):
    call = AssumeRole(
        role_arn=side.settings.component_role_arn("compute-analysis"),
        session_name="guard-test",
        session_tags={key: "trust-test"},
    )

    with pytest.raises(Refused):
        open_session(side.base_sts(side.settings.region), call, component="x", purpose=SessionPurpose.IDENTITY_CHECK)


@pytest.fixture
def stray_role(sandbox, vendor):
    """A role of the vendor's account that may call B, and is trusted by the worker like a component role."""
    iam = root_client(sandbox, "iam", vendor.vendor_account_id)
    made = []

    def make(name, path, tags):
        arn = iam.create_role(
            RoleName=name,
            Path=path,
            AssumeRolePolicyDocument=json.dumps(vendor_policies.component_role_trust(vendor)),
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )["Role"]["Arn"]
        iam.put_role_policy(
            RoleName=name,
            PolicyName="p",
            PolicyDocument=json.dumps(vendor_policies.component_role_policy(vendor)),
        )
        worker = vendor_policies.worker_role_policy(vendor)
        worker["Statement"][0]["Resource"].append(arn)
        iam.put_role_policy(RoleName="worker", PolicyName=POLICY_NAME, PolicyDocument=json.dumps(worker))
        made.append(name)
        return arn

    yield make
    for name in made:
        iam.delete_role_policy(RoleName=name, PolicyName="p")
        iam.delete_role(RoleName=name)
    iam.put_role_policy(
        RoleName="worker",
        PolicyName=POLICY_NAME,
        PolicyDocument=json.dumps(vendor_policies.worker_role_policy(vendor)),
    )


@pytest.mark.parametrize(
    ("path", "product_tag", "session_tags"),
    [
        ("/rolebridge/components/", {}, TAGS),
        ("/rolebridge/components/", {}, {**TAGS, "Product": "northwind"}),
        ("/elsewhere/", {"Product": "northwind"}, TAGS),
        ("/elsewhere/", {}, {**TAGS, "Product": "northwind"}),
    ],
)
def test_a_role_that_is_untagged_or_elsewhere_or_forges_its_tags_cannot_become_b(
    side, stray_role, path, product_tag, session_tags
):
    arn = stray_role("stray", path, {**product_tag, "Purpose": "component", "Component": "compute-analysis"})
    entry = open_session(
        side.base_sts(side.settings.region),
        AssumeRole(role_arn=arn, session_name="guard-test"),
        component="x",
        purpose=SessionPurpose.IDENTITY_CHECK,
    )
    sts = side.clients.with_session("sts", side.settings.region, entry.credentials)
    call = AssumeRole(role_arn=side.settings.integration_role_arn, session_name="guard-test", session_tags=session_tags)

    with pytest.raises(Refused):
        open_session(sts, call, component="x", purpose=SessionPurpose.IDENTITY_CHECK)


def test_a_role_in_place_and_tagged_becomes_b_so_that_the_refusals_above_mean_something(side, stray_role):
    arn = stray_role(
        "stray",
        "/rolebridge/components/",
        {"Product": "northwind", "Purpose": "component", "Component": "compute-analysis"},
    )
    entry = open_session(
        side.base_sts(side.settings.region),
        AssumeRole(role_arn=arn, session_name="guard-test"),
        component="x",
        purpose=SessionPurpose.IDENTITY_CHECK,
    )
    sts = side.clients.with_session("sts", side.settings.region, entry.credentials)

    assert open_session(
        sts,
        AssumeRole(role_arn=side.settings.integration_role_arn, session_name="guard-test", session_tags=TAGS),
        component="x",
        purpose=SessionPurpose.IDENTITY_CHECK,
    )


def test_a_process_that_the_platform_runs_as_a_component_role_needs_no_hop_before_it(
    vendor, sandbox, customer, monkeypatch
):
    customer.deploy()
    iam = root_client(sandbox, "iam", vendor.vendor_account_id)
    trust = vendor_policies.component_role_trust(vendor)
    of_the_platform = {
        "Effect": "Allow",
        "Principal": {"Service": "ecs-tasks.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    as_task = {**trust, "Statement": [of_the_platform]}
    iam.update_assume_role_policy(RoleName="compute-analysis", PolicyDocument=json.dumps(as_task))
    monkeypatch.setenv(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        f"{sandbox.url}/_sandbox/credentials/{vendor.vendor_account_id}/rolebridge/components/compute-analysis",
    )
    side = VendorSide(vendor)
    try:
        launch = enter_integration_role(side, customer.target())
    finally:
        iam.update_assume_role_policy(RoleName="compute-analysis", PolicyDocument=json.dumps(trust))

    assert side.base_role_name() == "compute-analysis"
    assert enter_customer_role(side, customer.target(), launch)


def test_the_worker_is_no_component_role(side):
    assert side.base_role_name() == "worker"


@pytest.mark.parametrize("vendor", ["abac", "chained", "direct"], indirect=True)
def test_f20_b_cannot_enter_the_vendors_own_roles(side, vendor, sandbox):
    iam = root_client(sandbox, "iam", vendor.vendor_account_id)
    everybody = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": vendor.account_root_arn},
                "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
            }
        ],
    }
    arn = iam.create_role(
        RoleName="victim",
        Path="/rolebridge/",
        AssumeRolePolicyDocument=json.dumps(everybody),
        Tags=[{"Key": "Product", "Value": "northwind"}],
    )["Role"]["Arn"]
    try:
        if vendor.chain == "direct":
            sts = side.own_role_sts("compute-analysis")
        else:
            launch = become_b(side, "compute-analysis", session_tags=TAGS if vendor.chain == "abac" else {})
            sts = side.clients.with_session("sts", vendor.region, launch.credentials)
        with pytest.raises(AwsCallFailed):
            open_session(
                sts,
                AssumeRole(role_arn=arn, session_name="guard-test", external_id=EXTERNAL_ID),
                component="x",
                purpose=SessionPurpose.VERIFICATION,
            )
    finally:
        iam.delete_role(RoleName="victim")


@pytest.fixture
def admin_role(sandbox, vendor):
    """A role of the vendor's that has nothing to do with us and trusts its whole account, and a user who may use it."""
    iam = root_client(sandbox, "iam", vendor.vendor_account_id)
    arn = iam.create_role(
        RoleName="admin",
        AssumeRolePolicyDocument=json.dumps(vendor_policies.control_role_trust(vendor)),
        Tags=[{"Key": "Product", "Value": "northwind"}],
    )["Role"]["Arn"]
    iam.create_user(UserName="owner")
    may_enter = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": arn}],
    }
    iam.put_user_policy(UserName="owner", PolicyName="p", PolicyDocument=json.dumps(may_enter))
    key = iam.create_access_key(UserName="owner")["AccessKey"]
    yield arn, key
    iam.delete_access_key(UserName="owner", AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName="owner", PolicyName="p")
    iam.delete_user(UserName="owner")
    iam.delete_role(RoleName="admin")


@pytest.mark.parametrize("vendor", ["abac", "chained", "direct"], indirect=True)
def test_f20_a_role_that_trusts_the_vendors_whole_account_is_entered_by_none_of_ours(side, vendor, admin_role):
    arn, key = admin_role
    region = vendor.region
    ours = {
        "worker": side.base_sts(region),
        **{role: side.own_role_sts(role) for role in ("canary", "trust-test", "compute-analysis")},
    }
    if vendor.chain != "direct":
        for role, purpose in (("compute-analysis", "component"), ("trust-test", "trust-test")):
            tags = {**TAGS, "Purpose": purpose, "Component": role} if vendor.chain == "abac" else {}
            launch = become_b(side, role, session_tags=tags)
            ours[f"integration, for {role}"] = side.clients.with_session("sts", region, launch.credentials)

    def enters(sts, role_arn):
        call = AssumeRole(role_arn=role_arn, session_name="guard-test", external_id=EXTERNAL_ID)
        try:
            open_session(sts, call, component="x", purpose=SessionPurpose.VERIFICATION)
        except Refused:
            return False
        return True

    owner = side.clients.with_keys("sts", region, key["AccessKeyId"], key["SecretAccessKey"])
    assert enters(owner, arn)
    assert enters(ours["canary"], vendor.control_role_arn)
    assert [who for who, sts in ours.items() if enters(sts, arn)] == []


@pytest.mark.parametrize("vendor", ["abac", "chained", "direct"], indirect=True)
def test_setting_the_vendors_account_up_again_changes_nothing_and_mends_what_was_spoilt(vendor, sandbox):
    iam = iam_client(vendor, vendor.vendor_account_id, "test")
    catalogue = make_catalogue()
    before = ensure_vendor_account(vendor, catalogue, iam)
    role = "compute-analysis"
    iam.delete_role_policy(RoleName=role, PolicyName=POLICY_NAME)

    after = ensure_vendor_account(vendor, catalogue, iam)

    assert after == before
    assert iam.get_role_policy(RoleName=role, PolicyName=POLICY_NAME)["PolicyDocument"] == (
        vendor_policies.component_role_policy(vendor)
    )


def test_a_new_component_is_added_to_the_vendors_account(vendor, sandbox):
    catalogue = make_catalogue()
    extra = catalogue.components[0].model_copy(update={"id": "extra-analysis"})
    grown = Catalogue(**{**dict(catalogue), "components": (*catalogue.components, extra)})
    iam = iam_client(vendor, vendor.vendor_account_id, "test")

    account = ensure_vendor_account(vendor, grown, iam)

    assert vendor.component_role_arn("extra-analysis") in account.role_ids


def test_a_role_of_that_name_elsewhere_is_left_alone(vendor, sandbox):
    iam = root_client(sandbox, "iam", "444444444444")
    nobody = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
    }
    iam.create_role(RoleName="worker", Path="/theirs/", AssumeRolePolicyDocument=json.dumps(nobody))
    settings = type(vendor)(**{**vendor.__dict__, "vendor_account_id": "444444444444"})

    with pytest.raises(AwsCallFailed, match="exists already, in the path /theirs/"):
        ensure_vendor_account(settings, make_catalogue(), iam)
