"""Where the tests' services will be, as environment variables, before Django reads its settings.

A pytest plugin (`-p tests.environment`), since settings are read before any conftest. Each process has its own: with
`-n 2` two workers run apart. The services themselves start when a test first asks for them (tests/conftest.py).
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from portal.local.services import Postgres, aws_environment
from tests.ports import reserved_port

# Short, since the path of a Unix socket may have 107 characters only.
DIRECTORY = Path(tempfile.mkdtemp(prefix="rb-test-"))
POSTGRES_DATA = DIRECTORY / "pg"
DATABASE = "rolebridge"
VALKEY_PORT = reserved_port()
SANDBOX_PORT = reserved_port()
PORTAL_PORT = reserved_port()
VENDOR_ACCOUNT_ID = "111111111111"
BROKER = f"redis://127.0.0.1:{VALKEY_PORT}/0"  # of the worker, beat and the portal's process
UNREAD_BROKER = f"redis://127.0.0.1:{VALKEY_PORT}/9"

os.environ.update(
    {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "ROLEBRIDGE_MODE": "test",
        "ROLEBRIDGE_LOCAL_DIR": str(DIRECTORY),
        "BASE_URL": f"http://127.0.0.1:{PORTAL_PORT}",
        # No worker reads this one: what a test sends stays where it is, unless it asks for the worker.
        "CELERY_BROKER_URL": UNREAD_BROKER,
        "CACHE_URL": f"redis://127.0.0.1:{VALKEY_PORT}/1",
        "VERIFICATION_LEASE_SECONDS": "30",
        "OUTBOUND_MAY_REACH_LOOPBACK": "yes",  # the servers of webhooks and sign-in are on this machine
    }
    | Postgres(POSTGRES_DATA).environment(DATABASE)
    | aws_environment(f"http://127.0.0.1:{SANDBOX_PORT}", VENDOR_ACCOUNT_ID)
)
# What the developer has set for AWS must not reach a test.
for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION"):
    os.environ.pop(name, None)
os.environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}

atexit.register(shutil.rmtree, DIRECTORY, ignore_errors=True)
