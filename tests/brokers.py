"""Brokers other than the one that the worker of the tests reads."""

from celery import current_app

AWAY = "redis://127.0.0.1:1/0"  # nothing listens there


def unread(broker: str) -> str:
    """The same server, in a database that no worker reads: what is sent stays where it is."""
    return f"{broker}/9"


def use_broker(monkeypatch, url: str) -> None:
    """Send to another broker until the test ends."""
    monkeypatch.setenv("CELERY_BROKER_URL", url)  # Celery reads it before its settings
    monkeypatch.setattr(current_app, "_pool", None)
    monkeypatch.setattr(current_app.amqp, "_producer_pool", None)
