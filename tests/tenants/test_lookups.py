"""Look-ups of our own find what Django's do, and in the way that they are there for."""

import json

import pytest
from django.db import connections
from django.db.models import QuerySet

from integrations.models import Connection
from tenants.scope import OWNER, tenant_scope

NAMES = ("Production", "production", "PRODUCTION 2", "100 % ours", "100 x", "a_b", "axb", r"back\slash", "Größe", "ǅ")


@pytest.mark.parametrize(
    "part", ["prod", "PRODUCTION", "n", "%", "_", "a_b", "\\", "größe", "GRÖSSE", "SS", "ß", "ǆ", "2", "''", "nothing"]
)
def test_has_part_finds_what_icontains_finds(cast, part: str) -> None:
    with tenant_scope(cast.tenant.pk):
        Connection.objects.bulk_create(Connection(tenant=cast.tenant, name=name) for name in NAMES)
        ours = Connection.objects.for_tenant(cast.tenant.pk)

        found = set(ours.filter(name__has_part=part).values_list("name", flat=True))

        assert found == set(ours.filter(name__icontains=part).values_list("name", flat=True))


def test_a_search_that_nearly_all_fit_reads_no_more_than_its_page(cast) -> None:
    with tenant_scope(cast.tenant.pk):
        Connection.objects.bulk_create(Connection(tenant=cast.tenant, name=f"Account {one}") for one in range(2000))
    with connections[OWNER].cursor() as cursor:
        cursor.execute("ANALYZE integrations_connection")

    with tenant_scope(cast.tenant.pk):
        ours = Connection.objects.for_tenant(cast.tenant.pk).order_by("-created_at")

        assert _rows_read(ours.found_by("account")[:50]) < 200
        assert _rows_read(ours.filter(name__has_part="account")[:50]) < 200
        assert _rows_read(ours.filter(name__icontains="account")[:50]) == 2000, "the look-up is needed no more"


def _rows_read(rows: "QuerySet[Connection]") -> int:
    """How many rows the parts of the plan that read the table gave and threw away, at the most."""
    plan = json.loads(rows.explain(format="json", analyze=True))[0]["Plan"]
    parts, read = [plan], 0
    while parts:
        part = parts.pop()
        parts += part.get("Plans", [])
        if part.get("Relation Name"):
            given = part["Actual Rows"] + part.get("Rows Removed by Filter", 0)
            read = max(read, round(given * part["Actual Loops"]))
    return read
