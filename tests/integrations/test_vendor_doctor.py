"""The vendor doctor as people and monitors meet it: the command, the worker, the page for staff."""

import json
import time
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client

from integrations.actions.vendor_examinations import remembered_role_id, run_examination
from integrations.actions.vendor_identity import remember_role
from integrations.models import VendorExamination
from integrations.vendor import vendor_settings
from tenants.models import AuditEvent
from tenants.scope import staff_scope
from tests.brokers import AWAY, use_broker
from tests.integrations.aws.test_vendor_doctor import Vendor

CHANGE_LIST = "/admin/integrations/vendorexamination/"


def command(*arguments: str) -> tuple[int | str | None, str]:
    """The exit status, and what it prints. As a process of its own it is run by test_vendor_guide.py."""
    printed = StringIO()
    status: int | str | None = 0
    try:
        call_command("vendor_doctor", *arguments, stdout=printed)
    except SystemExit as ended:
        status = ended.code
    return status, printed.getvalue()


@pytest.fixture
def broken_canary(sandbox_address):
    """The canary's policy is gone."""
    settings = vendor_settings()

    class Address:
        url = sandbox_address

    vendor = Vendor(Address(), settings)
    document = vendor.iam.get_role_policy(RoleName="canary", PolicyName="rolebridge")["PolicyDocument"]
    vendor.iam.delete_role_policy(RoleName="canary", PolicyName="rolebridge")
    yield
    vendor.iam.put_role_policy(RoleName="canary", PolicyName="rolebridge", PolicyDocument=json.dumps(document))


def test_the_command_prints_what_is_so_and_ends_with_0(sandbox_address) -> None:
    status, printed = command()

    assert status == 0, printed
    assert "Unique id of the integration role: AROA" in printed
    assert "From there it enters a role that stands for a customer's" in printed
    assert "of  2048 characters" in printed
    assert "All is well." in printed


def test_the_command_names_what_is_broken_with_its_fix_and_ends_with_1(broken_canary) -> None:
    (status, printed), (status_of_json, as_json) = command(), command("--json")

    assert (status, status_of_json) == (1, 1)
    assert "BROKEN   canary              The canary cannot enter the control role" in printed
    assert "to do: The calling role's own policy does not allow it." in printed
    report = json.loads(as_json)
    assert (report["state"], report["exit_status"]) == ("failed", 1)
    assert {check["name"] for check in report["checks"] if check["state"] == "failed"} == {"canary", "role"}


def test_the_command_ends_with_2_where_it_could_not_tell(sandbox_address) -> None:
    status, printed = command("--timeout", "0")

    assert status == 2
    assert "It could not be told" in printed


def test_the_command_compares_the_role_id_that_it_is_given(sandbox_address) -> None:
    status, printed = command("--expect-role-id", "AROAANOTHER")

    assert status == 1
    assert "it was AROAANOTHER" in printed


def test_a_worker_runs_what_staff_ask_for_and_the_page_shows_it(cast, sign_in, worker) -> None:
    client: Client = sign_in(cast.staff)

    answer = client.post(f"{CHANGE_LIST}examine/", follow=True)
    ends_at = time.monotonic() + 60
    while not VendorExamination.objects.exclude(finished_at=None).exists():
        assert time.monotonic() < ends_at, "it did not end within a minute"
        time.sleep(0.2)
    [examination] = VendorExamination.objects.all()
    page = client.get(f"{CHANGE_LIST}{examination.pk}/change/").content.decode()

    assert "An examination is under way" in answer.content.decode()
    assert (examination.state, examination.requested_by) == ("passed", cast.staff.email)
    assert "From there it enters a role that stands for a customer&#x27;s" in page
    assert "trust policy: " in page
    with staff_scope():
        [event] = AuditEvent.objects.filter(action="admin:vendor:examination_requested")
    assert event.actor_name == cast.staff.email


def test_the_page_says_what_is_broken(cast, sign_in, broken_canary) -> None:
    examination = VendorExamination.objects.create()

    run_examination(examination_id=examination.pk)

    page = sign_in(cast.staff).get(f"{CHANGE_LIST}{examination.pk}/change/").content.decode()
    assert "Something is broken" in page
    assert "so its refusals prove nothing" in page


def test_an_examination_runs_once_and_the_role_id_is_remembered(db, sandbox_address) -> None:
    examination = VendorExamination.objects.create()

    run_examination(examination_id=examination.pk)
    first = VendorExamination.objects.get().finished_at
    run_examination(examination_id=examination.pk)

    assert VendorExamination.objects.get().finished_at == first
    assert remembered_role_id().startswith("AROA")


def test_f09_an_examination_compares_the_role_with_what_verifications_remember(db, sandbox_address) -> None:
    remember_role(role_arn=vendor_settings().integration_role_arn, role_id="AROAREMEMBERED")
    examination = VendorExamination.objects.create()

    run_examination(examination_id=examination.pk)

    examination.refresh_from_db()
    assert examination.state == "failed"
    assert "it was AROAREMEMBERED" in json.dumps(examination.report)


def test_with_the_queue_away_staff_are_told_and_nothing_waits(cast, sign_in, monkeypatch) -> None:
    use_broker(monkeypatch, AWAY)

    answer = sign_in(cast.staff).post(f"{CHANGE_LIST}examine/", follow=True)

    assert "The queue is unavailable, nothing was started." in answer.content.decode()
    assert [examination.state for examination in VendorExamination.objects.all()] == ["unknown"]


def test_the_state_is_one_that_is_known(db) -> None:
    with pytest.raises(Exception, match="vendor_examination_state_known"):
        VendorExamination.objects.create(state="fine")
