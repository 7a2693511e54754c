"""The one way to moto: calls its server application in this process, under a lock, and can replay what it did.

moto answers for what IAM allowed; it judges nothing here. The account goes along in moto's own header.
"""

import base64
import io
import secrets
import threading
from datetime import UTC, datetime
from functools import cache
from typing import Any

import moto.backends
import moto.core.responses
import moto.core.utils
import moto.iam.models
from moto.backends import get_backend
from moto.core.base_backend import BackendDict
from moto.iam.policy_validation import BaseIAMPolicyValidator
from moto.moto_api._internal import mock_random
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from integrations.sandbox.aws_managed import provide
from integrations.sandbox.clock import Clock
from integrations.sandbox.journal import Journal
from integrations.sandbox.wire import HttpResponse

_KEPT_BESIDE_ACCOUNTS = {"bucket_accounts", "master_accounts"}
"""What moto's dictionaries of accounts hold beside them: whose a bucket is, and who manages a member account."""

_KEPT_BY_GATE = {"authorization", "x-amz-security-token", "x-moto-account-id", "connection", "transfer-encoding"}


def _sandbox_utcnow() -> datetime:
    """Stand in for moto's `utcnow`; its body runs with the globals of moto.core.utils, where the hook is put."""
    return sandbox_moment()  # type: ignore[name-defined,no-any-return]  # noqa: F821 - found in moto's globals


_moto_user_init = moto.iam.models.User.__init__


def _user_init(user: Any, *arguments: Any, **named: Any) -> None:
    """Make a user of moto's with a unique id as IAM gives them: `AIDA` and seventeen capitals."""
    _moto_user_init(user, *arguments, **named)
    user.id = "AIDA" + user.id[:17].upper()


def _checked_before(_validator: Any) -> None:
    """Stand in for moto's check of policy documents."""


_method_names = cache(moto.core.utils.method_names_from_class)
_moto_modules = tuple(moto.backends.list_of_moto_modules())


class Moto:
    """moto's server application behind a lock: moto is not made for threads."""

    def __init__(self, clock: Clock, journal: Journal) -> None:
        self.lock = threading.RLock()
        self._clock = clock
        self._journal = journal
        self._moment_at_work: float | None = None
        self._app = DomainDispatcherApplication(create_backend_app)
        # Every moto module imports `utcnow` by name, so its code is replaced rather than the name.
        vars(moto.core.utils)["sandbox_moment"] = self._moment
        moto.core.utils.utcnow.__code__ = _sandbox_utcnow.__code__
        moto.iam.models.User.__init__ = _user_init  # type: ignore[method-assign,assignment]  # moto has no hook
        # moto reads its directory twice and its class once for every call: half of the call's time.
        moto.backends.list_of_moto_modules = lambda: _moto_modules
        vars(moto.core.responses)["method_names_from_class"] = _method_names
        # Documents are checked before they reach moto, whose own reading refuses some that IAM takes.
        BaseIAMPolicyValidator.validate = _checked_before  # type: ignore[method-assign,assignment]  # as above

    def _moment(self) -> datetime:
        moment = self._clock.now() if self._moment_at_work is None else self._moment_at_work
        return datetime.fromtimestamp(moment, UTC).replace(tzinfo=None)

    def call(
        self,
        *,
        method: str,
        target: str,
        headers: dict[str, str],
        body: bytes,
        account: str,
        region: str,
        service: str,
        access_key: str,
        changes: bool,
    ) -> HttpResponse:
        """Let moto answer. With `changes` the call is journalled if it succeeds."""
        kept = {name: value for name, value in headers.items() if name not in _KEPT_BY_GATE}
        with self.lock:
            call = {
                "method": method,
                "target": target,
                "headers": kept,
                "account": account,
                "region": region,
                "service": service,
                "access_key": access_key,
                "moment": self._clock.now(),
                "seed": secrets.randbits(64),
            }
            response = self._at_its_moment(call, body, changes=changes)
            if changes and response.status < 400:
                self._journal.add({"moto": {**call, "body": base64.b64encode(body).decode()}})
            return response

    def replay(self, call: dict[str, Any]) -> None:
        """Do a journalled call again, with the ids and dates it had."""
        with self.lock:
            self._at_its_moment(call, base64.b64decode(call["body"]), changes=True)

    def _at_its_moment(self, call: dict[str, Any], body: bytes, *, changes: bool) -> HttpResponse:
        """Let moto see one time from the call's beginning to its end, so that a replay gives the same dates."""
        self._moment_at_work = call["moment"]
        try:
            return self._perform(call, body, changes=changes)
        finally:
            self._moment_at_work = None

    def reset(self) -> None:
        """Forget all accounts."""
        with self.lock:
            BackendDict.reset()

    def state(self) -> Any:
        """Give everything that moto holds, for a snapshot. Hold the lock until it is written."""
        return [
            (
                backends.service_name,
                {account: dict(dict.items(regions)) for account, regions in dict.items(backends)},
                {name: value for name, value in vars(backends).items() if name in _KEPT_BESIDE_ACCOUNTS},
            )
            for backends in list(BackendDict._instances)  # type: ignore[misc]  # noqa: SLF001 - moto has no other list
        ]

    def take(self, state: Any) -> None:
        """Put back what `state` gave."""
        find: Any = get_backend
        with self.lock:
            for service, accounts, beside in state:
                backends = find(service)
                vars(backends).update(beside)
                for account, regions in accounts.items():
                    for region, backend in regions.items():
                        dict.__setitem__(backends[account], region, backend)

    def _perform(self, call: dict[str, Any], body: bytes, *, changes: bool) -> HttpResponse:
        if call["service"] == "iam":
            provide(call["account"], body)
        if changes:
            mock_random.seed(call["seed"])
        environ = _environ(call, body)
        started: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], _error: Any = None) -> None:
            started["status"] = int(status.split(" ", 1)[0])
            started["headers"] = headers

        chunks = self._app(environ, start_response)
        try:
            content = b"".join(chunks)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
        return HttpResponse(started["status"], content, list(started["headers"]))


def _environ(call: dict[str, Any], body: bytes) -> dict[str, Any]:
    from urllib.parse import unquote_to_bytes

    path, _, query = call["target"].partition("?")
    headers: dict[str, str] = dict(call["headers"])
    host = headers.get("host", "127.0.0.1")
    server, _, port = host.partition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": call["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "RAW_URI": call["target"],
        "REQUEST_URI": call["target"],
        "QUERY_STRING": query,
        "SERVER_NAME": server,
        "SERVER_PORT": port or "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "CONTENT_LENGTH": str(len(body)),
    }
    names: dict[str, str] = {}
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        if key == "CONTENT_TYPE":
            environ["CONTENT_TYPE"] = value
        elif key != "CONTENT_LENGTH":
            environ[f"HTTP_{key}"] = value
            if "_" in name and name.startswith("x-amz-meta-"):
                names[f"HTTP_{key}"] = name
    environ["moto.preserved_header_names"] = names
    environ["HTTP_X_MOTO_ACCOUNT_ID"] = call["account"]
    environ["HTTP_AUTHORIZATION"] = (
        f"AWS4-HMAC-SHA256 Credential={call['access_key']}/20260101/{call['region']}/{call['service']}/aws4_request, "
        "SignedHeaders=host, Signature=checked-by-the-sandbox"
    )
    return environ
