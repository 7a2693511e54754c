"""Catalogue releases: what was in force is kept, and what comes after is compared with it."""

from django.db import transaction
from pydantic import ValidationError

from integrations.catalogue import Catalogue, CatalogueError
from integrations.catalogue_file import catalogue, catalogue_file
from integrations.catalogue_succession import check_succession
from integrations.models import CatalogueRelease
from tenants import audit
from tenants.audit import Actor


def check_release(database: str | None = None) -> None:
    """Raise CatalogueError if the file is broken, or its catalogue must not follow the last release in `database`.

    One that was released before may come back: a rolling deployment runs two at once, and a release can be taken back.
    """
    current = catalogue()
    if problem := catalogue_file().problem:
        raise CatalogueError(problem)
    releases = CatalogueRelease.objects.using(database)
    if not releases.filter(sha256=current.sha256).exists():
        _check_against(releases.first(), current)


@transaction.atomic
def release_catalogue(*, by: Actor) -> CatalogueRelease:
    """Keep the catalogue in force as the last release; changes nothing if it was released before.

    Raises:
        CatalogueError: it must not follow the last release; nothing is kept.
    """
    current = catalogue()
    if known := CatalogueRelease.objects.filter(sha256=current.sha256).first():
        return known
    _check_against(CatalogueRelease.objects.first(), current)
    # Of two processes at once one inserts; the other finds its row.
    release, made = CatalogueRelease.objects.get_or_create(
        version=current.version, defaults={"sha256": current.sha256, "document": current.model_dump(mode="json")}
    )
    if not made and release.sha256 != current.sha256:
        raise CatalogueError(
            f"version {current.version}: a catalogue of that version said something else. Give it a higher version."
        )
    if made:
        audit.record(
            "catalogue:released", by=by, tenant_id=None, target=release, version=release.version, sha256=release.sha256
        )
    return release


def _check_against(last: CatalogueRelease | None, current: Catalogue) -> None:
    if last is not None:
        check_succession(released_catalogue(last), current)


def released_catalogue(release: CatalogueRelease) -> Catalogue:
    """The catalogue that a release kept.

    Raises:
        CatalogueError: this version of Rolebridge reads it no more, such as an action that AWS has retired since.
    """
    try:
        return Catalogue.model_validate(release.document)
    except ValidationError as error:
        raise CatalogueError(
            f"the released catalogue {release.version} cannot be read any more, so nothing can be compared with it: "
            f"{error.errors()[0]['msg']}"
        ) from None
