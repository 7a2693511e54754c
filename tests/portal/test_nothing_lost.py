"""A form that is refused comes back with all that was typed, and says what is wrong at the field where it is."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test.html import Element, parse_html

from integrations.actions.connections import create_connection
from tenants.audit import SYSTEM
from tenants.scope import tenant_scope

OPTIONS = {
    "name_pattern": "ours-{connection}-{component}",
    "path": "/partners/of-ours/",
    "boundary_arn": "arn:aws:iam::222233334444:policy/limits",
    "tags": "Team=platform",
    "max_session_seconds": "7200",
    "regions": "eu-central-1 eu-west-1",
    "self_inspection": "on",
}
PROVIDER = {"issuer": "https://10.0.0.1/", "client_id": "rolebridge-of-ours", "required": "on"}
# By what is sent: where to, what is in the form, and the field of it that is wrong.
FORMS: dict[str, tuple[str, dict[str, Any], str]] = {
    "invitation": ("members/invite/", {"email": "nobody", "role": "admin"}, "email"),
    "API token": ("api-tokens/", {"name": "Pipeline", "scopes": ["read", "verify"], "days": "9999"}, "days"),
    "API token without a scope": ("api-tokens/", {"name": "Pipeline", "days": "7"}, "scopes"),
    "webhook endpoint": (
        "settings/webhooks/new/",
        {"url": "https://10.0.0.1/", "description": "Pager", "event_types": ["connection.removed"]},
        "url",
    ),
    "webhook endpoint without an event": (
        "settings/webhooks/new/",
        {"url": "https://hooks.example.com/", "description": "Pager"},
        "event_types",
    ),
    "single sign-on": ("settings/single-sign-on/", PROVIDER, "issuer"),
    "domain": ("settings/single-sign-on/domains/", {"domain": "no domain", "mailbox": "admin"}, "domain"),
    "role options, judged by the form": ("{connection}role-options/", OPTIONS | {"tags": "Team"}, "tags"),
    "role options, judged by the action": ("{connection}role-options/", OPTIONS | {"regions": "mars-1"}, "regions"),
    "settings": ("settings/", {"name": "x" * 300, "require_second_factor": "on", "daily_digest": "on"}, "name"),
    "notification address": ("settings/notification-addresses/", {"email": "nobody"}, "email"),
    "connection": ("connections/new/", {"name": "Staging", "account_id": "twelve"}, "account_id"),
    "its account": ("{connection}account/", {"account_id": "twelve"}, "account_id"),
    "its components": ("{connection}components/", {}, "components"),
    "hand-off link": ("{connection}hand-off/", {"days": "31"}, "days"),
}


def elements(within: Element) -> Iterator[Element]:
    """All elements of a page."""
    for child in within.children:
        if isinstance(child, Element):
            yield child
            yield from elements(child)


def text_of(element: Element) -> str:
    return "".join(child if isinstance(child, str) else text_of(child) for child in element.children).strip()


def is_in(element: Element, group: Element) -> bool:
    return any(one is element for one in elements(group))


class Answer:
    """A page with the form that was refused."""

    def __init__(self, html: str) -> None:
        self._elements = [(one, dict(one.attributes)) for one in elements(parse_html(html))]
        self._by_id = {has["id"]: one for one, has in self._elements if has.get("id")}

    def inputs(self, name: str) -> list[tuple[Element, dict[str, str | None]]]:
        """All inputs of that name with their attributes: a field, or its boxes."""
        kinds = {"input", "select", "textarea"}
        return [(one, has) for one, has in self._elements if one.name in kinds and has.get("name") == name]

    def values(self, name: str) -> set[str]:
        """What stands in a field or is chosen of it: what a browser would send."""
        found = set()
        for one, has in self.inputs(name):
            if one.name == "textarea":
                found.add(text_of(one))
            elif one.name == "select":
                options = [dict(option.attributes) for option in elements(one) if option.name == "option"]
                found |= {str(option["value"]) for option in options if "selected" in option}
            elif has.get("type") in {"checkbox", "radio"}:
                found |= {str(has.get("value", "on"))} if "checked" in has else set()
            else:
                found.add(str(has.get("value", "")))
        return found

    def is_wrong(self, name: str) -> bool:
        """Whether each input of a field says that it is wrong; they all do or none."""
        (said,) = {has.get("aria-invalid") for _, has in self.inputs(name)}
        return said == "true"

    def errors(self, name: str) -> str:
        """What is said at a field, as a screen reader finds it: `aria-describedby` of it or of the group it is in."""
        first, field = self.inputs(name)[0]
        groups = [has for one, has in self._elements if one.name == "fieldset" and is_in(first, one)]
        ids = " ".join(has.get("aria-describedby") or "" for has in (field, *groups)).split()
        return " ".join(text_of(self._by_id[one]) for one in ids if one.endswith("_error"))


@pytest.fixture
def connection(cast):
    with tenant_scope(cast.tenant.pk):
        return create_connection(tenant=cast.tenant, name="Production", account_id="222233334444", by=SYSTEM)


@pytest.mark.parametrize("what", FORMS)
def test_what_was_typed_is_there_and_the_error_is_at_its_field(what, cast, connection, sign_in) -> None:
    path, sent, wrong = FORMS[what]
    address = f"/tenants/{cast.tenant.pk}/{path.format(connection=f'connections/{connection.pk}/')}"

    refused = sign_in(cast.owner).post(address, sent)

    assert refused.status_code == 422
    answer = Answer(refused.content.decode())
    typed = {name: set(value) if isinstance(value, list) else {value} for name, value in sent.items()}
    assert {name: answer.values(name) for name in typed} == typed
    assert answer.errors(wrong)
    assert [name for name in typed.keys() | {wrong} if answer.is_wrong(name)] == [wrong]
    assert [name for name in typed.keys() - {wrong} if answer.errors(name)] == []


def test_a_secret_that_is_never_shown_is_asked_for_again(cast, sign_in) -> None:
    address = f"/tenants/{cast.tenant.pk}/settings/single-sign-on/"

    refused = sign_in(cast.owner).post(address, PROVIDER | {"client_secret": "kept from everybody"}).content.decode()

    assert "kept from everybody" not in refused
    answer = Answer(refused)
    assert answer.errors("client_secret").startswith("Type the client secret again")
    assert answer.values("client_id") == {"rolebridge-of-ours"}
