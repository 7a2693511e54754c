"""The whole job through the API alone, with a worker process and an AWS that says no."""

import json
import time
from itertools import count
from urllib.parse import unquote

import pytest
import yaml

from integrations.aws.clients import ClientFactory
from integrations.aws.customer_stack import SANDBOX_SECRET

URL = "/api/v1/connections/"
_ACCOUNTS = count(444444440001)


class Program:
    """What a customer's program does with the API, and with its own AWS account."""

    def __init__(self, client, sandbox_address: str, account_id: str) -> None:
        self.client = client
        self.sandbox_address = sandbox_address
        self.account_id = account_id
        self.aws = ClientFactory(sandbox_address)

    def account(self, service: str):
        """A client with the account root's keys."""
        return self.aws.with_keys(service, "us-east-1", self.account_id, SANDBOX_SECRET)

    def connect(self, *components: str) -> dict:
        body = {"name": "Production", "account_id": self.account_id, "components": list(components)}
        answer = self.client.post(URL, body, format="json")
        assert answer.status_code == 201, answer.json()
        return answer.json()

    def template(self, connection: dict) -> str:
        answer = self.client.get(f"{URL}{connection['id']}/role-templates/cloudformation/")
        assert answer.status_code == 200
        return answer.content.decode()

    def deploy(self, connection: dict) -> None:
        cloudformation = self.account("cloudformation")
        cloudformation.create_stack(
            StackName="rolebridge",
            TemplateBody=self.template(connection),
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        assert cloudformation.describe_stacks(StackName="rolebridge")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"

    def verify(self, connection: dict) -> dict:
        """Ask for a verification, wait for its end, and give it back."""
        asked = self.client.post(f"{URL}{connection['id']}/verifications/")
        assert asked.status_code == 202, asked.json()
        ends_at = time.monotonic() + 60
        while time.monotonic() < ends_at:
            verification = self.client.get(asked["Location"]).json()
            if verification["state"] in {"completed", "failed"}:
                return verification
            time.sleep(0.2)
        pytest.fail(f"The verification did not end: {verification}")

    def verifications(self, connection: dict) -> set[str]:
        """The ids of all its verifications."""
        return {row["id"] for row in self.client.get(f"{URL}{connection['id']}/verifications/").json()["results"]}

    def verify_until(self, connection: dict, status: str) -> dict:
        """Verify, and wait until the connection has the status: what passes twice in a row is connected."""
        self.verify(connection)
        ends_at = time.monotonic() + 60
        while self.status(connection) != status:
            assert time.monotonic() < ends_at, self.status(connection)
            time.sleep(0.2)
        last = self.client.get(f"{URL}{connection['id']}/").json()["last_verification"]
        return self.client.get(f"/api/v1/verifications/{last['id']}/").json()

    def status(self, connection: dict) -> str:
        return self.client.get(f"{URL}{connection['id']}/").json()["status"]


@pytest.fixture
def program(api, cast, worker, beat, sandbox_address) -> Program:
    return Program(api(cast.owner, cast.tenant), sandbox_address, str(next(_ACCOUNTS)))


def found(verification: dict, outcome: str) -> list[dict]:
    return [finding for finding in verification["findings"] if finding["outcome"] == outcome]


def without_external_id(trust: dict) -> dict:
    """The trust policy with no statement that asks for the external ID any more."""
    open_trust = json.loads(json.dumps(trust))
    for statement in open_trust["Statement"]:
        statement.pop("Condition", None)
    return open_trust


def test_from_nothing_to_connected_unsafe_degraded_and_unreachable(program) -> None:
    connection = program.connect("log-analysis")
    (role,) = connection["customer_roles"]
    assert connection["external_id"] in program.template(connection)

    # Before anything is deployed there is nothing to reach, and that is no alarm.
    verification = program.verify(connection)
    assert (verification["state"], program.status(connection)) == ("completed", "awaiting")
    assert "role_young" in {finding["cause"] for finding in found(verification, "denied")}

    program.deploy(connection)
    verification = program.verify_until(connection, "connected")
    assert found(verification, "passed")
    assert not found(verification, "denied") + found(verification, "violated") + found(verification, "error")

    # The customer's administrator takes the external ID condition away.
    iam = program.account("iam")
    trust = iam.get_role(RoleName=role["name"])["Role"]["AssumeRolePolicyDocument"]
    iam.update_assume_role_policy(RoleName=role["name"], PolicyDocument=json.dumps(without_external_id(trust)))
    verification = program.verify(connection)
    assert program.status(connection) == "unsafe"
    assert {finding["who"] for finding in found(verification, "violated")} == {"customer"}
    assert all(finding["fix"] for finding in found(verification, "violated"))

    # Put right again, the quarantine ends with the second clean round.
    iam.update_assume_role_policy(RoleName=role["name"], PolicyDocument=json.dumps(trust))
    before = program.verifications(connection)
    while program.status(connection) == "unsafe":
        program.verify(connection)
    assert program.status(connection) == "connected"
    assert len(program.verifications(connection) - before) >= 2

    # One permission is taken away.
    (policy_name,) = iam.list_role_policies(RoleName=role["name"])["PolicyNames"]
    policy = iam.get_role_policy(RoleName=role["name"], PolicyName=policy_name)["PolicyDocument"]
    policy = json.loads(unquote(policy)) if isinstance(policy, str) else policy
    for statement in policy["Statement"]:
        statement["Action"] = [action for action in statement["Action"] if action != "cloudtrail:DescribeTrails"]
    iam.put_role_policy(RoleName=role["name"], PolicyName=policy_name, PolicyDocument=json.dumps(policy))
    verification = program.verify(connection)
    assert program.status(connection) == "degraded"
    (missing,) = found(verification, "denied")
    assert (missing["action"], missing["cause"], missing["who"]) == (
        "cloudtrail:DescribeTrails",
        "missing_permission",
        "customer",
    )

    program.account("cloudformation").delete_stack(StackName="rolebridge")
    program.verify(connection)
    assert program.status(connection) == "unreachable"
    last = program.client.get(f"{URL}{connection['id']}/").json()["last_verification"]
    assert last["state"] == "completed"


def test_f11_another_tenants_account_stays_awaiting_and_the_answer_is_neutral(program, api, cast) -> None:
    theirs = program.connect("log-analysis")
    program.deploy(theirs)
    program.verify_until(theirs, "connected")
    other = Program(api(cast.stranger, cast.other_tenant), program.sandbox_address, program.account_id)

    # To name the account is refused to nobody: it would tell who is a customer, and proves nothing.
    claim = other.connect("log-analysis")
    assert other.status(claim) == "awaiting"
    verification = other.verify(claim)

    assert other.status(claim) == "awaiting"
    assert not {theirs["id"], theirs["external_id"], cast.tenant.name} & set(json.dumps(verification).split('"'))
    # Even who can deploy in that account as well does not take it over.
    stack = yaml.safe_load(other.template(claim))
    program.account("cloudformation").create_stack(
        StackName="second", TemplateBody=json.dumps(stack), Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    verification = other.verify(claim)
    assert other.status(claim) == "awaiting"
    (finding,) = [finding for finding in verification["findings"] if finding["check"] == "account.confirmed"]
    assert (finding["cause"], finding["who"]) == ("account_not_confirmed", "vendor")
    assert cast.tenant.name not in json.dumps(verification)
    assert program.status(theirs) == "connected"


def test_f02_what_belongs_to_another_tenants_role_is_never_used_for_mine(program, api, cast) -> None:
    """Tenant B names tenant A's account while A's roles stand open to nobody but A's external ID."""
    theirs = program.connect("log-analysis")
    program.deploy(theirs)
    other = Program(api(cast.stranger, cast.other_tenant), program.sandbox_address, program.account_id)

    mine = other.connect("log-analysis")
    for refused in ({"external_id": theirs["external_id"]}, {"role_arn": theirs["customer_roles"][0]["arn"]}):
        assert other.client.patch(f"{URL}{mine['id']}/", refused, format="json").status_code == 400
    verification = other.verify(mine)

    assert other.status(mine) == "awaiting"
    assert found(verification, "denied")
    assert mine["customer_roles"][0]["arn"] != theirs["customer_roles"][0]["arn"]
    program.verify_until(theirs, "connected")
