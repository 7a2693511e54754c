"""What staff see first: how connections fare, why, and what waits."""

from django.utils import timezone

from integrations.models import Status, Verification
from tenants.scope import tenant_scope
from tests.integrations.admin.builders import connect, set_statuses, verified


def test_the_dashboard_counts_statuses_causes_and_what_waits(cast, staff) -> None:
    connection = connect(cast.tenant)
    set_statuses(connection, log_analysis=Status.UNSAFE)
    verified(connection, {"outcome": "denied", "who": "customer", "cause": "role_not_assumable"}, {"outcome": "passed"})
    with tenant_scope(cast.tenant.pk):
        Verification.objects.create(tenant=cast.tenant, connection=connection, requested_by="Test")
        Verification.objects.create(
            tenant=cast.tenant, connection=connection, state="failed", failure="worker_lost", finished_at=timezone.now()
        )

    context = staff.get("/admin/").context

    assert {row["name"]: row["number"] for row in context["statuses"]}["Unsafe"] == 1
    assert context["causes"] == [{"name": "role_not_assumable", "number": 1}]
    assert context["failures"] == [{"name": "worker_lost", "number": 1}]
    assert context["queue"][0] == {"name": "Verifications that wait", "number": 1, "is_well": True}
    assert "role_not_assumable" in context["causes_chart"]
