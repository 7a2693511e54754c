"""Messages travel to Redis or Valkey by a client that a channel keeps."""

import pytest
from celery import current_app
from django.conf import settings

from portal.broker import Transport
from tests.brokers import unread


@pytest.fixture
def channel(broker):
    """A channel to a database of the broker that no worker reads."""
    connection = current_app.connection_for_write(unread(broker))
    with connection, connection.channel() as channel:
        yield channel


def _client(channel):
    with channel.conn_or_acquire() as client:
        return client


def test_the_transport_is_ours_where_the_broker_is_redis():
    assert settings.CELERY_BROKER_TRANSPORT == "portal.broker:Transport"
    with current_app.connection_for_read() as connection:
        assert isinstance(connection.transport, Transport)


def test_a_channel_keeps_its_client(channel):
    assert _client(channel) is _client(channel)
    with channel.conn_or_acquire("another") as client:
        assert client == "another"


def test_a_channel_that_lost_its_connections_makes_another_client(channel):
    first = _client(channel)
    channel._disconnect_pools()
    second = _client(channel)
    assert second is not first
    assert second.ping()
    assert second is _client(channel)


def test_those_that_wait_for_messages_share_no_client(channel):
    assert channel.client is not _client(channel)


def test_a_message_waits_until_it_is_acknowledged(channel):
    queue = channel.connection.client.SimpleQueue("broker-test", channel=channel)
    queue.put({"number": 1})
    message = queue.get(timeout=5)
    kept = (channel.unacked_key, message.delivery_tag)
    assert message.payload == {"number": 1}
    assert _client(channel).hexists(*kept)
    message.ack()
    assert not _client(channel).hexists(*kept)


def test_what_ends_after_its_connection_did_says_that_the_connection_is_lost(broker):
    connection = current_app.connection_for_write(unread(broker))
    channel = connection.channel()
    queue = connection.SimpleQueue("broker-test-lost", channel=channel)
    queue.put({"number": 1})
    message = queue.get(timeout=5)
    connection.collect()  # what Celery does with one that broke
    with pytest.raises(connection.connection_errors, match="has ended"):
        message.ack()


def test_every_thread_of_a_worker_gets_a_connection_at_the_same_moment(channel):
    taken = [channel.pool.get_connection() for _ in range(64)]
    assert len(set(map(id, taken))) == 64
    for one in taken:
        channel.pool.release(one)


def test_an_acknowledgement_that_did_not_arrive_takes_no_place_for_ever(channel, monkeypatch):
    queue = channel.connection.client.SimpleQueue("broker-test-ack", channel=channel)
    channel.basic_qos(prefetch_count=1)
    queue.put({"number": 1})
    message = queue.get(timeout=5)
    assert not channel.qos.can_consume()

    def away(*_):
        raise ConnectionError("away")

    monkeypatch.setattr(channel.qos, "_remove_from_indices", away)
    with pytest.raises(ConnectionError):
        message.ack()

    assert channel.qos.can_consume()
