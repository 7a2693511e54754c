"""The catalogue in force, loaded once per process from `CATALOGUE_FILE`."""

from functools import cache

from django.conf import settings

from integrations.catalogue import Catalogue, load_catalogue


@cache
def catalogue() -> Catalogue:
    """The catalogue in force.

    Raises:
        CatalogueError: the file is wrong; the message names the place.
    """
    return load_catalogue(settings.CATALOGUE_FILE)
