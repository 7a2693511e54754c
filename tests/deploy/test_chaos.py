"""The two-minute form of `make chaos`."""

import subprocess
import sys

import pytest

from portal.local.services import ROOT

SECONDS = 120


@pytest.mark.timeout(620)
def test_nothing_is_lost_stuck_doubled_or_mixed_up_while_everything_is_killed() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "benchmarks/chaos.py", "--seconds", str(SECONDS)],
        cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing lost, stuck, done twice or in a wrong tenant" in done.stdout
