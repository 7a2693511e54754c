"""docs/open-a-session.md: its code is run as it stands, through the real portal and the sandbox, from A to C."""

import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from integrations import product_client
from integrations.actions import emergency_stop
from integrations.actions.pausing import pause
from integrations.models import Session
from integrations.product_client import CursorRefused, PortalUnavailable, Rolebridge, RoleNotUsable
from integrations.vendor import vendor_settings
from tenants.actions.service_tokens import create_service_token, revoke_service_token
from tenants.audit import SYSTEM
from tenants.scope import tenant_scope
from tests.customer import connection_with_stack, verify_twice
from tests.sandbox_server import ROOT

pytestmark = pytest.mark.usefixtures("no_worker_takes_them")

HOW_TO = (ROOT / "docs" / "open-a-session.md").read_text()
COMPONENT = "log-analysis"


class Clock:
    """Seconds that pass when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def token(db):
    return create_service_token(name="Log analysis", days=1, reason="Test", by=SYSTEM)


@pytest.fixture
def connected(cast, sandbox_address):
    connection, account = connection_with_stack(cast.tenant, components=[COMPONENT])
    verify_twice(connection)
    return connection, account


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rolebridge(live_portal, token, clock) -> Rolebridge:
    return Rolebridge(live_portal, token[1], component=COMPONENT, clock=clock)


def test_the_code_of_the_how_to_opens_a_session_and_follows_the_feed(
    connected, live_portal, token, monkeypatch
) -> None:
    connection, account = connected
    monkeypatch.setitem(sys.modules, "product_client", product_client)
    monkeypatch.setenv("PORTAL", live_portal)
    monkeypatch.setenv("SERVICE_TOKEN", token[1])
    names: dict = {}
    exec("\n".join(re.findall(r"```python\n(.*?)```", HOW_TO, re.DOTALL)), names)

    assert names["ask_for_logs"](str(connection.pk)) == 200
    assert (str(connection.pk), COMPONENT, "connected") in names["changes"](0)[0]

    # The customer opens the role's trust by mistake: it is found, and the component's next attempt is refused.
    account.remove_external_id_condition(f"rolebridge-{connection.reference}-{COMPONENT}")
    verify_twice(connection)
    names["rolebridge"]._clock = lambda: 10**9

    assert names["ask_for_logs"](str(connection.pk)) is None
    assert (str(connection.pk), COMPONENT, "unsafe") in names["changes"](0)[0]


def test_the_session_is_in_the_customers_account_and_no_wider_than_the_component(connected, rolebridge) -> None:
    connection, account = connected

    session = rolebridge.session(connection.pk)

    who = session.client("sts", region_name="us-east-1").get_caller_identity()
    assert who["Account"] == account.account_id
    assert f"assumed-role/rolebridge-{connection.reference}-{COMPONENT}/" in who["Arn"]
    account.iam.attach_role_policy(
        RoleName=f"rolebridge-{connection.reference}-{COMPONENT}", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess"
    )
    ec2 = session.client("ec2", region_name="us-east-1")
    with pytest.raises(ec2.exceptions.ClientError, match="no session policy allows"):
        ec2.describe_vpcs()


def test_a_session_is_kept_and_replaced_before_it_ends(connected, rolebridge, monkeypatch) -> None:
    connection, _ = connected
    opened = count_opened(monkeypatch)

    rolebridge.session(connection.pk)
    rolebridge.session(connection.pk)
    assert len(opened) == 3, "A, B and C, once"

    monkeypatch.setattr(product_client, "REPLACE_BEFORE_EXPIRY", timedelta(hours=2))
    rolebridge.session(connection.pk)
    assert len(opened) > 3


def receipts_of(connection) -> list[Session]:
    with tenant_scope(connection.tenant_id):
        return list(connection.sessions.filter(purpose="product").order_by("opened_at"))


def test_each_session_leaves_a_receipt_that_the_customer_reads(cast, api, connected, rolebridge) -> None:
    connection, account = connected

    session = rolebridge.session(connection.pk)
    rolebridge.session(connection.pk)

    launch, entered = receipts_of(connection)
    assert entered.access_key_id == session.get_credentials().access_key
    assert entered.role_arn.startswith(f"arn:aws:iam::{account.account_id}:role/")
    assert entered.expires_at - entered.opened_at > timedelta(minutes=59)
    assert entered.component == COMPONENT
    assert entered.source_identity == launch.source_identity == f"rolebridge-{connection.reference}"
    assert len(entered.policy_sha256) == len(launch.policy_sha256) == 64
    assert entered.request_id
    assert entered.role_id.startswith("AROA")
    assert launch.role_arn == vendor_settings().integration_role_arn
    assert launch.tags["Connection"] == connection.reference
    assert launch.transitive_tag_keys == ["Tenant", "Connection", "Component"]
    shown = api(cast.owner, cast.tenant).get(f"/api/v1/connections/{connection.pk}/sessions/?purpose=product").json()
    assert [one["access_key_id"] for one in shown["results"]] == [entered.access_key_id, launch.access_key_id]
    assert {one.access_key_id for one in emergency_stop.open_sessions(timezone.now())} >= {entered.access_key_id}


def refuse_receipts(monkeypatch) -> list[object]:
    """From now on the portal takes no receipt; the bodies that it was sent."""
    refused: list[object] = []
    call = Rolebridge._call

    def refusing(self, address, body=None):
        if body is None:
            return call(self, address)
        refused.append(body)
        raise PortalUnavailable("The portal answered 503.")

    monkeypatch.setattr(Rolebridge, "_call", refusing)
    return refused


def count_opened(monkeypatch) -> list[object]:
    opened: list[object] = []
    assume = Rolebridge._assume

    def counted(*asked):
        opened.append(asked)
        return assume(*asked)

    monkeypatch.setattr(Rolebridge, "_assume", counted)
    return opened


def test_no_session_is_given_out_or_opened_again_before_the_portal_has_its_receipt(connected, rolebridge) -> None:
    connection, _ = connected
    with pytest.MonkeyPatch.context() as away:
        refused = refuse_receipts(away)
        opened = count_opened(away)
        for _ in range(3):
            with pytest.raises(PortalUnavailable):
                rolebridge.session(connection.pk)
        assert len(opened) == 3, "A, B and C, once"
        assert refused[0] == refused[2]
    assert receipts_of(connection) == []

    session = rolebridge.session(connection.pk)

    assert [one.access_key_id for one in receipts_of(connection)][1] == session.get_credentials().access_key


def test_what_was_opened_before_a_pause_has_its_receipt_though_it_was_never_given_out(
    connected, rolebridge, clock
) -> None:
    connection, _ = connected
    with pytest.MonkeyPatch.context() as away:
        refuse_receipts(away)
        with pytest.raises(PortalUnavailable):
            rolebridge.session(connection.pk)
    with tenant_scope(connection.tenant_id):
        pause(connection=connection, by=SYSTEM)
    clock.now += product_client.ASK_AGAIN_AFTER

    with pytest.raises(RoleNotUsable):
        rolebridge.session(connection.pk)

    assert len(receipts_of(connection)) == 2


def test_the_earlier_session_serves_while_the_portal_takes_no_receipt_of_the_next(connected, rolebridge) -> None:
    connection, _ = connected
    first = rolebridge.session(connection.pk).get_credentials().access_key
    with pytest.MonkeyPatch.context() as away:
        away.setattr(product_client, "REPLACE_BEFORE_EXPIRY", timedelta(minutes=61))
        refused = refuse_receipts(away)

        assert rolebridge.session(connection.pk).get_credentials().access_key == first
        assert len(refused) == 1

        rolebridge._roles[str(connection.pk)].given.credentials["Expiration"] -= timedelta(minutes=61)
        with pytest.raises(PortalUnavailable):
            rolebridge.session(connection.pk)


def test_where_the_customers_role_refuses_us_the_session_before_it_has_its_receipt(connected, rolebridge) -> None:
    connection, account = connected
    nobody = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    trust = {"Version": "2012-10-17", "Statement": [nobody]}
    account.set_trust(f"rolebridge-{connection.reference}-{COMPONENT}", trust)

    with pytest.raises(account.iam.exceptions.ClientError, match="AccessDenied"):
        rolebridge.session(connection.pk)

    (launch,) = receipts_of(connection)
    assert launch.role_arn == vendor_settings().integration_role_arn


def test_who_follows_the_feed_gives_out_no_session_of_a_paused_role(connected, rolebridge) -> None:
    connection, _ = connected
    rolebridge.session(connection.pk)
    with tenant_scope(connection.tenant_id):
        pause(connection=connection, by=SYSTEM)

    list(rolebridge.events())

    with pytest.raises(RoleNotUsable):
        rolebridge.session(connection.pk)


def test_the_sessions_that_were_used_least_lately_are_forgotten(rolebridge, monkeypatch) -> None:
    monkeypatch.setattr(product_client, "MOST_ROLES", 2)

    for name in ("one", "two", "one", "three"):
        with rolebridge._role(name):
            pass

    assert list(rolebridge._roles) == ["one", "three"]


def test_a_role_that_somebody_is_in_or_waits_for_is_not_forgotten(rolebridge, monkeypatch) -> None:
    monkeypatch.setattr(product_client, "MOST_ROLES", 1)

    def enter(name: str) -> object:
        with rolebridge._role(name) as role:
            return role

    with ThreadPoolExecutor(1) as threads:
        with rolebridge._role("one") as entered:
            waits = threads.submit(enter, "one")
            while entered.users < 2:
                time.sleep(0.01)
            enter("two")
            enter("three")
            assert list(rolebridge._roles) == ["one", "three"]
        assert waits.result(20) is entered

    enter("four")
    assert list(rolebridge._roles) == ["four"]


def test_receipts_that_the_portal_has_not_taken_are_not_forgotten(connected, rolebridge, monkeypatch) -> None:
    connection, _ = connected
    monkeypatch.setattr(product_client, "MOST_ROLES", 1)
    opened = count_opened(monkeypatch)
    with pytest.MonkeyPatch.context() as away:
        refuse_receipts(away)
        with pytest.raises(PortalUnavailable):
            rolebridge.session(connection.pk)
    for unknown in ("one", "two"):
        with pytest.raises(RoleNotUsable):
            rolebridge.session(unknown)

    session = rolebridge.session(connection.pk)

    assert len(opened) == 3, "A, B and C, once"
    assert [one.access_key_id for one in receipts_of(connection)][1] == session.get_credentials().access_key


def test_an_answer_that_was_under_way_when_an_event_came_is_asked_for_anew(connected, rolebridge, monkeypatch) -> None:
    connection, _ = connected
    ask, asked = rolebridge._call, []

    def answer_late(address, body=None):
        answer = ask(address, body)
        if address.endswith(f"/connections/{connection.pk}/"):
            asked.append(address)
            if len(asked) == 1:
                assert str(connection.pk) in {event["connection_id"] for event, _ in rolebridge.events()}
        return answer

    monkeypatch.setattr(rolebridge, "_call", answer_late)

    for _ in range(3):
        rolebridge.session(connection.pk)

    assert len(asked) == 2


def test_a_paused_role_is_refused_within_a_minute(connected, rolebridge, clock) -> None:
    connection, _ = connected
    rolebridge.session(connection.pk)
    with tenant_scope(connection.tenant_id):
        pause(connection=connection, by=SYSTEM)

    clock.now += product_client.ASK_AGAIN_AFTER

    with pytest.raises(RoleNotUsable):
        rolebridge.session(connection.pk)


def test_when_the_portal_does_not_answer_the_session_serves_five_minutes_and_no_longer(
    connected, rolebridge, token, clock
) -> None:
    connection, _ = connected
    rolebridge.session(connection.pk)
    revoke_service_token(token_id=token[0].pk, reason="Test", by=SYSTEM)  # a portal that says no is as good as none

    clock.now += product_client.REFUSE_AFTER - 1
    rolebridge.session(connection.pk)
    clock.now += 1

    with pytest.raises(PortalUnavailable):
        rolebridge.session(connection.pk)


def test_what_the_portal_does_not_know_is_refused(rolebridge, cast) -> None:
    for connection_id in (str(cast.tenant.pk), "../../events", "x"):
        with pytest.raises(RoleNotUsable):
            rolebridge.session(connection_id)
    with pytest.raises(CursorRefused):
        list(rolebridge.events(10**12))


def test_connections_are_listed_page_by_page(connected, rolebridge) -> None:
    connection, account = connected

    assert [row["id"] for row in rolebridge.connections(account_id=account.account_id)] == [str(connection.pk)]


@pytest.mark.parametrize("portal", ["http://access.example.com", "ftp://access.example.com", "access.example.com"])
def test_the_token_is_sent_over_tls_alone(portal) -> None:
    with pytest.raises(ValueError, match="https"):
        Rolebridge(portal, "rbs_x", component=COMPONENT)


def test_the_client_is_one_file_of_boto3_and_the_standard_library() -> None:
    text = Path(product_client.__file__).read_text()
    imported = set(re.findall(r"^(?:from|import) (\w+)", text, re.MULTILINE))

    assert imported - set(sys.stdlib_module_names) == {"boto3", "botocore"}
    assert Path(product_client.__file__).name in HOW_TO
