"""A sandbox, the vendor's account in it for each chain, and customers to play with."""

import itertools
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from integrations.aws.clients import ClientFactory
from integrations.aws.customer_stack import SANDBOX_SECRET
from integrations.aws.vendor import Chain, VendorSettings
from integrations.aws.vendor_setup import ensure_vendor_account, iam_client
from integrations.catalogue import Catalogue
from integrations.role_templates.document import role_document
from integrations.role_templates.names import role_name
from integrations.role_templates.options import RoleOptions
from tests.integrations.aws.builders import EXTERNAL_ID, make_catalogue, make_settings, make_target
from tests.sandbox_server import SandboxServer, running_sandbox

VENDOR_OF_CHAIN: dict[Chain, str] = {"abac": "111111111111", "chained": "111111111112", "direct": "111111111113"}
_ACCOUNTS = itertools.count(333333330001)


clients_of = cache(ClientFactory)  # by the sandbox's address: to make one registers all that botocore listens to


def root_client(sandbox: SandboxServer, service: str, account_id: str) -> Any:
    """A client with an account root's keys."""
    return clients_of(sandbox.url).with_keys(service, "eu-central-1", account_id, SANDBOX_SECRET)


class Customer:
    """A customer's AWS account, and what its administrator does in it."""

    def __init__(self, sandbox: SandboxServer, settings: VendorSettings, catalogue: Catalogue) -> None:
        self.sandbox = sandbox
        self.settings = settings
        self.catalogue = catalogue
        self.account_id = str(next(_ACCOUNTS))
        self.iam = root_client(sandbox, "iam", self.account_id)

    def target(self, component_id: str = "compute-analysis", **changes):
        values = {
            "account_id": self.account_id,
            "role_name": role_name("c1", component_id),
            "component": self.catalogue.component(component_id),
        }
        return make_target(**(values | changes))

    def document(
        self,
        component_id: str = "compute-analysis",
        external_ids: tuple[str, ...] = (EXTERNAL_ID,),
        self_inspection: bool = False,
    ):
        return role_document(
            self.settings,
            self.catalogue,
            self.catalogue.component(component_id),
            connection_ref="c1",
            account_id=self.account_id,
            external_ids=external_ids,
            options=RoleOptions(self_inspection=self_inspection),
        )

    def deploy(
        self,
        component_id: str = "compute-analysis",
        *,
        trust=None,
        tags=None,
        permissions=None,
        self_inspection: bool = False,
        **more,
    ) -> str:
        """Make the role that the template describes, with what is given put in its place; the role's name."""
        document = self.document(component_id, self_inspection=self_inspection)
        wanted = dict(document.tags) if tags is None else tags
        self.iam.create_role(
            RoleName=document.role_name,
            Path=document.path,
            AssumeRolePolicyDocument=json.dumps(trust or document.trust_policy),
            Tags=[{"Key": key, "Value": value} for key, value in wanted.items()],
            **more,
        )
        for policy in document.inline_policies:
            self.set_policy(document.role_name, permissions or policy.document, policy.name)
        return str(document.role_name)

    def set_policy(self, name: str, document: dict, policy_name: str = "permissions") -> None:
        self.iam.put_role_policy(RoleName=name, PolicyName=policy_name, PolicyDocument=json.dumps(document))

    def set_trust(self, name: str, document: dict) -> None:
        self.iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(document))


def set_up_vendor(sandbox: SandboxServer, chain: Chain) -> VendorSettings:
    """The vendor's account for a chain, made in the sandbox."""
    account_id = VENDOR_OF_CHAIN[chain]
    settings = make_settings(chain=chain, vendor_account_id=account_id, endpoint_url=sandbox.url, repeat_pause=0.01)
    ensure_vendor_account(settings, make_catalogue(), iam_client(settings, account_id, SANDBOX_SECRET))
    return settings


@pytest.fixture(scope="session")
def sandbox() -> Iterator[SandboxServer]:
    with running_sandbox() as running:
        yield running


@pytest.fixture(scope="session")
def vendors(sandbox) -> dict[Chain, VendorSettings]:
    """The vendor's account, set up once for each chain."""
    return {chain: set_up_vendor(sandbox, chain) for chain in VENDOR_OF_CHAIN}


@pytest.fixture
def sandbox_of_my_own(monkeypatch) -> Iterator[tuple[VendorSettings, Customer]]:
    """For a test that spoils the whole sandbox, such as its clock: the vendor and a customer in one of its own."""
    with running_sandbox() as running:
        settings = set_up_vendor(running, "abac")
        monkeypatch.setenv(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            f"{running.url}/_sandbox/credentials/{settings.vendor_account_id}/rolebridge/worker",
        )
        yield settings, Customer(running, settings, make_catalogue())


@pytest.fixture
def as_worker(monkeypatch, sandbox):
    """Give this process the identity of a chain's worker, as a container's platform does."""

    def become(chain: Chain) -> None:
        monkeypatch.setenv(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            f"{sandbox.url}/_sandbox/credentials/{VENDOR_OF_CHAIN[chain]}/rolebridge/worker",
        )

    return become


@pytest.fixture(params=["abac"])
def vendor(request, vendors, as_worker) -> VendorSettings:
    """The vendor, in the `abac` chain unless a test asks for others."""
    chain: Chain = request.param
    as_worker(chain)
    settings: VendorSettings = vendors[chain]
    return settings


@pytest.fixture
def customer(sandbox, vendor) -> Customer:
    return Customer(sandbox, vendor, make_catalogue())


@pytest.fixture
def member(sandbox, vendor, customer) -> Any:
    """A customer whose account is in an organisation; `member.deny` attaches a service control policy to it, or another
    kind of the organisation's policies.
    """
    organisations = root_client(sandbox, "organizations", customer.account_id)
    organisations.create_organization(FeatureSet="ALL")
    root = organisations.list_roots()["Roots"][0]["Id"]
    for policy_type in ("SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"):
        organisations.enable_policy_type(RootId=root, PolicyType=policy_type)
    made = organisations.create_account(AccountName="member", Email="member@example.com")
    member: Any = Customer(sandbox, vendor, customer.catalogue)
    member.account_id = made["CreateAccountStatus"]["AccountId"]
    member.iam = root_client(sandbox, "iam", member.account_id)

    def deny(document, policy_type="SERVICE_CONTROL_POLICY"):
        policy = organisations.create_policy(
            Name="guardrail", Description="", Type=policy_type, Content=json.dumps(document)
        )["Policy"]["PolicySummary"]
        organisations.attach_policy(PolicyId=policy["Id"], TargetId=member.account_id)
        return policy

    member.deny = deny
    return member


@pytest.fixture
def faults(sandbox):
    """Put a fault in force; all are gone after the test."""
    yield lambda **fault: sandbox.control("faults", fault)
    sandbox.control("faults", {"clear": True})
