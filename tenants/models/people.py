"""Users, and the members they are of tenants."""

from typing import Any, ClassVar
from uuid import uuid4

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower

from tenants.models.tenant import Tenant
from tenants.permissions import Permission, Role
from tenants.scope import STAFF

# The domain of an address. The index `user_by_mail_domain` is of the same words.
_DOMAIN = models.Func(
    models.F("email"), models.Value("@"), models.Value(2), function="split_part", output_field=models.CharField()
)


class UserManager(BaseUserManager["User"]):
    """Makes users by email address, and finds them by it."""

    def found_by(self, text: str) -> "models.QuerySet[User]":
        """Those whose address begins with this, in any case; of `@example.com` those of that domain. What stands in the
        middle of an address is not found: no index knows it, and a look at everybody would grow with them.
        """
        text = text.strip().lower()
        if text.startswith("@"):
            return self.alias(domain=_DOMAIN).filter(domain=text[1:])
        return self.filter(email__startswith=text)

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A saved user; the address is kept in lower case, so that one mailbox is one user."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A member of the vendor's support staff with every admin permission."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        """The user with this address, in any case."""
        return self.get(email=(username or "").lower())


class PasswordField(models.CharField):  # type: ignore[type-arg]  # it is generic in the stubs alone
    """A password's hash, which no query of the support staff's database role asks for: who is loaded as that role has
    an unusable one. Joins are no way around it, as they would be around a `defer`.
    """

    def select_format(self, compiler: Any, sql: str, params: Any) -> tuple[str, Any]:
        """What a query selects for it."""
        if compiler.using == STAFF:
            return f"'{UNUSABLE_PASSWORD_PREFIX}'", ()
        return super().select_format(compiler, sql, params)

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        """In the database it is a text like another."""
        name, _, arguments, options = super().deconstruct()
        return str(name), "django.db.models.CharField", arguments, options


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in: a member of tenants, or the vendor's support staff."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    email = models.EmailField(max_length=254, unique=True)
    password = PasswordField("password", max_length=128)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    date_joined = models.DateTimeField(auto_now_add=True)
    terms_agreed_at = models.DateTimeField(
        null=True, blank=True, help_text="When they agreed to the vendor's terms; empty where they were not asked to."
    )
    terms_url = models.CharField(
        max_length=500, blank=True, default="", db_default="", help_text="Where the terms were that they agreed to."
    )

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="user_email_is_lower_case")
        ]
        indexes = [models.Index(_DOMAIN, name="user_by_mail_domain")]

    def __str__(self) -> str:
        return self.email


class Member(models.Model):
    """A user in a tenant."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "user"], name="member_once_per_tenant"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="member_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.role})"

    def may(self, permission: Permission) -> bool:
        """Whether this member's role carries the permission."""
        return Role(self.role).grants(permission)
