"""The queue: worker and beat. Tasks are looked up in `integrations.tasks` and sent by name."""

import os

from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("rolebridge")
app.conf.update(
    broker_url=settings.CELERY_BROKER_URL,
    task_ignore_result=True,  # results are rows
    task_serializer="json",
    accept_content=["json"],
    task_default_queue="maintenance",
    task_create_missing_queues=True,
    task_routes={"integrations.tasks.run_verification": {"queue": "verifications"}},
    worker_prefetch_multiplier=1,  # a worker takes what it can start, so another one is never kept waiting
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    broker_connection_retry_on_startup=True,
    # A customer waits for the answer of `delay`: say soon that the queue is away.
    broker_connection_timeout=2,
    broker_transport_options={"socket_connect_timeout": 2, "socket_timeout": 5},
    task_publish_retry=False,
    beat_schedule={
        "hand back verifications": {
            "task": "integrations.tasks.hand_back_verifications",
            "schedule": 5.0,
            "options": {"expires": 5.0},
        },
    },
)
app.autodiscover_tasks(["integrations"])
