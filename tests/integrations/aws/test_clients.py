"""How clients are made, and that credentials show nowhere."""

import dataclasses
import logging
import logging.config
import pickle
import tomllib
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from integrations.aws.clients import VERSION, ClientFactory, SessionCredentials
from integrations.aws.errors import VendorIdentityMissing

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def credentials():
    return SessionCredentials("ASIAEXAMPLE", "the-secret", "the-token", datetime.now(UTC) + timedelta(minutes=15))


@pytest.fixture
def no_identity(monkeypatch, tmp_path):
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_PROFILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_ENDPOINT_URL",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("region", "endpoint"),
    [
        ("eu-central-1", "https://sts.eu-central-1.amazonaws.com"),
        ("us-east-1", "https://sts.us-east-1.amazonaws.com"),
        ("us-gov-west-1", "https://sts.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "https://sts.cn-north-1.amazonaws.com.cn"),
        ("eusc-de-east-1", "https://sts.eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_sts_is_asked_in_its_region_in_every_partition(region, endpoint, credentials, no_identity):
    assert ClientFactory().with_session("sts", region, credentials).meta.endpoint_url == endpoint


def test_every_call_has_timeouts_few_attempts_and_our_name(credentials):
    config = ClientFactory().with_session("sts", "us-east-1", credentials).meta.config

    assert (config.connect_timeout, config.read_timeout) == (3.0, 10.0)
    assert config.retries == {"mode": "standard", "total_max_attempts": 2}
    assert config.user_agent == f"Rolebridge/{VERSION}"


def test_the_user_agent_carries_the_projects_version():
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION


def test_an_endpoint_of_ones_own_is_used(credentials):
    client = ClientFactory("http://127.0.0.1:9").with_session("sts", "us-east-1", credentials)

    assert client.meta.endpoint_url == "http://127.0.0.1:9"


def test_two_sessions_never_share_a_client_even_where_their_credentials_are_equal(credentials):
    factory = ClientFactory()

    first = factory.with_session("sts", "us-east-1", credentials)
    second = factory.with_session("sts", "us-east-1", dataclasses.replace(credentials, clients={}))

    assert first is not second


def test_a_session_has_one_client_per_service_and_region(credentials):
    factory = ClientFactory()

    first = factory.with_session("sts", "us-east-1", credentials)

    assert factory.with_session("sts", "us-east-1", credentials) is first
    assert factory.with_session("sts", "us-west-2", credentials) is not first
    assert factory.with_session("iam", "us-east-1", credentials) is not first


def test_a_process_without_identity_is_refused_rather_than_left_to_guess(no_identity):
    with pytest.raises(VendorIdentityMissing):
        ClientFactory().with_own_identity("sts", "us-east-1")


def test_credentials_show_in_no_repr_and_no_traceback(credentials):
    error = ValueError(credentials)

    shown = "".join(traceback.format_exception(error)) + repr(credentials) + str(credentials) + f"{credentials!r}"

    assert "the-secret" not in shown
    assert "the-token" not in shown


def test_credentials_cannot_be_stored_or_sent(credentials):
    with pytest.raises(TypeError, match="never stored"):
        pickle.dumps(credentials)


def test_credentials_know_when_they_are_about_to_end(credentials):
    assert credentials.expires_within(16 * 60)
    assert not credentials.expires_within(14 * 60)


def test_configuring_logging_anew_gives_no_secret_away():
    named = ("botocore", "botocore.auth", "botocore.endpoint", "botocore.parsers")
    levels = {name: logging.getLogger(name).level for name in named}
    everything = {"version": 1, "disable_existing_loggers": False, "loggers": {"botocore": {"level": "DEBUG"}}}

    try:
        logging.config.dictConfig(everything)
        logger = logging.getLogger("botocore.auth")
        told = logger.filter(logger.makeRecord(logger.name, logging.DEBUG, "auth.py", 1, "a secret", (), None))
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)

    assert not told
