"""All that is kept for a tenant, as one JSON document.

Every model with a `tenant` is in it, whichever app it belongs to, so a new table is exported the day it is made. What
opens doors (hashes and sealed secrets) is left out: it says nothing about the tenant. Files are in it as Base64.
"""

import base64
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.apps import apps
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Field, Model, QuerySet
from django.utils import timezone

from tenants.models import AuditEvent, Tenant, User
from tenants.scope import tenant_scope

AT_ONCE = 500
SECRET_COLUMNS = frozenset({"digest", "sealed_secret"})


def exported_models() -> list[type[Model]]:
    """The tenant, and every model that belongs to one."""
    models: list[type[Model]] = [Tenant, AuditEvent]
    models += [model for model in apps.get_models() if any(field.name == "tenant" for field in model._meta.fields)]
    return models


def export(tenant_id: UUID) -> Iterator[str]:
    """The document, piece by piece. Rows are read in short transactions, so that a slow reader holds none open; what
    changes meanwhile may be in it or not.
    """
    yield f'{{"exported_at": {_json(timezone.now())}'
    for model in exported_models():
        yield f',\n"{model._meta.db_table}": ['
        separator = "\n"
        for rows in _batches(model, tenant_id):
            for row in rows:
                yield f"{separator}{_json(row)}"
                separator = ",\n"
        yield "]"
    yield "}\n"


def _batches(model: type[Model], tenant_id: UUID) -> Iterator[list[dict[str, Any]]]:
    fields = [field for field in model._meta.concrete_fields if field.name not in SECRET_COLUMNS]
    people = [field.name for field in fields if field.related_model is User]
    mine = {"pk": tenant_id} if model is Tenant else {"tenant_id": tenant_id}
    last: Any = None
    while True:
        with tenant_scope(tenant_id):
            rows: QuerySet[Model] = QuerySet(model).filter(**mine).order_by("pk")
            if people:
                rows = rows.select_related(*people)
            found = list((rows if last is None else rows.filter(pk__gt=last))[:AT_ONCE])
        yield [_row(row, fields) for row in found]
        if len(found) < AT_ONCE:
            return
        last = found[-1].pk


def _row(row: Model, fields: "list[Field[Any, Any]]") -> dict[str, Any]:
    values = {field.attname: field.value_from_object(row) for field in fields}
    emails = {
        f"{field.name}_email": person.email
        for field in fields
        if field.related_model is User and (person := getattr(row, field.name)) is not None
    }
    return values | emails


class _Encoder(DjangoJSONEncoder):
    def default(self, o: Any) -> Any:
        if isinstance(o, bytes | memoryview):
            return base64.b64encode(o).decode()
        return super().default(o)


def _json(value: Any) -> str:
    return json.dumps(value, cls=_Encoder, ensure_ascii=False)
