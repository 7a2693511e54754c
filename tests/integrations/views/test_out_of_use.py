"""Pages on which a connection is paused, resumed and removed."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from integrations.actions.connections import create_connection
from integrations.actions.offboarding import request_removal
from integrations.actions.pausing import pause
from integrations.models import Connection, CustomerRole, Finding, Verification
from tenants.audit import SYSTEM
from tenants.models import AuditEvent
from tenants.scope import tenant_scope
from tests.brokers import AWAY, use_broker

pytestmark = pytest.mark.usefixtures("no_worker_takes_them")


def statuses(connection) -> dict[str, str]:
    with tenant_scope(connection.tenant_id):
        return dict(CustomerRole.objects.filter(connection=connection).values_list("component", "status"))


def removed(connection) -> None:
    """As it is once AWS has refused us in each role."""
    with tenant_scope(connection.tenant_id):
        request_removal(connection=connection, by=SYSTEM)
        connection.verifications.update(state="completed")
        later = timezone.now() + timedelta(minutes=1)
        connection.roles.update(status="removed", removed_at=later)
        Connection.objects.filter(pk=connection.pk).update(removed_at=later, next_verification_at=None)


class TestPause:
    def test_the_whole_connection_is_paused_and_resumed(self, cast, sign_in, connection, url) -> None:
        client = sign_in(cast.admin)

        paused = client.post(f"{url}pause/", follow=True).content.decode()
        assert set(statuses(connection).values()) == {"paused"}
        resumed = client.post(f"{url}resume/", follow=True).content.decode()

        assert "3 roles are paused." in paused
        assert "Paused. We open no session." in paused
        assert "Verify" not in re.findall(r"<button[^>]*>(.*?)</button>", paused, re.DOTALL)
        assert f'action="{url}verify/"' not in paused, "it would be refused"
        assert "3 roles are resumed and are verified now." in resumed
        assert "is queued and starts in a moment" in resumed
        assert set(statuses(connection).values()) == {"awaiting"}
        with tenant_scope(cast.tenant.pk):
            actors = AuditEvent.objects.filter(action__startswith="page:connection:").values_list(
                "actor_name", flat=True
            )
            assert list(actors) == ["admin@example.com"] * 2

    def test_a_verification_that_a_pause_has_stopped_is_nobodys_fault(self, cast, sign_in, connection, url) -> None:
        with tenant_scope(cast.tenant.pk):
            Verification.objects.create(
                tenant=cast.tenant, connection=connection, state="failed", failure="out_of_use", requested_by="Test"
            )
            pause(connection=connection, components=["log-analysis"], by=SYSTEM)
        client = sign_in(cast.owner)

        partly = client.get(url).content.decode()
        client.post(f"{url}pause/")
        wholly = client.get(url).content.decode()

        assert "The verification was stopped, since you took a role out of use." in partly
        assert "Paused. We open no session." in wholly
        assert "our fault" not in partly + wholly

    def test_one_component_is_paused_alone(self, cast, sign_in, connection, url) -> None:
        client = sign_in(cast.owner)

        page = client.post(f"{url}pause/", {"components": "log-analysis"}, follow=True).content.decode()

        assert statuses(connection) == {
            "compute-analysis": "awaiting",
            "log-analysis": "paused",
            "storage-analysis": "awaiting",
        }
        assert "1 role is paused." in page
        assert re.search(r'value="log-analysis">\s*Resume', page)
        assert re.search(r'value="compute-analysis">\s*Pause', page)
        assert f'action="{url}verify/"' in page

    @pytest.mark.parametrize("address", ["pause/", "resume/"])
    @pytest.mark.parametrize("component", ["mind-reading", "<script>"])
    def test_an_unknown_component_changes_nothing(self, cast, sign_in, connection, url, address, component) -> None:
        answer = sign_in(cast.owner).post(f"{url}{address}", {"components": ["log-analysis", component]}, follow=True)

        assert "This connection has no component" in answer.content.decode()
        assert "<script>'" not in answer.content.decode()
        assert set(statuses(connection).values()) == {"awaiting"}

    def test_what_is_paused_already_is_said_to_be_so(self, cast, sign_in, url) -> None:
        client = sign_in(cast.owner)
        client.post(f"{url}pause/")

        assert "There was nothing left to pause." in client.post(f"{url}pause/", follow=True).content.decode()
        client.post(f"{url}resume/")
        assert "Nothing was paused any more." in client.post(f"{url}resume/", follow=True).content.decode()

    def test_shows_the_policy_that_ends_open_sessions(self, cast, sign_in, connection, url) -> None:
        page = sign_in(cast.owner).get(url).content.decode()

        assert "ends by itself within the hour" in page
        policy = page.split('<pre id="revoke-policy"')[1].split("</pre>")[0]
        assert "aws:TokenIssueTime" in policy
        assert f"{timezone.now():%Y-%m-%dT%H:}" in policy

    def test_with_the_queue_away_what_was_resumed_stays_so_and_the_page_says_it(
        self, cast, sign_in, connection, url, monkeypatch
    ) -> None:
        client = sign_in(cast.owner)
        client.post(f"{url}pause/")

        with monkeypatch.context() as patch:
            use_broker(patch, AWAY)
            page = client.post(f"{url}resume/", follow=True).content.decode()

        assert set(statuses(connection).values()) == {"awaiting"}
        assert "The verification could not be started: the queue is unavailable." in page

    @pytest.mark.parametrize("address", ["pause/", "resume/", "remove/"])
    def test_is_not_for_viewers_strangers_and_other_tenants(self, cast, sign_in, connection, url, address) -> None:
        elsewhere = f"/tenants/{cast.other_tenant.pk}/connections/{connection.pk}/{address}"

        assert sign_in(cast.viewer).post(f"{url}{address}").status_code == 403
        assert sign_in(cast.stranger).post(f"{url}{address}").status_code == 404
        assert sign_in(cast.stranger).post(elsewhere).status_code == 404
        assert set(statuses(connection).values()) == {"awaiting"}

    def test_a_viewer_sees_how_it_is_and_no_button(self, cast, sign_in, connection, url) -> None:
        with tenant_scope(cast.tenant.pk):
            pause(connection=connection, by=SYSTEM)

        page = sign_in(cast.viewer).get(url).content.decode()

        assert "Paused. We open no session." in page
        assert page.count("<form") == 1


class TestRemove:
    def test_says_what_happens_before_anything_does(self, cast, sign_in, connection, url) -> None:
        page = sign_in(cast.owner).get(f"{url}remove/").content.decode()

        assert "This cannot be undone." in page
        assert f"delete-stack --stack-name rolebridge-{connection.reference}" in page
        for component in ("compute", "storage", "log"):
            assert f"rolebridge-{connection.reference}-{component}-analysis" in page
        assert set(statuses(connection).values()) == {"awaiting"}

    def test_then_the_page_says_what_to_delete_and_offers_no_form_that_cannot_work(
        self, cast, sign_in, connection, url
    ) -> None:
        client = sign_in(cast.owner)

        begun = client.post(f"{url}remove/", follow=True).content.decode()
        with tenant_scope(cast.tenant.pk):
            connection.verifications.update(state="completed")
            Connection.objects.update(next_verification_at=timezone.now() + timedelta(minutes=4, seconds=30))
        page = client.get(url).content.decode()

        assert set(statuses(connection).values()) == {"removing"}
        assert "is queued and starts in a moment" in begun
        assert "We look next in 4\xa0minutes" in page
        assert f"delete-stack --stack-name rolebridge-{connection.reference}" in page
        assert set(re.findall(r'<form[^>]*action="([^"]+)"', page)) == {"/accounts/logout/", f"{url}verify/"}

    def test_what_is_still_open_is_named(self, cast, sign_in, connection, url) -> None:
        with tenant_scope(cast.tenant.pk):
            request_removal(connection=connection, by=SYSTEM)
            verification = connection.verifications.get()
            for check, outcome in (("removal.control", "passed"), ("removal.refused", "violated")):
                Finding.objects.create(
                    tenant=cast.tenant, verification=verification, component="log-analysis", check_code=check,
                    outcome=outcome, who="customer", title=f"What {check} found",
                )  # fmt: skip
            Verification.objects.update(state="completed")

        page = sign_in(cast.viewer).get(url).content.decode()

        assert page.count('class="problem"') == 1
        assert "What removal.refused found" in page.split('class="problem"')[1]
        assert "Is every permission there?" not in page

    def test_the_page_follows_the_removal_by_itself(self, cast, sign_in, connection, url) -> None:
        client = sign_in(cast.viewer)
        with tenant_scope(cast.tenant.pk):
            request_removal(connection=connection, by=SYSTEM)
        running = client.get(url, headers={"HX-Request": "true"}).content.decode()
        with tenant_scope(cast.tenant.pk):
            connection.verifications.update(state="completed")
            Connection.objects.update(next_verification_at=timezone.now())
            seen = connection.verifications.get().pk

        waiting = client.get(url).content.decode()

        assert running.lstrip().startswith('<div id="live"')
        assert 'data-live="running"' in running
        assert f'hx-get="{url}?seen={seen}"' in waiting
        assert client.get(f"{url}?seen={seen}", headers={"HX-Request": "true"}).status_code == 204

    def test_asked_for_twice_is_asked_for_once(self, cast, sign_in, connection, url) -> None:
        client = sign_in(cast.owner)
        client.post(f"{url}remove/")

        assert client.post(f"{url}remove/")["Location"] == url
        assert client.get(f"{url}remove/")["Location"] == url
        with tenant_scope(cast.tenant.pk):
            assert connection.verifications.count() == 1

    def test_a_connection_that_was_never_used_is_gone_at_once(self, cast, sign_in) -> None:
        with tenant_scope(cast.tenant.pk):
            connection = create_connection(tenant=cast.tenant, name="Mistake", by=SYSTEM)
        url = f"/tenants/{cast.tenant.pk}/connections/{connection.pk}/"
        client = sign_in(cast.owner)

        asked = client.get(f"{url}remove/").content.decode()
        page = client.post(f"{url}remove/", follow=True).content.decode()
        statement = client.get(f"{url}removal-statement/").content.decode()

        assert "it is removed at once" in asked
        assert "Removed. Access is gone." in page
        assert "never had access through it" in statement
        assert "AccessDenied" not in statement


class TestStatement:
    def test_names_everything_with_its_time(self, cast, sign_in, connection, url) -> None:
        removed(connection)
        with tenant_scope(cast.tenant.pk):
            at = Connection.objects.get(pk=connection.pk).removed_at

        page = sign_in(cast.viewer).get(f"{url}removal-statement/").content.decode()

        assert "Blue Harbour" in page
        assert "2222-3333-4444" in page
        assert connection.external_id in page
        assert page.count("arn:aws:iam::222233334444:role/rolebridge-") == 3
        assert page.count(f"{at:%H:%M:%S} UTC") == 5
        assert "entered a role in our own account" in page

    def test_waits_until_it_is_true(self, cast, sign_in, connection, url) -> None:
        client = sign_in(cast.owner)
        before = client.get(f"{url}removal-statement/")
        client.post(f"{url}remove/")

        assert before["Location"] == client.get(f"{url}removal-statement/")["Location"] == url

    def test_the_page_of_a_removed_connection_leads_to_it_and_offers_nothing_else(
        self, cast, sign_in, connection, url
    ) -> None:
        removed(connection)

        page = sign_in(cast.owner).get(url).content.decode()

        assert f'href="{url}removal-statement/"' in page
        assert page.count("<form") == 1
        assert "hx-get" not in page
        assert sign_in(cast.owner).post(f"{url}pause/", follow=True).status_code == 200

    def test_is_not_there_for_others(self, cast, sign_in, connection, url) -> None:
        removed(connection)

        assert sign_in(cast.stranger).get(f"{url}removal-statement/").status_code == 404
