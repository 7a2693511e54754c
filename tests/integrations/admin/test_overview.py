"""The status by which staff filter is the one that customers see."""

from itertools import combinations

from integrations.admin.overview import with_overview
from integrations.models import Connection, Status
from tenants.scope import staff_scope
from tests.integrations.admin.builders import connect, set_statuses


def test_the_status_that_staff_filter_by_is_the_one_that_customers_see(cast) -> None:
    for pair in [*combinations(Status, 2), *((status, status) for status in Status)]:
        connection = connect(cast.tenant, components=["log-analysis", "compute-analysis"])
        set_statuses(connection, log_analysis=pair[0], compute_analysis=pair[1])
    connect(cast.tenant, components=[])

    with staff_scope():
        shown = list(with_overview(Connection.objects.prefetch_related("roles")))

    assert len(shown) == 37
    for connection in shown:
        assert connection.shown_status == connection.status
