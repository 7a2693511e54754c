"""The alert rules are read by Prometheus itself, and speak of series that exist."""

import re
import shutil
import subprocess

import pytest
from prometheus_client import REGISTRY

from integrations.actions.vendor_identity import alarm_states
from integrations.collector import InstallationCollector
from portal import metrics
from portal.local.services import ROOT

RULES = ROOT / "deploy" / "prometheus"
REFERENCE = ROOT / "docs" / "reference" / "metrics.md"
PRODUCTION = ROOT / "docs" / "production.md"


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    assert program, "promtool is not installed. As root on Debian: apt-get install prometheus"
    return subprocess.run([program, *arguments], cwd=RULES, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("arguments", [("check", "rules", "alerts.yml"), ("test", "rules", "alerts.test.yml")])
def test_promtool_finds_nothing_wrong(arguments) -> None:
    done = promtool(*arguments)

    assert done.returncode == 0, done.stdout + done.stderr


def series(db) -> set[str]:
    """The names of all that web and workers answer with."""
    assert metrics.REQUESTS
    own = [family for family in REGISTRY.collect() if family.name.startswith("rolebridge_")]
    found = set()
    for family in [*own, *InstallationCollector().collect()]:
        found.add(f"{family.name}_total" if family.type == "counter" else family.name)
    return found


def test_every_series_in_a_rule_exists_and_every_series_is_in_the_reference(db) -> None:
    named = set(re.findall(r"rolebridge_\w+", (RULES / "alerts.yml").read_text()))
    described = set(re.findall(r"`(rolebridge_\w+)`", REFERENCE.read_text()))

    exists = series(db)

    assert {name.removesuffix("_count") for name in named} <= exists
    assert described == exists


def test_every_alert_is_in_the_reference() -> None:
    alerts = re.findall(r"alert: (\w+)", (RULES / "alerts.yml").read_text())

    assert alerts
    assert all(f"`{alert}`" in REFERENCE.read_text() for alert in alerts)


def test_every_alarm_that_the_alert_can_name_is_where_its_row_leads(db) -> None:
    assert all(f"| `{name}` |" in PRODUCTION.read_text() for name in alarm_states())
