"""Staff add, change and delete nothing, on no page, nor past the pages."""

import pytest
from django.contrib import admin
from django.db.utils import ProgrammingError

from integrations.models import Connection, CustomerRole, Finding, ProvedAccount, Verification
from tenants.scope import staff_scope, tenant_scope
from tests.integrations.admin.builders import connect, verified
from tests.receipts import open_session


def test_nothing_can_be_added_changed_or_deleted(cast, staff) -> None:
    connection = connect(cast.tenant)
    verification = verified(connection, {"outcome": "passed"})
    with tenant_scope(cast.tenant.pk):
        open_session(verification)
    models = list(admin.site._registry)
    assert {model._meta.model_name for model in models} == {
        "tenant",
        "member",
        "apitoken",
        "auditevent",
        "connection",
        "verification",
        "session",
        "emergencystop",
        "vendoridentity",
        "vendorsession",
        "integrationrole",
        "vendorexamination",
        "servicetoken",
    }

    for model in models:
        base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        readable = [field.attname for field in model._meta.concrete_fields if field.name != "digest"]
        rows = model._default_manager.using("staff").values(*readable)
        row = model._default_manager.using("staff").only("pk").first()
        assert staff.get(f"{base}add/").status_code == 403
        assert staff.post(f"{base}add/", {"name": "New"}).status_code == 403
        if row is None:
            continue
        before = rows.get(pk=row.pk)
        assert staff.get(f"{base}{row.pk}/change/").status_code == 200
        assert staff.post(f"{base}{row.pk}/change/", {"name": "Changed", "external_id": "x"}).status_code == 403
        assert staff.post(f"{base}{row.pk}/delete/", {"post": "yes"}).status_code == 403
        staff.post(base, {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"})
        assert rows.get(pk=row.pk) == before


def test_f01_the_staffs_database_role_cannot_write_an_external_id_either(cast) -> None:
    connection = connect(cast.tenant)

    for model in (Connection, CustomerRole, Verification, Finding, ProvedAccount):
        with staff_scope(), pytest.raises(ProgrammingError, match="permission denied"):
            model.objects.filter(tenant_id=cast.tenant.pk).update(tenant_id=cast.tenant.pk)
    with tenant_scope(cast.tenant.pk):
        assert Connection.objects.get().external_id == connection.external_id
