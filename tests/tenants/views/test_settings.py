"""The settings of a tenant."""

import re

import pytest
from django.core import mail
from django.test import Client

from tenants.actions import settings as actions
from tenants.models import AuditEvent, NotificationAddress, Tenant
from tenants.notifications import tell
from tenants.scope import tenant_scope


@pytest.fixture
def url(cast) -> str:
    return f"/tenants/{cast.tenant.pk}/settings/"


def tenant(cast) -> Tenant:
    with tenant_scope(cast.tenant.pk):
        return Tenant.objects.get(pk=cast.tenant.pk)


def link() -> str:
    return re.search(r"/notification-addresses/[\w-]+/", str(mail.outbox[-1].body))[0]


def test_name_and_second_factor_are_changed_and_the_audit_says_what(cast, sign_in, url) -> None:
    answer = sign_in(cast.admin).post(
        url, {"name": "  Blue   Harbour Ltd ", "require_second_factor": "on", "daily_digest": "on"}
    )

    assert answer.status_code == 302
    assert (tenant(cast).name, tenant(cast).require_second_factor) == ("Blue Harbour Ltd", True)
    with tenant_scope(cast.tenant.pk):
        event = AuditEvent.objects.latest("pk")
    assert event.data == {"name": "Blue Harbour Ltd", "require_second_factor": True, "daily_digest": True}


def test_a_name_that_is_none_changes_nothing(cast, sign_in, url) -> None:
    answer = sign_in(cast.owner).post(url, {"name": "\u200b"})

    assert answer.status_code == 422
    assert tenant(cast).name == "Blue Harbour"


def test_an_address_is_told_nothing_before_it_is_confirmed(cast, sign_in, url) -> None:
    sign_in(cast.admin).post(f"{url}notification-addresses/", {"email": "SOC@example.com"})
    confirm = link()

    def told() -> set[str]:
        mail.outbox.clear()
        with tenant_scope(cast.tenant.pk):
            tell(tenant(cast), "deletion_cancelled", who="somebody")
        return {message.to[0] for message in mail.outbox}

    before = told()
    opened = Client().get(confirm)
    between = told()
    confirmed = Client().post(confirm)

    assert before == between == {cast.owner.email}
    assert "Shall soc@example.com be told" in opened.content.decode()
    assert "The address is confirmed" in confirmed.content.decode()
    assert told() == {cast.owner.email, "soc@example.com"}


def test_an_address_that_was_removed_cannot_be_confirmed(cast, sign_in, url) -> None:
    client = sign_in(cast.owner)
    client.post(f"{url}notification-addresses/", {"email": "soc@example.com"})
    with tenant_scope(cast.tenant.pk):
        address = NotificationAddress.objects.get()

    client.post(f"{url}notification-addresses/{address.pk}/remove/")

    assert Client().post(link()).status_code == 404


def test_addresses_and_mails_have_a_limit(cast, sign_in, url, monkeypatch) -> None:
    monkeypatch.setattr(actions, "MOST_ADDRESSES", 2)
    client = sign_in(cast.owner)

    answers = [client.post(f"{url}notification-addresses/", {"email": f"a{n}@example.com"}) for n in range(3)]

    assert [answer.status_code for answer in answers] == [302, 302, 422]
    assert "2 addresses are the most" in answers[-1].content.decode()
    assert len(mail.outbox) == 2


def test_deletion_asks_for_the_name_and_can_be_called_off(cast, sign_in, url) -> None:
    client = sign_in(cast.owner)

    wrong = client.post(f"{url}delete/", {"typed_name": "Red Mill"})
    before = tenant(cast).deletion_due_at
    client.post(f"{url}delete/", {"typed_name": "Blue Harbour"})
    asked = client.get(url).content.decode()
    client.post(f"{url}delete/cancel/")

    assert (wrong.status_code, before) == (422, None)
    assert "This organisation is going to be deleted" in asked
    assert tenant(cast).deletion_due_at is None


def test_what_is_an_owners_an_admin_may_not(cast, sign_in, url) -> None:
    admin = sign_in(cast.admin)

    for path in ("delete/", "delete/cancel/", "export/"):
        assert admin.post(f"{url}{path}", {"typed_name": "Blue Harbour"}).status_code == 403
    shown = admin.get(url).content.decode()
    assert "Delete the organisation" not in shown
    assert "Export the data" not in shown
