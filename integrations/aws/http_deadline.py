"""An end for each HTTP exchange with AWS, however slowly its answer comes.

A read time-out starts anew with every byte: whoever sends one byte a second holds a thread for ever. Here each exchange
has a moment at which it is over, at the latest that of the run which it belongs to; then its socket is shut, and the
thread that reads from it goes on with a ReadTimeoutError.

What nothing can end is the resolver: a name look-up ends by the system's own time-out (`resolv.conf`), and a TLS
handshake that drips by those of its reads.
"""

import heapq
import itertools
import socket
import threading
import time
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)
from botocore.exceptions import ReadTimeoutError

LONGEST_EXCHANGE = 20.0  # seconds, from before the connection is made until the answer is read

# The moment of `time.monotonic` at which whatever is done now must have ended.
ends_at: ContextVar[float] = ContextVar("ends_at", default=float("inf"))

_local = threading.local()


class _Exchange:
    """One request and its answer, with the socket that they use."""

    def __init__(self) -> None:
        self.over_at = min(time.monotonic() + LONGEST_EXCHANGE, ends_at.get())
        self.is_over = False
        self._lock = threading.Lock()
        self._has_ended = False
        self._socket: socket.socket | None = None

    def uses(self, connection: socket.socket) -> None:
        with self._lock:
            self._socket = connection
            if self.is_over:
                self._shut()

    def end(self) -> None:
        """It has ended by itself: its socket is another exchange's from now on."""
        with self._lock:
            self._has_ended, self._socket = True, None

    def cut(self) -> None:
        with self._lock:
            if not self._has_ended:
                self.is_over = True
                self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                # Not the TLS socket's own method, which would change it under the thread that reads from it.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class _Watch:
    """One thread that cuts exchanges when their time is over; started with the first, in each process."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[tuple[float, int, _Exchange]] = []
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None

    def add(self, exchange: _Exchange) -> None:
        with self._changed:
            heapq.heappush(self._waiting, (exchange.over_at, next(self._numbers), exchange))
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._cut_in_time, name="http-deadline", daemon=True)
                self._thread.start()
            elif self._waiting[0][2] is exchange:
                self._changed.notify()

    def _cut_in_time(self) -> None:
        while True:
            with self._changed:
                now = time.monotonic()
                if not self._waiting or self._waiting[0][0] > now:
                    self._changed.wait(self._waiting[0][0] - now if self._waiting else None)
                    continue
                _, _, exchange = heapq.heappop(self._waiting)
            exchange.cut()


_watch = _Watch()


class _Connection:
    """Tells the exchange of this thread which socket it reads from."""

    sock: socket.socket | None

    def getresponse(self) -> Any:
        exchange: _Exchange | None = getattr(_local, "exchange", None)
        if exchange is not None and self.sock is not None:
            exchange.uses(self.sock)
        return super().getresponse()  # type: ignore[misc]  # of the connection that this is mixed into


class _HTTPConnection(_Connection, AWSHTTPConnection):  # type: ignore[misc]  # as botocore mixes them itself
    pass


class _HTTPSConnection(_Connection, AWSHTTPSConnection):  # type: ignore[misc]  # as botocore mixes them itself
    pass


class _HTTPConnectionPool(AWSHTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSConnectionPool(AWSHTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


class TimedHTTPSession:
    """botocore's HTTP session, whose exchanges end in time."""

    def __init__(self, session: Any) -> None:
        """Take a `botocore.httpsession.URLLib3Session` that has made no connection yet."""
        classes = {"http": _HTTPConnectionPool, "https": _HTTPSConnectionPool}
        session._pool_classes_by_scheme = classes  # noqa: SLF001 — botocore lets nobody choose them
        session._manager.pool_classes_by_scheme = classes  # noqa: SLF001 — as above
        self._session = session

    def send(self, request: Any) -> Any:
        """Send the request and read the answer; ReadTimeoutError where there is no time for it any more."""
        exchange = _Exchange()
        if exchange.over_at <= time.monotonic():
            raise ReadTimeoutError(endpoint_url=request.url, error="the time is over")
        _local.exchange = exchange
        _watch.add(exchange)
        try:
            answer = self._session.send(request)
        except Exception:
            if exchange.is_over:
                raise ReadTimeoutError(endpoint_url=request.url, error="the answer came too slowly") from None
            raise
        finally:
            exchange.end()
            _local.exchange = None
        if exchange.is_over:  # a body that was cut looks like one that has ended
            raise ReadTimeoutError(endpoint_url=request.url, error="the answer came too slowly")
        return answer

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._session.close()
