"""The Django project. Importing it makes the Celery app the current one, so that any process can send a task."""

from portal.celery import app as celery_app

__all__ = ["celery_app"]
