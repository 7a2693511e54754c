"""Text that nobody can keep is answered as the caller's mistake, wherever in a request it stands."""

import json

import pytest
from django.test import Client, RequestFactory

from portal.wsgi import application

NUL = "\0"


@pytest.mark.parametrize(
    ("method", "address", "more"),
    [
        pytest.param("get", "/organisations/", {"headers": {"cookie": f"sessionid=a{NUL}b"}}, id="session cookie"),
        pytest.param("get", "/organisations/", {"headers": {"cookie": f"csrftoken=a{NUL}b"}}, id="another cookie"),
        pytest.param("get", "/accounts/password/reset/key/1-a%00b/", {}, id="path"),
        pytest.param("get", "/accounts/login/?next=%00", {}, id="query value"),
        pytest.param("get", "/accounts/login/?%00=x", {}, id="query name"),
        pytest.param("post", "/accounts/login/", {"data": {"login": f"a{NUL}"}}, id="form value"),
        pytest.param("post", "/accounts/login/", {"data": {f"a{NUL}": "x"}}, id="form name"),
        pytest.param("get", "/api/v1/components/?a=%00", {}, id="API query"),
    ],
)
def test_text_that_cannot_be_kept_is_a_400(db, method, address, more) -> None:
    answer = getattr(Client(), method)(address, **more)

    assert answer.status_code == 400, answer.content[:300]
    assert answer["X-Request-Id"]
    assert "Content-Security-Policy" in answer


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("text/plain; charset=idna", "400 Bad Request"),
        ("text/plain; charset=rot13", "400 Bad Request"),
        ("application/json; charset=utf-16", "400 Bad Request"),
        ("text/plain; charset=UTF-8", "200 OK"),
        ("", "200 OK"),
    ],
)
def test_the_web_server_takes_utf8_alone(db, content_type, status) -> None:
    answered = []
    environ = RequestFactory().get("/livez?a=%ff").environ | {"CONTENT_TYPE": content_type}

    application(environ, lambda status, _headers: answered.append(status))

    assert answered == [status]


def test_ordinary_text_in_many_scripts_passes(db) -> None:
    answer = Client().get("/accounts/login/", {"next": "/Zürich/東京/مرحبا/"})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"name": "a\0b"}, "invalid"),
        ({"name": "\ud800"}, "invalid"),
        ({"name": "A", "account_id": "\0"}, "invalid"),
        ({"name": "A", "components": ["\udfff"]}, "invalid"),
        ({"\ud800": "x", "name": "A"}, "malformed"),
        ({"name": {"deep": [{"\0": 1}]}}, "malformed"),
    ],
    ids=["NUL", "surrogate", "NUL in the account", "surrogate in a list", "surrogate as a name", "NUL as a name, deep"],
)
def test_a_json_body_with_text_that_cannot_be_kept_is_refused(cast, api, body, kind) -> None:
    answer = api(cast.owner, cast.tenant).post(
        "/api/v1/connections/", json.dumps(body), content_type="application/json"
    )

    assert (answer.status_code, answer.json()["type"]) == (400, f"urn:rolebridge:problem:{kind}")


@pytest.mark.parametrize(
    "cursor",
    [
        "cD05OTk5LTEyLTMxVDIzOjU5OjU5LTIzOjU5",  # p=9999-12-31T23:59:59-23:59
        "cD0wMDAxLTAxLTAxVDAwOjAwOjAwKzIzOjU5",  # p=0001-01-01T00:00:00+23:59
        "cD0lMDA=",  # p=%00
        "cD1ub3doZXJl",  # p=nowhere
        "bz05OTk5OTk5OTk5OTk5OTk5OTk5OTk=",  # an offset beyond every number
        "_",
    ],
)
def test_a_crafted_cursor_is_refused_as_none_of_ours(cast, api, cursor) -> None:
    answer = api(cast.owner, cast.tenant).get("/api/v1/connections/", {"cursor": cursor})

    assert answer.status_code in {200, 400}
    if answer.status_code == 400:
        assert answer.json()["type"] == "urn:rolebridge:problem:invalid-cursor"
    else:
        assert answer.json()["results"] == []


@pytest.mark.parametrize(
    "page", ["tenants/tenant", "tenants/member", "tenants/auditevent", "integrations/verification"]
)
@pytest.mark.parametrize(
    "query",
    [
        "created_at__year=99999999999",
        "at__year=99999999999",
        "requested_at__year=99999999999",
        "created_at__gte=9999-12-31T23:59:59-23:59",
        "id__exact=99999999999999999999999",
        "role__exact=%00",
        "q=%00",
        "p=99999999999999999999999",
    ],
)
def test_a_filter_of_admin_that_no_row_can_meet_is_no_fault_of_ours(cast, sign_in, page, query) -> None:
    answer = sign_in(cast.staff).get(f"/admin/{page}/?{query}")

    assert answer.status_code in {200, 302, 400}
    if answer.status_code == 302:
        assert answer["Location"].endswith("?e=1")
