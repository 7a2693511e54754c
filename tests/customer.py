"""A customer's AWS account in the sandbox, and what its cloud administrator does in it."""

import json
import os
import random
import urllib.request
from typing import Any

from integrations.actions import verification_runs
from integrations.actions.connections import create_connection
from integrations.actions.role_options import update_role_options
from integrations.actions.role_templates import cloudformation_template
from integrations.aws.clients import ClientFactory
from integrations.aws.customer_stack import SANDBOX_SECRET, create_or_update_stack, delete_stack
from integrations.models import Connection, Verification
from tenants.audit import SYSTEM, Actor
from tenants.models import Tenant
from tenants.scope import tenant_scope


def new_account_id() -> str:
    """An account that no other test uses."""
    return str(random.randint(200_000_000_000, 999_999_999_999))


def sandbox_control(name: str, value: dict | None = None, method: str = "POST") -> dict:
    """Call one of the sandbox's control addresses."""
    request = urllib.request.Request(
        f"{os.environ['AWS_ENDPOINT_URL']}/_sandbox/{name}",
        data=json.dumps(value or {}).encode(),
        headers={"Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


class CustomerAccount:
    """An AWS account, by its root's keys."""

    def __init__(self, account_id: str) -> None:
        self.account_id = account_id
        self.iam = ClientFactory(os.environ["AWS_ENDPOINT_URL"]).with_keys(
            "iam", "us-east-1", account_id, SANDBOX_SECRET
        )

    def deploy(self, stack_name: str, template: str) -> None:
        """Create or update the stack."""
        create_or_update_stack(os.environ["AWS_ENDPOINT_URL"], self.account_id, stack_name, template)

    def add_statement(self, role_name: str, statement: dict) -> None:
        """Add a statement to the role's permissions policy, as its administrator does who copies it from the portal."""
        policy_name = self.iam.list_role_policies(RoleName=role_name)["PolicyNames"][0]
        document = self.iam.get_role_policy(RoleName=role_name, PolicyName=policy_name)["PolicyDocument"]
        document["Statement"].append(statement)
        self.iam.put_role_policy(RoleName=role_name, PolicyName=policy_name, PolicyDocument=json.dumps(document))

    def delete(self, stack_name: str) -> None:
        """Delete the stack and its roles."""
        delete_stack(os.environ["AWS_ENDPOINT_URL"], self.account_id, stack_name)

    def remove_external_id_condition(self, role_name: str) -> dict:
        """Open the role's trust policy, as a careless edit would; gives the policy that it had."""
        trust = self.iam.get_role(RoleName=role_name)["Role"]["AssumeRolePolicyDocument"]
        opened = json.loads(json.dumps(trust))
        for statement in opened["Statement"]:
            statement.get("Condition", {}).get("StringEquals", {}).pop("sts:ExternalId", None)
            statement["Condition"] = {key: value for key, value in statement.get("Condition", {}).items() if value}
            if not statement["Condition"]:
                del statement["Condition"]
        self.set_trust(role_name, opened)
        return trust

    def make_policy(self, name: str) -> None:
        """A managed policy that allows everything, to serve as a permissions boundary."""
        document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        self.iam.create_policy(PolicyName=name, PolicyDocument=json.dumps(document))

    def set_trust(self, role_name: str, trust: dict) -> None:
        """Put a trust policy in place."""
        self.iam.update_assume_role_policy(RoleName=role_name, PolicyDocument=json.dumps(trust))

    def remove_permission(self, role_name: str, action: str) -> None:
        """Take one action out of the role's inline policies."""
        for policy_name in self.iam.list_role_policies(RoleName=role_name)["PolicyNames"]:
            document = self.iam.get_role_policy(RoleName=role_name, PolicyName=policy_name)["PolicyDocument"]
            for statement in document["Statement"]:
                actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                statement["Action"] = [one for one in actions if one != action]
            document["Statement"] = [statement for statement in document["Statement"] if statement["Action"]]
            self.iam.put_role_policy(RoleName=role_name, PolicyName=policy_name, PolicyDocument=json.dumps(document))


class Organisation:
    """An AWS organisation with one account beside its management account, and policies over that one."""

    def __init__(self) -> None:
        factory = ClientFactory(os.environ["AWS_ENDPOINT_URL"])
        self.client = factory.with_keys("organizations", "us-east-1", new_account_id(), SANDBOX_SECRET)
        self.client.create_organization(FeatureSet="ALL")
        root = self.client.list_roots()["Roots"][0]["Id"]
        for policy_type in ("SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"):
            self.client.enable_policy_type(RootId=root, PolicyType=policy_type)
        made = self.client.create_account(AccountName="member", Email="member@example.com")
        self.member = CustomerAccount(made["CreateAccountStatus"]["AccountId"])

    def attach(self, policy_type: str, statement: dict) -> str:
        """Put a policy of one statement over the member account; gives its id."""
        content = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        policy = self.client.create_policy(Name="guardrail", Description="", Type=policy_type, Content=content)
        policy_id = policy["Policy"]["PolicySummary"]["Id"]
        self.client.attach_policy(PolicyId=policy_id, TargetId=self.member.account_id)
        return str(policy_id)

    def change(self, policy_id: str, statement: dict) -> None:
        """Put another statement in the place of a policy's own."""
        self.client.update_policy(
            PolicyId=policy_id, Content=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        )


def connection_with_stack(
    tenant: Tenant,
    *,
    components: list[str] | None = None,
    account: CustomerAccount | None = None,
    options: dict[str, Any] | None = None,
) -> tuple[Connection, CustomerAccount]:
    """A connection of the tenant whose template is deployed in an account of its own, or in the one given, with what
    was chosen about its roles.
    """
    account = account or CustomerAccount(new_account_id())
    with tenant_scope(tenant.pk):
        connection = create_connection(
            tenant=tenant, name="Production", account_id=account.account_id, components=components, by=SYSTEM
        )
        if options:
            connection = update_role_options(connection=connection, by=SYSTEM, **options)
        template = cloudformation_template(connection=connection)
    account.deploy(stack_name(connection), template.text)
    return connection, account


def verify_twice(connection: Connection, by: Actor = SYSTEM) -> Verification:
    """Verify until it counts: what passes twice in a row is connected. Gives the second verification."""
    verification_runs.verify_now(connection=connection, by=by)
    return verification_runs.verify_now(connection=connection, by=by)


def stack_name(connection: Connection) -> str:
    """What these tests call a connection's stack."""
    return f"rolebridge-{connection.reference}"
