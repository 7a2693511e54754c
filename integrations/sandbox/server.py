"""The HTTP server around the sandbox: threads, keep-alive, and bounds on what a client may send."""

import ipaddress
import logging
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from typing import Any

from integrations.sandbox.errors import AwsError, render
from integrations.sandbox.journal import StateDirectoryInUseError
from integrations.sandbox.sandbox import Sandbox
from integrations.sandbox.wire import HttpRequest, HttpResponse

log = logging.getLogger(__name__)

LARGEST_BODY = 64 * 1024 * 1024
READ_TIMEOUT_SECONDS = 30
_CHUNK_LINE = 1024


class _BodyError(Exception):
    """The body cannot be read: too large, or broken off."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "RolebridgeSandbox"
    sys_version = ""
    timeout = READ_TIMEOUT_SECONDS
    disable_nagle_algorithm = True
    server: "Server"

    def _handle(self) -> None:
        try:
            body = self._body()
        except _BodyError as error:
            self.close_connection = True
            self._send(render(AwsError("RequestEntityTooLarge", str(error), 413), "query"))
            self._drain()
            return
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            lowered = name.lower()
            headers[lowered] = f"{headers[lowered]},{value}" if lowered in headers else value
        request = HttpRequest(self.command, self.path, headers, body, str(self.client_address[0]))
        self._send(self.server.sandbox.answer(request))

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = _handle  # noqa: N815 - http.server's names

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunked_body()
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError as error:
            raise _BodyError("Content-Length is not a number") from error
        if not 0 <= length <= LARGEST_BODY:
            raise _BodyError(f"The sandbox takes bodies of up to {LARGEST_BODY} bytes.")
        body = self.rfile.read(length)
        if len(body) < length:
            raise _BodyError("The body broke off.")
        return body

    def _chunked_body(self) -> bytes:
        out = bytearray()
        while True:
            line = self.rfile.readline(_CHUNK_LINE)
            try:
                size = int(line.split(b";", 1)[0], 16)
            except ValueError as error:
                raise _BodyError("A chunk's size is not a number.") from error
            if size < 0 or len(out) + size > LARGEST_BODY:
                raise _BodyError(f"The sandbox takes bodies of up to {LARGEST_BODY} bytes.")
            if size == 0:
                while self.rfile.readline(_CHUNK_LINE) not in {b"\r\n", b"\n", b""}:
                    pass
                return bytes(out)
            out += self.rfile.read(size)
            self.rfile.readline(_CHUNK_LINE)

    def _send(self, response: HttpResponse) -> None:
        if response.dropped:
            self.close_connection = True
            # Closing with a reset, as a connection that dies does.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            return
        head = [f"HTTP/1.1 {response.status} {self.responses.get(response.status, ('',))[0]}\r\n"]
        seen = {name.lower() for name, _ in response.headers}
        for name, value in response.headers:
            if name.lower() not in {"content-length", "connection", "transfer-encoding", "date"}:
                head.append(f"{name}: {_one_line(value)}\r\n")
        if "server" not in seen:
            head.append(f"Server: {self.server_version}\r\n")
        length = response.header("content-length") if self.command == "HEAD" else None
        bodiless = response.status in {204, 304}
        if not bodiless:
            head.append(f"Content-Length: {length or len(response.body)}\r\n")
        head.append(f"Date: {self.date_time_string()}\r\n")
        if self.close_connection:
            head.append("Connection: close\r\n")
        head.append("\r\n")
        content = b"" if self.command == "HEAD" or bodiless else response.body
        self.wfile.write("".join(head).encode("latin-1", "replace") + content)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what is not HTTP in AWS's shape rather than in HTML."""
        self.close_connection = True
        if not hasattr(self, "command") or self.command is None:
            self.command = "GET"
        text = message or explain or "The request could not be read."
        self._send(render(AwsError("MalformedHttpRequestException", text, int(code)), "query"))
        self._drain()

    def _drain(self) -> None:
        """Read on for a moment: closing over unread bytes would reset the connection and lose the answer."""
        try:
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(1)
            for _ in range(64):
                if not self.connection.recv(65536):
                    return
        except OSError:
            return

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        log.debug(format, *args)


def _one_line(value: str) -> str:
    return value.replace("\r", " ").replace("\n", " ")


class Server(ThreadingMixIn, TCPServer):
    """A thread for each connection."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], sandbox: Sandbox) -> None:
        """Bind. Raises OSError if the address is taken."""
        self.sandbox = sandbox
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the base class's signature
        """Say nothing of clients that went away; log what is our own fault."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            log.error("A connection from %s failed", client_address, exc_info=error)


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address stays on this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def serve(
    *,
    host: str,
    port: int,
    state_directory: Path | None,
    propagation: float,
    allow_remote: bool,
    stop: threading.Event,
) -> int:
    """Serve until `stop` is set. Gives the process's exit code: 2 for a wrong or taken address."""
    if not is_loopback(host) and not allow_remote:
        _say(f"Refusing to listen on {host}: the sandbox guards nothing. --allow-remote permits it.", error=True)
        return 2
    try:
        probe = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        probe.close()
    except (OSError, OverflowError) as error:
        _say(f"Cannot listen on {host}:{port}: {error}. Is something else running there?", error=True)
        return 2
    try:
        sandbox = Sandbox(state_directory=state_directory, propagation=propagation)
    except (StateDirectoryInUseError, OSError) as error:
        _say(f"Cannot use the state directory: {error}", error=True)
        return 2
    try:
        server = Server((host, port), sandbox)
    except OSError as error:
        _say(f"Cannot listen on {host}:{port}: {error}.", error=True)
        return 2
    _say(f"Rolebridge sandbox (not AWS) on http://{host}:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    stop.wait()
    server.shutdown()
    server.server_close()
    sandbox.close()
    return 0


def _say(text: str, *, error: bool = False) -> None:
    stream = sys.stderr if error else sys.stdout
    stream.write(text + "\n")
    stream.flush()
