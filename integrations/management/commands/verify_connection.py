"""`manage.py verify_connection TENANT CONNECTION`: verify here and now, without the queue, and print it."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations.actions import verification_runs, verifications
from integrations.models import Connection
from tenants.audit import SYSTEM
from tenants.scope import tenant_scope


class Command(BaseCommand):
    """Verify one connection in this process."""

    help = "Verify one connection in this process and print each finding."

    def add_arguments(self, parser: CommandParser) -> None:
        """The tenant and the connection, as in the page's address."""
        parser.add_argument("tenant_id", type=UUID)
        parser.add_argument("connection_id", type=UUID)

    def handle(self, *_args: Any, tenant_id: UUID, connection_id: UUID, **_options: Any) -> None:
        """Run, once more where a second pass decides, and print."""
        with tenant_scope(tenant_id):
            connection = Connection.objects.for_tenant(tenant_id).filter(pk=connection_id).first()
            if connection is None:
                raise CommandError("This tenant has no such connection.")
        try:
            verification = verification_runs.verify_now(connection=connection, by=SYSTEM)
            if self._passed_once(tenant_id, connection):
                verification = verification_runs.verify_now(connection=connection, by=SYSTEM)
        except verifications.NotReady as error:
            raise CommandError(str(error)) from error
        with tenant_scope(tenant_id):
            for finding in verification.findings.all():
                self.stdout.write(f"{finding.outcome:14} {finding.component:18} {finding.title}")
                if finding.fix:
                    self.stdout.write(f"{'':14} {finding.who}: {finding.fix}")
            self.stdout.write(f"{verification.state} {verification.failure}".strip())
            for role in connection.roles.all():
                self.stdout.write(f"{role.component}: {role.status}")

    def _passed_once(self, tenant_id: UUID, connection: Connection) -> bool:
        with tenant_scope(tenant_id):
            return any(role.is_confirming for role in connection.roles.all())
