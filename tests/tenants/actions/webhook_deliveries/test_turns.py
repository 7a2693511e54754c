"""Tenants and their endpoints take turns: none holds the workers alone."""

from tenants.actions import webhook_deliveries
from tenants.actions.webhook_deliveries import deliver, hand_out_due
from tests.tenants.actions.webhook_deliveries.endpoints import add_connection, add_endpoint


class TestTurns:
    def test_each_tenants_first_endpoint_comes_before_any_tenants_second(self, cast, server, sent_tasks) -> None:
        for number in range(3):
            add_endpoint(cast.tenant, f"{server.address}/{number}")
        add_endpoint(cast.other_tenant, server.address)
        add_connection(cast.tenant)
        add_connection(cast.other_tenant)

        hand_out_due()

        assert cast.other_tenant.pk in [tenant_id for tenant_id, *_ in sent_tasks[:2]]

    def test_a_tenant_holds_two_workers_however_many_of_its_endpoints_hang(self, cast, server, sent_tasks) -> None:
        for number in range(10):
            add_endpoint(cast.tenant, f"{server.address}/{number}")
        add_connection(cast.tenant)

        assert [hand_out_due(), hand_out_due()] == [2, 0]

        add_endpoint(cast.other_tenant, server.address)
        add_connection(cast.other_tenant)
        assert hand_out_due() == 1, "another tenant does not wait for it"
        assert [tenant_id for tenant_id, *_ in sent_tasks] == [cast.tenant.pk, cast.tenant.pk, cast.other_tenant.pk]
        tenant_id, endpoint_id, lease = sent_tasks[0]
        assert deliver(tenant_id=tenant_id, endpoint_id=endpoint_id, lease=lease) == 1
        assert hand_out_due() == 1, "the next one follows as soon as one has had its turn"

    def test_those_that_hold_no_worker_come_before_those_that_do(self, cast, server, sent_tasks, monkeypatch) -> None:
        for number in range(3):
            add_endpoint(cast.tenant, f"{server.address}/{number}")
        add_connection(cast.tenant)
        monkeypatch.setattr(webhook_deliveries, "MOST_AT_ONCE", 1)
        hand_out_due()
        add_endpoint(cast.other_tenant, server.address)
        add_connection(cast.other_tenant)  # due later than the first tenant's

        hand_out_due()

        assert [tenant_id for tenant_id, *_ in sent_tasks] == [cast.tenant.pk, cast.other_tenant.pk]

    def test_a_tenants_endpoints_take_turns(self, cast, server, sent_tasks, monkeypatch) -> None:
        monkeypatch.setattr(webhook_deliveries, "TURN_SECONDS", 0.0)  # so that everything stays due
        ours = {add_endpoint(cast.tenant, f"{server.address}/{number}")[0].pk for number in range(6)}
        add_connection(cast.tenant)

        for _ in range(3):
            hand_out_due()
            for tenant_id, endpoint_id, lease in sent_tasks[-2:]:
                deliver(tenant_id=tenant_id, endpoint_id=endpoint_id, lease=lease)

        assert {endpoint_id for _, endpoint_id, _ in sent_tasks} == ours
