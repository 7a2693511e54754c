"""What a customer wrote in AWS may be as long as AWS allows: it never keeps a verdict from being stored."""

import json

from integrations.actions import landing, verification_runs
from integrations.actions.connections import create_connection
from integrations.actions.role_options import update_role_options
from integrations.actions.role_templates import cloudformation_template
from integrations.models import Session, Verification
from tenants.audit import SYSTEM
from tenants.scope import tenant_scope
from tests.customer import CustomerAccount, connection_with_stack, new_account_id, stack_name, verify_twice
from tests.landing import store_all_while_it_runs


def test_a_role_that_was_opened_beside_a_very_long_principal_is_unsafe(cast, sandbox_address) -> None:
    account = CustomerAccount(new_account_id())
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(
            tenant=cast.tenant,
            name="Production",
            account_id=account.account_id,
            components=["log-analysis"],
            by=SYSTEM,
        )
        connection = update_role_options(connection=connection, by=SYSTEM, self_inspection=True)
        account.deploy(stack_name(connection), cloudformation_template(connection=connection).text)
        role = connection.roles.get()
    verify_twice(connection)
    trust = account.remove_external_id_condition(role.name)
    opened = account.iam.get_role(RoleName=role.name)["Role"]["AssumeRolePolicyDocument"]
    stranger = f"arn:aws:iam::{account.account_id}:role/{'long/' * 100}admin"
    account.iam.create_role(RoleName="admin", Path=f"/{'long/' * 100}", AssumeRolePolicyDocument=json.dumps(trust))
    opened["Statement"].append({"Effect": "Allow", "Principal": {"AWS": stranger}, "Action": "sts:AssumeRole"})
    account.set_trust(role.name, opened)

    verification = verification_runs.verify_now(connection=connection, by=SYSTEM)

    assert (verification.state, verification.failure) == (Verification.State.COMPLETED, "")
    with tenant_scope(cast.tenant.pk):
        role.refresh_from_db()
        assert role.status == "unsafe"
        told = verification.findings.get(cause="trust_other_principal")
    assert len(told.title) == 300
    assert told.title.endswith("…")
    assert stranger in told.fix


def test_an_error_of_ours_while_storing_keeps_the_receipts(cast, sandbox_address, monkeypatch) -> None:
    connection, _ = connection_with_stack(cast.tenant, components=["log-analysis"])
    shorten = landing._shortened
    monkeypatch.setattr(landing, "_shortened", lambda field, text: shorten(field, text) + "x" * 301)
    store_all_while_it_runs(monkeypatch)

    verification = verification_runs.verify_now(connection=connection, by=SYSTEM)

    assert (verification.state, verification.failure) == (Verification.State.FAILED, "internal_error")
    with tenant_scope(cast.tenant.pk):
        assert Session.objects.filter(verification=verification).count() >= 1
