"""compose.yaml runs all that an installation needs."""

import yaml

from integrations.collector import QUEUES
from portal.local import services
from tests.portal.test_settings import boot


def test_every_queue_has_a_worker():
    compose = yaml.safe_load((services.ROOT / "compose.yaml").read_text())
    workers = [one["command"] for one in compose["services"].values() if "worker" in one.get("command", [])]
    taken = [queue for command in workers for queue in command[command.index("--queues") + 1].split(",")]
    assert sorted(taken) == sorted(QUEUES)


def test_its_settings_start_and_go_in_the_clear_inside_alone():
    compose = yaml.safe_load((services.ROOT / "compose.yaml").read_text())
    given = compose["x-rolebridge"]["environment"]
    names = ("CELERY_BROKER_URL", "CACHE_URL", "PLAINTEXT_ALLOWED_TO")
    database = "postgresql://rolebridge_app:secret@postgres:5432/rolebridge"  # as make-secrets.sh writes it

    status, clear = boot(DATABASE_URL=database, **{name: given[name] for name in names})

    assert (status, clear) == (0, "DATABASE_URL CELERY_BROKER_URL CACHE_URL")
    assert compose["networks"]["inside"] == {"internal": True}
    assert [compose["services"][name]["networks"] for name in ("postgres", "valkey")] == [["inside"], ["inside"]]
