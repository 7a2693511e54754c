"""A receiver can prove who sent it, also while a secret is rotated."""

from uuid import uuid4

from django.utils import timezone

from tenants.actions.webhooks import rotate_secret
from tenants.audit import SYSTEM
from tenants.models import WebhookSecret
from tenants.scope import tenant_scope
from tenants.webhook_event_types import WebhookEventType
from tests.tenants.actions.webhook_deliveries.endpoints import add_connection, add_endpoint, is_signed


class TestSignatures:
    def test_a_receiver_proves_who_sent_it_and_another_secret_does_not(self, cast, server, work) -> None:
        _, secret = add_endpoint(cast.tenant, server.address)
        _, other = add_endpoint(cast.tenant, f"{server.address}/other", WebhookEventType.MEMBER_LEFT)
        add_connection(cast.tenant)

        work()

        assert is_signed(server.asked[0], secret)
        assert not is_signed(server.asked[0], other)

    def test_a_changed_body_time_or_id_is_noticed(self, cast, server, work) -> None:
        _, secret = add_endpoint(cast.tenant, server.address)
        add_connection(cast.tenant)

        work()

        (asked,) = server.asked
        changed = [
            type(asked)(asked.method, asked.path, asked.headers, asked.body + b" "),
            type(asked)(
                asked.method,
                asked.path,
                asked.headers | {"webhook-timestamp": str(int(asked.headers["webhook-timestamp"]) - 1)},
                asked.body,
            ),
            type(asked)(asked.method, asked.path, asked.headers | {"webhook-id": str(uuid4())}, asked.body),
        ]
        assert [is_signed(one, secret) for one in changed] == [False, False, False]

    def test_while_a_secret_is_rotated_both_prove_it_and_afterwards_the_new_one_alone(self, cast, server, work) -> None:
        endpoint, old = add_endpoint(cast.tenant, server.address)
        with tenant_scope(cast.tenant.pk):
            new = rotate_secret(endpoint=endpoint, by=SYSTEM)
        add_connection(cast.tenant, "In between")
        work()
        with tenant_scope(cast.tenant.pk):
            WebhookSecret.objects.filter(expires_at__isnull=False).update(expires_at=timezone.now())
        add_connection(cast.tenant, "Afterwards")
        work()

        between, after = server.asked

        assert [is_signed(between, secret) for secret in (old, new)] == [True, True]
        assert [is_signed(after, secret) for secret in (old, new)] == [False, True]

    def test_a_second_rotation_ends_the_first_secret_at_once(self, cast, server, work) -> None:
        endpoint, first = add_endpoint(cast.tenant, server.address)
        with tenant_scope(cast.tenant.pk):
            second, third = (rotate_secret(endpoint=endpoint, by=SYSTEM) for _ in range(2))
        add_connection(cast.tenant)

        work()

        assert [is_signed(server.asked[0], secret) for secret in (first, second, third)] == [False, True, True]

    def test_a_copy_of_the_database_holds_no_secret(self, cast) -> None:
        _, secret = add_endpoint(cast.tenant, "https://hooks.example.com/")

        with tenant_scope(cast.tenant.pk):
            kept = WebhookSecret.objects.get()

        assert secret not in kept.sealed_secret
        assert secret.removeprefix("whsec_") not in kept.sealed_secret
