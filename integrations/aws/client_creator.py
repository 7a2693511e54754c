"""botocore's own way to make a client, in which whatever holds no credential is made once and not for each client.

A client of botocore's is dear for its service model, its class, its endpoint rules and its connection pool: 2 ms of CPU
for STS, 8 for EC2. None of these knows who calls. What does know is made for every client anew: the credentials, the
signer that holds them, the events that lead a request to that signer, and with them retries and what a client has
learned (S3's redirects). So each session has clients of its own for a fifth to a twentieth of the price, and the
connection to AWS stays open between them.

This overrides methods of `botocore.client.ClientCreator` that botocore does not document: the version is pinned, and
`tests/integrations/aws/test_client_creator.py` says what must still hold after an update.
"""

import copy
from typing import Any

import botocore.session
from botocore import retryhandler, translate
from botocore.client import ClientCreator
from botocore.handlers import BUILTIN_HANDLERS, REGISTER_FIRST, REGISTER_LAST
from botocore.hooks import EVENT_ALIASES, HierarchicalEmitter
from botocore.signers import RequestSigner

from integrations.aws.calls import watch
from integrations.aws.endpoint import AnsweringEndpoint
from integrations.aws.http_deadline import TimedHTTPSession


def _events_of(service_id: str) -> HierarchicalEmitter:
    """The handlers that botocore has for this service, and none for others or for documentation: to copy them all for
    each client is most of the work of making one.
    """
    events = HierarchicalEmitter()
    register = {REGISTER_FIRST: events.register_first, REGISTER_LAST: events.register_last}
    for name, handler, *when in BUILTIN_HANDLERS:
        about, *of = name.split(".")
        if of:
            of[0] = EVENT_ALIASES.get(of[0], of[0])
        if about != "docs" and (not of or of[0] in {"*", service_id}):
            register.get(when[0] if when else None, events.register)(".".join([about, *of]), handler)
    watch(events)
    return events


class SharingClientCreator(ClientCreator):
    """Makes clients of one service. Not for two threads at once; the clients are."""

    def __init__(self, session: botocore.session.Session, service: str) -> None:
        """As `session.create_client` sets botocore's up, with the endpoint addresses of the user's configuration."""
        config_store = copy.copy(session.get_component("config_store"))
        inside: Any = session
        inside._add_configured_endpoint_provider(client_name=service, config_store=config_store)  # noqa: SLF001 — see above
        super().__init__(
            session.get_component("data_loader"),
            inside._get_internal_component("endpoint_resolver"),  # noqa: SLF001 — see above
            session.user_agent(),
            session.get_component("event_emitter"),
            retryhandler,
            translate,
            session.get_component("response_parser_factory"),
            inside._get_internal_component("exceptions_factory"),  # noqa: SLF001 — see above
            config_store,
            user_agent_creator=session.get_component("user_agent_creator"),
        )
        self._parsers = session.get_component("response_parser_factory")
        self._model: Any = None
        self._class: Any = None
        self._arguments: dict[str, dict[str, Any]] = {}
        self._events = _events_of(self._load_service_model(service).service_id.hyphenize())

    def _load_service_model(self, service_name: str, api_version: str | None = None) -> Any:
        if self._model is None:
            self._model = super()._load_service_model(service_name, api_version)  # type: ignore[misc]  # not in the stubs
        return self._model

    def _create_client_class(self, service_name: str, service_model: Any) -> Any:
        if self._class is None:
            self._class = super()._create_client_class(service_name, service_model)  # type: ignore[misc]  # not in the stubs
        return self._class

    def _get_client_args(
        self,
        service_model: Any,
        region_name: str,
        is_secure: bool,
        endpoint_url: str | None,
        verify: Any,
        credentials: Any,
        *more: Any,
    ) -> dict[str, Any]:
        """The client's arguments: those of the region's first client, with all that knows the caller replaced."""
        shared = self._arguments.get(region_name)
        if shared is None:
            shared = super()._get_client_args(  # type: ignore[misc]  # not in the stubs
                service_model, region_name, is_secure, endpoint_url, verify, None, *more
            )
            shared["endpoint"].http_session = TimedHTTPSession(shared["endpoint"].http_session)
            self._arguments[region_name] = shared
        events = copy.copy(self._events)
        signer, endpoint = shared["request_signer"], shared["endpoint"]
        rules = copy.copy(shared["endpoint_ruleset_resolver"])
        if rules is not None:
            rules._event_emitter = events  # noqa: SLF001 — botocore gives it at the making alone, which is the dear part
        return shared | {
            "event_emitter": events,
            "request_signer": RequestSigner(
                service_model.service_id,
                signer.region_name,
                signer.signing_name,
                signer.signature_version,
                credentials,
                events,
            ),
            "endpoint": AnsweringEndpoint(
                endpoint.host,
                service_model.endpoint_prefix,
                events,
                self._parsers,
                endpoint.http_session,
            ),
            "endpoint_ruleset_resolver": rules,
        }
