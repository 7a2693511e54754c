"""Whoever starts the workers that a page on production names leaves no queue without one: what is sent there would wait
for good, and nothing would fail.
"""

import re

import pytest
from django.conf import settings

from integrations.collector import QUEUES
from portal.local.services import ROOT

PROCESSES = re.compile(r"^\| Process \|.*?\n\n", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", ["production.md", "production-aws.md"])
def test_the_table_of_processes_has_a_worker_for_every_queue(page) -> None:
    (table,) = PROCESSES.findall((ROOT / "docs" / page).read_text())

    taken = [queue for queues in re.findall(r"--queues ([\w,]+)", table) for queue in queues.split(",")]
    assert sorted(taken) == sorted(QUEUES)


def test_what_names_no_queue_goes_to_one_of_them() -> None:
    assert settings.CELERY_TASK_DEFAULT_QUEUE in QUEUES
