"""The request in hand: its id, on each log line, audit event and answer, and the address it came from."""

from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")
client_address: ContextVar[str | None] = ContextVar("client_address", default=None)
# Under these names both are in the request's environment, for what is written when the two above are forgotten: the web
# server's access log, and Django's line about an answer. No header's name begins like that.
REQUEST_ID = "rolebridge.request_id"
CLIENT_ADDRESS = "rolebridge.client_address"
