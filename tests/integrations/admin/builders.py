"""What customers have that staff look at, and the list of connections in which they look for it."""

from django.test import Client

from integrations.actions.connections import create_connection
from integrations.models import Connection, Finding, Verification
from tenants.audit import SYSTEM
from tenants.models import Tenant
from tenants.scope import tenant_scope

LIST = "/admin/integrations/connection/"


def connect(tenant: Tenant, name: str = "Production", account_id: str = "222233334444", **more) -> Connection:
    with tenant_scope(tenant.pk):
        return create_connection(tenant=tenant, name=name, account_id=account_id, by=SYSTEM, **more)


def verified(connection: Connection, *findings: dict) -> Verification:
    with tenant_scope(connection.tenant_id):
        verification = Verification.objects.create(
            tenant_id=connection.tenant_id, connection=connection, state="completed", requested_by="owner@example.com"
        )
        for finding in findings:
            Finding.objects.create(
                tenant_id=connection.tenant_id,
                verification=verification,
                **{"component": "log-analysis", "check_code": "permission.probe", "title": "Found"} | finding,
            )
    return verification


def set_statuses(connection: Connection, **of_component: str) -> None:
    with tenant_scope(connection.tenant_id):
        for component, status in of_component.items():
            connection.roles.filter(component=component.replace("_", "-")).update(status=status)


def found(staff: Client, **query: str) -> set[str]:
    answer = staff.get(LIST, query)
    assert answer.status_code == 200
    return {connection.name for connection in answer.context["cl"].result_list}
