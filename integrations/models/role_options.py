"""What a customer chose about the roles of a connection, as columns of it."""

from django.db import models

from integrations.role_templates.names import DEFAULT_NAME_PATTERN
from integrations.role_templates.options import DEFAULT_ROLE_PATH, SHORTEST_SESSION, RoleOptions

ROLE_OPTION_FIELDS = (
    "role_name_pattern",
    "role_path",
    "boundary_arn",
    "role_tags",
    "max_session_seconds",
    "allowed_regions",
    "self_inspection",
)
MOST_DROPPED = 100  # remembered, the latest


class RoleOptionFields(models.Model):
    """What the customer chose about the roles of a connection; `role_templates.options` judges it."""

    role_name_pattern = models.CharField(max_length=128, default=DEFAULT_NAME_PATTERN, db_default=DEFAULT_NAME_PATTERN)
    role_path = models.CharField(max_length=512, default=DEFAULT_ROLE_PATH, db_default=DEFAULT_ROLE_PATH)
    boundary_arn = models.CharField(max_length=2048, blank=True, default="", db_default="")
    role_tags = models.JSONField(
        blank=True, default=list, db_default=models.Value([], models.JSONField()), help_text="Pairs of key and value."
    )
    max_session_seconds = models.PositiveIntegerField(default=SHORTEST_SESSION, db_default=SHORTEST_SESSION)
    allowed_regions = models.JSONField(blank=True, default=list, db_default=models.Value([], models.JSONField()))
    self_inspection = models.BooleanField(default=False, db_default=False)
    dropped_tag_keys = models.JSONField(
        blank=True,
        default=list,
        db_default=models.Value([], models.JSONField()),
        help_text="Tags that were chosen once and are no more: an update takes these off the roles, and no other.",
    )
    dropped_boundary_arns = models.JSONField(
        blank=True,
        default=list,
        db_default=models.Value([], models.JSONField()),
        help_text="Permissions boundaries that were chosen once and are no more, for the same purpose.",
    )

    class Meta:
        abstract = True

    @property
    def role_options(self) -> RoleOptions:
        """The choices as plain values."""
        return RoleOptions(
            name_pattern=self.role_name_pattern,
            path=self.role_path,
            boundary_arn=self.boundary_arn,
            tags=tuple((key, value) for key, value in self.role_tags),
            max_session_seconds=self.max_session_seconds,
            regions=tuple(self.allowed_regions),
            self_inspection=self.self_inspection,
        )

    @role_options.setter
    def role_options(self, options: RoleOptions) -> None:
        self.role_name_pattern = options.name_pattern
        self.role_path = options.path
        self.boundary_arn = options.boundary_arn
        self.role_tags = [list(tag) for tag in options.tags]
        self.max_session_seconds = options.max_session_seconds
        self.allowed_regions = list(options.regions)
        self.self_inspection = options.self_inspection

    def remember_dropped(self, before: RoleOptions) -> None:
        """Remember what of `before` is chosen no more, and forget what is chosen again."""
        options = self.role_options
        chosen = {key.lower() for key, _ in options.tags}
        keys = [*self.dropped_tag_keys, *(key for key, _ in before.tags)]
        boundaries = [*self.dropped_boundary_arns, before.boundary_arn]
        kept_keys = [key for key in dict.fromkeys(keys) if key.lower() not in chosen]
        kept_boundaries = [arn for arn in dict.fromkeys(boundaries) if arn and arn != options.boundary_arn]
        self.dropped_tag_keys, self.dropped_boundary_arns = kept_keys[-MOST_DROPPED:], kept_boundaries[-MOST_DROPPED:]
