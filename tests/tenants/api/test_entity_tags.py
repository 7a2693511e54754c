"""Nobody changes what they have not seen: `ETag` and `If-Match`."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections as databases

from integrations.actions.connections import create_connection
from integrations.actions.hand_off_links import create_hand_off_link
from integrations.models import Connection
from tenants.actions.invitations import invite
from tenants.actions.settings import add_notification_address
from tenants.actions.tokens import create_token
from tenants.audit import SYSTEM
from tenants.models import Member
from tenants.permissions import Role
from tenants.scope import tenant_scope


@pytest.fixture
def client(api, cast):
    client = api(cast.owner, cast.tenant)
    client._credentials.pop("HTTP_IF_MATCH")
    return client


@pytest.fixture
def urls(cast) -> dict[str, str]:
    """The address of one of each thing that can be changed, by its name."""
    with tenant_scope(cast.tenant.pk):
        owner = Member.objects.get(user=cast.owner)
        connection = create_connection(tenant=cast.tenant, name="Production", by=SYSTEM)
        link, _ = create_hand_off_link(connection=connection, by=SYSTEM)
        invitation = invite(tenant=cast.tenant, email="new@example.com", role=Role.VIEWER, acting=owner, by=SYSTEM)
        address = add_notification_address(tenant=cast.tenant, email="soc@example.com", by=SYSTEM)
        token, _ = create_token(tenant=cast.tenant, name="Other", user=cast.owner, by=SYSTEM)
    return {
        "connection": f"/api/v1/connections/{connection.pk}/",
        "role_options": f"/api/v1/connections/{connection.pk}/role-options/",
        "hand_off_link": f"/api/v1/connections/{connection.pk}/hand-off-links/{link.pk}/",
        "tenant": "/api/v1/tenant/",
        "member": f"/api/v1/members/{cast.viewer.pk}/",
        "invitation": f"/api/v1/invitations/{invitation.pk}/",
        "notification_address": f"/api/v1/notification-addresses/{address.pk}/",
        "token": f"/api/v1/api-tokens/{token.pk}/",
    }


CHANGES = [
    ("connection", "patch", {"name": "Changed"}),
    ("connection", "delete", None),
    ("role_options", "patch", {"path": "/partners/"}),
    ("hand_off_link", "delete", None),
    ("tenant", "patch", {"name": "Changed"}),
    ("member", "patch", {"role": "admin"}),
    ("member", "delete", None),
    ("invitation", "delete", None),
    ("notification_address", "delete", None),
    ("token", "delete", None),
]


@pytest.mark.parametrize(
    ("thing", "method", "data"), CHANGES, ids=[f"{method} {thing}" for thing, method, _ in CHANGES]
)
def test_a_change_says_what_it_saw(client, urls, thing, method, data) -> None:
    def change(**headers):
        return getattr(client, method)(urls[thing], data, format="json", **headers)

    seen = client.get(urls[thing])["ETag"]
    silent = change()
    outdated = change(HTTP_IF_MATCH='"of something else"')
    weak = change(HTTP_IF_MATCH=f"W/{seen}")
    unchanged = client.get(urls[thing])["ETag"]
    fitting = change(HTTP_IF_MATCH=f'"of something else", {seen}')

    assert (silent.status_code, silent.json()["type"]) == (428, "urn:rolebridge:problem:precondition-required")
    for answer in (outdated, weak):
        assert (answer.status_code, answer.json()["type"]) == (412, "urn:rolebridge:problem:changed-meanwhile")
    assert unchanged == seen
    assert fitting.status_code in {200, 202, 204}
    if method == "patch":
        assert fitting["ETag"] == client.get(urls[thing])["ETag"] != seen


def test_a_star_changes_whatever_is_there(client, urls) -> None:
    answer = client.patch(urls["connection"], {"name": "Changed"}, format="json", HTTP_IF_MATCH="*")

    assert answer.status_code == 200


def test_of_two_that_saw_the_same_one_changes_it(client, cast, urls) -> None:
    seen = client.get(urls["connection"])["ETag"]

    def change(number: int) -> int:
        try:
            data = {"name": f"Changed {number}"}
            return client.patch(urls["connection"], data, format="json", HTTP_IF_MATCH=seen).status_code
        finally:
            databases.close_all()

    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(change, range(4)))

    assert statuses == [200, 412, 412, 412]
    with tenant_scope(cast.tenant.pk):
        assert Connection.objects.get().name.startswith("Changed")


def test_the_new_tag_of_an_answer_is_good_for_the_next_change(client, urls) -> None:
    tag = client.get(urls["tenant"])["ETag"]
    for name in ("First", "Second"):
        changed = client.patch(urls["tenant"], {"name": name}, format="json", HTTP_IF_MATCH=tag)
        assert changed.status_code == 200
        tag = changed["ETag"]

    assert client.get(urls["tenant"]).json()["name"] == "Second"
