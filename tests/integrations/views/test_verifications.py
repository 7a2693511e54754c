"""Pages of verifications: asked for, followed, read again."""

import html
import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.actions import messages
from integrations.actions.verifications import request_verification
from integrations.models import Connection, CustomerRole, Finding, Verification
from integrations.vendor import vendor_settings
from tenants.audit import SYSTEM
from tenants.scope import tenant_scope


@pytest.fixture
def verification(connection, broker) -> Verification:
    """A queued verification."""
    with tenant_scope(connection.tenant_id):
        return request_verification(connection=connection, by=SYSTEM)


def change(verification, **fields) -> None:
    with tenant_scope(verification.tenant_id):
        Verification.objects.filter(pk=verification.pk).update(**fields)


def find(verification, check: str, outcome: str, component: str = "log-analysis", **fields) -> None:
    with tenant_scope(verification.tenant_id):
        Finding.objects.create(
            tenant_id=verification.tenant_id,
            verification=verification,
            component=component,
            check_code=check,
            outcome=outcome,
            **({"title": "We looked"} | fields),
        )


def state_of(page: str, element_id: str) -> str:
    """The data-state of an element."""
    return page.split(f'id="{element_id}"')[1].split('data-state="')[1].split('"')[0]


def part_of(page: str, start_id: str, end_id: str) -> str:
    """From one element up to another."""
    return page.split(f'id="{start_id}"')[1].split(f'id="{end_id}"')[0]


class TestVerify:
    def test_asks_for_one_and_leads_back_to_the_page(self, cast, sign_in, connection, url) -> None:
        answer = sign_in(cast.admin).post(f"{url}verify/")

        assert answer["Location"] == f"{url}#verify"
        with tenant_scope(cast.tenant.pk):
            assert connection.verifications.get().requested_by == "admin@example.com"

    def test_pressed_twice_gives_one(self, cast, sign_in, connection, url) -> None:
        client = sign_in(cast.owner)

        client.post(f"{url}verify/")
        client.post(f"{url}verify/")

        with tenant_scope(cast.tenant.pk):
            assert connection.verifications.count() == 1

    def test_says_that_it_is_our_fault_if_the_queue_is_away(self, cast, sign_in, url, monkeypatch) -> None:
        def unavailable(*_args, **_kwargs):
            raise OSError("no broker")

        monkeypatch.setattr("integrations.actions.verifications.current_app.send_task", unavailable)

        page = sign_in(cast.owner).post(f"{url}verify/", follow=True).content.decode()

        assert "The verification could not be started: the queue is unavailable." in page
        assert "This is our fault, not yours." in page
        assert "Verify again" in page
        assert "data-live" not in page

    def test_says_what_is_missing_first(self, cast, sign_in, connection, url) -> None:
        with tenant_scope(cast.tenant.pk):
            connection.roles.all().delete()

        page = sign_in(cast.owner).post(f"{url}verify/", follow=True).content.decode()

        assert "Choose at least one component first" in page

    def test_is_not_for_viewers_and_strangers(self, cast, sign_in, url) -> None:
        assert sign_in(cast.viewer).post(f"{url}verify/").status_code == 403
        assert sign_in(cast.stranger).post(f"{url}verify/").status_code == 404

    def test_of_another_tenants_connection_is_404(self, cast, sign_in, connection) -> None:
        address = f"/tenants/{cast.other_tenant.pk}/connections/{connection.pk}/verify/"

        assert sign_in(cast.stranger).post(address).status_code == 404

    def test_whoever_comes_by_get_is_led_to_the_page(self, cast, sign_in, url) -> None:
        assert sign_in(cast.owner).get(f"{url}verify/")["Location"] == url


class TestLivePart:
    def test_asks_for_itself_while_it_runs_and_reloads_without_javascript(
        self, cast, sign_in, url, verification
    ) -> None:
        page = sign_in(cast.viewer).get(url).content.decode()

        assert f'hx-get="{url}"' in page
        assert re.search(r'<noscript>\s*<meta http-equiv="refresh"', page)
        assert "is queued and starts in a moment" in page

    def test_comes_alone_when_htmx_asks(self, cast, sign_in, url, verification) -> None:
        answer = sign_in(cast.viewer).get(url, headers={"HX-Request": "true"})

        page = answer.content.decode()
        assert "<html" not in page
        assert page.lstrip().startswith('<div id="live"')
        assert 'id="connection-status" hx-swap-oob="true"' in page.replace("\n", " ").replace("     ", "")
        assert "HX-Request" in answer["Vary"]

    def test_waits_for_aws_and_is_answered_only_once_there_is_something_new(
        self, cast, sign_in, connection, url, verification
    ) -> None:
        change(verification, state="completed")
        with tenant_scope(cast.tenant.pk):
            Connection.objects.update(asked_at=timezone.now(), next_verification_at=timezone.now())
        client = sign_in(cast.viewer)
        address = f"{url}?seen={verification.pk}"

        waiting = client.get(url).content.decode()
        nothing_new = client.get(address, headers={"HX-Request": "true"})
        with tenant_scope(cast.tenant.pk):
            request_verification(connection=connection, by=SYSTEM)
        begun = client.get(address, headers={"HX-Request": "true"})

        assert "Waiting for AWS." in waiting
        assert f'hx-get="{address}"' in waiting
        assert nothing_new.status_code == 204
        assert "is queued and starts in a moment" in begun.content.decode()

    def test_says_when_it_is_tried_again_by_itself(self, cast, sign_in, url, verification) -> None:
        change(verification, state="completed")
        with tenant_scope(cast.tenant.pk):
            Connection.objects.update(
                asked_at=timezone.now() - timedelta(minutes=10),
                next_verification_at=timezone.now() + timedelta(minutes=4, seconds=30),
            )

        assert "We also try again by ourselves, in 4\xa0minutes." in sign_in(cast.viewer).get(url).content.decode()

    def test_turns_hop_by_hop_and_row_by_row(self, cast, sign_in, url, verification) -> None:
        client = sign_in(cast.viewer)
        change(verification, state="running", lease_expires_at="2100-01-01T00:00:00Z")
        begun = client.get(url).content.decode()
        find(verification, "chain.base_to_component", "passed")
        find(verification, "chain.component_to_integration", "passed")
        entering = client.get(url).content.decode()
        find(verification, "chain.integration_to_customer", "passed")
        find(verification, "permission", "passed", action="logs:DescribeLogGroups", region="us-east-1")
        probing = client.get(url).content.decode()

        row = "log-analysis-permission-logsdescribeloggroups"
        assert state_of(begun, "log-analysis-a") == "trying"
        assert state_of(begun, "log-analysis-hop-c") == "waiting"
        assert state_of(entering, "log-analysis-hop-b") == "passed"
        assert state_of(entering, "log-analysis-hop-c") == "trying"
        assert state_of(entering, row) == "waiting"
        assert state_of(probing, "log-analysis-hop-c") == "passed"
        assert state_of(probing, row) == "passed"
        assert "4 of " in probing

    def test_holds_nothing_that_a_swap_would_close_or_unfocus(self, cast, sign_in, url, verification) -> None:
        page = sign_in(cast.owner).get(url, headers={"HX-Request": "true"}).content.decode()

        live = page.split('id="connection-status"')[0]
        assert not [tag for tag in ("<details", "<button", "<input", "<a ") if tag in live.split("<noscript>")[0]]


class TestResult:
    def test_a_refusal_points_at_the_hop_and_says_who_must_act(self, cast, sign_in, url, verification) -> None:
        find(verification, "chain.base_to_component", "passed")
        find(verification, "chain.component_to_integration", "passed")
        find(
            verification,
            "chain.integration_to_customer",
            "denied",
            who="customer_organisation",
            title="A policy of your AWS organisation keeps us out",
            fix="Ask the team.",
            detail="explicit deny in a service control policy <script>",
        )
        find(verification, "trust.control", "denied", who="customer", title="Refused as well")
        change(verification, state="completed")

        page = sign_in(cast.viewer).get(url).content.decode()

        assert state_of(page, "log-analysis-hop-c") == "denied"
        assert "the team that runs your AWS organisation" in page
        assert "Ask the team." in page
        assert "service control policy &lt;script&gt;" in page
        assert page.count('class="problem"') == 1  # that the control was refused too says nothing new

    def test_permissions_that_fail_for_one_cause_are_one_problem(self, cast, sign_in, url, verification) -> None:
        find(verification, "chain.integration_to_customer", "passed")
        for action in ("logs:DescribeLogGroups", "logs:DescribeLogStreams"):
            find(
                verification, "permission", "denied", action=action, cause="missing_permission", who="customer",
                title="The role does not have this permission", fix="Update the role.",
            )  # fmt: skip
        change(verification, state="completed")

        page = sign_in(cast.viewer).get(url).content.decode()

        assert page.count('class="problem"') == 1
        assert "logs:DescribeLogGroups</code>" in page.split('class="problem"')[1]
        assert "logs:DescribeLogStreams</code>" in page.split('class="problem"')[1]
        assert "To the administrator of AWS account" in page
        assert "The statements to add to the role&#x27;s permissions policy:" in page

    def test_a_message_has_the_trust_policy_as_the_template_writes_it(self, cast, verification, monkeypatch) -> None:
        find(
            verification, "chain.integration_to_customer", "denied", cause="role_not_assumable", who="customer",
            title="We cannot assume the role",
        )  # fmt: skip
        rooted = replace(vendor_settings(), trust_form="account-root")
        monkeypatch.setattr(messages, "vendor_settings", lambda: rooted)

        with tenant_scope(cast.tenant.pk):
            message = messages.message_of(finding=verification.findings.get(), connection=verification.connection)

        assert f'"AWS": "{rooted.account_root_arn}"' in message
        assert f'"aws:PrincipalArn": "{rooted.trusted_principal_arn("log-analysis")}"' in message

    def test_nothing_is_to_be_forwarded_where_we_must_act(self, cast, sign_in, url, verification) -> None:
        find(verification, "chain.component_to_integration", "error", cause="vendor_role_refused", who="vendor")
        change(verification, state="completed")

        page = sign_in(cast.viewer).get(url).content.decode()

        assert page.count('class="problem"') == 1
        assert "A message to forward" not in page

    def test_no_finding_is_lost_behind_another_of_the_same_check(self, cast, sign_in, url, verification) -> None:
        find(verification, "chain.integration_to_customer", "passed")
        find(verification, "least_privilege", "violated", action="iam:ListUsers", title="Too much", who="customer")
        find(verification, "least_privilege", "passed", action="kms:ListKeys", title="Denied, as it should be")
        for title in ("The role allows long sessions", "The role lost its boundary"):
            find(verification, "inspection.role", "violated", title=title, cause=title, who="customer")
        find(verification, "trust.canary_control", "passed", title="Our canary gets in where it may")
        change(verification, state="completed")

        page = sign_in(cast.viewer).get(url).content.decode()

        assert state_of(page, "log-analysis-least_privilege-iamlistusers") == "violated"
        assert state_of(page, "log-analysis-least_privilege-kmslistkeys") == "passed"
        assert page.count("The role allows long sessions</span>") == 3  # the problem, its message and its row
        assert page.count("The role lost its boundary</span>") == 3
        assert page.count('class="problem"') == 3
        assert "Our canary gets in where it may" not in page

    @pytest.mark.parametrize(
        ("status", "says"),
        [
            ("connected", "Connected. Everything works."),
            ("degraded", "Some permissions are missing."),
            ("unreachable", "We cannot get in any more."),
            ("awaiting", "AWS does not let us in yet."),
        ],
    )
    def test_every_status_is_said_in_words(self, cast, sign_in, url, verification, status, says) -> None:
        change(verification, state="completed")
        with tenant_scope(cast.tenant.pk):
            CustomerRole.objects.update(status=status)

        assert says in sign_in(cast.viewer).get(url).content.decode()

    def test_a_connected_role_with_a_problem_is_not_said_to_be_done(self, cast, sign_in, url, verification) -> None:
        find(verification, "inspection.policies", "violated", who="customer", title="More is attached")
        change(verification, state="completed")
        with tenant_scope(cast.tenant.pk):
            CustomerRole.objects.update(status="connected")

        page = sign_in(cast.viewer).get(url).content.decode()

        assert "Connected, and 1 problem was found." in page
        assert "Everything works" not in page

    @pytest.mark.parametrize(("check", "is_open"), [("trust.no_external_id", True), ("account.matches", False)])
    def test_a_role_in_another_account_is_not_drawn_as_open(
        self, cast, sign_in, url, verification, check, is_open
    ) -> None:
        find(verification, check, "violated", who="vendor")
        change(verification, state="completed")

        page = sign_in(cast.viewer).get(url).content.decode()

        assert ("node__alarm" in page) is is_open

    def test_an_open_role_is_an_alarm_and_a_clean_round_is_told_apart(self, cast, sign_in, url, verification) -> None:
        change(verification, state="completed")
        with tenant_scope(cast.tenant.pk):
            CustomerRole.objects.update(status="unsafe", quarantined=True, clean_rounds=1)
        client = sign_in(cast.viewer)
        clean = client.get(url).content.decode()
        find(verification, "trust.no_external_id", "violated", who="customer", title="Your role lets us in")

        alarm = client.get(url).content.decode()

        assert "one more clean verification is needed" in clean
        assert "A role lets callers in that it must refuse." in alarm

    @pytest.mark.parametrize(
        ("failure", "says"),
        [
            ("queue_unavailable", "the queue is unavailable"),
            ("never_started", "it waited too long"),
            ("worker_lost", "was stopped again and again"),
            ("no_verdict", "reached no verdict"),
            ("internal_error", "something broke on our side"),
        ],
    )
    def test_a_failure_is_ours_and_never_the_customers(self, cast, sign_in, url, verification, failure, says) -> None:
        change(verification, state="failed", failure=failure)

        page = sign_in(cast.viewer).get(url).content.decode()

        assert says in page
        assert "This is our fault, not yours." in page

    @pytest.mark.parametrize(("who", "is_ours"), [("customer", False), ("nobody", False), ("vendor", True)])
    def test_what_kept_us_from_a_verdict_is_called_ours_only_where_it_is(
        self, cast, sign_in, url, verification, who, is_ours
    ) -> None:
        find(verification, "chain.integration_to_customer", "denied", title="STS is switched off", who=who)
        change(verification, state="failed", failure="no_verdict")

        page = sign_in(cast.viewer).get(url).content.decode()

        assert ("This is our fault" in page) is is_ours
        assert ("reached no verdict: 1 problem stood in its way." in page) is not is_ours

    def test_what_several_checks_met_is_one_problem_and_another_fix_another_one(
        self, cast, sign_in, url, verification
    ) -> None:
        for check in (
            "chain.integration_to_customer",
            "trust.no_external_id",
            "trust.wrong_external_id",
            "inspection.role",
        ):
            find(verification, check, "denied", title="STS is switched off", who="customer", fix="Activate it.")
        find(verification, "inspection.trust", "denied", title="STS is switched off", who="customer", fix="Ask AWS.")
        change(verification, state="failed", failure="no_verdict")

        page = sign_in(cast.viewer).get(url).content.decode()

        assert "reached no verdict: 2 problems stood in its way." in page
        assert page.count("Activate it.") == page.count("Ask AWS.")

    def test_what_the_vendor_must_put_right_is_not_shown_as_a_wait_for_aws(
        self, cast, sign_in, url, verification
    ) -> None:
        find(verification, "account.confirmed", "error", who="vendor", title="We could not confirm this AWS account")
        change(verification, state="completed")

        page = sign_in(cast.viewer).get(url).content.decode()

        assert "This one is ours to put right." in page
        assert "AWS does not let us in yet." not in page

    def test_each_hop_says_what_it_carries_and_what_it_proved(
        self, cast, sign_in, connection, url, verification
    ) -> None:
        find(verification, "chain.base_to_component", "passed")
        find(verification, "chain.component_to_integration", "passed")
        find(verification, "chain.integration_to_customer", "denied", title="AWS does not let us in", who="customer")
        change(verification, state="completed")

        page = sign_in(cast.viewer).get(url).content.decode()

        to_b = part_of(page, "log-analysis-hop-b", "log-analysis-b")
        to_c = part_of(page, "log-analysis-hop-c", "log-analysis-c")
        assert f"Tenant <code>{cast.tenant.reference}</code>" in to_b
        assert f"Connection <code>{connection.reference}</code>" in to_b
        assert "Component <code>log-analysis</code>" in to_b
        assert connection.external_id not in to_b
        assert f"external ID <code>{connection.external_id}</code>" in to_c
        proofs = page.split('class="proofs"')[1].split("</ol>")[0]
        assert "Our component role became the integration role" in proofs
        assert "AWS does not let us in" in proofs
        assert 'href="#log-analysis-problem-1"' in proofs
        assert 'id="log-analysis-problem-1"' in page

    def test_the_fix_of_several_permissions_is_one_statement_to_copy(self, cast, sign_in, url, verification) -> None:
        find(verification, "chain.integration_to_customer", "passed")
        for action in ("cloudtrail:DescribeTrails", "logs:DescribeResourcePolicies"):
            find(
                verification,
                "permission",
                "denied",
                action=action,
                cause="missing_permission",
                who="customer",
                fix="Update.",
            )
        change(verification, state="completed")

        page = sign_in(cast.viewer).get(url).content.decode()

        cure = html.unescape(part_of(page, "log-analysis-problem-1-cure", "log-analysis-problem-1-message"))
        statement = json.loads(cure.split(">", 1)[1].split("</pre>")[0])
        assert statement["Action"] == ["cloudtrail:DescribeTrails", "logs:DescribeResourcePolicies"]
        assert "Actions: cloudtrail:DescribeTrails, logs:DescribeResourcePolicies" in page

    def test_answers_are_folded_where_all_is_well_but_not_under_the_eyes_of_who_watched(
        self, cast, sign_in, url, verification
    ) -> None:
        find(verification, "chain.integration_to_customer", "passed")
        find(verification, "trust.control", "passed")
        find(verification, "permission", "denied", action="logs:DescribeLogGroups", who="customer")
        change(verification, state="completed")
        client = sign_in(cast.viewer)

        loaded = client.get(url).content.decode().split('id="run-log-analysis"')[1]
        watched = client.get(url, headers={"HX-Request": "true"}).content.decode().split('id="run-log-analysis"')[1]

        assert re.findall(r'class="fold answers"( open)?', loaded) == ["", " open"]
        assert re.findall(r'class="fold answers"( open)?', watched) == [" open", " open"]


class TestStoredVerification:
    def address(self, url, verification) -> str:
        return f"{url}verifications/{verification.pk}/"

    def test_shows_the_same_picture(self, cast, sign_in, url, verification) -> None:
        find(verification, "chain.integration_to_customer", "passed")
        change(verification, state="completed")

        page = sign_in(cast.viewer).get(self.address(url, verification)).content.decode()

        assert state_of(page, "log-analysis-hop-c") == "passed"
        assert "No problem was found." in page

    def test_of_reachability_alone_says_so_and_shows_nothing_that_was_not_checked(
        self, cast, sign_in, url, verification
    ) -> None:
        find(verification, "chain.integration_to_customer", "passed")
        find(verification, "account.matches", "passed")
        change(verification, state="completed", checks="reachability")
        client = sign_in(cast.viewer)

        page = client.get(self.address(url, verification)).content.decode()
        connection_page = client.get(url).content.decode()

        assert "Does it lead where it should?" in page
        assert "Is every permission there?" not in page
        assert "Is it closed to everybody else?" not in page
        assert "reachability only" in connection_page
        assert "Not verified yet" in connection_page, "the connection's own picture is that of a whole verification"

    def test_remembers_a_component_that_the_catalogue_has_no_more(self, cast, sign_in, url, verification) -> None:
        find(verification, "permission", "passed", component="network-analysis", action="ec2:DescribeVpcs")
        change(verification, state="completed")

        page = sign_in(cast.viewer).get(self.address(url, verification)).content.decode()

        assert "network-analysis" in page
        assert "compute-analysis" not in page

    def test_follows_itself_while_it_runs(self, cast, sign_in, url, verification) -> None:
        address = self.address(url, verification)

        assert f'hx-get="{address}"' in sign_in(cast.viewer).get(address).content.decode()

    def test_is_not_there_for_a_stranger_or_under_another_connection(self, cast, sign_in, url, verification) -> None:
        elsewhere = f"/tenants/{cast.tenant.pk}/connections/{cast.tenant.pk}/verifications/{verification.pk}/"

        assert sign_in(cast.stranger).get(self.address(url, verification)).status_code == 404
        assert sign_in(cast.owner).get(elsewhere).status_code == 404

    def test_takes_as_many_queries_for_many_findings_as_for_few(self, cast, sign_in, url, verification) -> None:
        client = sign_in(cast.viewer)
        address = self.address(url, verification)
        find(verification, "chain.integration_to_customer", "passed")
        change(verification, state="completed")
        with CaptureQueriesContext(database) as few:
            client.get(address)
        for number in range(50):
            find(verification, "permission", "passed", action=f"logs:Action{number}")

        with CaptureQueriesContext(database) as many:
            client.get(address)

        assert len(many) == len(few)
