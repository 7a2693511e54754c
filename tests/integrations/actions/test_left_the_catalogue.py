"""A customer role whose component has left the catalogue does no harm: the others go on without it."""

import pytest
import yaml

from integrations.actions import verification_runs, verifications
from integrations.actions.connections import create_connection
from integrations.actions.offboarding import request_removal
from integrations.actions.role_templates import cloudformation_template
from integrations.models import Connection
from tenants.audit import SYSTEM
from tenants.scope import tenant_scope

pytestmark = pytest.mark.usefixtures("no_worker_takes_them")


def with_roles_for(cast, *components: str) -> Connection:
    """A connection with a role for each of these, the first of which may be in no catalogue."""
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(
            tenant=cast.tenant, name="Production", account_id="222233334444", components=["log-analysis"], by=SYSTEM
        )
        connection.roles.update(component=components[0])
        for component in components[1:]:
            connection.roles.create(tenant=cast.tenant, component=component)
    return connection


def test_the_role_template_leaves_it_out(cast) -> None:
    connection = with_roles_for(cast, "mind-reading", "log-analysis")

    with tenant_scope(cast.tenant.pk):
        template = cloudformation_template(connection=connection)

    assert len(yaml.safe_load(template.text)["Resources"]) == 1
    assert "mind-reading" not in template.text


def test_a_role_template_of_nothing_else_says_what_to_do(cast) -> None:
    connection = with_roles_for(cast, "mind-reading")

    with tenant_scope(cast.tenant.pk), pytest.raises(verifications.NotReady, match="Choose at least one component"):
        cloudformation_template(connection=connection)


def test_a_verification_leaves_it_out(cast, sandbox_address) -> None:
    connection = with_roles_for(cast, "mind-reading", "log-analysis")

    verification = verification_runs.verify_now(connection=connection, by=SYSTEM)

    assert verification.state == "completed"
    with tenant_scope(cast.tenant.pk):
        assert set(verification.findings.values_list("component", flat=True)) == {"log-analysis"}
        assert connection.roles.get(component="mind-reading").status == "awaiting"


def test_a_verification_of_nothing_else_is_refused(cast) -> None:
    connection = with_roles_for(cast, "mind-reading")

    with tenant_scope(cast.tenant.pk), pytest.raises(verifications.NotReady, match="Choose others first"):
        verifications.request_verification(connection=connection, by=SYSTEM)


def test_what_cannot_be_tried_is_not_called_removed(cast) -> None:
    connection = with_roles_for(cast, "mind-reading")

    with tenant_scope(cast.tenant.pk):
        request_removal(connection=connection, by=SYSTEM)

        assert connection.roles.get().status == "removing"
        assert Connection.objects.get(pk=connection.pk).removed_at is None


def test_pages_and_api_show_it(cast, sign_in, api) -> None:
    connection = with_roles_for(cast, "mind-reading", "log-analysis")
    page, client = f"/tenants/{cast.tenant.pk}/connections/{connection.pk}/", sign_in(cast.owner)
    program, address = api(cast.owner, cast.tenant), f"/api/v1/connections/{connection.pk}/"

    pages = [client.get(page), client.get(f"{page}role-templates/cloudformation/"), client.post(f"{page}verify/")]
    pages += [client.get(page), client.get(f"/tenants/{cast.tenant.pk}/connections/")]
    answers = [program.get(address), program.post(f"{address}pause/"), program.post(f"{address}resume/")]
    answers += [program.get(f"{address}role-templates/cloudformation/"), program.post(f"{address}verifications/")]

    assert [answer.status_code for answer in pages] == [200, 200, 302, 200, 200]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 202]
    assert "mind-reading" in str(answers[0].json())
    # Choosing anew lets go of it.
    chosen = program.patch(address, {"components": ["log-analysis"]}, format="json").json()["customer_roles"]
    assert [role["component"] for role in chosen] == ["log-analysis"]
