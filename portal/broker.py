"""How messages travel to Redis or Valkey: as kombu sends them, but for three things.

kombu makes a client (`redis.Redis`) anew for each command, and making one costs redis-py more than the command: it
builds its table of answers each time, and inspects its own arguments. That was a tenth of a worker's CPU. Here a
channel keeps the client that it made. A client holds no connection of its own, only the pool that it takes one from for
each command, so threads may share it.

And where the broker goes away while tasks run, kombu acknowledges each, once it ends, over the connection that is no
more, fails in a way that Celery does not know, and Celery ends the worker. Here it fails as a lost connection does: the
worker connects again, and goes on.

And where an acknowledgement does not reach the broker, kombu counts the message as being worked on for ever. Each such
one takes a place from the worker, until it takes no message any more and looks well. Here the place is free, and the
message comes once more after the visibility time-out and finds its work done.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kombu.transport import redis, virtual


class QoS(redis.QoS):
    """What is delivered and not yet acknowledged."""

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge the message; its place is free also where that fails.

        Raises:
            ConnectionError: it did not reach the broker.
        """
        try:
            super().ack(delivery_tag)
        except Exception:
            virtual.QoS.ack(self, delivery_tag)
            raise


class Channel(redis.Channel):
    """A channel with one client for all that it sends; those that wait for messages stay kombu's."""

    QoS = QoS
    # The threads of a worker acknowledge at the same moment. kombu's 10 are refused to the eleventh of them at once.
    max_connections = 256
    _kept_client: Any = None

    @contextmanager
    def conn_or_acquire(self, client: Any = None) -> Iterator[Any]:
        """The client given, or the channel's own.

        Raises:
            ConnectionError: the connection that the channel belonged to has ended.
        """
        if self.connection is None or self.connection.client is None:
            raise ConnectionError("The connection to the broker that this channel belonged to has ended.")
        if client is None:
            client = self._kept_client
            # A channel that lost its connections has another pool afterwards.
            if client is None or client.connection_pool is not self.pool:
                # kombu's types know nothing of what kombu's own `conn_or_acquire` calls.
                client = self._kept_client = self._create_client()  # type: ignore[attr-defined]  # as said
        yield client


class Transport(redis.Transport):
    """Named by `CELERY_BROKER_TRANSPORT`."""

    Channel = Channel
