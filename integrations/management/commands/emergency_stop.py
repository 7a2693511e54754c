"""`manage.py emergency_stop --reason …`: pause all access at once, for everybody; `--lift` brings it back."""

import json
from datetime import datetime
from getpass import getuser
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from integrations.actions import emergency_stop
from integrations.actions.vendor_sessions import open_vendor_sessions
from integrations.aws.policies import revoke_older_sessions_policy
from integrations.models import Session, VendorSession
from integrations.vendor import vendor_settings
from tenants.audit import Actor

COLUMNS = (
    "whose",
    "tenant",
    "connection",
    "component",
    "purpose",
    "role",
    "session",
    "access key id",
    "opened",
    "expires",
)
ROUNDS = 5  # for rows that somebody holds a lock on


class Command(BaseCommand):
    """Start or lift the emergency stop."""

    help = (
        "Pause all access to customers' AWS accounts, at once. Prints the policy that revokes the live sessions of the "
        "integration role, and the sessions that were open. --lift restores what was before."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--reason", default="", help="why; the audit events keep it")
        parser.add_argument("--lift", action="store_true", help="end the stop that is on")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")

    def handle(self, *_args: Any, reason: str, lift: bool, dry_run: bool, **_options: Any) -> None:
        """Start, lift, or say what would be done."""
        by = Actor("system", "", f"manage.py, {getuser()}")
        if dry_run:
            self._dry_run()
            return
        try:
            if lift:
                stop = emergency_stop.lift_stop(reason=reason, by=by)
                self.stdout.write(f"The emergency stop of {stop.started_at:%Y-%m-%d %H:%M:%S} UTC is lifted.")
                self._follow("restored")
                return
            stop = emergency_stop.start_stop(reason=reason, by=by)
        except (emergency_stop.NoReason, emergency_stop.NotStopped) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"The emergency stop is on since {stop.started_at:%Y-%m-%d %H:%M:%S} UTC: {stop.reason}")
        self._follow("paused")
        self._print_revocation(stop.started_at)
        self._print_sessions(stop.started_at)

    def _follow(self, done: str) -> None:
        followed = locked = 0
        for _ in range(ROUNDS):
            progress = emergency_stop.follow()
            followed, locked = followed + progress.followed, progress.locked
            if not locked:
                break
        self.stdout.write(f"{followed} connections are {done}.")
        if not locked:
            self.stdout.write("None is left. A worker does the same meanwhile, and what it did is not counted here.")
        else:
            self.stdout.write(
                f"{locked} connections are locked by somebody just now. No session is opened in them while the stop is "
                "on; the worker goes on with them by itself."
            )

    def _dry_run(self) -> None:
        stop = emergency_stop.active_stop()
        now = timezone.now()
        self.stdout.write(f"An emergency stop is on: {stop.reason}" if stop else "No emergency stop is on.")
        numbers = emergency_stop.in_use()
        self.stdout.write(
            f"{numbers.roles} roles of {numbers.connections} connections of {numbers.tenants} tenants are in use."
        )
        self._print_revocation(stop.started_at if stop else now)
        self._print_sessions(stop.started_at if stop else now)
        self.stdout.write("Nothing was changed.")

    def _print_revocation(self, before: datetime) -> None:
        self.stdout.write(
            "\nTo revoke the live sessions of the roles that customers trust, put this inline policy on each:\n"
            + "".join(f"  {arn}\n" for arn in emergency_stop.trusted_roles())
            + json.dumps(revoke_older_sessions_policy(before), indent=2)
        )
        self.stdout.write(
            "It ends no session that is open in a customer's role already: each of those ends by itself at the time "
            "below, or at once by the policy that the customer finds on the connection's page."
        )

    def _print_sessions(self, at: datetime) -> None:
        vendor_account = vendor_settings().vendor_account_id
        self.stdout.write(f"\nSessions that were open at {at:%Y-%m-%d %H:%M:%S} UTC:")
        self.stdout.write("\t".join(COLUMNS))
        number = 0
        for session in emergency_stop.open_sessions(at):
            number += 1
            whose = "vendor" if session.role_arn.split(":")[4] == vendor_account else "customer"
            self._print_session(session, whose, session.tenant.reference, str(session.connection_id))
        for own in open_vendor_sessions(at):
            number += 1
            self._print_session(own, "vendor", "-", "-")
        self.stdout.write(f"{number} sessions.")

    def _print_session(self, session: Session | VendorSession, whose: str, tenant: str, connection: str) -> None:
        columns = (
            whose,
            tenant,
            connection,
            session.component,
            session.purpose,
            session.role_arn,
            session.session_name,
            session.access_key_id,
            f"{session.opened_at:%Y-%m-%dT%H:%M:%SZ}",
            f"{session.expires_at:%Y-%m-%dT%H:%M:%SZ}",
        )
        self.stdout.write("\t".join(columns))
