"""Sixteen at once do the same thing: one consistent result is left, and nobody is answered with a fault of ours."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import sample
from threading import Barrier
from typing import TypeVar

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.core import mail
from django.db import connections as databases
from django.test import Client
from django.utils import timezone

from integrations.actions import verification_runs
from integrations.actions.connections import create_connection
from integrations.actions.product_sessions import keep_product_sessions
from integrations.actions.role_templates import cloudformation_template
from integrations.actions.verifications import request_verification
from integrations.models import Connection, ExternalIdRotation, Finding, ProvedAccount, Verification
from tenants.actions import webhook_deliveries
from tenants.actions.deletion import NotDue, delete_tenant, request_deletion
from tenants.actions.tenants import create_tenant
from tenants.actions.webhooks import create_endpoint
from tenants.audit import SYSTEM
from tenants.models import AuditEvent, Member, Tenant, User, WebhookEndpoint
from tenants.scope import call, staff_scope, tenant_scope
from tenants.webhook_event_types import WebhookEventType
from tests.customer import CustomerAccount, connection_with_stack, new_account_id, verify_twice
from tests.customer import stack_name as name_of_stack
from tests.portal.sent_forms import FORMS, show, things_of
from tests.receipts import receipt

pytestmark = pytest.mark.usefixtures("db", "no_worker_takes_them")

Answer = TypeVar("Answer")
SIXTEEN = 16
SIGN_UP = {"organisation": "Race", "email": "race@example.com", "password1": "a long and rather quiet password"}
PATIENCE = 120  # seconds


def at_once(work: Callable[[int], Answer]) -> list[Answer]:
    """What sixteen threads get that begin at the same moment."""
    together = Barrier(SIXTEEN)

    def begin(number: int) -> Answer:
        together.wait(PATIENCE)
        try:
            return work(number)
        finally:
            for database in databases.all():
                database.close()

    with ThreadPoolExecutor(SIXTEEN) as threads:
        return list(threads.map(begin, range(SIXTEEN), timeout=PATIENCE))


def events(tenant: Tenant, name: str) -> int:
    with staff_scope():
        return AuditEvent.objects.filter(tenant_id=tenant.pk, action__endswith=f":{name}").count()


def signed_up() -> dict[str, int]:
    """How many people, organisations and connections sign-ups have left."""
    with staff_scope():
        counted = {model.__name__: model.objects.count() for model in (Tenant, Member, Connection)}
    return counted | {"User": User.objects.count(), "EmailAddress": EmailAddress.objects.count()}


def test_sign_up_with_one_address_makes_one_person_with_one_organisation(settings, tmp_path) -> None:
    settings.EMAIL_FILE_PATH = tmp_path

    answers = at_once(lambda _: Client().post("/accounts/signup/", SIGN_UP).status_code)

    assert set(answers) <= {200, 302, 429}, Counter(answers)
    assert set(signed_up().values()) == {1}, signed_up()
    assert User.objects.get().email == SIGN_UP["email"]


def test_one_code_that_many_confirm_leaves_one_organisation() -> None:
    client = Client()
    client.post("/accounts/signup/", SIGN_UP)
    code = mail.outbox[-1].body.split("    ")[1].split()[0]
    cookies = client.cookies.output(header="", sep=";")

    answers = at_once(
        lambda _: Client(headers={"cookie": cookies}).post("/accounts/confirm-email/", {"code": code}).status_code
    )

    assert max(answers) < 500, Counter(answers)
    assert set(signed_up().values()) == {1}, signed_up()
    assert EmailAddress.objects.get().verified
    assert User.objects.get().last_login is not None


@pytest.mark.parametrize("name", FORMS)
def test_one_form_makes_one_thing_and_who_is_not_answered_the_same_is_told_to_look(name, cast, sign_in) -> None:
    form, things = FORMS[name], things_of(cast.tenant)
    browser = sign_in(cast.staff if form.by_staff else cast.owner)
    shown, made, audited = show(form, browser, things), form.made(cast.tenant), form.events()
    cookies = browser.cookies.output(header="", sep=";")

    answers = at_once(lambda _: shown.sent_by(Client(headers={"cookie": cookies})))

    # A person waits for it in one place alone; who came before that one is led back to look.
    answered = [answer for answer in answers if (answer.status_code, answer.get("Location")) != (302, shown.address)]
    assert len({(answer.status_code, answer.get("Location"), answer.content) for answer in answered}) == 1
    assert answered[0].status_code in {200, 302}
    assert (form.made(cast.tenant), form.events()) == (made + 1, audited + 1)


def test_a_session_that_the_product_reports_many_times_at_once_has_one_receipt(cast) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Production", by=SYSTEM)
    session = receipt(role_arn=f"arn:aws:iam::{settings.VENDOR_ACCOUNT_ID}:role/integration")

    kept = at_once(lambda _: keep_product_sessions(connection=connection, receipts=[session]))

    assert sorted(kept) == [0] * (SIXTEEN - 1) + [1]
    with tenant_scope(cast.tenant.pk):
        assert connection.sessions.count() == 1


def test_the_account_that_many_claim_is_proved_by_one(cast, sandbox_address) -> None:
    account = CustomerAccount(new_account_id())
    claims = []
    for number in range(SIXTEEN):
        tenant = create_tenant(name=f"Claimant {number}", owner=cast.owner, by=SYSTEM)
        with tenant_scope(tenant.pk):
            connection = create_connection(
                tenant=tenant, name="Claimed", account_id=account.account_id, components=["log-analysis"], by=SYSTEM
            )
            template = cloudformation_template(connection=connection)
        account.deploy(name_of_stack(connection), template.text)
        claims.append(connection)

    at_once(lambda number: verify_twice(claims[number]).pk)

    statuses: Counter[str] = Counter()
    for connection in claims:
        with tenant_scope(connection.tenant_id):
            statuses[Connection.objects.get(pk=connection.pk).roles.get().status] += 1
    with staff_scope():
        assert ProvedAccount.objects.filter(account_id=account.account_id).count() == 1
    assert statuses == {"connected": 1, "awaiting": SIXTEEN - 1}


def test_a_tenant_gets_no_more_workers_for_its_webhooks_from_many_who_hand_out(cast, monkeypatch) -> None:
    asked = [WebhookEventType.CONNECTION_CREATED]
    with tenant_scope(cast.tenant.pk):
        for number in range(10):
            url = f"https://hooks.example.com/{number}"
            create_endpoint(tenant=cast.tenant, url=url, event_types=asked, by=SYSTEM)
        create_connection(tenant=cast.tenant, name="Production", by=SYSTEM)

    together = Barrier(SIXTEEN)

    def see_the_same(*args):
        found = call(*args)
        together.wait(PATIENCE)
        return sample(found, len(found))  # or they would stand behind each other at the first one

    monkeypatch.setattr("tenants.actions.webhook_deliveries.call", see_the_same)

    handed_out = at_once(lambda _: webhook_deliveries.hand_out_due())

    with tenant_scope(cast.tenant.pk):
        leased = WebhookEndpoint.objects.filter(leased_until__gt=timezone.now()).count()
    assert (sum(handed_out), leased) == (2, 2)


def test_one_connection_that_many_verify_has_one_verification_and_one_verdict(cast, sandbox_address, api) -> None:
    connection, _ = connection_with_stack(cast.tenant, components=["log-analysis"])
    programs = [api(cast.owner, cast.tenant) for _ in range(SIXTEEN)]
    address = f"/api/v1/connections/{connection.pk}/verifications/"

    answers = at_once(lambda number: programs[number].post(address, {}, format="json"))
    (asked,) = {answer.json()["id"] for answer in answers}
    with tenant_scope(cast.tenant.pk):
        verification = Verification.objects.get()
    at_once(lambda _: verification_runs.run(tenant_id=cast.tenant.pk, verification_id=verification.pk))

    assert {answer.status_code for answer in answers} == {202}
    with tenant_scope(cast.tenant.pk):
        verification.refresh_from_db()
        checks = Finding.objects.values_list("component", "check_code", "action", "region")
        assert (str(verification.pk), verification.state, verification.attempt) == (asked, "completed", 1)
        assert max(Counter(checks).values()) == 1
    assert events(cast.tenant, "verification:completed") == 1


def test_an_external_id_that_many_replace_is_replaced_once(cast, api) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Production", account_id="222233334444", by=SYSTEM)
    programs = [api(cast.owner, cast.tenant) for _ in range(SIXTEEN)]
    address = f"/api/v1/connections/{connection.pk}/external-id-rotation/"

    answers = at_once(lambda number: programs[number].post(address, {}, format="json").status_code)

    assert set(answers) <= {200, 201}, Counter(answers)
    with tenant_scope(cast.tenant.pk):
        assert ExternalIdRotation.objects.count() == 1
    assert events(cast.tenant, "external_id_rotation:started") == 1


def test_a_connection_that_many_delete_is_removed_once(cast, api) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Production", account_id="222233334444", by=SYSTEM)
        request_verification(connection=connection, by=SYSTEM)
    programs = [api(cast.owner, cast.tenant) for _ in range(SIXTEEN)]
    address = f"/api/v1/connections/{connection.pk}/"

    answers = at_once(lambda number: programs[number].delete(address).status_code)

    assert max(answers) < 500, Counter(answers)
    with tenant_scope(cast.tenant.pk):
        assert set(Connection.objects.get().roles.values_list("status", flat=True)) == {"removing"}
        assert Verification.objects.filter(state__in=["queued", "running"]).count() == 1
    assert events(cast.tenant, "connection:removal_requested") == 1


def test_a_tenant_that_many_delete_is_deleted_once(cast) -> None:
    with tenant_scope(cast.tenant.pk):
        request_deletion(tenant=cast.tenant, by=SYSTEM)
        Tenant.objects.update(deletion_due_at=timezone.now())

    def delete(_: int) -> bool:
        try:
            delete_tenant(tenant_id=cast.tenant.pk)
        except NotDue:
            return False
        return True

    assert sum(at_once(delete)) == 1
    with tenant_scope(cast.tenant.pk):
        assert not Tenant.objects.filter(pk=cast.tenant.pk).exists()
        assert not Member.objects.exists()
    assert events(cast.tenant, "tenant:deleted") == 1
