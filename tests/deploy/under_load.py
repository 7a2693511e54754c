"""Customers of one release, whichever is first in the import path, until told to stop; prints what went wrong.

A program of its own (`python under_load.py STOP-FILE`), since it runs another release's code. It uses nothing that a
release of Rolebridge does not have: actions, pages, a worker's queue.
"""

import json
import random
import sys
import time
from pathlib import Path
from uuid import uuid4

import django


def main(stop: Path) -> int:
    """Sign in, look, verify, again and again; the exit status."""
    django.setup()
    from django.test import Client

    from integrations.actions import verification_runs
    from integrations.actions.connections import create_connection
    from tenants.actions.tenants import create_tenant
    from tenants.audit import SYSTEM
    from tenants.models import User
    from tenants.scope import tenant_scope

    rounds, trouble = 0, []
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while not stop.exists() or not rounds:
        try:
            user = User.objects.create_user(f"{uuid4()}@load.example", "a long and rather quiet password")
            tenant = create_tenant(name="Under load", owner=user, by=SYSTEM)
            with tenant_scope(tenant.pk):
                connection = create_connection(
                    tenant=tenant,
                    name="Production",
                    account_id=str(random.randint(200_000_000_000, 999_999_999_999)),
                    components=["log-analysis"],
                    by=SYSTEM,
                )
            client = Client()
            client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
            for page in (
                f"/tenants/{tenant.pk}/connections/",
                f"/tenants/{tenant.pk}/connections/{connection.pk}/",
                f"/tenants/{tenant.pk}/audit/",
                f"/tenants/{tenant.pk}/settings/",
                f"/tenants/{tenant.pk}/members/",
            ):
                status = client.get(page).status_code
                if status != 200:
                    trouble.append(f"{page} answered {status}")
            verification = verification_runs.verify_now(connection=connection, by=SYSTEM)
            if verification.state != "completed":
                trouble.append(f"a verification is {verification.state}: {verification.failure}")
            rounds += 1
        except Exception as error:  # noqa: BLE001  each is a finding
            trouble.append(repr(error))
            time.sleep(0.2)
    sys.stdout.write(json.dumps({"rounds": rounds, "trouble": trouble[:10]}) + "\n")
    return 1 if trouble else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
