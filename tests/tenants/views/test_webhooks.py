"""The pages of webhooks: a secret is shown once, and what others sent is shown as text."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tenants.actions.webhooks import create_endpoint, send_test_event
from tenants.audit import SYSTEM
from tenants.models import AuditEvent, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from tenants.scope import tenant_scope
from tenants.webhook_event_types import WebhookEventType

GOOD = {"url": "https://hooks.example.com/", "description": "Ours", "event_types": ["connection.removed"]}


@pytest.fixture
def base(cast) -> str:
    return f"/tenants/{cast.tenant.pk}/settings/webhooks/"


@pytest.fixture
def endpoint(cast) -> WebhookEndpoint:
    with tenant_scope(cast.tenant.pk):
        made, _ = create_endpoint(
            tenant=cast.tenant,
            url="https://hooks.example.com/?key=1",
            event_types=[WebhookEventType.CONNECTION_REMOVED],
            by=SYSTEM,
        )
    return made


def last_event(cast) -> AuditEvent:
    with tenant_scope(cast.tenant.pk):
        return AuditEvent.objects.order_by("-at", "-id").first()


def test_a_new_endpoints_secret_is_shown_once_and_kept_by_no_cache(cast, base, sign_in) -> None:
    client = sign_in(cast.admin)

    answer = client.post(f"{base}new/", GOOD)

    assert b"whsec_" in answer.content
    assert answer["Cache-Control"] == "no-store"
    with tenant_scope(cast.tenant.pk):
        endpoint = WebhookEndpoint.objects.get()
    assert b"whsec_" not in client.get(f"{base}{endpoint.pk}/").content
    assert last_event(cast).action == "page:webhook_endpoint:created"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"url": "ftp://hooks.example.com/"}, "must begin with https://"),
        ({"url": "https://10.0.0.1/"}, "not public"),
        ({"url": "https://user:pass@hooks.example.com/"}, "user name"),
        ({"event_types": []}, "Choose at least one event."),
        ({"event_types": ["nothing.known"]}, "nothing.known"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason_and_nothing_is_written(cast, base, sign_in, change, words) -> None:
    answer = sign_in(cast.owner).post(f"{base}new/", GOOD | change)

    assert answer.status_code == 422
    assert words in answer.content.decode()
    with tenant_scope(cast.tenant.pk):
        assert not WebhookEndpoint.objects.exists()


def test_one_more_endpoint_than_a_tenant_may_have_is_refused(cast, base, endpoint, sign_in, settings) -> None:
    settings.MOST_WEBHOOK_ENDPOINTS_PER_TENANT = 1

    answer = sign_in(cast.owner).post(f"{base}new/", GOOD)

    assert answer.status_code == 422
    assert "Delete one first" in answer.content.decode()


def test_an_endpoint_is_changed_and_the_audit_keeps_no_key_of_its_address(cast, base, endpoint, sign_in) -> None:
    wanted = GOOD | {"url": "https://other.example.com/?key=2"}  # no "enabled": switched off

    answer = sign_in(cast.owner).post(f"{base}{endpoint.pk}/", wanted)

    assert answer.status_code == 302
    endpoint = _fresh(cast, endpoint)
    assert (endpoint.url, endpoint.enabled, endpoint.disabled_by) == (wanted["url"], False, "customer")
    event = last_event(cast)
    assert event.action == "page:webhook_endpoint:changed"
    assert event.data == {"host": "other.example.com", "description": "Ours", "enabled": False}


def _fresh(cast, endpoint) -> WebhookEndpoint:
    with tenant_scope(cast.tenant.pk):
        return WebhookEndpoint.objects.get(pk=endpoint.pk)


def test_a_rotated_secret_is_shown_once(cast, base, endpoint, sign_in) -> None:
    client = sign_in(cast.owner)

    answer = client.post(f"{base}{endpoint.pk}/rotate/")

    assert b"whsec_" in answer.content
    assert "signed with two secrets" in client.get(f"{base}{endpoint.pk}/").content.decode()
    assert last_event(cast).action == "page:webhook_endpoint:secret_rotated"


def test_what_an_endpoint_answered_is_shown_as_text(cast, base, endpoint, sign_in) -> None:
    with tenant_scope(cast.tenant.pk):
        delivery = send_test_event(endpoint=endpoint, by=SYSTEM)
        WebhookAttempt.objects.create(
            tenant=cast.tenant, delivery=delivery, duration_ms=7, status=500, answer="<script>alert(1)</script>"
        )

    page = sign_in(cast.owner).get(f"{base}{endpoint.pk}/deliveries/{delivery.pk}/").content.decode()

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page


def test_a_delivery_is_sent_once_more(cast, base, endpoint, sign_in) -> None:
    with tenant_scope(cast.tenant.pk):
        delivery = send_test_event(endpoint=endpoint, by=SYSTEM)
        WebhookDelivery.objects.update(state="failed", due_at=None, tries=9)

    sign_in(cast.owner).post(f"{base}{endpoint.pk}/deliveries/{delivery.pk}/replay/")

    with tenant_scope(cast.tenant.pk):
        delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.tries) == ("waiting", 0)
    assert delivery.due_at - timezone.now() < timedelta(seconds=1)
    assert last_event(cast).action == "page:webhook_delivery:replayed"


def test_test_events_are_limited(cast, base, endpoint, sign_in) -> None:
    client = sign_in(cast.owner)

    for _ in range(32):
        answer = client.post(f"{base}{endpoint.pk}/test/", follow=True)

    assert "Too many test events" in answer.content.decode()
    with tenant_scope(cast.tenant.pk):
        assert WebhookDelivery.objects.count() == 30


def test_a_program_does_all_of_it(cast, api) -> None:
    client = api(cast.admin, cast.tenant)
    base = "/api/v1/webhook-endpoints/"

    made = client.post(base, GOOD, format="json")
    one = made["Location"]
    rotated = client.post(f"{one}rotate/", format="json").json()
    delivery = client.post(f"{one}test/", format="json").json()
    detail = client.get(f"{one}deliveries/{delivery['id']}/").json()
    again = client.post(f"{one}deliveries/{delivery['id']}/replay/", format="json")
    switched_off = client.patch(one, {"enabled": False}, format="json").json()
    refused = client.post(f"{one}test/", format="json")

    assert made.status_code == 201
    assert made.json()["secret"] != rotated["secret"]
    assert rotated["secret"].startswith("whsec_")
    assert "secret" not in client.get(one).json()
    assert detail["event_type"] == "webhook.test"
    assert detail["event_id"] == delivery["event_id"]
    assert '"type":"webhook.test"' in detail["body"]
    assert again.status_code == 202
    assert (switched_off["enabled"], switched_off["disabled_by"]) == (False, "customer")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:rolebridge:problem:webhook-endpoint-disabled")
    assert client.get(base).json()["results"][0]["id"] == made.json()["id"]
    assert client.delete(one).status_code == 204
    assert client.get(one).status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"url": "https://a b.example.com/"}, "#/url"),
        ({"url": "https://169.254.169.254/"}, "#/url"),
        ({"event_types": ["unknown"]}, "#/event_types/0"),
        ({"event_types": []}, "#/event_types"),
        ({"secret": "mine"}, "#/secret"),
    ],
)
def test_a_program_is_told_which_field_is_wrong(cast, api, body, pointer) -> None:
    answer = api(cast.admin, cast.tenant).post("/api/v1/webhook-endpoints/", GOOD | body, format="json")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"].startswith(pointer)
