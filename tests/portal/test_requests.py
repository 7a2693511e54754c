"""What a request may be: which methods, from which pages, leading where."""

import pytest
from allauth.account.models import EmailAddress
from django.test import Client

LOGIN = "/accounts/login/"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "OPTIONS", "PROPFIND"])
@pytest.mark.parametrize("address", ["/", LOGIN, "/organisations/", "/admin/", "/nothing/"])
def test_a_page_takes_get_head_and_post_alone(cast, sign_in, caplog, method, address) -> None:
    answer = sign_in(cast.staff).generic(method, address)

    assert answer.status_code == 405
    assert answer["Allow"] == "GET, HEAD, POST"
    assert "Method Not Allowed" in caplog.text


@pytest.mark.parametrize(
    "address", [LOGIN, "/accounts/signup/", "/accounts/password/reset/", "/tenants/{tenant}/settings/", "/admin/"]
)
def test_a_form_from_another_site_is_refused(cast, sign_in, address) -> None:
    client = sign_in(cast.staff if "admin" in address else cast.owner)
    client.handler.enforce_csrf_checks = True

    answer = client.post(address.format(tenant=cast.tenant.pk), {"name": "Taken over"})

    assert answer.status_code == 403


@pytest.mark.parametrize("address", ["/", LOGIN, "/api/v1/connections/", "/api/v1/openapi.yaml", "/nothing/"])
@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_no_other_site_may_read_an_answer(db, address, origin) -> None:
    answer = Client().get(address, headers={"origin": origin})

    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "https:evil.example"],
)
def test_signing_in_leads_to_no_other_site(cast, target) -> None:
    EmailAddress.objects.create(user=cast.owner, email=cast.owner.email, verified=True, primary=True)
    credentials = {"login": cast.owner.email, "password": cast.password}

    inside = Client().post(LOGIN, credentials | {"next": "/organisations/"})
    outside = Client().post(LOGIN, credentials | {"next": target})

    assert inside["Location"] == "/organisations/"
    assert outside["Location"] == "/"


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        (LOGIN, "text/html; charset=utf-8"),
        ("/nothing/", "text/html; charset=utf-8"),
        ("/api/nothing/", "application/problem+json"),
        ("/api/v1/connections/", "application/problem+json"),
    ],
)
def test_an_answer_says_what_it_is_and_browsers_do_not_guess(db, address, kind) -> None:
    answer = Client().get(address)

    assert answer["Content-Type"] == kind
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_signing_in_gives_the_session_a_new_key_and_signing_out_ends_it(cast) -> None:
    EmailAddress.objects.create(user=cast.owner, email=cast.owner.email, verified=True, primary=True)
    client = Client()
    session = client.session  # of somebody who hoped that the person would sign in with it
    session["planted"] = "yes"
    session.save()
    client.cookies["sessionid"] = planted = session.session_key

    client.post(LOGIN, {"login": cast.owner.email, "password": cast.password})
    mine = client.cookies["sessionid"].value
    signed_in = client.get("/organisations/").status_code
    client.post("/accounts/logout/")

    assert len(mine) == 32
    assert mine != planted
    assert signed_in == 200
    for key in (planted, mine):
        other = Client()
        other.cookies["sessionid"] = key
        assert other.get("/organisations/").status_code == 302


def test_no_script_of_ours_keeps_anything_in_the_browser_or_runs_text(settings) -> None:
    scripts = list((settings.BASE_DIR / "static" / "js").glob("*.js"))
    words = ("localStorage", "sessionStorage", "indexedDB", "document.cookie", "eval(", "innerHTML", "new Function")

    assert len(scripts) > 1
    assert [(file.name, word) for file in scripts for word in words if word in file.read_text()] == []
    assert '"historyCacheSize":0' in (settings.BASE_DIR / "templates" / "base.html").read_text(), "nor does htmx"
