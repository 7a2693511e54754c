"""What the API takes and answers about role templates and hand-off links."""

from typing import Any

from rest_framework import serializers

from integrations.actions.hand_off_links import LONGEST_DAYS, USUAL_DAYS
from integrations.models import HandOffLink, RoleTemplateDownload
from integrations.role_templates.formats import Format
from integrations.role_templates.options import LONGEST_SESSION, MOST_REGIONS, MOST_TAGS, SHORTEST_SESSION
from tenants.api.serializers import InputSerializer

_HELP = {
    "name_pattern": "Names of the roles, with `{connection}` and `{component}` once each.",
    "path": "Path of the roles; begins and ends with a slash.",
    "boundary_arn": "ARN of the permissions boundary of the roles; empty for none.",
    "tags": f"Tags of the roles beside ours, by their keys; {MOST_TAGS} at the most.",
    "max_session_seconds": f"{SHORTEST_SESSION} to {LONGEST_SESSION}; an hour is enough for us.",
    "regions": f"Regions in which the roles may be used, {MOST_REGIONS} at the most; empty for all.",
    "self_inspection": "Whether a role may read and simulate itself, which lets us explain what we find.",
    "partition": "AWS partition of the account: that of our own roles.",
}


class TagsField(serializers.DictField):
    """Tags by their keys, as the pairs that actions take."""

    child = serializers.CharField(allow_blank=True, trim_whitespace=False)

    def to_internal_value(self, data: Any) -> Any:
        """The pairs."""
        return tuple(super().to_internal_value(data).items())


class RegionsField(serializers.ListField):
    """Codes of regions."""

    child = serializers.CharField(max_length=32)

    def to_internal_value(self, data: Any) -> Any:
        """The codes."""
        return tuple(super().to_internal_value(data))


class RoleOptionsInput(InputSerializer):
    """What to change of the options of a connection's roles."""

    name_pattern = serializers.CharField(max_length=128, help_text=_HELP["name_pattern"])
    path = serializers.CharField(max_length=600, allow_blank=True, help_text=_HELP["path"])
    boundary_arn = serializers.CharField(max_length=2048, allow_blank=True, help_text=_HELP["boundary_arn"])
    tags = TagsField(help_text=_HELP["tags"])
    max_session_seconds = serializers.IntegerField(help_text=_HELP["max_session_seconds"])
    regions = RegionsField(help_text=_HELP["regions"])
    self_inspection = serializers.BooleanField(help_text=_HELP["self_inspection"])
    partition = serializers.CharField(max_length=20, help_text=_HELP["partition"])


class RoleOptionsSerializer(serializers.Serializer[Any]):
    """The options of a connection's roles."""

    name_pattern = serializers.CharField(help_text=_HELP["name_pattern"])
    path = serializers.CharField(help_text=_HELP["path"])
    boundary_arn = serializers.CharField(help_text=_HELP["boundary_arn"])
    tags = serializers.DictField(child=serializers.CharField(), help_text=_HELP["tags"])
    max_session_seconds = serializers.IntegerField(help_text=_HELP["max_session_seconds"])
    regions = serializers.ListField(child=serializers.CharField(), help_text=_HELP["regions"])
    self_inspection = serializers.BooleanField(help_text=_HELP["self_inspection"])
    partition = serializers.CharField(help_text=_HELP["partition"])


class DownloadSerializer(serializers.ModelSerializer[RoleTemplateDownload]):
    """Somebody took a role template."""

    format = serializers.ChoiceField(
        source="role_template.format", choices=[chosen.value for chosen in Format], read_only=True
    )
    filename = serializers.CharField(source="role_template.filename", read_only=True)
    sha256 = serializers.CharField(
        source="role_template.sha256", read_only=True, help_text="Of the bytes of the file, in hex."
    )
    roles_sha256 = serializers.CharField(
        source="role_template.roles_sha256",
        read_only=True,
        help_text="Of the roles as canonical JSON, in hex: the same for every format, and written in each file.",
    )
    catalogue_version = serializers.CharField(source="role_template.catalogue_version", read_only=True)

    class Meta:
        model = RoleTemplateDownload
        fields = [
            "id",
            "format",
            "filename",
            "sha256",
            "roles_sha256",
            "catalogue_version",
            "downloaded_at",
            "downloaded_by",
        ]
        read_only_fields = fields


class QuickCreateSerializer(serializers.Serializer[Any]):
    """A link to CloudFormation's page that makes the stack."""

    url = serializers.CharField(help_text="Open it signed in to the AWS account of the connection.")
    expires_at = serializers.DateTimeField(
        allow_null=True, help_text="When the template behind it can be read no more; null for never."
    )
    sha256 = serializers.CharField(help_text="Of the bytes of the template, in hex.")


class HandOffLinkInput(InputSerializer):
    """A hand-off link to make."""

    days = serializers.IntegerField(
        default=USUAL_DAYS, help_text=f"How many days it lasts: 1 to {LONGEST_DAYS}, {USUAL_DAYS} if left out."
    )


class HandOffLinkSerializer(serializers.ModelSerializer[HandOffLink]):
    """A link that opens the guide and the role templates of one connection to whoever holds it."""

    class Meta:
        model = HandOffLink
        fields = ["id", "created_at", "created_by", "expires_at", "revoked_at", "last_used_at"]
        read_only_fields = fields


class NewHandOffLinkSerializer(HandOffLinkSerializer):
    """A new hand-off link."""

    url = serializers.CharField(read_only=True, help_text="Its address. It is shown this once: we keep only a hash.")

    class Meta(HandOffLinkSerializer.Meta):
        fields = [*HandOffLinkSerializer.Meta.fields, "url"]
        read_only_fields = fields
