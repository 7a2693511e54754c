"""Role templates that were handed out: each file once, and each time somebody took it."""

from uuid import uuid4

from django.db import models

from integrations.models.connection import Connection
from integrations.role_templates.formats import CHOICES, MEDIA_TYPES, Format
from tenants.models import Tenant


class RoleTemplate(models.Model):
    """One rendered file of a connection, byte for byte, so that it can be had again whatever changes since."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="role_templates")
    format = models.CharField(max_length=20, choices=CHOICES)
    filename = models.CharField(max_length=100)
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64, help_text="Of the bytes of the file, in hex.")
    roles_sha256 = models.CharField(max_length=64, help_text="Of the roles as canonical JSON: equal in every format.")
    catalogue_version = models.CharField(max_length=20)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "format", "sha256"], name="role_template_kept_once"),
            models.UniqueConstraint(fields=["tenant", "id"], name="role_template_of_tenant"),
            models.CheckConstraint(
                condition=models.Q(
                    format__in=[
                        "cloudformation",
                        "cloudformation-json",
                        "terraform",
                        "terraform-zip",
                        "cli",
                        "console",
                    ]
                ),
                name="role_template_format_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.filename} ({self.sha256[:12]})"

    @property
    def media_type(self) -> str:
        """What the file is."""
        return MEDIA_TYPES[Format(self.format)]


class RoleTemplateDownload(models.Model):
    """Somebody took a role template."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="role_template_downloads")
    role_template = models.ForeignKey(RoleTemplate, on_delete=models.CASCADE, related_name="downloads")
    downloaded_at = models.DateTimeField(auto_now_add=True)
    downloaded_by = models.CharField(max_length=254)

    class Meta:
        indexes = [models.Index(fields=["connection", "-downloaded_at"], name="download_of_connection")]
        ordering = ["-downloaded_at", "-id"]

    def __str__(self) -> str:
        return f"{self.role_template} by {self.downloaded_by}"
