"""Production refuses to boot half-configured, and says what is missing."""

import os
import subprocess
import sys

import pytest

from portal.local.services import ROOT
from scripts.check_settings import PRODUCTION


def check(**changes: str | None) -> tuple[int, str]:
    """Exit status and output of `manage.py check` with production settings, some of them changed or left out."""
    wanted = {name: value for name, value in (PRODUCTION | changes).items() if value is not None}
    base = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "manage.py", "check"],
        env=base | wanted, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_complete_settings_boot() -> None:
    assert check()[0] == 0


@pytest.mark.parametrize(
    "name",
    [
        "SECRET_KEY", "BASE_URL", "DATABASE_URL", "DATABASE_STAFF_URL", "CELERY_BROKER_URL",
        "CACHE_URL", "EMAIL_URL", "EMAIL_FROM", "VENDOR_ACCOUNT_ID",
    ],
)  # fmt: skip
def test_a_missing_setting_is_named_with_a_hint(name) -> None:
    status, output = check(**{name: None})

    assert status != 0
    assert f"{name} is not set. Set it to" in output


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ROLEBRIDGE_MODE": "staging"}, "use production, local or test"),
        ({"BASE_URL": "http://portal.example"}, "must start with https://"),
        ({"DATABASE_URL": "sqlite:///db.sqlite3"}, "row-level security needs PostgreSQL"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}, "production must talk to AWS itself"),
        ({"EMAIL_URL": "smtp://user:password@mail.example"}, "must start with smtp+tls://"),
        (
            {"TERMS_URL": "http://vendor.example/terms"},
            "TERMS_URL is 'http://vendor.example/terms'; give",
        ),
        ({"PRIVACY_URL": "javascript:alert(1)"}, "starts with https://"),
        ({"PRIVACY_URL": "https://[vendor.example"}, "which is no address"),
        ({"VERIFICATION_LEASE_SECONDS": "soon"}, "give a whole number"),
        ({"FINDINGS_KEPT_DAYS": "30"}, "FINDINGS_KEPT_DAYS must be 31 or more"),
        ({"VERIFICATIONS_KEPT_DAYS": "89"}, "no more than VERIFICATIONS_KEPT_DAYS"),
    ],
)
def test_a_wrong_setting_says_what_to_do(changes, message) -> None:
    status, output = check(**changes)

    assert status != 0
    assert message in output


def test_the_mail_servers_password_is_decoded_and_sent_under_tls_alone() -> None:
    show = "from django.conf import settings as s; print(s.EMAIL_HOST_PASSWORD, s.EMAIL_PORT, s.EMAIL_USE_SSL)"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "manage.py", "shell", "--no-imports", "-c", show],
        env={"PATH": os.environ["PATH"]} | PRODUCTION | {"EMAIL_URL": "smtp+ssl://AKIA:ab%2Bcd%2Fe@mail.example"},
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stdout.split() == ["ab+cd/e", "465", "True"]


@pytest.mark.parametrize(
    ("address", "certificates"),
    [
        ("rediss://:hunter2@broker.example:6379/0", "CERT_REQUIRED"),
        ("rediss://broker.example:6379/0?ssl_cert_reqs=none", "CERT_NONE"),
        ("redis://broker.example:6379/0", "no TLS"),
    ],
)
def test_a_broker_of_rediss_is_spoken_to_by_tls_and_shows_a_certificate(address, certificates) -> None:
    show = """
import ssl
from celery import current_app
with current_app.connection_for_write() as connection:
    print(type(connection.transport).__module__, end=" ")
    print(ssl.VerifyMode(connection.ssl["ssl_cert_reqs"]).name if connection.ssl else "no TLS")
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "manage.py", "shell", "--no-imports", "-c", show],
        env={"PATH": os.environ["PATH"]} | PRODUCTION | {"CELERY_BROKER_URL": address},
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stdout.strip() == f"portal.broker {certificates}"


def test_only_the_process_that_migrates_knows_the_owner_of_the_schema() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "manage.py", "migrate"],
        env={"PATH": os.environ["PATH"]} | PRODUCTION, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert "DATABASE_OWNER_URL" not in PRODUCTION, "the other processes boot without it"
    assert done.returncode != 0
    assert "DATABASE_OWNER_URL is not set: only the owner of the schema migrates." in done.stderr


def test_a_secret_can_come_from_a_file(tmp_path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from-a-file-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJ\n")

    assert check(SECRET_KEY=None, SECRET_KEY_FILE=str(secret))[0] == 0
