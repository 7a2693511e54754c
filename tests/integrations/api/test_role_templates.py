"""Role templates through the API."""

from uuid import uuid4

import pytest
import yaml

from integrations.actions.connections import create_connection
from tenants.audit import SYSTEM
from tenants.scope import tenant_scope


def url(connection_id) -> str:
    return f"/api/v1/connections/{connection_id}/role-templates/cloudformation/"


@pytest.fixture
def connection(cast):
    with tenant_scope(cast.tenant.pk):
        return create_connection(tenant=cast.tenant, name="Production", account_id="123456789012", by=SYSTEM)


def test_the_template_is_a_file_that_makes_each_customer_role(api, cast, connection) -> None:
    client = api(cast.viewer, cast.tenant)

    answer = client.get(url(connection.pk))

    assert answer.status_code == 200
    assert answer["Content-Type"].partition(";")[0] == "application/yaml"
    assert answer["Content-Disposition"] == f'attachment; filename="rolebridge-{connection.reference}.yaml"'
    template = yaml.safe_load(answer.content)
    roles = [r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::IAM::Role"]
    shown = client.get(f"/api/v1/connections/{connection.pk}/").json()
    assert [role["RoleName"] for role in roles] == [role["name"] for role in shown["customer_roles"]]
    for role in roles:
        assert connection.external_id in str(role["AssumeRolePolicyDocument"])


@pytest.mark.parametrize(
    ("account_id", "components", "says"),
    [("", None, "12-digit id"), ("123456789012", [], "at least one component")],
)
def test_a_connection_that_lacks_something_has_no_template_yet(api, cast, account_id, components, says) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(
            tenant=cast.tenant, name="New", account_id=account_id, components=components, by=SYSTEM
        )

    answer = api(cast.owner, cast.tenant).get(url(connection.pk))

    assert answer.status_code == 409
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:rolebridge:problem:not-ready"
    assert says in answer.json()["detail"]


def test_another_tenants_template_is_unknown(api, cast, connection) -> None:
    stranger = api(cast.stranger, cast.other_tenant)

    answers = [stranger.get(url(id_)) for id_ in (connection.pk, uuid4())]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json() == answers[1].json()
