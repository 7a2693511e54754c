"""One rule for what people call things."""

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from tenants.models import Tenant
from tenants.names import clean_name
from tenants.scope import staff_scope

HIDDEN = {
    "zero-width space": "\u200b",
    "zero-width joiner": "\u200d",
    "right-to-left override": "\u202e",
    "right-to-left isolate": "\u2067",
    "byte order mark": "\ufeff",
    "soft hyphen": "\u00ad",
    "tag letter": "\U000e0041",
    "Hangul filler": "\u3164",
    "combining grapheme joiner": "\u034f",
    "escape": "\x1b",
    "private use": "\ue000",
}


@pytest.mark.parametrize("character", HIDDEN.values(), ids=HIDDEN)
def test_what_cannot_be_seen_or_turns_the_text_is_refused_by_its_number(character) -> None:
    with pytest.raises(ValidationError) as refused:
        clean_name(f"Red{character}Mill")

    assert f"U+{ord(character):04X}" in refused.value.messages[0]
    assert "Type the name instead of pasting it." in refused.value.messages[0]


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Red \t Mill\n", "Red Mill"),
        ("Cafe\u0301", "Café"),
        ("東京\u3000支社", "東京 支社"),
        ("Heart \u2764\ufe0f", "Heart \u2764"),
        ("שלום & Söhne <GmbH> 'x'", "שלום & Söhne <GmbH> 'x'"),
    ],
)
def test_a_name_is_kept_in_one_way(typed, kept) -> None:
    assert clean_name(typed) == kept


@given(st.text())
def test_cleaning_a_clean_name_changes_nothing(text) -> None:
    try:
        once = clean_name(text)
    except ValidationError:
        return

    assert clean_name(once) == once


def test_every_place_where_a_name_is_given_refuses_it(cast, sign_in, api) -> None:
    owner, program = sign_in(cast.owner), api(cast.owner, cast.tenant)
    base = f"/tenants/{cast.tenant.pk}"
    name = "Red\u202eMill"

    answers = [
        Client().post(
            "/accounts/signup/",
            {"organisation": name, "email": "new@example.com", "password1": "quiet heron by the mill"},
        ),
        owner.post(f"{base}/connections/new/", {"name": name}),
        owner.post(f"{base}/api-tokens/", {"name": name}),
        program.post("/api/v1/connections/", {"name": name}, format="json"),
    ]

    assert all("U+202E" in answer.content.decode() for answer in answers)
    assert [answer.status_code for answer in answers] == [200, 422, 422, 400]
    with staff_scope():
        assert set(Tenant.objects.values_list("name", flat=True)) == {"Blue Harbour", "Red Mill"}
