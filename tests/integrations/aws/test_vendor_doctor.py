"""The vendor doctor finds nothing where all is well, and names each thing that is broken. Against the sandbox."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from botocore.stub import Stubber

from integrations.aws import vendor_policies
from integrations.aws.chain import VendorSide, vendor_side
from integrations.aws.vendor_doctor import State, examine
from integrations.aws.vendor_doctor import examination as doctor
from integrations.aws.vendor_doctor.record import Record
from integrations.aws.vendor_roles import POLICY_NAME
from integrations.aws.vendor_setup import ensure_vendor_account, iam_client
from tests.integrations.aws.builders import make_catalogue, make_settings
from tests.integrations.aws.conftest import root_client
from tests.integrations.aws.test_vendor_policies import catalogue_of

CATALOGUE = make_catalogue()
ALL_CHAINS = pytest.mark.parametrize("vendor", ["abac", "chained", "direct"], indirect=True)


def bad(examination):
    return {(check.name, check.about, check.state) for check in examination.checks if check.state != State.PASSED}


def words_of(examination):
    return "\n".join(f"{check.title} {check.fix}" for check in examination.checks if check.state != State.PASSED)


@ALL_CHAINS
def test_it_finds_nothing_where_all_is_well(vendor):
    examination = examine(vendor, CATALOGUE)

    assert bad(examination) == set()
    assert (examination.state, examination.exit_status) == (State.PASSED, 0)
    assert examination.integration_role_id.startswith("AROA") == (vendor.chain != "direct")
    assert {check.about for check in examination.checks if check.name == "customer_role"} == {
        "compute-analysis",
        "log-analysis",
    }
    assert all(0 <= meter.used < meter.limit for meter in examination.meters)
    assert {meter.name for meter in examination.meters} >= {
        "trust_policy", "launch_session_policy", "customer_session_policy", "launch_packed_size",
        "customer_packed_size", "clock_skew",
    }  # fmt: skip


class Vendor:
    """The vendor's administrator, who breaks things."""

    def __init__(self, sandbox, settings):
        self.settings = settings
        self.iam = root_client(sandbox, "iam", settings.vendor_account_id)

    def set_trust(self, role, change):
        document = self.iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
        change(document["Statement"])
        self.iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(document))

    def set_policy(self, role, change):
        document = self.iam.get_role_policy(RoleName=role, PolicyName=POLICY_NAME)["PolicyDocument"]
        change(document["Statement"])
        self.iam.put_role_policy(RoleName=role, PolicyName=POLICY_NAME, PolicyDocument=json.dumps(document))

    def delete(self, role):
        for name in self.iam.list_role_policies(RoleName=role)["PolicyNames"]:
            self.iam.delete_role_policy(RoleName=role, PolicyName=name)
        self.iam.delete_role(RoleName=role)


@pytest.fixture
def broken(sandbox, vendor):
    """The vendor's account, which is mended again after the test."""
    yield Vendor(sandbox, vendor)
    iam = iam_client(vendor, vendor.vendor_account_id, "test")
    account = ensure_vendor_account(vendor, CATALOGUE, iam)
    for arn in account.role_ids:
        role = arn.rpartition("/")[2]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            if name != POLICY_NAME or role in {"open-door", "stand-in"}:
                iam.delete_role_policy(RoleName=role, PolicyName=name)
        iam.update_role(RoleName=role, Description="mended")
    vendor_side.cache_clear()  # a role that was deleted and made anew leaves its earlier sessions with no permission


def without(sid):
    def change(statements):
        statements[:] = [statement for statement in statements if statement.get("Sid") != sid]

    return change


def without_condition(sid, operator, key):
    def change(statements):
        for statement in statements:
            if statement.get("Sid") == sid:
                del statement["Condition"][operator][key]
                statement["Condition"] = {name: keys for name, keys in statement["Condition"].items() if keys}
                if not statement["Condition"]:
                    del statement["Condition"]

    return change


def all_of(*changes):
    def change(statements):
        for one in changes:
            one(statements)

    return change


ANYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
TAGGED = "TaggedComponentRoles"
FAULTS = {
    "a component role is gone": (
        lambda v: v.delete("log-analysis"),
        ("component_role", "log-analysis"),
        "role/rolebridge/components/log-analysis does not exist",
    ),
    "a component role has lost its product tag": (
        lambda v: v.iam.untag_role(RoleName="log-analysis", TagKeys=["Product"]),
        ("integration_role", "log-analysis"),
        "its tag Product is missing, not northwind",
    ),
    "a component role has lost its policy": (
        lambda v: v.iam.delete_role_policy(RoleName="log-analysis", PolicyName=POLICY_NAME),
        ("integration_role", "log-analysis"),
        "The calling role's own policy does not allow it",
    ),
    "the worker may not become it": (
        lambda v: v.set_policy("worker", lambda statements: statements[0]["Resource"].pop(0)),
        ("role", "worker"),  # a trust policy that pins the worker lets it in all the same
        "its policy 'rolebridge' differs",
    ),
    "a component role lets tags be forged": (
        lambda v: v.set_trust("untagged", without("NoForgedTags")),
        ("forged_tags", "untagged"),
        "A session can bring a component role the product tag",
    ),
    "the integration role is gone": (
        lambda v: v.delete("integration"),
        ("integration_role", "compute-analysis"),
        "role/rolebridge/integration does not exist",
    ),
    "the integration role asks for no product tag": (
        lambda v: v.set_trust("integration", without_condition(TAGGED, "StringEquals", "aws:PrincipalTag/Product")),
        ("outsiders", "untagged"),
        "A role in the components' path that lacks the product tag becomes the integration role",
    ),
    "the integration role asks for no path": (
        lambda v: v.set_trust("integration", without_condition(TAGGED, "ArnLike", "aws:PrincipalArn")),
        ("outsiders", "forger"),
        "A role elsewhere whose session forges all tags becomes the integration role",
    ),
    "the integration role lets the product tag be brought": (
        lambda v: v.set_trust("integration", without("NoForgedTags")),
        ("forged_tags", "compute-analysis"),
        "becomes the integration role with the product tag in its own session",
    ),
    "a component can pose as another": (
        lambda v: v.set_trust("integration", without_condition(TAGGED, "StringEquals", "aws:RequestTag/Component")),
        ("posing", "compute-analysis"),
        "becomes the integration role posing as another component",
    ),
    "a component can pose as the trust-test": (
        lambda v: v.set_trust("integration", without_condition(TAGGED, "StringEquals", "aws:RequestTag/Purpose")),
        ("posing", "compute-analysis"),
        "becomes the integration role posing as the trust-test",
    ),
    "the integration role compares no external ID": (
        lambda v: v.set_policy("integration", without_condition("ComponentSessions", "StringEquals", "sts:ExternalId")),
        ("integration_role_policy", "integration"),
        "A component's session enters customers' roles with another external ID",
    ),
    "the integration role asks for no tag of the customer's role": (
        lambda v: v.set_policy(
            "integration", without_condition("ComponentSessions", "StringEquals", "iam:ResourceTag/Product")
        ),
        ("integration_role_policy", "integration"),
        "A component's session enters roles that do not carry the product tag",
    ),
    "the integration role may enter nothing": (
        lambda v: v.set_policy("integration", without("ComponentSessions")),
        ("customer_role", "compute-analysis"),
        "From there it cannot enter a role that stands for a customer's",
    ),
    "the integration role may not pass tags on": (
        lambda v: v.set_policy("integration", without("PassSessionContext")),
        ("customer_role", "compute-analysis"),
        "its policy 'rolebridge' differs in PassSessionContext",
    ),
    "the trust-test asks for an external ID": (
        lambda v: v.set_policy(
            "integration",
            lambda statements: [
                statement["Condition"]["StringEquals"].update({"sts:ExternalId": "rb-1"})
                for statement in statements
                if statement["Sid"] == "TrustTestSessions"
            ],
        ),
        ("trust_test", "trust-test"),
        "The trust-test cannot try a customer's role with no external ID, so it would call open roles safe",
    ),
    "the trust-test role is gone": (
        lambda v: v.delete("trust-test"),
        ("trust_test", "trust-test"),
        "The trust-test's session cannot be opened",
    ),
    "the control role is gone": (
        lambda v: v.delete("open-door"),
        ("control_role", "open-door"),
        "The trust-test cannot enter the control role, so no removal can be proved",
    ),
    "the canary is gone": (
        lambda v: v.delete("canary"),
        ("canary", "canary"),
        "The canary cannot enter the control role, so its refusals prove nothing",
    ),
    "the stand-in lets in the whole account": (
        lambda v: v.iam.update_assume_role_policy(
            RoleName="stand-in",
            PolicyDocument=json.dumps(vendor_policies.control_role_trust(v.settings)),
        ),
        ("canary", "canary"),
        "The canary enters a role that should trust the integration role alone",
    ),
    "a role has more than it should": (
        lambda v: v.iam.put_role_policy(RoleName="stand-in", PolicyName="more", PolicyDocument=json.dumps(ANYTHING)),
        ("role", "stand-in"),
        "it has the policy 'more', which the set-up does not give it",
    ),
}


@pytest.mark.parametrize(("spoil", "check", "words"), FAULTS.values(), ids=FAULTS)
def test_it_names_what_is_broken(vendor, broken, spoil, check, words):
    spoil(broken)

    examination = examine(vendor, CATALOGUE)

    assert (*check, State.FAILED) in bad(examination), bad(examination)
    assert words in words_of(examination)
    assert examination.exit_status == 1
    assert all(check.fix for check in examination.checks if check.state != State.PASSED)


@pytest.mark.parametrize("vendor", ["chained"], indirect=True)
def test_in_chained_a_role_that_is_not_listed_must_stay_out(vendor, broken):
    untagged = vendor.component_role_arn("untagged")
    broken.set_trust("integration", lambda statements: statements[0]["Principal"]["AWS"].append(untagged))

    examination = examine(vendor, CATALOGUE)

    assert ("outsiders", "untagged", State.FAILED) in bad(examination)


@pytest.mark.parametrize("vendor", ["chained"], indirect=True)
def test_a_recreated_component_role_is_locked_out_of_the_trust_policy_that_pins_it(vendor, broken):
    trust = broken.iam.get_role(RoleName="log-analysis")["Role"]["AssumeRolePolicyDocument"]
    broken.delete("log-analysis")
    broken.iam.create_role(
        RoleName="log-analysis", Path=vendor.component_role_path, AssumeRolePolicyDocument=json.dumps(trust)
    )
    document = json.dumps(vendor_policies.component_role_policy(vendor))
    broken.iam.put_role_policy(RoleName="log-analysis", PolicyName=POLICY_NAME, PolicyDocument=document)

    examination = examine(vendor, CATALOGUE)

    assert ("integration_role", "log-analysis", State.FAILED) in bad(examination)
    assert "its trust policy names a role that does not exist any more (AROA" in words_of(examination)


def test_an_outsider_whose_own_policy_refuses_proves_nothing(vendor, broken):
    broken.set_policy("untagged", lambda statements: statements[0]["Resource"].pop(0))

    examination = examine(vendor, CATALOGUE)

    assert ("outsiders", "untagged", State.UNKNOWN) in bad(examination)
    assert "our own policy refused before the other side was asked" in words_of(examination)


def test_a_worker_that_may_not_read_its_roles_is_told_apart_from_a_broken_set_up(vendor, broken):
    broken.set_policy("worker", without("ReadOwnRoles"))

    examination = examine(vendor, CATALOGUE)

    assert {(name, state) for name, _, state in bad(examination)} == {("role", State.UNKNOWN)}
    assert examination.exit_status == 2
    assert "Allow the worker iam:GetRole" in words_of(examination)


def test_f09_a_recreated_integration_role_is_seen_by_its_unique_id(vendor, broken):
    before = examine(vendor, CATALOGUE).integration_role_id
    same = examine(vendor, CATALOGUE, remembered_role_id=before)
    broken.delete("integration")
    ensure_vendor_account(vendor, CATALOGUE, broken.iam)

    after = examine(vendor, CATALOGUE, remembered_role_id=before)

    assert bad(same) == set()
    assert after.integration_role_id != before
    assert ("integration_role_id", "integration", State.FAILED) in bad(after)
    assert f"it was {before}" in words_of(after)


def test_a_process_with_no_identity_is_named(vendor, monkeypatch):
    monkeypatch.delenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    examination = examine(vendor, CATALOGUE)

    assert bad(examination) == {("identity", "", State.FAILED)}
    assert "Never keys" in words_of(examination)


def test_another_account_than_the_vendors_is_named(vendor):
    examination = examine(type(vendor)(**{**vendor.__dict__, "vendor_account_id": "999999999999"}), CATALOGUE)

    assert "in another account than VENDOR_ACCOUNT_ID (999999999999)" in words_of(examination)
    assert examination.exit_status == 1


@pytest.mark.parametrize(
    ("fault", "check", "words"),
    [
        ({"kind": "error", "code": "RegionDisabledException", "status": 403}, "region", "Activate it in the account"),
        ({"kind": "error", "code": "RequestTimeTooSkewed", "status": 403}, "clock", "Set it by NTP"),
        ({"kind": "error", "code": "InvalidClientTokenId", "status": 403}, "identity", "VENDOR_PARTITION"),
    ],
)
def test_what_is_wrong_with_region_clock_or_identity_is_named(vendor, faults, fault, check, words):
    faults(service="sts", operation="GetCallerIdentity", **fault)

    examination = examine(vendor, CATALOGUE)

    assert [(name, state) for name, _, state in bad(examination)] == [(check, State.FAILED)]
    assert words in words_of(examination)


@pytest.mark.parametrize("kind", ["throttle", "drop"])
def test_aws_without_an_answer_is_not_called_broken(vendor, faults, kind):
    faults(service="sts", operation="AssumeRole", kind=kind)

    examination = examine(vendor, CATALOGUE)

    assert State.FAILED not in {state for _, _, state in bad(examination)}
    assert examination.exit_status == 2


def test_it_ends_by_its_deadline_and_says_what_it_did_not_try(vendor):
    examination = examine(vendor, CATALOGUE, deadline_seconds=0)

    assert ("time", "", State.UNKNOWN) in bad(examination)
    assert examination.exit_status == 2


def test_chained_with_more_components_than_fit_is_named_with_the_figures(vendor):
    record = Record(ends_at=0)

    doctor._trust_fits(make_settings(chain="chained"), catalogue_of(40), record)

    [check] = record.checks
    assert (check.name, check.state, check.fix) == (
        "trust_policy_length", State.FAILED, "Set chain: abac in the catalogue."
    )  # fmt: skip
    assert "IAM takes 2048" in check.title


@pytest.mark.parametrize(("seconds", "state"), [(5, State.PASSED), (90, State.FAILED), (-90, State.FAILED)])
def test_a_clock_that_is_off_is_measured(vendor, seconds, state):
    side = VendorSide(make_settings())
    sts = side.clients.with_keys("sts", "eu-central-1", "AKIATEST", "test")
    side._base_clients["eu-central-1"] = sts
    date = f"{datetime.now(UTC) + timedelta(seconds=seconds):%a, %d %b %Y %H:%M:%S GMT}"
    record = Record(ends_at=0)
    with Stubber(sts) as stub:
        stub.add_response(
            "get_caller_identity",
            {
                "Arn": "arn:aws:sts::111111111111:assumed-role/worker/x",
                "Account": "111111111111",
                "UserId": "x",
                "ResponseMetadata": {"HTTPHeaders": {"date": date}},
            },
        )
        doctor._identity(side, record)

    [clock] = [check for check in record.checks if check.name == "clock"]
    assert clock.state == state
