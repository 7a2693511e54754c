"""The pages around the role template: tabs, options, guide, what you will see, downloads, hand-off links."""

import json
import re
from datetime import timedelta

import pytest
from django.test import Client, override_settings
from django.utils import timezone

from integrations.actions import hand_off_links
from integrations.actions.hand_off_links import create_hand_off_link, revoke_hand_off_link
from integrations.actions.offboarding import request_removal
from integrations.catalogue_file import catalogue
from integrations.models import Connection, HandOffLink
from tenants.audit import SYSTEM
from tenants.models import AuditEvent
from tenants.scope import tenant_scope

pytestmark = pytest.mark.usefixtures("no_worker_takes_them")


@pytest.fixture
def client(cast, sign_in) -> Client:
    return sign_in(cast.owner)


@pytest.fixture
def hand_off(connection) -> str:
    """The address of a hand-off link."""
    with tenant_scope(connection.tenant_id):
        _, text = create_hand_off_link(connection=connection, by=SYSTEM)
    return f"/hand-off/{text}/"


def events(connection, action: str) -> list[AuditEvent]:
    with tenant_scope(connection.tenant_id):
        return list(AuditEvent.objects.filter(action__endswith=action).order_by("at"))


@pytest.mark.parametrize(
    ("tab", "shows"),
    [
        ("", "Download for CloudFormation"),
        ("cloudformation", "Download as JSON"),
        ("terraform", "Download as a zip"),
        ("cli", "Download the script"),
        ("console", "Choose Custom trust policy"),
        ("nonsense", "Download for CloudFormation"),
    ],
)
def test_each_format_has_a_tab_that_is_a_link(client, url, tab, shows) -> None:
    page = client.get(url, {"format": tab}).content.decode()

    assert shows in page
    assert page.count('aria-current="true"') == 1
    assert f'href="{url}?format=terraform#template"' in page


def test_the_steps_by_hand_have_a_document_each_to_copy(client, url, connection) -> None:
    page = client.get(url, {"format": "console"}).content.decode()

    ids = re.findall(r'<pre id="([a-z0-9-]+-step-\d+)"', page)
    assert len(ids) == len(set(ids)) > 10
    assert all(f'data-copy="{one}"' in page for one in ids)
    assert connection.external_id in page


def test_a_path_that_the_console_cannot_make_says_so(client, url, connection) -> None:
    client.post(f"{url}role-options/", form_of(path="/partners/"))

    page = client.get(url, {"format": "console"}).content.decode()
    answer = client.get(f"{url}role-templates/console/", follow=True).content.decode()

    assert "makes roles in the path / only, and you chose /partners/" in page
    assert "makes roles in the path / only, and you chose /partners/" in answer


def form_of(**choices) -> dict[str, object]:
    return {
        "name_pattern": "rolebridge-{connection}-{component}",
        "path": "/",
        "max_session_seconds": 3600,
        **choices,
    }


def test_options_are_chosen_on_a_page_and_stand_in_the_template(client, url, connection) -> None:
    answer = client.post(
        f"{url}role-options/",
        form_of(
            name_pattern="partner-{component}-{connection}",
            path="/partners/",
            boundary_arn="arn:aws:iam::222233334444:policy/b",
            tags="Team=Cloud platform\ncost=",
            max_session_seconds=7200,
            regions="eu-central-1, eu-west-1",
            self_inspection="on",
        ),
    )

    assert answer.status_code == 302
    template = json.loads(client.get(f"{url}role-templates/cloudformation-json/").content)
    role = template["Resources"]["LogAnalysisRole"]["Properties"]
    assert (role["RoleName"], role["Path"]) == (f"partner-log-analysis-{connection.reference}", "/partners/")
    assert [parameter["Default"] for parameter in template["Parameters"].values()] == [
        "arn:aws:iam::222233334444:policy/b",
        7200,
        "Cloud platform",
        "",
    ]
    assert "SelfInspection" in json.dumps(role)
    shown = client.get(f"{url}role-options/").content.decode()
    assert "Team=Cloud platform\ncost=" in shown
    assert 'value="eu-central-1 eu-west-1"' in shown
    assert "partner-log-analysis" in client.get(url).content.decode()


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        ({"boundary_arn": "arn:aws-cn:iam::222233334444:policy/b"}, "is in the AWS partition &#x27;aws-cn&#x27;"),
        ({"path": "partners"}, "begins and ends with a slash"),
        ({"tags": "\n".join(f"k{n}=v" for n in range(60))}, "You gave 60 tags"),
        ({"tags": "nothing"}, "Line 1 is no tag"),
        ({"max_session_seconds": "1"}, "An hour is enough"),
        ({"max_session_seconds": "long"}, "Give a number"),
        ({"regions": "Frankfurt"}, "is no region"),
        ({"name_pattern": ""}, "Give a pattern"),
    ],
)
def test_a_choice_that_cannot_be_granted_is_shown_with_what_to_do(client, url, connection, choice, says) -> None:
    answer = client.post(f"{url}role-options/", form_of(**choice))

    assert answer.status_code == 422
    assert says in answer.content.decode()
    with tenant_scope(connection.tenant_id):
        assert Connection.objects.get(pk=connection.pk).role_options == connection.role_options


def test_an_account_that_the_boundary_is_not_in_is_told_at_the_account(client, url, connection) -> None:
    client.post(f"{url}role-options/", form_of(boundary_arn="arn:aws:iam::222233334444:policy/b"))

    answer = client.post(f"{url}account/", {"account_id": "333344445555"})

    assert answer.status_code == 422
    assert "is a policy of account 222233334444" in answer.content.decode()


def test_the_guide_tells_every_action_before_anything_is_downloaded(client, url, connection) -> None:
    page = client.get(f"{url}guide/").content.decode().replace("<wbr>", "")

    for component in catalogue().components:
        assert component.name in page
        for permission in component.permissions:
            assert permission.action in page
            assert permission.needed_for in page
        for entry in component.never_granted:
            assert entry.action in page
    assert "None of the actions can see your data" in page
    assert connection.external_id in page
    assert events(connection, "role_template:downloaded") == []


@override_settings(EGRESS_ADDRESSES=["192.0.2.7", "198.51.100.0/28"])
def test_what_you_will_see_names_sessions_tags_principal_addresses_and_refused_attempts(
    client, url, connection
) -> None:
    page = client.get(f"{url}what-you-will-see/").content.decode()

    for name in ("log-analysis", "trust-test", "canary", "grant-test"):
        assert f"rolebridge-{name}-{connection.reference}" in page
    assert f"<code>rolebridge-{connection.reference}</code>" in page
    assert f"Connection={connection.reference}" in page
    assert "arn:aws:iam::111111111111:role/rolebridge/integration" in page
    assert "192.0.2.7" in page
    assert "198.51.100.0/28" in page
    assert page.count("Yes, on purpose") == 9
    assert str(connection.tenant.name) not in re.sub(r"<header.*?</header>", "", page, flags=re.DOTALL)


def test_a_download_is_recorded_and_can_be_had_again(client, url, connection, cast) -> None:
    first = client.get(f"{url}role-templates/cli/")
    client.post(f"{url}role-options/", form_of(path="/partners/"))
    page = client.get(f"{url}role-templates/").content.decode()
    again = client.get(re.search(r'href="([^"]+/role-templates/again/[^"]+/)"', page)[1])

    assert cast.owner.email in page
    assert again.content == first.content
    assert again["Content-Disposition"] == f'attachment; filename="rolebridge-{connection.reference}.sh"'
    assert [event.data["format"] for event in events(connection, "role_template:downloaded")] == ["cli", "cli"]
    assert client.get(f"{url}role-templates/cli/").content != first.content


def test_a_hand_off_link_is_made_and_shown_once(client, url, connection) -> None:
    made = client.post(f"{url}hand-off/", {"days": 3})

    [address] = re.findall(r'id="link-text">http://[^/]+(/hand-off/[^<]+/)<', made.content.decode())
    assert made["Cache-Control"] == "no-store"
    assert Client().get(address).status_code == 200
    assert address not in client.get(f"{url}hand-off/").content.decode()
    with tenant_scope(connection.tenant_id):
        link = HandOffLink.objects.get()
    assert link.digest not in address
    assert timedelta(days=2) < link.expires_at - timezone.now() <= timedelta(days=3)
    assert events(connection, "hand_off_link:created")[0].action.startswith("page:")


@pytest.mark.parametrize("days", ["0", "31", "many", ""])
def test_a_hand_off_link_lasts_1_to_30_days(client, url, days) -> None:
    answer = client.post(f"{url}hand-off/", {"days": days})

    assert answer.status_code == 422
    assert "link-text" not in answer.content.decode()


def test_somebody_with_no_account_reads_and_downloads_by_the_link_and_it_is_audited(hand_off, connection) -> None:
    stranger = Client()

    guide = stranger.get(hand_off, {"format": "cli"})
    seen = stranger.get(f"{hand_off}what-you-will-see/")
    script = stranger.get(f"{hand_off}role-templates/cli/")

    assert "Download the script" in guide.content.decode()
    assert f"{hand_off}role-templates/cli/" in guide.content.decode()
    assert f"/tenants/{connection.tenant_id}/" not in guide.content.decode() + seen.content.decode()
    assert script.content.startswith(b"#!/usr/bin/env bash")
    for answer in (guide, seen, script):
        assert answer["Referrer-Policy"] == "no-referrer"
        assert answer["Cache-Control"] == "no-store"
        assert answer["X-Robots-Tag"] == "noindex"
    [used] = events(connection, "hand_off_link:used")
    assert (used.data["what"], used.actor_kind) == ("guide", "link")
    assert [event.actor_kind for event in events(connection, "role_template:downloaded")] == ["link"]


def test_a_hand_off_link_changes_nothing(hand_off, connection) -> None:
    answer = Client().post(hand_off, {"path": "/other/"})

    assert answer.status_code == 405


@pytest.mark.parametrize(
    ("end", "says"),
    [
        ("expire", "This link has expired"),
        ("revoke", "This link was revoked"),
        ("remove", "This connection is being removed"),
    ],
)
def test_a_link_that_has_ended_says_so_on_every_page(hand_off, connection, end, says) -> None:
    with tenant_scope(connection.tenant_id):
        link = HandOffLink.objects.get()
        if end == "expire":
            HandOffLink.objects.update(expires_at=timezone.now())
        elif end == "revoke":
            revoke_hand_off_link(connection=connection, link_id=link.pk, by=SYSTEM)
        else:
            request_removal(connection=connection, by=SYSTEM)

    answers = [Client().get(hand_off + page) for page in ("", "what-you-will-see/", "role-templates/cli/")]

    for answer in answers:
        assert answer.status_code == 410
        assert says in answer.content.decode()
        assert connection.external_id not in answer.content.decode()
    assert len(events(connection, "hand_off_link:refused")) == 1


def test_a_link_that_is_opened_over_and_over_is_told_once_from_each_network(hand_off, connection) -> None:
    """Nobody without an account fills the audit log, however they vary what they ask for."""
    here, neighbour = Client(REMOTE_ADDR="2001:db8::1"), Client(REMOTE_ADDR="2001:db8::2")
    elsewhere = Client(REMOTE_ADDR="2001:db8:0:1::1")

    for number, client in enumerate([here, here, neighbour, elsewhere]):
        client.get(hand_off)
        client.get(f"{hand_off}role-templates/unknown-{number}/")

    told = events(connection, "hand_off_link:used")
    assert [event.address for event in told] == ["2001:db8::1", "2001:db8:0:1::1"]


def test_a_use_is_told_also_where_the_page_comes_to_nothing(hand_off, connection) -> None:
    unknown = Client().get(f"{hand_off}role-templates/unknown/")
    Client().get(hand_off)

    assert unknown.status_code == 404
    assert [event.data["what"] for event in events(connection, "hand_off_link:used")] == ["role template: unknown"]


def test_no_more_is_downloaded_by_a_link_than_an_hour_allows(hand_off, connection, monkeypatch) -> None:
    monkeypatch.setattr(hand_off_links, "MOST_DOWNLOADS_AN_HOUR", 2)

    answers = [Client(REMOTE_ADDR=f"198.51.100.{n}").get(f"{hand_off}role-templates/cli/") for n in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2]["Retry-After"] == "3600"
    assert "Wait 60 minutes" in answers[2].content.decode()
    assert len(events(connection, "role_template:downloaded")) == 2


def test_an_opened_link_and_its_refusal_are_told_apart(hand_off, connection) -> None:
    Client().get(hand_off)
    with tenant_scope(connection.tenant_id):
        revoke_hand_off_link(connection=connection, link_id=HandOffLink.objects.get().pk, by=SYSTEM)
    Client().get(hand_off)

    assert [len(events(connection, f"hand_off_link:{action}")) for action in ("used", "refused")] == [1, 1]


def test_whoever_asks_too_often_by_any_link_waits_and_others_do_not(hand_off) -> None:
    guesser = Client(REMOTE_ADDR="198.51.100.7")
    for _ in range(60):
        guesser.get("/hand-off/unknown/")

    refused = guesser.get(hand_off)

    assert (refused.status_code, refused["Retry-After"]) == (429, "60")
    assert "Wait a minute" in refused.content.decode()
    assert refused["Referrer-Policy"] == "no-referrer"
    assert Client(REMOTE_ADDR="203.0.113.9").get(hand_off).status_code == 200


def test_a_link_is_of_one_connection_and_any_other_text_is_unknown(hand_off, connection) -> None:
    text = hand_off.split("/")[2]
    secret, _, signature = text.rpartition(".")

    for other in (secret, f"{secret}x.{signature}", f"{secret}.{signature[:-2]}xx", "x", "ü"):
        answer = Client().get(f"/hand-off/{other}/")
        assert answer.status_code == 404
        assert "We do not know this link" in answer.content.decode()


def test_a_link_is_revoked_on_its_page(client, url, hand_off, connection) -> None:
    with tenant_scope(connection.tenant_id):
        link = HandOffLink.objects.get()

    client.post(f"{url}hand-off/{link.pk}/revoke/")
    client.post(f"{url}hand-off/{link.pk}/revoke/")

    assert "Revoked" in client.get(f"{url}hand-off/").content.decode()
    assert Client().get(hand_off).status_code == 410
    assert len(events(connection, "hand_off_link:revoked")) == 1


def test_no_more_hand_off_links_are_made_than_an_organisation_may_have_and_a_revoked_one_makes_room(
    client, url, hand_off, connection, cast, api, settings
) -> None:
    settings.MOST_HAND_OFF_LINKS_PER_TENANT = 1
    program, address = api(cast.owner, cast.tenant), f"/api/v1/connections/{connection.pk}/hand-off-links/"

    page = client.post(f"{url}hand-off/", {"days": 7})
    answer = program.post(address, {}, format="json")
    with tenant_scope(connection.tenant_id):
        revoke_hand_off_link(connection=connection, link_id=HandOffLink.objects.get().pk, by=SYSTEM)
    made = program.post(address, {}, format="json")

    assert page.status_code == 422
    assert "as many as it may have" in page.content.decode()
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:rolebridge:problem:too-many-hand-off-links")
    assert made.status_code == 201
