"""The catalogue in force, read from `CATALOGUE_FILE` and read again when the file changes: no restart is needed.

A changed file is noticed within a second by whoever asks next, in every web and worker process. What is broken, or
must not follow the catalogue in force, changes nothing: the old one stays, the log says so, and `/readyz` until it is
mended.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from django.conf import settings

from integrations.catalogue import Catalogue, CatalogueError, load_catalogue
from integrations.catalogue_succession import check_succession

logger = logging.getLogger(__name__)

LOOK_EVERY = 1.0  # seconds
_Stamp = tuple[int, int, int]

_held: ContextVar[Catalogue | None] = ContextVar("held_catalogue", default=None)


class CatalogueFile:
    """One catalogue file, and what of it is in force."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem = ""  # why the file as it is now is not in force
        self._catalogue: Catalogue | None = None
        self._were_in_force: set[str] = set()
        self._stamp: _Stamp | None = None
        self._look_at = 0.0
        self._lock = threading.Lock()

    def current(self) -> Catalogue:
        """The catalogue in force. Raises CatalogueError where there has been none yet."""
        if self._catalogue is not None and time.monotonic() < self._look_at:
            return self._catalogue
        with self._lock:
            return self._look()

    def _look(self) -> Catalogue:
        """Read the file if it is not what it was; the caller holds the lock."""
        stamp = self._read_stamp()
        if self._catalogue is None:
            self._catalogue, self._stamp = load_catalogue(self.path), stamp
            self._were_in_force.add(self._catalogue.sha256)
        elif stamp != self._stamp:
            self._stamp = stamp
            self._replace(self._catalogue)
        self._look_at = time.monotonic() + LOOK_EVERY
        return self._catalogue

    def _replace(self, old: Catalogue) -> None:
        try:
            new = load_catalogue(self.path)
            if new.sha256 not in self._were_in_force:  # what was in force may come back
                check_succession(old, new)
        except CatalogueError as error:
            self.problem = str(error)
            logger.error(  # noqa: TRY400  the message says it all; a traceback would bury it
                "The changed catalogue is not used, version %s stays in force:\n%s", old.version, error
            )
            return
        self.problem = ""
        self._catalogue = new
        self._were_in_force.add(new.sha256)
        if new.sha256 != old.sha256:
            logger.warning("Catalogue version %s takes the place of %s", new.version, old.version)

    def _read_stamp(self) -> _Stamp | None:
        """What changes whenever the file does, also where a symbolic link is put elsewhere; None if it is gone."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


_files: dict[Path, CatalogueFile] = {}
_files_lock = threading.Lock()


def catalogue_file() -> CatalogueFile:
    """The catalogue file of this process."""
    with _files_lock:
        return _files.setdefault(settings.CATALOGUE_FILE, CatalogueFile(settings.CATALOGUE_FILE))


def catalogue() -> Catalogue:
    """The catalogue in force; inside `one_catalogue` always the same.

    Raises:
        CatalogueError: the file is wrong, and there is no earlier one; the message names the place.
    """
    return _held.get() or catalogue_file().current()


@contextmanager
def one_catalogue() -> Iterator[Catalogue]:
    """For a request or a run: what is in force as it begins stays in force to its end, for this thread."""
    token = _held.set(catalogue())
    try:
        yield catalogue()
    finally:
        _held.reset(token)
