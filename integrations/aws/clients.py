"""The one place where boto3 clients are made.

Reading service models and endpoint rules is what makes a client dear, so every client shares one loader. Nothing else
is shared: each client holds the credentials of one session, and no client serves two connections.

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
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import Loader

from integrations.aws.errors import VendorIdentityMissing, translate

VERSION = "0.1.0"
CONNECT_TIMEOUT = 3.0  # seconds
READ_TIMEOUT = 10.0  # seconds
MAX_ATTEMPTS = 2  # one retry, by botocore's standard mode, with jitter

# At DEBUG these write whole requests and answers, session tokens and secret keys included, into the log. Whoever turns
# botocore's logging up must not get those with it.
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


class ClientFactory:
    """Makes clients for one endpoint. `endpoint_url` None is AWS itself, or what AWS_ENDPOINT_URL says."""

    def __init__(self, endpoint_url: str | None = None) -> None:
        self._endpoint_url = endpoint_url
        self._session = botocore.session.Session()
        self._session.register_component("data_loader", _LOADER)
        self._finding_own_identity = threading.Lock()
        self._config = Config(
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            retries={"mode": "standard", "total_max_attempts": MAX_ATTEMPTS},
            user_agent=f"Rolebridge/{VERSION}",
            tcp_keepalive=True,
        )

    def with_session(self, service: str, region: str, credentials: SessionCredentials) -> Any:
        """The client that acts as the session the credentials belong to: one per service and region."""
        with _MAKING:
            client = credentials.clients.get((service, region))
            if client is None:
                client = self._make(
                    service,
                    region,
                    aws_access_key_id=credentials.access_key_id,
                    aws_secret_access_key=credentials.secret_access_key,
                    aws_session_token=credentials.session_token,
                )
                credentials.clients[service, region] = client
        return client

    def with_keys(self, service: str, region: str, access_key_id: str, secret_access_key: str) -> Any:
        """A client with long-lived keys: the sandbox's account roots, which exist nowhere else."""
        with _MAKING:
            return self._make(service, region, aws_access_key_id=access_key_id, aws_secret_access_key=secret_access_key)

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
            return self._make(service, region)

    def _make(self, service: str, region: str, **credentials: str) -> Any:
        """Make a client; the caller holds `_MAKING`."""
        # The stubs list every service by name; ours come from the catalogue.
        create_client: Any = self._session.create_client
        try:
            return create_client(
                service, region_name=region, endpoint_url=self._endpoint_url, config=self._config, **credentials
            )
        except (BotoCoreError, ClientError) as error:
            raise translate(error) from None
