"""Log lines name request and tenant, and tell nobody a secret."""

import io
import json
import logging
import os
import runpy
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
from django.test import Client, RequestFactory
from gunicorn.config import Config  # type: ignore[import-untyped]  # gunicorn has no types

from integrations.actions.connections import create_connection
from integrations.actions.verifications import request_verification
from portal.local.services import ROOT, free_port
from portal.logs import Context, JsonFormatter, LineFormatter
from scripts.check_settings import PRODUCTION
from tenants.audit import SYSTEM
from tenants.request_id import request_id
from tenants.scope import tenant_scope
from tests import processes
from tests.brokers import use_broker
from tests.environment import DIRECTORY

SECRET = "Yhzil5zP_dKeVzrmMiWSSomUH1FmzDxPJGXDRN3131o"  # as `new_secret` makes them
AWS_SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # AWS's own example
AWS_TOKEN = "IQoJb3JpZ2luX2Vj" + "EOj//////////wEaCXVzLWVhc3QtMSJ" * 12 + "=="  # how theirs begin
PATIENCE = 60


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
        (f"{{'SecretAccessKey': '{AWS_SECRET_KEY}'}}", AWS_SECRET_KEY),
        (f"AWS_SECRET_ACCESS_KEY={AWS_SECRET_KEY}", AWS_SECRET_KEY),
        (f"the key is {AWS_SECRET_KEY}.", AWS_SECRET_KEY),
        (f"the key is /{AWS_SECRET_KEY[1:]}", AWS_SECRET_KEY[1:]),
        (f"<SessionToken>{AWS_TOKEN}</SessionToken>", AWS_TOKEN.strip("=")),
        (f"X-Amz-Security-Token: {AWS_TOKEN}", AWS_TOKEN.strip("=")),
    ],
)
@pytest.mark.parametrize("formatter", [JsonFormatter(), LineFormatter("%(message)s")], ids=["json", "line"])
def test_no_secret_is_in_a_line(formatter, line, secret) -> None:
    assert secret not in formatter.format(record("%s", line))
    assert "…" in formatter.format(record(line))


@pytest.mark.parametrize(
    "harmless",
    [
        "ASIAQ3EXAMPLE0000001",  # names a session in receipts and in CloudTrail, and opens nothing
        "AROAQ3EXAMPLE00000001:rolebridge-compute-analysis",
        "5a3c1f0e-9f1b-4a55-8d0e-0d6c6f1f5b8a",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "cf83e1357eefb8bd" * 8,
        "/static/fonts/InterVariable4LatinRegular",
        "/tenants/5a3c1f0e-9f1b-4a55-8d0e-0d6c6f1f5b8a/connections/5a3c1f0e-9f1b-4a55-8d0e-0d6c6f1f5b8a/templates/",
        "arn:aws:iam::222222222222:role/Product/CustomerRole4LogAnalysis000",
        "TheNameOfAnErrorThatSomebodyMadeTooLongs",
    ],
)
def test_what_opens_nothing_stays_in_a_line(harmless) -> None:
    assert json.loads(JsonFormatter().format(record("%s", harmless)))["message"] == harmless
    assert LineFormatter("%(message)s").format(record(f"of '{harmless}': no")) == f"of '{harmless}': no"


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


@pytest.fixture
def in_production(broker, monkeypatch) -> dict[str, str]:
    """For processes of this machine: production's mode and settings, no AWS to talk to, and a queue of their own."""
    for name in ("AWS_ENDPOINT_URL", "AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        monkeypatch.delenv(name)
    ours = {name: os.environ[name] for name in ("DATABASE_URL", "DATABASE_STAFF_URL")}
    queue = {"CELERY_BROKER_URL": f"{broker}/4", "CACHE_URL": f"{broker}/3"}
    return PRODUCTION | ours | queue | {"PYTHONWARNINGS": "ignore"}  # that nobody has collected the static files


def logged_by(process: str) -> list[str]:
    return (DIRECTORY / "logs" / f"{process}.log").read_text().splitlines()


def test_in_production_the_access_line_and_the_applications_join_on_the_request(db, in_production) -> None:
    port = free_port()
    headers = {"Host": "portal.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}

    with processes.portal(f"web-{port}", in_production, port) as address:
        asked = urllib.request.Request(f"{address}/api/v1/connections/?token={SECRET}", headers=headers)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(asked, timeout=30)
        refused.value.close()

    entries = [json.loads(line) for line in logged_by(f"web-{port}")]  # each line, gunicorn's of its own life too
    joined = [entry for entry in entries if entry["request_id"] == refused.value.headers["X-Request-Id"]]
    messages = {entry["logger"]: entry["message"] for entry in joined}
    assert messages["django.request"] == "Unauthorized: /api/v1/connections/"
    assert messages["gunicorn.access"].startswith('203.0.113.9 "GET /api/v1/connections/ HTTP/1.1" 401 ')
    assert "gunicorn.error" in {entry["logger"] for entry in entries}
    assert len({frozenset(entry) for entry in entries}) == 1, "the same names in all of them"
    assert all(datetime.fromisoformat(entry["at"]).tzinfo for entry in entries)


def test_in_production_a_line_of_a_worker_names_request_tenant_connection_and_verification(
    cast, in_production, monkeypatch
) -> None:
    use_broker(monkeypatch, in_production["CELERY_BROKER_URL"])
    asked = str(uuid4())
    ended: list[str] = []
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(
            tenant=cast.tenant, name="Production", account_id="222222222222", components=["log-analysis"], by=SYSTEM
        )

    with processes.celery_worker("in-production", in_production):
        token = request_id.set(asked)
        with tenant_scope(cast.tenant.pk):
            verification = request_verification(connection=connection, by=SYSTEM)
        request_id.reset(token)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and not ended:
            time.sleep(0.2)
            ended = [line for line in logged_by("in-production") if '"Attempt 1 ended"' in line]

    (entry,) = map(json.loads, ended)
    assert (entry["request_id"], entry["tenant_id"]) == (asked, str(cast.tenant.pk))
    assert (entry["connection_id"], entry["verification_id"]) == (str(connection.pk), str(verification.pk))


def test_an_upload_is_bounded(db) -> None:
    client = Client()

    for body, kind in (
        ("a=" + "x" * 300_000, "application/x-www-form-urlencoded"),
        ("&".join(f"a{n}=1" for n in range(300)), "application/x-www-form-urlencoded"),
    ):
        assert client.post("/accounts/login/", body, content_type=kind).status_code == 400


@pytest.fixture(params=["a line for people", "JSON"])
def access_line(request, monkeypatch):
    """Takes the environment of a request, and says what the web server's access log writes about it: in production as
    the message of an entry.
    """
    monkeypatch.setattr("portal.environment.PRODUCTION", request.param == "JSON")
    for name in ("gunicorn.error", "gunicorn.access"):
        monkeypatch.setattr(logging.getLogger(name), "handlers", [])  # without pytest's
    configuration = Config()
    for name, value in runpy.run_path(str(ROOT / "deploy" / "gunicorn.conf.py")).items():
        if name in configuration.settings:
            configuration.set(name, value)
    logger = configuration.logger_class(configuration)
    (handler,) = logger.access_log.handlers

    def line_about(environ: dict[str, object]) -> str:
        response = SimpleNamespace(status="200 OK", sent=2, headers=[("X-Request-Id", "r-1")])
        monkeypatch.setattr(handler, "stream", written := io.StringIO())
        logger.access(response, SimpleNamespace(headers=[]), environ | {"RAW_URI": "/"}, timedelta(seconds=1))
        line, after = written.getvalue().split("\n")
        assert after == ""
        if request.param != "JSON":
            return line
        entry = json.loads(line)
        assert (entry["logger"], entry["request_id"]) == ("gunicorn.access", "r-1")
        return str(entry["message"])

    return line_about


def test_the_access_log_names_the_request_by_the_id_of_its_answer(access_line) -> None:
    assert access_line(RequestFactory().get("/").environ).endswith(" 2 1000ms r-1")


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
