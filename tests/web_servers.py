"""Real web servers on this machine that answer as a test wants, and keep what they were asked."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes


Handler = Callable[[Asked, BaseHTTPRequestHandler], object]


@dataclass
class WebServer:
    """A server that is running. `answer` says what it does next."""

    address: str
    answer: Handler
    asked: list[Asked] = field(default_factory=list)


def answering(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> Handler:
    """An answer that is always the same."""

    def answer(_asked: Asked, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@contextmanager
def web_server(answer: Handler, tls: ssl.SSLContext | None = None) -> Iterator[WebServer]:
    """A server on a free port of 127.0.0.1."""

    class Requests(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, self.rfile.read(length))
            running.asked.append(asked)
            with suppress(OSError):  # whoever asked has gone
                running.answer(asked, self)

        do_GET = do_POST = do_PUT = handle_any  # noqa: N815 — http.server's names

        def log_message(self, *_args: object) -> None:
            """Nothing on the terminal."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_args: object) -> None:
            """A client that refuses our certificate is no error here."""

    server = Server(("127.0.0.1", 0), Requests)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    scheme = "https" if tls else "http"
    running = WebServer(f"{scheme}://127.0.0.1:{server.server_address[1]}", answer)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def certificate_for(
    name: str, directory: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None
) -> tuple[ssl.SSLContext, Path]:
    """The TLS side of a server that is called `name`, and the file that whoever trusts it needs. Its key is ECDSA's
    if none is given."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, private = directory / f"{name}.pem", directory / f"{name}.key"
    trusted.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, private)
    return context, trusted
