"""The vendor's own side is checked by itself, and never shown as a customer's mistake."""

import json
import logging
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.test import Client
from django.utils import timezone

from integrations.actions import schedule, vendor_identity, verification_runs
from integrations.actions.connections import create_connection
from integrations.actions.seeding import seed_vendor_account
from integrations.actions.vendor_sessions import open_vendor_sessions, purge_vendor_sessions
from integrations.aws.chain import vendor_side
from integrations.aws.clients import ClientFactory
from integrations.aws.customer_stack import SANDBOX_SECRET
from integrations.aws.policies import policy
from integrations.models import Connection, Finding, IntegrationRole, VendorIdentity, VendorSession
from integrations.vendor import vendor_settings
from tenants.audit import SYSTEM, Actor
from tenants.models import AuditEvent
from tenants.scope import staff_scope, tenant_scope
from tests.customer import connection_with_stack, verify_twice
from tests.environment import VENDOR_ACCOUNT_ID

pytestmark = pytest.mark.usefixtures("no_worker_takes_them")

ARN = "arn:aws:iam::111111111111:role/rolebridge/integration"
NOBODY = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
BY = Actor("staff", "1", "staff@vendor.example")


@pytest.fixture
def broken(monkeypatch) -> None:
    """Our own identity cannot enter our own roles."""
    elsewhere = replace(vendor_settings(), vendor_account_id="111111111119")
    monkeypatch.setattr(vendor_identity, "vendor_settings", lambda: elsewhere)


def due(cast) -> Connection:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="P", account_id="222233334444", by=SYSTEM)
        Connection.objects.update(next_verification_at=timezone.now() - timedelta(minutes=1))
    return connection


class TestOurOwnSide:
    def test_is_proved_and_its_roles_id_is_remembered(self, cast, sandbox_address) -> None:
        assert vendor_identity.check_vendor()

        assert vendor_identity.broken_identity() is None
        assert IntegrationRole.objects.get().role_arn == ARN
        assert vendor_identity.alarms() == []

    def test_a_component_role_that_is_broken_is_named_and_stops_no_other(self, cast, sandbox_address, client) -> None:
        iam, name = vendor_iam(), "log-analysis"
        trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(policy([NOBODY])))
        vendor_side(vendor_settings()).forget_own_role(name)
        try:
            works = vendor_identity.check_vendor()
        finally:
            iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))

        assert works, "the other components' verifications go on"
        assert vendor_identity.broken_components() == {name}
        assert vendor_identity.alarms() == ["component_role_broken"]
        assert client.get("/readyz").json()["alarms"] == ["component_role_broken"]
        vendor_identity.check_vendor()
        assert vendor_identity.alarms() == []

    def test_each_session_in_our_own_roles_leaves_a_receipt(self, cast, sandbox_address) -> None:
        side = vendor_side(vendor_settings())
        side.take_own_receipts()
        side.forget_own_role("trust-test")

        vendor_identity.check_vendor()

        purposes = {(one.component, one.role_arn.rpartition("/")[2]) for one in VendorSession.objects.all()}
        assert {
            ("trust-test", "trust-test"),
            ("trust-test", "integration"),
            ("log-analysis", "integration"),
        } <= purposes
        assert set(open_vendor_sessions(timezone.now())) == set(VendorSession.objects.all())

    def test_receipts_of_our_own_sessions_are_let_go_in_the_end(self, cast, sandbox_address) -> None:
        vendor_identity.check_vendor()
        kept = VendorSession.objects.count()
        old = VendorSession.objects.first()
        VendorSession.objects.filter(pk=old.pk).update(expires_at=timezone.now() - timedelta(days=91))

        assert purge_vendor_sessions() == 1
        assert VendorSession.objects.count() == kept - 1

    def test_while_it_is_broken_scheduled_verifications_wait(self, cast, sandbox_address, broken, caplog) -> None:
        connection = due(cast)

        assert not vendor_identity.check_vendor()
        assert not vendor_identity.check_vendor()

        assert schedule.verify_due() == 0
        with tenant_scope(cast.tenant.pk):
            assert not connection.verifications.exists()
            assert Connection.objects.get().next_verification_at < timezone.now()
        assert [record.levelno for record in caplog.records if "Our own identity" in record.message] == [logging.ERROR]

    def test_once_it_works_again_they_go_on(self, cast, sandbox_address, monkeypatch) -> None:
        due(cast)
        with monkeypatch.context() as patch:
            patch.setattr(
                vendor_identity, "vendor_settings", lambda: replace(vendor_settings(), vendor_account_id="111111111119")
            )
            vendor_identity.check_vendor()

        vendor_identity.check_vendor()

        assert schedule.verify_due() == 1

    def test_a_check_that_nobody_repeats_says_nothing_any_more(self, cast, sandbox_address, broken) -> None:
        due(cast)
        vendor_identity.check_vendor()
        VendorIdentity.objects.update(checked_at=timezone.now() - timedelta(minutes=6))

        assert schedule.verify_due() == 1

    def test_it_is_shown_to_customers_as_ours_and_to_staff_with_its_cause(
        self, cast, sandbox_address, broken, sign_in
    ) -> None:
        connection = due(cast)
        vendor_identity.check_vendor()

        page = sign_in(cast.owner).get(f"/tenants/{cast.tenant.pk}/connections/{connection.pk}/").content.decode()
        admin = sign_in(cast.staff).get("/admin/integrations/vendoridentity/1/change/").content.decode()

        assert "Our own side is out of order" in page
        assert "there is nothing for you to do" in page
        assert "vendor_role_refused" in admin
        assert "Our own identity is broken" in admin
        assert Client().get("/readyz").json()["alarms"] == ["vendor_identity_broken"]

    def test_a_worker_checks_it(self, cast, worker) -> None:
        current_app.send_task("integrations.tasks.check_vendor")
        deadline = time.monotonic() + 60

        while not VendorIdentity.objects.filter(works=True).exists():
            assert time.monotonic() < deadline
            time.sleep(0.1)


class TestARecreatedRole:
    def test_f09_another_id_raises_the_alarm_until_it_is_acknowledged_with_a_reason(self, cast, caplog) -> None:
        vendor_identity.remember_role(role_arn=ARN, role_id="AROAONE")
        vendor_identity.remember_role(role_arn=ARN, role_id="AROAONE")
        assert vendor_identity.alarms() == []

        for _ in range(2):
            vendor_identity.remember_role(role_arn=ARN, role_id="AROATWO")

        (role,) = vendor_identity.recreated_roles()
        assert vendor_identity.alarms() == ["integration_role_recreated"]
        assert [record.levelno for record in caplog.records if "was recreated" in record.message] == [logging.ERROR]
        with pytest.raises(vendor_identity.NoReason):
            vendor_identity.acknowledge_role(role=role, reason="", by=BY)
        vendor_identity.acknowledge_role(role=role, reason="Moved to another stack", by=BY)
        assert vendor_identity.alarms() == []
        with staff_scope():
            events = AuditEvent.objects.filter(target_kind="integrationrole").values_list("action", flat=True)
            assert set(events) == {"system:integration_role:recreated", "admin:integration_role:acknowledged"}

    def test_staff_read_what_it_breaks_and_acknowledge_it(self, cast, sign_in) -> None:
        for role_id in ("AROAONE", "AROATWO"):
            vendor_identity.remember_role(role_arn=ARN, role_id=role_id)
        (role,) = vendor_identity.recreated_roles()
        staff, url = sign_in(cast.staff), f"/admin/integrations/integrationrole/{role.pk}/"

        page = staff.get(f"{url}change/").content.decode()
        without = staff.post(f"{url}acknowledge/", {"reason": " "}, follow=True).content.decode()
        done = staff.post(f"{url}acknowledge/", {"reason": "Moved"}, follow=True).content.decode()

        assert "deploy their role template again" in page
        assert "Integration role recreated" in page
        assert "Give a reason" in without
        assert "is acknowledged" in done
        assert IntegrationRole.objects.get(pk=role.pk).acknowledged_by == cast.staff.email

    @pytest.mark.parametrize("asked_by_the_customer", [False, True])
    def test_f09_a_role_that_it_locked_us_out_of_is_never_the_customers_mistake(
        self, cast, sandbox_address, asked_by_the_customer
    ) -> None:
        by = Actor.user(cast.owner) if asked_by_the_customer else SYSTEM
        connection, _ = connection_with_stack(cast.tenant, components=["log-analysis"])
        verify_twice(connection, by=by)
        recreate_the_integration_role()

        verification = verification_runs.verify_now(connection=connection, by=by)

        assert vendor_identity.alarms() == ["integration_role_recreated"]
        with tenant_scope(cast.tenant.pk):
            assert connection.roles.get().status == "unreachable"
            whose = set(verification.findings.exclude(who="nobody").values_list("who", "cause"))
            refusal = verification.findings.get(check_code="chain.integration_to_customer")
        assert whose == {("vendor", "integration_role_recreated")}
        assert refusal.outcome == Finding.Outcome.ERROR
        assert "This is our doing" in refusal.fix

    def test_f09_nor_is_one_that_let_us_in_only_once_waited_for(self, cast, sandbox_address) -> None:
        connection, _ = connection_with_stack(cast.tenant, components=["log-analysis"])
        owner = Actor.user(cast.owner)
        verification_runs.verify_now(connection=connection, by=owner)
        recreate_the_integration_role()

        verification = verification_runs.verify_now(connection=connection, by=owner)

        with tenant_scope(cast.tenant.pk):
            refusal = verification.findings.get(check_code="chain.integration_to_customer")
        assert (refusal.cause, refusal.who) == ("integration_role_recreated", "vendor")


def vendor_iam() -> Any:
    return ClientFactory(vendor_settings().endpoint_url).with_keys(
        "iam", "us-east-1", VENDOR_ACCOUNT_ID, SANDBOX_SECRET
    )


def recreate_the_integration_role() -> None:
    iam = vendor_iam()
    for name in iam.list_role_policies(RoleName="integration")["PolicyNames"]:
        iam.delete_role_policy(RoleName="integration", PolicyName=name)
    iam.delete_role(RoleName="integration")
    seed_vendor_account()
