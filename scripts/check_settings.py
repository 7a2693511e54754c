"""`make check`: Django's own checks with production settings, and no model change without its migration."""

import os
import subprocess
import sys

# Well-formed and useless: the checks look at settings and connect to nothing.
PRODUCTION = {
    "ROLEBRIDGE_MODE": "production",
    "SECRET_KEY": "check-only-" + "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJ",
    "BASE_URL": "https://portal.example",
    "DATABASE_URL": "postgresql://rolebridge_app@127.0.0.1/rolebridge",
    "DATABASE_STAFF_URL": "postgresql://rolebridge_staff@127.0.0.1/rolebridge",
    "CELERY_BROKER_URL": "redis://127.0.0.1/0",
    "CACHE_URL": "redis://127.0.0.1/1",
    "EMAIL_URL": "smtp+tls://user:password@mail.example:587",
    "EMAIL_FROM": "portal@portal.example",
    "VENDOR_ACCOUNT_ID": "111111111111",
}


def main() -> int:
    """Run the checks; the exit status of the first that fails."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | PRODUCTION
    for arguments in (
        ["check", "--deploy", "--fail-level", "WARNING"],
        ["makemigrations", "--check", "--dry-run"],
        ["spectacular", "--validate", "--fail-on-warn", "--file", os.devnull],
    ):
        done = subprocess.run([sys.executable, "-W", "ignore", "manage.py", *arguments], env=environment, check=False)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
