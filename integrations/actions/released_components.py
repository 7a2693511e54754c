"""Components as they were released: what a customer role of an older version was made from."""

from datetime import datetime
from functools import lru_cache

from pydantic import ValidationError

from integrations.catalogue import Component
from integrations.models import CatalogueRelease


def released_components(component_id: str) -> dict[str, Component]:
    """The component in each of its versions that was ever in force, the oldest first.

    Without those that this version of Rolebridge reads no more, such as one with an action that AWS has retired.
    """
    latest = CatalogueRelease.objects.values_list("pk", "sha256", "released_at").first()
    return {} if latest is None else _read(latest).get(component_id, {})


@lru_cache(maxsize=2)
def _read(_latest_release: tuple[int, str, datetime]) -> dict[str, dict[str, Component]]:
    """By id and version. Releases are never changed, so the latest one says whether this is still all of them."""
    found: dict[str, dict[str, Component]] = {}
    for document in CatalogueRelease.objects.order_by("pk").values_list("document", flat=True):
        for entry in document["components"]:
            versions = found.setdefault(entry["id"], {})
            if entry["version"] in versions:
                continue
            try:
                versions[entry["version"]] = Component.model_validate(entry)
            except ValidationError:
                continue
    return found
