"""The queue: worker and beat. Its settings are the `CELERY_...` ones of `portal.settings`, read when first needed."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("rolebridge")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["integrations"])

from portal import queue_context  # noqa: E402, F401 — its signals connect on import, which needs the app
