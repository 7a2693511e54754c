"""compose.yaml runs all that an installation needs."""

import yaml

from integrations.metrics import QUEUES
from portal.local import services


def test_every_queue_has_a_worker():
    compose = yaml.safe_load((services.ROOT / "compose.yaml").read_text())
    workers = [one["command"] for one in compose["services"].values() if "worker" in one.get("command", [])]
    taken = [queue for command in workers for queue in command[command.index("--queues") + 1].split(",")]
    assert sorted(taken) == sorted(QUEUES)
