"""Collect the static files where an image or an installation is built, before there is a database or a secret."""

import os
import subprocess
import sys

from scripts.check_settings import PRODUCTION


def main() -> int:
    """Run `collectstatic` with settings that connect to nothing; its exit status."""
    command = [sys.executable, "-W", "ignore", "manage.py", "collectstatic", "--noinput"]
    return subprocess.run(command, env=os.environ | PRODUCTION, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
