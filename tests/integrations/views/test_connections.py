"""Pages of connections."""

import re
from uuid import uuid4

import pytest
import yaml
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from integrations.actions.connections import create_connection
from integrations.actions.offboarding import request_removal
from integrations.models import Connection, CustomerRole
from tenants.audit import SYSTEM
from tenants.models import AuditEvent
from tenants.scope import tenant_scope


def connections_of(tenant) -> list[Connection]:
    with tenant_scope(tenant.pk):
        return list(Connection.objects.for_tenant(tenant.pk).prefetch_related("roles"))


def components_of(connection) -> set[str]:
    with tenant_scope(connection.tenant_id):
        return set(CustomerRole.objects.filter(connection=connection).values_list("component", flat=True))


class TestList:
    def test_shows_name_account_and_status(self, cast, sign_in, connection) -> None:
        page = sign_in(cast.viewer).get(f"/tenants/{cast.tenant.pk}/connections/").content.decode()

        assert "Production" in page
        assert "2222-3333-4444" in page
        assert "Awaiting" in page

    def test_without_connections_it_says_what_to_do(self, cast, sign_in) -> None:
        page = sign_in(cast.owner).get(f"/tenants/{cast.tenant.pk}/connections/").content.decode()

        assert "No AWS account is connected yet" in page
        assert "Add a connection" in page

    def test_offers_a_viewer_nothing_that_would_be_refused(self, cast, sign_in, connection) -> None:
        page = sign_in(cast.viewer).get(f"/tenants/{cast.tenant.pk}/connections/").content.decode()

        assert "Add a connection" not in page
        assert "API tokens" not in page

    def test_takes_as_many_queries_for_fifty_connections_as_for_one(self, cast, sign_in, connection) -> None:
        client = sign_in(cast.owner)
        address = f"/tenants/{cast.tenant.pk}/connections/"
        with CaptureQueriesContext(database) as one:
            client.get(address)
        with tenant_scope(cast.tenant.pk):
            for number in range(49):
                create_connection(tenant=cast.tenant, name=f"Account {number}", by=SYSTEM)

        with CaptureQueriesContext(database) as fifty:
            page = client.get(address)

        assert page.content.decode().count("connection-row__facts") == 50
        assert len(fifty) == len(one)
        assert len(fifty) <= 12


class TestNew:
    def test_makes_a_connection_and_shows_it(self, cast, sign_in) -> None:
        answer = sign_in(cast.admin).post(
            f"/tenants/{cast.tenant.pk}/connections/new/", {"name": "Staging", "account_id": "3333-4444-5555"}
        )

        (made,) = connections_of(cast.tenant)
        assert (made.name, made.account_id) == ("Staging", "333344445555")
        assert len(made.roles.all()) == 3
        assert answer["Location"] == f"/tenants/{cast.tenant.pk}/connections/{made.pk}/"

    def test_needs_no_account_yet(self, cast, sign_in) -> None:
        sign_in(cast.owner).post(f"/tenants/{cast.tenant.pk}/connections/new/", {"name": "Staging", "account_id": ""})

        assert connections_of(cast.tenant)[0].account_id == ""

    @pytest.mark.parametrize(
        ("account_id", "says"),
        [
            ("12345", "An AWS account ID has 12 digits"),
            ("1234567890123", "An AWS account ID has 12 digits"),
            ("<b>twelve</b>", "An AWS account ID has 12 digits"),
            ("111111111111", "own AWS account"),
            ("000000000000", "is not an account"),
        ],
    )
    def test_keeps_what_was_typed_and_says_what_is_wrong(self, cast, sign_in, account_id, says) -> None:
        answer = sign_in(cast.owner).post(
            f"/tenants/{cast.tenant.pk}/connections/new/", {"name": "Staging", "account_id": account_id}
        )

        page = answer.content.decode()
        assert answer.status_code == 422
        assert says in page
        assert 'value="Staging"' in page
        assert 'aria-describedby="id_account_id_helptext id_account_id_error"' in page
        assert 'aria-invalid="true"' in page
        assert 'id="error-summary"' in page
        assert "<b>twelve" not in page
        assert connections_of(cast.tenant) == []

    def test_without_a_name_nothing_is_made(self, cast, sign_in) -> None:
        answer = sign_in(cast.owner).post(
            f"/tenants/{cast.tenant.pk}/connections/new/", {"name": " ", "account_id": "222233334444"}
        )

        assert answer.status_code == 422
        assert "Give the connection a name." in answer.content.decode()
        assert 'value="222233334444"' in answer.content.decode()

    def test_refuses_a_viewer_in_words(self, cast, sign_in) -> None:
        answer = sign_in(cast.viewer).get(f"/tenants/{cast.tenant.pk}/connections/new/")

        assert answer.status_code == 403
        assert "Your role in this organisation does not allow this" in answer.content.decode()


class TestPage:
    def test_shows_the_external_id_and_the_role_it_opens_to(self, cast, sign_in, connection, url) -> None:
        page = sign_in(cast.viewer).get(url).content.decode()

        assert connection.external_id in page
        assert "arn:aws:iam::111111111111:role/rolebridge/integration" in page

    def test_says_of_each_permission_why_it_is_needed(self, cast, sign_in, url) -> None:
        page = sign_in(cast.viewer).get(url).content.decode()

        assert "ec2:DescribeInstances" in page
        assert "so that idle and oversized ones can be found" in page

    def test_has_no_field_for_the_external_id_or_a_key(self, cast, sign_in, url) -> None:
        """F1 and F19: what there is no field for cannot be typed."""
        page = sign_in(cast.owner).get(url).content.decode()

        assert set(_field_names(page)) == {"csrfmiddlewaretoken", "components", "account_id"}

    def test_gives_a_viewer_no_form_but_the_one_to_sign_out(self, cast, sign_in, url) -> None:
        page = sign_in(cast.viewer).get(url).content.decode()

        assert page.count("<form") == 1

    def test_stays_within_its_budget_of_queries(self, cast, sign_in, connection, url) -> None:
        client = sign_in(cast.owner)

        with CaptureQueriesContext(database) as queries:
            client.get(url)

        assert len(queries) <= 16

    @pytest.mark.parametrize("who", ["stranger", "staff"])
    def test_is_not_there_for_others(self, cast, sign_in, url, who) -> None:
        assert sign_in(getattr(cast, who)).get(url).status_code == 404

    def test_is_not_there_under_another_tenant(self, cast, sign_in, connection) -> None:
        address = f"/tenants/{cast.other_tenant.pk}/connections/{connection.pk}/"

        assert sign_in(cast.stranger).get(address).status_code == 404

    def test_an_unknown_connection_is_404(self, cast, sign_in) -> None:
        answer = sign_in(cast.owner).get(f"/tenants/{cast.tenant.pk}/connections/{uuid4()}/")

        assert answer.status_code == 404
        assert "There is nothing here" in answer.content.decode()

    def test_asks_a_visitor_to_sign_in_first(self, client, db, url) -> None:
        assert client.get(url)["Location"] == f"/accounts/login/?next={url}"


class TestComponents:
    def test_are_chosen(self, cast, sign_in, connection, url) -> None:
        sign_in(cast.admin).post(f"{url}components/", {"components": ["log-analysis"]})

        assert components_of(connection) == {"log-analysis"}

    @pytest.mark.parametrize(
        ("chosen", "says"),
        [([], "Choose at least one component."), (["log-analysis", "mind-reading"], "There is no component")],
    )
    def test_a_wrong_choice_changes_nothing(self, cast, sign_in, connection, url, chosen, says) -> None:
        answer = sign_in(cast.owner).post(f"{url}components/", {"components": chosen})

        page = answer.content.decode()
        assert answer.status_code == 422
        assert says in page
        assert components_of(connection) == {"compute-analysis", "storage-analysis", "log-analysis"}
        assert page.count("checked") == len([one for one in chosen if one == "log-analysis"])

    def test_a_viewer_cannot_choose(self, cast, sign_in, connection, url) -> None:
        answer = sign_in(cast.viewer).post(f"{url}components/", {"components": ["log-analysis"]})

        assert answer.status_code == 403
        assert len(components_of(connection)) == 3

    def test_a_stranger_finds_nothing(self, cast, sign_in, connection, url) -> None:
        assert sign_in(cast.stranger).post(f"{url}components/", {"components": []}).status_code == 404

    def test_whoever_comes_by_get_is_led_to_the_page(self, cast, sign_in, url) -> None:
        assert sign_in(cast.owner).get(f"{url}components/")["Location"] == url


class TestAccount:
    def test_is_saved_as_twelve_digits_and_the_components_stay(self, cast, sign_in, connection, url) -> None:
        client = sign_in(cast.owner)
        client.post(f"{url}components/", {"components": ["log-analysis"]})

        client.post(f"{url}account/", {"account_id": " 9999-8888-7777 "})

        (found,) = connections_of(cast.tenant)
        assert found.account_id == "999988887777"
        assert components_of(connection) == {"log-analysis"}

    @pytest.mark.parametrize(("account_id", "says"), [("12", "12 digits"), ("111111111111", "own AWS account")])
    def test_a_wrong_one_is_kept_in_the_form_and_nowhere_else(
        self, cast, sign_in, connection, url, account_id, says
    ) -> None:
        answer = sign_in(cast.owner).post(f"{url}account/", {"account_id": account_id})

        assert answer.status_code == 422
        assert says in answer.content.decode()
        assert f'value="{account_id}"' in answer.content.decode()
        assert connections_of(cast.tenant)[0].account_id == "222233334444"

    def test_cannot_change_once_it_let_us_in(self, cast, sign_in, connection, url) -> None:
        with tenant_scope(cast.tenant.pk):
            connection.roles.update(worked_at=connection.created_at)

        answer = sign_in(cast.owner).post(f"{url}account/", {"account_id": "999988887777"})

        assert answer.status_code == 422
        assert "so its account cannot change. Remove it, and add a new one" in answer.content.decode()
        assert connections_of(cast.tenant)[0].account_id == "222233334444"

    @pytest.mark.parametrize(
        ("address", "data"),
        [("account/", {"account_id": "999988887777"}), ("components/", {"components": ["log-analysis"]})],
    )
    def test_of_a_removed_connection_nothing_changes(self, cast, sign_in, connection, url, address, data) -> None:
        with tenant_scope(cast.tenant.pk):
            request_removal(connection=connection, by=SYSTEM)

        answer = sign_in(cast.owner).post(f"{url}{address}", data)

        assert answer.status_code == 422
        assert "does not change any more. Add a new connection." in answer.content.decode()
        assert connections_of(cast.tenant)[0].account_id == "222233334444"
        assert len(components_of(connection)) == 3


class TestRoleTemplate:
    def test_is_a_file_with_one_role_for_each_component(self, cast, sign_in, connection, url) -> None:
        answer = sign_in(cast.viewer).get(f"{url}role-templates/cloudformation/")

        assert answer["Content-Disposition"] == f'attachment; filename="rolebridge-{connection.reference}.yaml"'
        template = yaml.safe_load(answer.content)
        roles = [one for one in template["Resources"].values() if one["Type"] == "AWS::IAM::Role"]
        assert len(roles) == 3
        assert answer.content.decode().count(connection.external_id) == 3

    def test_waits_for_the_account(self, cast, sign_in) -> None:
        with tenant_scope(cast.tenant.pk):
            connection = create_connection(tenant=cast.tenant, name="Later", by=SYSTEM)
        url = f"/tenants/{cast.tenant.pk}/connections/{connection.pk}/"

        answer = sign_in(cast.owner).get(f"{url}role-templates/cloudformation/", follow=True)

        assert answer.redirect_chain == [(url, 302)]
        assert "Give the 12-digit id of your AWS account first" in answer.content.decode()

    def test_is_not_given_to_a_stranger(self, cast, sign_in, url) -> None:
        assert sign_in(cast.stranger).get(f"{url}role-templates/cloudformation/").status_code == 404


class TestSandboxStack:
    def test_is_created_updated_and_deleted_with_a_press(self, cast, sign_in, connection, url, sandbox_address) -> None:
        client = sign_in(cast.owner)

        created = client.post(f"{url}sandbox-stack/", follow=True).content.decode()
        updated = client.post(f"{url}sandbox-stack/", follow=True).content.decode()
        deleted = client.post(f"{url}sandbox-stack/delete/", follow=True).content.decode()

        assert "The stack is in place in sandbox account 222233334444." in created
        assert "Update the stack in sandbox account 2222-3333-4444" in updated
        assert "Create the stack in sandbox account 2222-3333-4444" in deleted
        with tenant_scope(cast.tenant.pk):
            actions = list(AuditEvent.objects.order_by("at").values_list("action", flat=True))
        assert actions[-3:] == [
            "page:sandbox_stack:deployed",
            "page:sandbox_stack:deployed",
            "page:sandbox_stack:deleted",
        ]

    def test_says_so_if_the_sandbox_is_away(self, cast, sign_in, connection, url, settings) -> None:
        settings.AWS_ENDPOINT_URL = "http://127.0.0.1:9"

        page = sign_in(cast.owner).post(f"{url}sandbox-stack/", follow=True).content.decode()

        assert "The sandbox refused" in page

    @pytest.mark.parametrize("address", ["sandbox-stack/", "sandbox-stack/delete/"])
    def test_does_not_exist_where_aws_is_real(self, cast, sign_in, url, settings, address) -> None:
        settings.AWS_ENDPOINT_URL = ""
        client = sign_in(cast.owner)

        assert client.post(f"{url}{address}").status_code == 404
        assert "sandbox" not in client.get(url).content.decode().lower()

    def test_never_reaches_beyond_this_machine(self, cast, sign_in, url, settings) -> None:
        settings.AWS_ENDPOINT_URL = "https://cloudformation.us-east-1.amazonaws.com"

        page = sign_in(cast.owner).post(f"{url}sandbox-stack/", follow=True).content.decode()

        assert "in the sandbox only" in page

    def test_is_not_for_strangers_and_viewers(self, cast, sign_in, url) -> None:
        assert sign_in(cast.stranger).post(f"{url}sandbox-stack/").status_code == 404
        assert sign_in(cast.viewer).post(f"{url}sandbox-stack/").status_code == 403


def _field_names(page: str) -> list[str]:
    return re.findall(r'<(?:input|textarea|select)[^>]*\bname="([^"]+)"', page)


class TestQuota:
    def test_no_more_connections_are_made_than_an_organisation_may_have(self, cast, sign_in, api, settings) -> None:
        settings.MOST_CONNECTIONS_PER_TENANT = 1
        client, program = sign_in(cast.owner), api(cast.owner, cast.tenant)
        address = f"/tenants/{cast.tenant.pk}/connections/new/"
        client.post(address, {"name": "First"})

        page = client.post(address, {"name": "Second"})
        answer = program.post("/api/v1/connections/", {"name": "Third"}, format="json")

        assert page.status_code == 422
        assert "as many as it may have" in page.content.decode()
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:rolebridge:problem:too-many-connections")
        assert [one.name for one in connections_of(cast.tenant)] == ["First"]

    def test_a_removed_connection_makes_room(self, cast, sign_in, settings) -> None:
        settings.MOST_CONNECTIONS_PER_TENANT = 1
        client = sign_in(cast.owner)
        address = f"/tenants/{cast.tenant.pk}/connections/new/"
        client.post(address, {"name": "First"})
        (first,) = connections_of(cast.tenant)
        client.post(f"/tenants/{cast.tenant.pk}/connections/{first.pk}/remove/")

        client.post(address, {"name": "Second"})

        assert {one.name for one in connections_of(cast.tenant)} == {"First", "Second"}
