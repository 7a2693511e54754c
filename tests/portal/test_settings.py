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
        ({"EMAIL_URL": "http://user:password@mail.example"}, "must start with smtp+tls://"),
        ({"PLAINTEXT_ALLOWED_TO": "broker, all"}, "holds 'all'; use database, broker, cache, mail"),
        (
            {"TERMS_URL": "http://vendor.example/terms"},
            "TERMS_URL is 'http://vendor.example/terms'; give",
        ),
        ({"PRIVACY_URL": "javascript:alert(1)"}, "starts with https://"),
        ({"PRIVACY_URL": "https://[vendor.example"}, "which is no address"),
        ({"CELERY_BROKER_WRITE_URL": "redis://10.0.0.5/0"}, "CELERY_BROKER_URL alone says where the broker is"),
        ({"SECURITY_CONTACT": "security@vendor.example"}, "give mailto:ADDRESS, an https:// address, or none"),
        ({"SECURITY_CONTACT": "tel:+1-201-555-0123"}, "give mailto:ADDRESS, an https:// address, or none"),
        ({"SECURITY_CONTACT": "mailto:security@vendor.example,ciso@vendor.example"}, "give one mail address after"),
        ({"SECURITY_CONTACT": "mailto:a@vendor.example\nPolicy: https://b.example"}, "give one mail address after"),
        ({"SECURITY_CONTACT": "https://vendor.example/\nPolicy: https://b.example"}, "holds no spaces and is one line"),
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
    changes = {"CELERY_BROKER_URL": address, "PLAINTEXT_ALLOWED_TO": "broker"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "manage.py", "shell", "--no-imports", "-c", show],
        env={"PATH": os.environ["PATH"]} | PRODUCTION | changes,
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stdout.strip() == f"portal.broker {certificates}"


def boot(**changes: str) -> tuple[int, str]:
    """Exit status of production's settings alone, and what stops them or is in the clear."""
    show = "from portal.settings import IN_THE_CLEAR; print(*(one.setting for one in IN_THE_CLEAR))"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", show],
        env={"PATH": os.environ["PATH"]} | PRODUCTION | changes,
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, (done.stderr or done.stdout).strip().rpartition("\n")[2]


OVER_A_NETWORK = {
    "DATABASE_URL": "postgresql://u:hunter2@db.example/rolebridge",
    "DATABASE_STAFF_URL": "postgresql://u:hunter2@10.0.0.5/rolebridge?sslmode=prefer",
    "DATABASE_PRODUCT_URL": "postgresql://u:hunter2@db.example/rolebridge?sslmode=disable",
    "DATABASE_OWNER_URL": "postgresql://u:hunter2@db.example/rolebridge",
    "CELERY_BROKER_URL": "redis://:hunter2@valkey:6379/0",
    "CACHE_URL": "redis://:hunter2@valkey:6379/1",
    "EMAIL_URL": "smtp://user:hunter2@mail.example",
}


@pytest.mark.parametrize(
    ("name", "part", "remedy"),
    [
        ("DATABASE_URL", "database", "sslmode=verify-full"),
        ("DATABASE_STAFF_URL", "database", "sslmode=verify-full"),
        ("DATABASE_PRODUCT_URL", "database", "sslmode=verify-full"),
        ("DATABASE_OWNER_URL", "database", "sslmode=verify-full"),
        ("CELERY_BROKER_URL", "broker", "rediss://"),
        ("CACHE_URL", "cache", "rediss://"),
        ("EMAIL_URL", "mail", "smtp+tls://"),
    ],
)
def test_a_server_in_the_clear_is_refused_although_all_other_parts_may_be(name, part, remedy) -> None:
    others = ",".join({"database", "broker", "cache", "mail"} - {part})
    status, message = boot(**{name: OVER_A_NETWORK[name], "PLAINTEXT_ALLOWED_TO": others})

    assert status != 0
    assert f"{name} leads over a network without TLS. " in message
    assert remedy in message
    assert f"name {part} in PLAINTEXT_ALLOWED_TO" in message
    assert "hunter2" not in message


def test_what_may_go_in_the_clear_does_and_is_remembered_for_preflight() -> None:
    status, names = boot(**OVER_A_NETWORK, PLAINTEXT_ALLOWED_TO="database, broker, cache, mail")

    assert (status, sorted(names.split())) == (0, sorted(OVER_A_NETWORK))


def test_servers_that_take_tls_need_no_exception() -> None:
    by_tls = {
        "DATABASE_URL": "postgresql://u@db.example/rolebridge?sslmode=verify-full&sslrootcert=/etc/ca.pem",
        "DATABASE_STAFF_URL": "postgresql://u@db.example/rolebridge?sslmode=require",
        "CELERY_BROKER_URL": "rediss://valkey.example:6379/0",
        "CACHE_URL": "rediss://valkey.example:6379/1",
        "EMAIL_URL": "smtp+ssl://mail.example",
    }

    assert boot(**by_tls) == (0, "")


@pytest.mark.parametrize("variable", ["PGHOST", "PGHOSTADDR"])
def test_an_address_that_libpq_takes_from_the_environment_counts(variable) -> None:
    here = {"DATABASE_URL": "postgresql:///rolebridge", "DATABASE_STAFF_URL": "postgresql:///rolebridge"}

    assert boot(**here) == (0, "")
    assert "DATABASE_URL leads over a network" in boot(**here, **{variable: "10.0.0.5"})[1]
    assert boot(**here, **{variable: "10.0.0.5", "PGSSLMODE": "verify-full"}) == (0, "")


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
