"""Which passwords may be chosen: long ones of any characters, and none that everybody tries."""

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.hashers import ScryptPasswordHasher
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client

CHANGE = "/accounts/password/change/"


def client_of_the_owner(cast) -> Client:
    """A browser in which the owner has signed in and has just proved who they are."""
    EmailAddress.objects.create(user=cast.owner, email=cast.owner.email, verified=True, primary=True)
    client = Client()
    client.post("/accounts/login/", {"login": cast.owner.email, "password": cast.password})
    client.post("/accounts/reauthenticate/", {"password": cast.password})
    return client


@pytest.mark.parametrize(
    "password",
    [
        pytest.param("quietharbour", id="12 letters and nothing else"),
        pytest.param("blue harbour at dawn", id="spaces"),
        pytest.param("ねこはとてもしずかです。月", id="another script"),
        pytest.param("🦊🌊🏔️🌙🍂🦉🌾🐚🔥🌲🪶🧊🐺", id="emoji"),
        pytest.param("ab cd" * 25 + "xyz", id="128 characters"),
    ],
)
def test_a_long_password_of_any_characters_is_taken_whole(cast, password) -> None:
    client = client_of_the_owner(cast)
    client.post(CHANGE, {"oldpassword": cast.password, "password1": password, "password2": password})
    cast.owner.refresh_from_db()

    assert cast.owner.check_password(password)
    assert not cast.owner.check_password(password[:-1])


def test_a_password_keeps_the_spaces_at_its_ends(cast) -> None:
    client = client_of_the_owner(cast)
    new = "  blue harbour at dawn  "
    client.post(CHANGE, {"oldpassword": cast.password, "password1": new, "password2": new})
    client.post("/accounts/logout/")

    assert Client().post("/accounts/login/", {"login": cast.owner.email, "password": new.strip()}).status_code == 200
    assert Client().post("/accounts/login/", {"login": cast.owner.email, "password": new}).status_code == 302


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("quietharbor", "too short"),
        ("x y" * 43, "at most 128"),
        ("1234567890123", "numeric"),
        ("password1234", "common"),
    ],
)
def test_a_password_that_is_too_short_too_long_or_everybodys_is_refused(password, why) -> None:
    with pytest.raises(ValidationError) as refusal:
        validate_password(password)

    assert why in " ".join(refusal.value.messages)


def test_the_present_password_is_asked_for_before_it_is_changed(cast) -> None:
    client = client_of_the_owner(cast)
    new = "blue harbour at dawn"
    client.post(CHANGE, {"oldpassword": "not the one I have", "password1": new, "password2": new})
    cast.owner.refresh_from_db()

    assert cast.owner.check_password(cast.password)


def test_no_page_keeps_a_password_manager_or_a_paste_away(db) -> None:
    root = settings.BASE_DIR
    forms = [root / "templates/account", root / "templates/mfa"]
    files = [file for folder in forms for file in folder.rglob("*.html")] + [root / "static/js/portal.js"]

    assert len(files) > 10
    assert [file.name for file in files if "onpaste" in file.read_text() or '"paste"' in file.read_text()] == []
    for address, field, value in [
        ("/accounts/login/", "password", "current-password"),
        ("/accounts/signup/", "password1", "new-password"),
    ]:
        form = Client().get(address).context["form"]
        assert form.fields[field].widget.attrs["autocomplete"] == value


def test_a_password_is_kept_as_a_salted_slow_hash() -> None:
    hasher = ScryptPasswordHasher()
    first, second = (hasher.encode("blue harbour at dawn", hasher.salt()) for _ in range(2))

    assert first != second
    assert first.startswith(f"scrypt${2**14}$")
    assert len(str(hasher.decode(first)["salt"])) >= 22, "128 bits in characters of a salt"
