"""Calls to addresses that customers name: webhooks, and their identity providers. The one way out for both.

Whoever names an address could name one of ours: a metadata service, a database, another service in our network. So an
address is judged when it is connected to: the name is looked up once, each address that comes back is judged, and the
connection goes to an address that was judged, never to the name again. A name that means something else a moment later
(DNS rebinding) finds nobody asking. The peer of the open connection is judged once more before a byte is sent.

Redirects are answers like any other and never followed, no proxy is used, an answer is read up to a limit, and the
whole exchange has one deadline, however slowly its bytes come.
"""

import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils.translation import gettext_noop

CONNECT_SECONDS = 5.0  # for each address of a name
MOST_ADDRESSES = 4  # of a name, that are tried
LONGEST_URL = 500
_TOO_LONG = gettext_noop("The address is longer than 500 characters.")

# IPv4 that is not for the public: IANA's special-purpose registry, multicast, and Azure's metadata service, which has a
# public address. Written out, since `ipaddress` of older Python releases knows some of these not at all.
_REFUSED_IPV4 = [
    ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24",
        "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",
        "240.0.0.0/4",
    )
]  # fmt: skip
# IPv6 is the other way round: only what is assigned for the public (2000::/3), which leaves out loopback, link-local
# and unique local addresses, multicast, IPv4-mapped and -compatible ones and NAT64's well-known prefixes; and of it,
# nothing that carries an IPv4 address (Teredo, 6to4) or is for documentation.
_PUBLIC_IPV6 = ip_network("2000::/3")
_REFUSED_IPV6 = [ip_network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")]


# A name, or an IPv6 address. Other characters mean something where a host is written into a header or a policy.
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")


class OutboundError(Exception):
    """The call gave no answer; the message says why, for the customer who named the address."""


class Refused(OutboundError):
    """The address is one that we do not call. Another try changes nothing."""


class Unreachable(OutboundError):
    """Nothing answered, or not in HTTP, or not with a certificate for the name."""


class TooSlow(OutboundError):
    """There was no whole answer in time."""


@dataclass(frozen=True)
class Answer:
    """An answer: its status, its headers (names in lower case), and its body up to the limit."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_cut: bool  # whether there was more of the body


def check_url(url: str) -> SplitResult:
    """The parts of a URL that may be called, as far as can be told before its name is looked up.

    Raises:
        Refused: with what to change.
    """
    if len(url) > LONGEST_URL:
        raise Refused(_TOO_LONG)
    if not url.isascii() or any(character.isspace() or not character.isprintable() for character in url):
        raise Refused(gettext_noop("The address holds characters that a URL has not. Write them percent-encoded."))
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise Refused(gettext_noop("The address is no URL.")) from None
    wanted = ("https", "http") if settings.OUTBOUND_MAY_REACH_LOOPBACK else ("https",)
    if parts.scheme not in wanted:
        raise Refused(gettext_noop("The address must begin with https://"))
    if not host or not _HOST.fullmatch(host) or port == 0:
        raise Refused(gettext_noop("The address names no host."))
    if parts.username is not None or parts.password is not None:
        raise Refused(
            gettext_noop("The address holds a user name or password. Leave them out: calls are signed instead.")
        )
    if parts.fragment:
        raise Refused(gettext_noop("The address has a part after #, which is never sent. Leave it out."))
    with suppress(ValueError):  # a name, judged when it is looked up
        judge(ip_address(host))
    return parts


def judge(address: IPv4Address | IPv6Address) -> None:
    """Let an address pass that is public.

    Raises:
        Refused: it is not.
    """
    if settings.OUTBOUND_MAY_REACH_LOOPBACK and address.is_loopback:
        return
    if isinstance(address, IPv4Address):
        is_public = not any(address in network for network in _REFUSED_IPV4)
    else:
        is_public = address in _PUBLIC_IPV6 and not any(address in network for network in _REFUSED_IPV6)
    if not is_public or any(address in network for network in settings.OUTBOUND_REFUSED_NETWORKS):
        raise Refused(
            gettext_noop("The address leads into a network that is not public. We call public addresses alone.")
        )


def exchange(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None = None,
    deadline_seconds: float,
    most_bytes: int,
) -> Answer:
    """Send one request and read its answer, of any status. No database transaction is open meanwhile.

    Args:
        method: of HTTP.
        url: whom to ask.
        headers: of the request.
        body: of the request.
        deadline_seconds: within which everything has ended, the look-up of the name included.
        most_bytes: of the answer's body that are read.

    Raises:
        Refused: the URL, or an address that its name has, is one that we do not call; nothing was sent.
        Unreachable, TooSlow: what was sent may have arrived or not.
    """
    parts = check_url(url)
    with _deadline(deadline_seconds) as deadline:
        connection = _Connection(parts, deadline)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request(method, path, body=body, headers={"Accept-Encoding": "identity", **headers})
            response = connection.getresponse()
            read = response.read(most_bytes + 1)
        except OutboundError:
            raise
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _in_words(error, deadline) from error
        finally:
            connection.close()
        if deadline.is_over:  # a body that was cut looks like one that has ended
            raise TooSlow(_TOO_SLOW)
    return Answer(
        status=response.status,
        headers={name.lower(): value for name, value in response.getheaders()},
        body=read[:most_bytes],
        is_cut=len(read) > most_bytes,
    )


_TOO_SLOW = gettext_noop("There was no whole answer in time.")


class _Deadline:
    """The end of one exchange: its socket is shut when the time is over, whatever waits for it then."""

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._ends_at = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    def left(self) -> float:
        """Seconds that are left.

        Raises:
            TooSlow: none are.
        """
        left = self._ends_at - time.monotonic()
        if self.is_over or left <= 0:
            raise TooSlow(_TOO_SLOW)
        return left

    def holds(self, connected: socket.socket | None) -> None:
        """From now on it is this socket that is shut."""
        with self._lock:
            self._socket = connected
            self._shut_if_over()

    def end(self) -> None:
        with self._lock:
            self.is_over = True
            self._shut_if_over()

    def _shut_if_over(self) -> None:
        if self.is_over and self._socket is not None:
            with suppress(OSError):
                # Not the TLS socket's own method, which would change it under the thread that reads from it.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


@contextmanager
def _deadline(seconds: float) -> Iterator[_Deadline]:
    deadline = _Deadline(seconds)
    timer = threading.Timer(seconds, deadline.end)
    timer.daemon = True
    timer.start()
    try:
        yield deadline
    finally:
        timer.cancel()
        deadline.holds(None)


class _Connection(http.client.HTTPConnection):
    """A connection to an address that was judged."""

    def __init__(self, parts: SplitResult, deadline: _Deadline) -> None:
        self._is_tls = parts.scheme == "https"
        self.default_port = 443 if self._is_tls else 80
        self._deadline = deadline
        super().__init__(str(parts.hostname), parts.port or self.default_port)

    def connect(self) -> None:
        """Look the name up, judge, connect, judge again, and shake hands for TLS with the name.

        Raises:
            OutboundError, OSError: there is no connection.
        """
        connected = _connected(_look_up(self.host, self.port, self._deadline), self._deadline)
        self.sock = connected
        if self._is_tls:
            # Shaken hands only once the deadline holds the socket, so that a handshake that drips ends as well.
            self.sock = tls_context().wrap_socket(connected, server_hostname=self.host, do_handshake_on_connect=False)
            self._deadline.holds(self.sock)
            self.sock.settimeout(self._deadline.left())
            self.sock.do_handshake()
        self._deadline.holds(self.sock)
        self.sock.settimeout(self._deadline.left())


def tls_context() -> ssl.SSLContext:
    """Checks certificates against those that the system trusts."""
    return ssl.create_default_context()


def _look_up(host: str, port: int, deadline: _Deadline) -> list[tuple[Any, ...]]:
    """What the name means now, as `getaddrinfo` says it; all of it public.

    Nothing ends the resolver but its own time-outs (`resolv.conf`), so it is asked in a thread that is left behind.
    """
    answers: SimpleQueue[list[Any] | Exception] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    threading.Thread(target=ask, name="outbound-look-up", daemon=True).start()
    try:
        found = answers.get(timeout=deadline.left())
    except Empty:
        raise TooSlow(gettext_noop("The name of the host was not found in time.")) from None
    if isinstance(found, Exception):
        raise Unreachable(gettext_noop("The name of the host is not known.")) from found
    for *_, place in found:
        judge(_address_of(place))
    return found[:MOST_ADDRESSES]


def _connected(found: list[tuple[Any, ...]], deadline: _Deadline) -> socket.socket:
    last: OSError = OSError("The name of the host has no address.")
    for family, kind, protocol, _, place in found:
        made = socket.socket(family, kind, protocol)
        deadline.holds(made)
        try:
            made.settimeout(min(CONNECT_SECONDS, deadline.left()))
            made.connect(place)
            judge(_address_of(made.getpeername()))
        except OSError as error:
            made.close()
            last = error
        except OutboundError:
            made.close()
            raise
        else:
            return made
    raise last


def _address_of(place: Any) -> IPv4Address | IPv6Address:
    """The address in a socket's name; of a link-local one, without the interface after %."""
    return ip_address(str(place[0]).partition("%")[0])


def _in_words(error: Exception, deadline: _Deadline) -> OutboundError:
    if deadline.is_over or isinstance(error, TimeoutError):
        return TooSlow(_TOO_SLOW)
    if isinstance(error, ssl.SSLCertVerificationError):
        return Unreachable(f"The certificate is not one that we trust: {error.verify_message}.")
    if isinstance(error, ssl.SSLError):
        return Unreachable(gettext_noop("There was no TLS connection."))
    if isinstance(error, ConnectionRefusedError):
        return Unreachable(gettext_noop("The connection was refused."))
    if isinstance(error, http.client.HTTPException):
        return Unreachable(gettext_noop("What answered did not speak HTTP, or broke off."))
    return Unreachable(gettext_noop("There was no connection, or it broke off."))
