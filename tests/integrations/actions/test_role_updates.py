"""What a newer version asks of a role is told on the page and through the API, and offered in the customer's format."""

import pytest

from integrations import catalogue_file
from integrations.actions.catalogue_releases import release_catalogue
from integrations.actions.connections import create_connection
from integrations.actions.role_templates import download_role_template
from integrations.models import Connection
from integrations.role_templates.formats import Format
from portal.local.services import ROOT
from tenants.audit import SYSTEM
from tenants.scope import tenant_scope
from tests.catalogues import ADDED, NEWER, OLDER, with_newer_log_analysis


@pytest.fixture
def use(settings, tmp_path):
    """Start anew with a catalogue, as a restarted process does."""

    def restart(text: str) -> None:
        path = tmp_path / f"catalogue-{len(list(tmp_path.iterdir()))}.yaml"
        path.write_text(text)
        settings.CATALOGUE_FILE = path
        release_catalogue(by=SYSTEM)

    yield restart
    for path in list(catalogue_file._files):
        if path.is_relative_to(tmp_path):
            del catalogue_file._files[path]


@pytest.fixture
def connection(cast, use) -> Connection:
    """A connection whose roles were made before the newer version came."""
    use((ROOT / "catalogue.yaml").read_text())
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Production", account_id="222233334444", by=SYSTEM)
        connection.roles.update(deployed_version=OLDER)
    use(with_newer_log_analysis())
    return connection


def test_the_page_says_what_it_adds_and_offers_the_format_that_was_taken_last(cast, sign_in, connection) -> None:
    with tenant_scope(cast.tenant.pk):
        download_role_template(connection=connection, chosen=Format.TERRAFORM_ZIP, by=SYSTEM)
    address = f"/tenants/{cast.tenant.pk}/connections/{connection.pk}/"

    page = sign_in(cast.viewer).get(address).content.decode()

    assert (
        f"Your role for Log analysis is at {OLDER}; {NEWER} adds 2 list actions for Things that nobody looks at."
        in page
    )
    assert page.count("Your role for ") == 1, "the other components have no newer version"
    assert f'href="{address}role-templates/terraform-zip/"' in page
    assert "Download the update (Terraform as a zip)" in page
    assert f"{address}?format=terraform#template" in page


def test_the_api_says_the_same_as_values(cast, api, connection) -> None:
    client, address = api(cast.viewer, cast.tenant), f"/api/v1/connections/{connection.pk}/"

    [update] = client.get(f"{address}role-updates/").json()
    versions = {role["component"]: role["deployed_version"] for role in client.get(address).json()["customer_roles"]}

    assert (update["component"], update["deployed_version"], update["current_version"]) == (
        "log-analysis",
        OLDER,
        NEWER,
    )
    assert update["summary"] == "adds 2 list actions for Things that nobody looks at"
    assert [(one["action"], one["access_level"]) for one in update["added"]] == [(action, "List") for action in ADDED]
    assert (update["removed"], update["narrowed"], update["widened"], update["is_major"]) == ([], [], [], False)
    assert (update["template_format"], update["template"]) == (
        "cloudformation",
        f"{address}role-templates/cloudformation/",
    )
    assert versions["log-analysis"] == OLDER


@pytest.mark.parametrize("version", ["", NEWER, "99.0.0"])
def test_a_role_that_is_not_known_to_be_older_is_offered_nothing(cast, api, connection, version) -> None:
    with tenant_scope(cast.tenant.pk):
        connection.roles.update(deployed_version=version)

    assert api(cast.viewer, cast.tenant).get(f"/api/v1/connections/{connection.pk}/role-updates/").json() == []
