"""The one place where boto3 clients are made.

Each client holds the credentials of one session, and no client and no credential serves two connections. What holds
none (service models, endpoint rules, connections to AWS) is made once; see client_creator.

Set-up it needs: for the worker's own identity, credentials as boto3 finds them (container, instance, pod, profile).
Clients for assumed roles get their credentials explicitly and never fall back to that identity.
"""

import logging
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import botocore.session
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import Loader
from botocore.utils import validate_region_name

from integrations.aws.client_creator import SharingClientCreator
from integrations.aws.errors import VendorIdentityMissing, translate

VERSION = "0.1.0"
CONNECT_TIMEOUT = 3.0  # seconds
READ_TIMEOUT = 10.0  # seconds
MAX_ATTEMPTS = 2  # one retry, by botocore's standard mode, with jitter
# Connections kept open to one endpoint; more calls at once open more, which are closed after use.
KEPT_CONNECTIONS = 64

# At DEBUG these write whole requests and answers, session tokens and secret keys included, into the log. Whoever turns
# botocore's logging up must not get those with it. `logging.config` takes a level back where it configures `botocore`
# later, but no filter; a filter, though, does not hold for the loggers below, as the level does.
for _name in (
    "botocore.auth",
    "botocore.awsrequest",
    "botocore.endpoint",
    "botocore.hooks",
    "botocore.httpsession",
    "botocore.parsers",
    "botocore.retries",
    "botocore.retryhandler",
    "botocore.utils",
):
    logging.getLogger(_name).setLevel(logging.INFO)
    logging.getLogger(_name).addFilter(lambda record: record.levelno >= logging.INFO)

# botocore still presigns for S3 with version 2 of the signature, which most regions refuse.
_SIGNED_AS_S3 = Config(signature_version="s3v4")
_LOADER = Loader()
# botocore does not promise that clients can be made in several threads at once.
_MAKING = threading.Lock()


@dataclass(frozen=True)
class SessionCredentials:
    """Temporary credentials of one session. They live in memory only: never shown, never pickled.

    The clients made with them are kept beside them, and so end with the session and serve no other.
    """

    access_key_id: str
    secret_access_key: str
    session_token: str
    expires_at: datetime
    clients: dict[tuple[str, str], Any] = field(default_factory=dict, compare=False)

    def __repr__(self) -> str:
        return f"<SessionCredentials {self.access_key_id} until {self.expires_at.isoformat()}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("Session credentials are never stored or sent.")

    def expires_within(self, seconds: float) -> bool:
        return self.expires_at <= datetime.now(UTC) + timedelta(seconds=seconds)


def _new_session() -> botocore.session.Session:
    session = botocore.session.Session()
    session.register_component("data_loader", _LOADER)
    return session


class ClientFactory:
    """Makes clients for one endpoint. `endpoint_url` None is AWS itself, or what AWS_ENDPOINT_URL says."""

    def __init__(self, endpoint_url: str | None = None) -> None:
        self._endpoint_url = endpoint_url
        self._session = _new_session()
        self._creators: dict[str, SharingClientCreator] = {}
        self._finding_own_identity = threading.Lock()
        self._config = Config(
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            retries={"mode": "standard", "total_max_attempts": MAX_ATTEMPTS},
            user_agent=f"Rolebridge/{VERSION}",
            tcp_keepalive=True,
            max_pool_connections=KEPT_CONNECTIONS,
        )

    def with_session(self, service: str, region: str, credentials: SessionCredentials) -> Any:
        """The client that acts as the session the credentials belong to: one per service and region."""
        with _MAKING:
            client = credentials.clients.get((service, region))
            if client is None:
                client = self._make(
                    service,
                    region,
                    Credentials(credentials.access_key_id, credentials.secret_access_key, credentials.session_token),
                )
                credentials.clients[service, region] = client
        return client

    def with_keys(self, service: str, region: str, access_key_id: str, secret_access_key: str) -> Any:
        """A client with long-lived keys: the sandbox's account roots, which exist nowhere else."""
        with _MAKING:
            return self._make(service, region, Credentials(access_key_id, secret_access_key))

    def with_own_identity(self, service: str, region: str) -> Any:
        """A client that acts as this process; VendorIdentityMissing if its environment gives it no credentials."""
        try:
            # Asked for before the client is made: a metadata service that hangs must not hold up other clients.
            with self._finding_own_identity:
                credentials = self._session.get_credentials()
        except BotoCoreError as error:
            raise translate(error) from None
        if credentials is None:
            raise VendorIdentityMissing("NoCredentials", "The environment of this process gives it no AWS identity.")
        with _MAKING:
            return self._make(service, region, credentials)

    def forget_own_identity(self) -> None:
        """Ask the environment anew for this process's credentials: AWS calls those it gave expired."""
        with self._finding_own_identity, _MAKING:
            self._session = _new_session()
            self._creators = {}

    def _make(self, service: str, region: str, credentials: Credentials) -> Any:
        """Make a client; the caller holds `_MAKING`."""
        try:
            validate_region_name(region)
            if service not in self._creators:
                self._creators[service] = SharingClientCreator(self._session, service)
            return self._creators[service].create_client(
                service,
                region,
                endpoint_url=self._endpoint_url,
                verify=self._session.get_config_variable("ca_bundle"),
                credentials=credentials,
                scoped_config=self._session.get_scoped_config(),
                client_config=self._config.merge(_SIGNED_AS_S3) if service == "s3" else self._config,
            )
        except (BotoCoreError, ClientError) as error:
            raise translate(error) from None
