"""The export holds all that is kept for a tenant, nothing of another, and nothing that opens a door."""

import base64
import json

import psycopg
from django.db import connections

from integrations.actions.connections import create_connection
from integrations.actions.role_templates import download_role_template
from integrations.role_templates.formats import Format
from tenants.actions.settings import add_notification_address, export_data
from tenants.actions.tokens import create_token
from tenants.audit import SYSTEM
from tenants.export import AT_ONCE
from tenants.models import ApiToken, AuditEvent
from tenants.scope import tenant_scope
from tests.environment import DATABASE
from tests.tenants.test_row_level_security import tenant_tables


def exported(cast) -> dict:
    return json.loads("".join(export_data(tenant=cast.tenant, by=SYSTEM)))


def test_every_tenant_owned_table_is_in_it(cast, db) -> None:
    document = exported(cast)

    assert document.keys() - {"exported_at"} == tenant_tables(db).keys()


def test_every_column_of_every_row_is_in_it_but_what_opens_doors(cast, db) -> None:
    with tenant_scope(cast.tenant.pk):
        create_connection(tenant=cast.tenant, name="Production", by=SYSTEM)
        create_token(tenant=cast.tenant, name="Pipeline", user=cast.owner, by=SYSTEM)
        add_notification_address(tenant=cast.tenant, email="soc@example.com", by=SYSTEM)

    document = exported(cast)

    with psycopg.connect(db.url(DATABASE)) as superuser:
        for table, column in tenant_tables(db).items():
            (kept,) = superuser.execute(
                f"SELECT count(*) FROM {table} WHERE {column} = %s", [cast.tenant.pk]
            ).fetchone()
            columns = {
                row[0]
                for row in superuser.execute(
                    "SELECT column_name FROM information_schema.columns WHERE table_name = %s", [table]
                )
            }
            assert len(document[table]) == kept, table
            for row in document[table]:
                assert columns - row.keys() <= {"digest", "sealed_secret"}, table
    assert {row["user_email"] for row in document["tenants_member"]} == {
        cast.owner.email,
        cast.admin.email,
        cast.viewer.email,
    }


def test_files_are_in_it_as_they_were_handed_out(cast) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Production", account_id="222233334444", by=SYSTEM)
        download = download_role_template(connection=connection, chosen=Format.TERRAFORM_ZIP, by=SYSTEM)
        content = bytes(download.role_template.content)

    (kept,) = exported(cast)["integrations_roletemplate"]

    assert base64.b64decode(kept["content"]) == content


def test_nothing_of_another_tenant_and_no_secret_is_in_it(cast) -> None:
    with tenant_scope(cast.other_tenant.pk):
        create_connection(tenant=cast.other_tenant, name="Hidden from the others", by=SYSTEM)
    with tenant_scope(cast.tenant.pk):
        _, text = create_token(tenant=cast.tenant, name="Pipeline", user=cast.owner, by=SYSTEM)
        digest = ApiToken.objects.get().digest

    document = json.dumps(exported(cast))

    for foreign in ("Hidden from the others", str(cast.other_tenant.pk), cast.stranger.email, text, digest):
        assert foreign not in document


def test_more_rows_than_are_read_at_once_come_once_each(cast) -> None:
    with tenant_scope(cast.tenant.pk):
        AuditEvent.objects.bulk_create(
            AuditEvent(tenant_id=cast.tenant.pk, action="system:tenant:changed", target_kind="tenant", target_id=str(n))
            for n in range(AT_ONCE + 7)
        )

    rows = [row["id"] for row in exported(cast)["tenants_auditevent"]]

    assert len(rows) == len(set(rows)) >= AT_ONCE + 7


def test_no_transaction_is_open_while_the_reader_waits(cast) -> None:
    pieces = export_data(tenant=cast.tenant, by=SYSTEM)

    for _ in pieces:
        assert not connections["default"].in_atomic_block


def test_the_owner_downloads_it_as_a_file_and_the_audit_says_so(cast, sign_in) -> None:
    answer = sign_in(cast.owner).post(f"/tenants/{cast.tenant.pk}/settings/export/")

    document = json.loads(b"".join(answer))

    assert answer["Content-Disposition"].startswith("attachment; filename=")
    assert answer["Cache-Control"] == "no-store"
    assert document["tenants_auditevent"][-1]["action"] == "page:tenant:exported"
