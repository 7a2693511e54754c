"""`manage.py staff EMAIL`: make a member of the support staff, and say what they may do beyond looking."""

import secrets
from getpass import getuser
from typing import Any

from django.contrib.auth.models import Permission
from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants.actions.staff import NotStaff, set_staff_permission
from tenants.audit import Actor
from tenants.models import User

PERMISSIONS = ("use_emergency_stop", "manage_service_tokens")


class Command(BaseCommand):
    """Make a member of staff, who may look, and give or take permissions."""

    help = "Makes a member of the support staff who may look and ask, or changes what they may do beyond that."

    def add_arguments(self, parser: CommandParser) -> None:
        """Who, and which permissions."""
        parser.add_argument("email")
        parser.add_argument("--may", action="append", default=[], choices=PERMISSIONS)
        parser.add_argument("--may-not", action="append", default=[], choices=PERMISSIONS)

    def handle(self, *_args: Any, email: str, may: list[str], may_not: list[str], **_options: Any) -> None:
        """Make them where there is nobody with this address; then the permissions."""
        by = Actor("system", "", f"manage.py, {getuser()}")
        if both := set(may) & set(may_not):
            raise CommandError(f"Both --may and --may-not name {', '.join(sorted(both))}.")
        user = User.objects.filter(email=email.strip().lower()).first()
        if user is None:
            password = secrets.token_urlsafe(16)
            user = User.objects.create_user(email, password, is_staff=True)
            self.stdout.write(f"{user.email} is made. Their password, shown once, to be given in person: {password}")
        try:
            for codename, granted in [*((name, True) for name in may), *((name, False) for name in may_not)]:
                permission = Permission.objects.get(codename=codename)
                set_staff_permission(user=user, permission=permission, granted=granted, by=by)
        except NotStaff as error:
            raise CommandError(str(error)) from error
        has = [name for name in PERMISSIONS if user.user_permissions.filter(codename=name).exists()]
        everything = " It is a superuser, and may do everything." if user.is_superuser else ""
        self.stdout.write(f"{user.email} may look and ask{''.join(f', {name}' for name in has)}.{everything}")
