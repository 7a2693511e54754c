"""Which catalogues this installation has had in force."""

from django.db import models


class CatalogueRelease(models.Model):
    """A catalogue that was in force, whole: the next one is compared with it, and no tenant owns it."""

    version = models.CharField(max_length=20)
    sha256 = models.CharField(max_length=64, help_text="Of what the catalogue says, in hex.")
    document = models.JSONField(help_text="The catalogue, as it was loaded.")
    released_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["version"], name="catalogue_release_version_unique")]

    def __str__(self) -> str:
        return self.version
