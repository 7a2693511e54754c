"""The request in hand: its id, on each log line, audit event and answer, and the address it came from."""

from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")
client_address: ContextVar[str | None] = ContextVar("client_address", default=None)
# Under this name the web server's access log, which is written when the two above are forgotten, finds the address in
# the request's environment. No header's name begins like that.
CLIENT_ADDRESS = "rolebridge.client_address"
