"""What a process keeps for good is left out of garbage collection."""

import runpy
import subprocess
import sys

from celery import signals

from portal import memory, queue_context
from portal.local import services

SETTLE = """
import gc
from portal.memory import YOUNG_OBJECTS, leave_loaded_modules_alone
old = gc.get_threshold()
leave_loaded_modules_alone()
assert gc.get_threshold() == (YOUNG_OBJECTS, *old[1:])
cycle = []
cycle.append(cycle)
del cycle
print(gc.get_freeze_count(), gc.collect())
"""


def test_what_is_loaded_is_looked_through_no_more_and_new_garbage_still_is():
    done = subprocess.run([sys.executable, "-c", SETTLE], cwd=services.ROOT, capture_output=True, text=True, check=True)
    frozen, collected = map(int, done.stdout.split())
    assert frozen > 1000
    assert collected == 1


def test_web_processes_and_workers_do_so_once_they_are_ready(monkeypatch):
    settled = []
    monkeypatch.setattr(memory, "leave_loaded_modules_alone", lambda: settled.append("web"))
    runpy.run_path(str(services.ROOT / "deploy/gunicorn.conf.py"))["post_worker_init"](None)
    monkeypatch.setattr(queue_context, "leave_loaded_modules_alone", lambda: settled.append("worker"))
    signals.worker_ready.send(sender=None)
    assert settled == ["web", "worker"]
