"""Customers from before the portal are imported whole or not at all, marked, and verified like any other."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.utils import IntegrityError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.actions import vendor_import as module
from integrations.actions.connections import ConnectionInUse, update_connection
from integrations.actions.role_options import update_role_options
from integrations.actions.role_templates import NoRoleTemplate, role_set
from integrations.actions.vendor_import import ImportRefused, vendor_import
from integrations.aws.policies import customer_trust_policy, permission_statements, policy
from integrations.catalogue_file import catalogue
from integrations.models import Connection, ExternalIdOrigin, Status
from integrations.vendor import vendor_settings
from tenants.audit import SYSTEM
from tenants.models import AuditEvent, Tenant
from tenants.scope import staff_scope, tenant_scope
from tests.customer import CustomerAccount, new_account_id, verify_twice

pytestmark = pytest.mark.usefixtures("no_worker_takes_them")

HEADER = "tenant,account,role_arn,external_id"


@pytest.fixture
def numbered(cast):
    """The two tenants with numbers of the vendor's."""
    for tenant, number in ((cast.tenant, "C-1"), (cast.other_tenant, "C-2")):
        with tenant_scope(tenant.pk):
            Tenant.objects.update(customer_number=number)
    return cast


def line(tenant: str = "C-1", account: str = "222233334444", name: str = "Acme", external_id: str = "acme-1") -> str:
    return f"{tenant},{account},arn:aws:iam::{account}:role/legacy/{name},{external_id}"


def file(*lines: str, header: str = HEADER) -> bytes:
    return "\n".join([header, *lines]).encode()


def run(*lines: str, **options) -> module.Imported:
    return vendor_import(content=file(*lines), by=SYSTEM, **options)


def refused(content: bytes) -> list[tuple[int, str]]:
    with pytest.raises(ImportRefused) as refusal:
        vendor_import(content=content, by=SYSTEM)
    with staff_scope():
        assert Connection.objects.count() == 0, "all or nothing"
    return [(problem.line, problem.what) for problem in refusal.value.problems]


def test_connections_of_several_tenants_are_made_marked_and_due(numbered) -> None:
    done = run(line(), line("C-2", "5555-6666-7777".replace("-", ""), "Other", "mill/1"))

    assert (done.made, done.there_already) == (2, 0)
    with tenant_scope(numbered.tenant.pk):
        connection = Connection.objects.get()
        assert connection.external_id == "acme-1"
        assert (connection.external_id_origin, connection.is_imported) == (ExternalIdOrigin.IMPORTED, True)
        assert {role.arn for role in connection.roles.all()} == {"arn:aws:iam::222233334444:role/legacy/Acme"}
        assert {role.status for role in connection.roles.all()} == {Status.AWAITING}, "nothing is believed unproved"
        assert connection.next_verification_at is not None
        assert AuditEvent.objects.filter(action="system:connection:imported").count() == 1
        with pytest.raises(NoRoleTemplate, match="before the portal"):
            role_set(connection=connection)
    with tenant_scope(numbered.other_tenant.pk):
        assert Connection.objects.get().external_id == "mill/1"


def test_an_imported_connection_is_pointed_at_no_other_account_and_role(numbered) -> None:
    run(line())

    with tenant_scope(numbered.tenant.pk):
        connection = Connection.objects.get()
        for changes in ({"name_pattern": "other-{connection}-{component}"}, {"path": "/other/"}, {"regions": ()}):
            with pytest.raises(ConnectionInUse, match="before the portal"):
                update_role_options(connection=connection, by=SYSTEM, **changes)
        with pytest.raises(ConnectionInUse, match="before the portal"):
            update_connection(connection=connection, account_id="999988887777", by=SYSTEM)
        assert update_connection(connection=connection, name="Renamed", account_id="222233334444", by=SYSTEM)

        connection.refresh_from_db()
        assert (connection.name, connection.account_id) == ("Renamed", "222233334444")
        assert {role.arn for role in connection.roles.all()} == {"arn:aws:iam::222233334444:role/legacy/Acme"}


def test_a_tenant_is_named_by_number_reference_or_id(cast) -> None:
    lines = [
        line(cast.tenant.reference, "222233334441", "A", "one"), line(str(cast.tenant.pk), "222233334442", "B", "two"),
    ]  # fmt: skip

    assert run(*lines).made == 2


def test_components_can_be_named(numbered) -> None:
    vendor_import(content=file(f"{line()},log-analysis", header=f"{HEADER},components"), by=SYSTEM)

    with tenant_scope(numbered.tenant.pk):
        assert [role.component for role in Connection.objects.get().roles.all()] == ["log-analysis"]


def test_repeating_it_changes_nothing(numbered) -> None:
    run(line())
    with staff_scope():
        before = list(Connection.objects.values())

    again = run(line(), line("C-2", "555566667777", "Other", "mill/1"))

    assert (again.made, again.there_already) == (1, 1)
    with staff_scope():
        assert list(Connection.objects.filter(tenant=numbered.tenant).values()) == before


def test_a_dry_run_judges_all_and_writes_nothing(numbered) -> None:
    assert run(line(), dry_run=True).made == 1
    with staff_scope():
        assert Connection.objects.count() == 0
        assert not AuditEvent.objects.filter(action__endswith="imported").exists()
    with pytest.raises(ImportRefused):
        run(line("nobody"), dry_run=True)


def test_every_bad_line_is_named_with_what_to_do_and_nothing_is_written(numbered) -> None:
    problems = refused(
        file(
            line(),
            line("nobody", "222233334441", "A", "a1"),
            line(account="12", external_id="z1"),
            line(account=vendor_settings().vendor_account_id, name="B", external_id="b1"),
            "C-1,222233334442,arn:aws:iam::999999999999:role/x,c1",
            "C-1,222233334443,arn:aws-cn:iam::222233334443:role/x,d1",
            "C-1,222233334445,not an arn,e1",
            line("C-1", "222233334446", "F", '"f,1"'),
            "C-1,222233334447",
            line("C-1", "222233334448", "G", "x"),
        )
    )

    expected = [
        (3, "signs up first"),
        (4, "12 digits"),
        (5, "our own AWS account"),
        (6, "the line names account 222233334442"),
        (7, "partition aws-cn"),
        (8, "not a role ARN"),
        (9, "Agree on another one"),
        (10, "It has 2 fields, and the header 4"),
        (11, "2 to 256 characters"),
    ]
    for number, what in expected:
        assert any(line == number and what in text for line, text in problems), (number, what, problems)
    assert {line for line, _ in problems} == {number for number, _ in expected}


def test_one_external_id_for_two_accounts_is_refused(numbered) -> None:
    problems = refused(file(line(), line(account="555566667777", name="Other")))

    assert [number for number, _ in problems] == [2, 3]
    assert "one of its own" in problems[0][1]


def test_an_external_id_that_another_connection_has_or_had_is_refused(numbered) -> None:
    run(line())

    with pytest.raises(ImportRefused, match="has, or had, this external ID"):
        run(line("C-2", "555566667777", "Other", "acme-1"))
    with pytest.raises(ImportRefused, match="with another external ID"):
        run(line(external_id="acme-2"))


def test_two_tenants_with_one_number_are_told_apart_by_reference(numbered) -> None:
    with tenant_scope(numbered.other_tenant.pk):
        Tenant.objects.update(customer_number="C-1")

    assert refused(file(line())) == [
        (2, "2 tenants have the customer number 'C-1'. Give the reference instead."),
    ]


def test_a_tenant_gets_no_more_connections_than_it_may_have(numbered, settings) -> None:
    settings.MOST_CONNECTIONS_PER_TENANT = 1

    problems = refused(file(line(), line(account="222233334441", name="B", external_id="b1")))

    assert [number for number, _ in problems] == [3]


HOSTILE = {
    "not UTF-8": b"tenant,account\n\xff\xfe",
    "a NUL": file("C-1,\0,x,y"),
    "an open quote": file('C-1,"2222'),
    "no header": b"",
    "only a header": file(),
    "a header twice": file(line(), header="tenant,tenant,account,role_arn,external_id"),
    "an unknown column": file(line() + ",x", header=f"{HEADER},secret\x1b[31m"),
    "semicolons": file(line().replace(",", ";"), header=HEADER.replace(",", ";")),
    "a field that is too long for the reader": file("x" * 200_000),
    "a file that is too large": b"x" * (module.MOST_BYTES + 1),
    "too many lines": file(*["a,b,c,d"] * (module.MOST_LINES + 1)),
    "a formula": file(line(external_id="=cmd|'/c calc'!A0")),
    "markup": file(line(tenant="<script>alert(1)</script>")),
    "a terminal's escape": file(line(tenant="\x1b]0;owned\x07")),
    "another direction of the text": file(line(tenant="\u202eC-1")),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused_with_a_message_that_a_terminal_can_show(numbered, content) -> None:
    problems = refused(content)

    assert problems
    for _, what in problems:
        assert what.isprintable()
        assert len(what) < 1000


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    content=st.binary(max_size=300)
    | st.lists(st.text(max_size=30), max_size=8).map(lambda cells: file(",".join(cells)))
)
def test_any_file_is_imported_or_refused(numbered, content) -> None:
    with pytest.raises(ImportRefused):
        vendor_import(content=content, by=SYSTEM)


def test_a_byte_order_mark_and_windows_line_ends_are_no_matter(numbered) -> None:
    content = b"\xef\xbb\xbf" + file(line(), "", header=HEADER.upper()).replace(b"\n", b"\r\n")

    assert vendor_import(content=content, by=SYSTEM).made == 1


def test_only_a_marked_external_id_may_be_anothers_than_ours(numbered) -> None:
    with pytest.raises(IntegrityError, match="is_ours_or_imported"), tenant_scope(numbered.tenant.pk):
        Connection.objects.create(tenant=numbered.tenant, name="x", external_id="chosen")
    assert not transaction.get_connection().in_atomic_block


def test_the_command_says_what_it_did(numbered, tmp_path) -> None:
    path = tmp_path / "customers.csv"
    path.write_bytes(file(line()))
    said = [StringIO() for _ in range(3)]

    for output, options in zip(said, ([], ["--dry-run"], []), strict=True):
        call_command("vendor_import", str(path), *options, stdout=output)

    assert [output.getvalue().strip() for output in said] == [
        "1 connections are imported, 0 were there already.",
        "0 connections would be imported, 1 are there already. Nothing was changed.",
        "0 connections are imported, 1 were there already.",
    ]
    path.write_bytes(file(line("nobody")))
    with pytest.raises(CommandError, match=r"line 2: No tenant has[\s\S]*Nothing was imported"):
        call_command("vendor_import", str(path))
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("vendor_import", str(tmp_path))


def test_an_imported_role_is_verified_like_any_other(numbered, sandbox_address) -> None:
    account, vendor = CustomerAccount(new_account_id()), vendor_settings()
    component = catalogue().component("log-analysis")
    account.iam.create_role(
        RoleName="Acme",
        Path="/legacy/",
        AssumeRolePolicyDocument=json.dumps(customer_trust_policy(vendor.integration_role_arn, ["acme-1"])),
        Tags=[{"Key": vendor.product_tag_key, "Value": vendor.product_tag_value}],
    )
    account.iam.put_role_policy(
        RoleName="Acme",
        PolicyName="permissions",
        PolicyDocument=json.dumps(policy(permission_statements(component.permissions, "aws", account.account_id))),
    )
    content = file(f"{line(account=account.account_id)},log-analysis", header=f"{HEADER},components")
    vendor_import(content=content, by=SYSTEM)
    with tenant_scope(numbered.tenant.pk):
        connection = Connection.objects.get()

    verify_twice(connection)
    with tenant_scope(numbered.tenant.pk):
        assert connection.roles.get().status == Status.CONNECTED

    account.remove_external_id_condition("Acme")
    verify_twice(connection)
    with tenant_scope(numbered.tenant.pk):
        assert connection.roles.get().status == Status.UNSAFE
