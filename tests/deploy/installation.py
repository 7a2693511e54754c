"""A second installation beside that of the tests: a database of its own, and commands in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

from portal.local.services import ROOT, Postgres


def environment(server: Postgres, database: str) -> dict[str, str]:
    """The environment of this process, with another database."""
    return os.environ | server.environment(database)


def manage(
    where: dict[str, str], *arguments: str, code: Path = ROOT, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run one of manage.py's commands, of this release or of the one in `code`."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "manage.py", *arguments],
        cwd=code, env=where, capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done
