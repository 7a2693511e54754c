"""What a member may do. Roles are code, stored under stable keys."""

from enum import StrEnum

from django.db import models
from django.utils.translation import gettext_lazy as _


class Permission(StrEnum):
    """One thing that a page or an API operation asks for."""

    VIEW = "view"  # see connections, findings, templates
    VERIFY = "verify"  # ask for a verification
    MANAGE = "manage"  # add and change connections
    ADMINISTER = "administer"  # API tokens, members, settings
    OWN = "own"  # make and unmake owners, sign-in by the organisation's own provider, deletion


class Scope(models.TextChoices):
    """What a token may be used for: its maker's role and its scopes must both allow what it asks."""

    READ = "read", _("Read connections, findings and templates")
    VERIFY = "verify", _("Ask for verifications")
    MANAGE = "manage", _("Add, change, pause and remove connections")
    ADMINISTER = "administer", _("Members, invitations, tokens, settings and audit events")

    @classmethod
    def needed_for(cls, permission: Permission) -> "Scope":
        """The scope in which this permission is."""
        return _SCOPE_OF[permission]


class Role(models.TextChoices):
    """What a member is in a tenant."""

    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Admin")
    VIEWER = "viewer", _("Viewer")

    def may_give(self, role: "Role") -> bool:
        """Whether a member of this role may give and take that role: owners are made and unmade by owners alone."""
        return self.grants(Permission.ADMINISTER) and (role != Role.OWNER or self.grants(Permission.OWN))

    def grants(self, permission: Permission) -> bool:
        """Whether the role carries the permission."""
        return permission in _GRANTS[self]


_GRANTS = {
    Role.OWNER: frozenset(Permission),
    Role.ADMIN: frozenset(Permission) - {Permission.OWN},
    Role.VIEWER: frozenset({Permission.VIEW}),
}
_SCOPE_OF = {
    Permission.VIEW: Scope.READ,
    Permission.VERIFY: Scope.VERIFY,
    Permission.MANAGE: Scope.MANAGE,
    Permission.ADMINISTER: Scope.ADMINISTER,
    Permission.OWN: Scope.ADMINISTER,
}
