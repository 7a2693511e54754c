"""What a tenant sets up to sign in by a provider, and what a visitor's browser does."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Semaphore, Thread
from typing import Any
from urllib.parse import urlsplit

from django.db import connections
from django.test import Client
from django.utils import timezone

from tenants.actions.single_sign_on import add_domain, configure_provider
from tenants.audit import SYSTEM
from tenants.models import AuditEvent, IdentityProvider, Tenant, TenantDomain
from tenants.scope import tenant_scope
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, Provider


def configure(tenant: Tenant, provider: Provider, **changes) -> IdentityProvider:
    wanted: dict[str, Any] = {
        "enabled": True,
        "required": False,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }
    with tenant_scope(tenant.pk):
        return configure_provider(tenant=tenant, issuer=provider.issuer, by=SYSTEM, **(wanted | changes))


def verify_domain(tenant: Tenant, domain: str) -> None:
    with tenant_scope(tenant.pk):
        added = add_domain(tenant=tenant, domain=domain, mailbox=TenantDomain.Mailbox.POSTMASTER, by=SYSTEM)
        TenantDomain.objects.filter(pk=added.pk).update(verified_at=timezone.now())


def begin(client: Client, tenant: Tenant) -> str:
    """Press the button; gives the address of the authorization endpoint."""
    answer = client.post(f"/accounts/single-sign-on/{tenant.pk}/")
    assert answer.status_code == 302, answer
    return answer["Location"]


def come_back(client: Client, address: str):
    parts = urlsplit(address)
    return client.get(f"{parts.path}?{parts.query}")


def sign_in_by(provider: Provider, tenant: Tenant, email: str, client: Client | None = None):
    client = client or Client()
    return client, come_back(client, provider.sign_in(begin(client, tenant), email))


@contextmanager
def held(provider: Provider, many: int, visit: Callable[[], int]) -> Iterator[list[int]]:
    """So many visits at once that wait for the provider, which answers when this ends; gives what they came to."""
    answer, arrived, go_on = provider.server.answer, Semaphore(0), Event()
    came_to: list[int] = []

    def slowly(asked: Any, handler: Any) -> None:
        arrived.release()
        go_on.wait(5)
        answer(asked, handler)

    def one() -> None:
        came_to.append(visit())
        connections.close_all()

    provider.server.answer = slowly
    threads = [Thread(target=one) for _ in range(many)]
    try:
        for thread in threads:
            thread.start()
        assert all(arrived.acquire(timeout=5) for _ in threads)
        yield came_to
    finally:
        go_on.set()
        for thread in threads:
            thread.join()
        provider.server.answer = answer


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def last_event(tenant: Tenant) -> AuditEvent:
    with tenant_scope(tenant.pk):
        return AuditEvent.objects.order_by("-at", "-id").first()
