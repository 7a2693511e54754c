"""Log lines name request and tenant, and tell nobody a secret."""

import json
import logging
import os
import runpy
import subprocess
import sys
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.test import Client, RequestFactory
from gunicorn.config import Config  # type: ignore[import-untyped]  # gunicorn has no types

from portal.local.services import ROOT
from portal.logs import Context, JsonFormatter, LineFormatter
from scripts.check_settings import PRODUCTION
from tenants.request_id import request_id
from tenants.scope import tenant_scope

SECRET = "Yhzil5zP_dKeVzrmMiWSSomUH1FmzDxPJGXDRN3131o"  # as `new_secret` makes them


def record(message: str, *arguments: object) -> logging.LogRecord:
    made = logging.LogRecord("portal", logging.INFO, __file__, 1, message, arguments, None)
    Context().filter(made)
    return made


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("token rbt_abcdefghijklmnop was sent", "rbt_abcdefghijklmnop"),
        ("Not Found: /invitations/abcDEF-_123/", "abcDEF-_123"),
        ("Not Found: /notification-addresses/abcdefghijklmnopqrstuvwxyz/", "abcdefghijklmnopqrstuvwxyz"),
        ("Not Found: /accounts/password/reset/key/1x-abc123/", "1x-abc123"),
        (f"Not Found: /hand-off/{SECRET}/what-you-will-see/", SECRET),
        (f"Not Found: /domains/{SECRET}/", SECRET),
        ("{'Authorization': 'Bearer abc.def'}", "abc.def"),
        ("cookie __Host-sessionid=abc123", "abc123"),
        ("cookie sessionid=abc123; csrftoken=def456", "abc123"),
        ("cookie sessionid=abc123; csrftoken=def456", "def456"),
        ("cookie __Host-known-browser=0b1c-d2:1vXyz:a-b_c3; csrftoken=x", "a-b_c3"),
        ("cannot reach redis://user:hunter2@broker/0", "hunter2"),
    ],
)
@pytest.mark.parametrize("formatter", [JsonFormatter(), LineFormatter("%(message)s")], ids=["json", "line"])
def test_no_secret_is_in_a_line(formatter, line, secret) -> None:
    assert secret not in formatter.format(record("%s", line))
    assert "…" in formatter.format(record(line))


def test_a_line_names_request_and_tenant(cast) -> None:
    token = request_id.set("r-1")
    with tenant_scope(cast.tenant.pk):
        inside = json.loads(JsonFormatter().format(record("said\nin two lines")))
    outside = json.loads(JsonFormatter().format(record("said")))
    request_id.reset(token)

    assert (inside["request_id"], inside["tenant_id"]) == ("r-1", str(cast.tenant.pk))
    assert inside["message"] == "said\nin two lines"
    assert outside["tenant_id"] == "-"


def test_an_exception_is_in_the_same_line() -> None:
    try:
        raise ValueError("rbt_abcdefghijklmnop")  # noqa: TRY301
    except ValueError:
        made = record("failed")
        made.exc_info = sys.exc_info()

    line = JsonFormatter().format(made)

    assert "\n" not in line
    assert "ValueError" in json.loads(line)["exception"]
    assert "rbt_" not in line


def test_production_writes_json() -> None:
    code = "import django, logging; django.setup(); logging.getLogger('portal').warning('hello')"

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "portal.settings"} | PRODUCTION,
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert json.loads(done.stderr)["message"] == "hello"


def test_an_upload_is_bounded(db) -> None:
    client = Client()

    for body, kind in (
        ("a=" + "x" * 300_000, "application/x-www-form-urlencoded"),
        ("&".join(f"a{n}=1" for n in range(300)), "application/x-www-form-urlencoded"),
    ):
        assert client.post("/accounts/login/", body, content_type=kind).status_code == 400


@pytest.fixture
def access_line(monkeypatch):
    """Takes the environment of a request, and says what the web server's access log writes about it."""
    configuration = Config()
    for name, value in runpy.run_path(str(ROOT / "deploy" / "gunicorn.conf.py")).items():
        if name in configuration.settings:
            configuration.set(name, value)
    logger = configuration.logger_class(configuration)
    lines: list[str] = []
    monkeypatch.setattr(logger.access_log, "info", lambda line, atoms: lines.append(line % atoms))

    def line_about(environ: dict[str, object]) -> str:
        response = SimpleNamespace(status="200 OK", sent=2, headers=[])
        logger.access(response, SimpleNamespace(headers=[]), environ | {"RAW_URI": "/"}, timedelta(seconds=1))
        return lines[-1]

    return line_about


@pytest.mark.parametrize("page", ["hand-off", "invitations", "domains", "notification-addresses"])
def test_the_access_log_of_the_web_server_holds_no_key(access_line, page) -> None:
    line = access_line(RequestFactory().get(f"/{page}/{SECRET}/?token={SECRET}").environ)

    assert f'"GET /{page}/…' in line
    assert SECRET not in line


@pytest.mark.parametrize(
    ("sent", "written"),
    [
        ("%0a", r"\n"),
        ("%0d", r"\r"),
        ("%1b[2K", r"\x1b[2K"),
        ("%7f", r"\x7f"),
        ("%c2%85", r"\x85"),
        ("%e2%80%ae", r"\u202e"),  # what follows would be read from right to left
        ("%5cn", r"\\n"),
    ],
)
def test_nobody_writes_a_line_of_their_own_into_the_access_log(access_line, sent, written) -> None:
    line = access_line(RequestFactory().get(f'/nothing{sent}203.0.113.9 "GET /hand-off/').environ)

    assert f'"GET /nothing{written}203.0.113.9 \\"GET /hand-off/ HTTP/1.1" 200' in line
    assert line.isascii()
    assert line.isprintable()


@pytest.mark.parametrize(
    ("forwarded", "written"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("192.0.2.1, 203.0.113.9", "203.0.113.9"),  # the first is what the client says of itself
        ("203.0.113.9\\n", "10.0.0.1"),
        (None, "10.0.0.1"),
    ],
)
def test_the_access_log_says_which_client_asked_and_not_which_proxy(access_line, settings, forwarded, written) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    headers = {"x-forwarded-for": forwarded} if forwarded else {}

    answer = Client(REMOTE_ADDR="10.0.0.1", headers=headers).get("/livez")

    assert access_line(answer.wsgi_request.environ).startswith(f'{written} "GET /livez')


def test_the_access_log_says_who_the_proxy_was_where_fewer_spoke_than_are_trusted(access_line, settings) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 2

    answer = Client(REMOTE_ADDR="10.0.0.1", headers={"x-forwarded-for": "203.0.113.9"}).get("/livez")

    assert access_line(answer.wsgi_request.environ).startswith('10.0.0.1 "GET /livez')
