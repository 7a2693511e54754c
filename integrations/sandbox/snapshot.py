"""A picture of the whole state, so that a start takes as long as what exists, not as its history.

The journal stays complete, and is what counts: the picture says how much of it it holds, and a start replays the rest.
A picture that is torn, altered, another moto's or another Python's is left alone, and the whole journal is replayed.
"""

import hashlib
import io
import json
import logging
import os
import pickle
import platform
import threading
import weakref
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

log = logging.getLogger(__name__)

FORMAT = 1
_PRIVATE_KEYS = (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)
_LOCKS = {type(threading.Lock()): threading.Lock, type(threading.RLock()): threading.RLock}


def _private_key(content: bytes) -> Any:
    return load_der_private_key(content, None)


class _Pickler(pickle.Pickler):
    """Writes what moto's objects hold and pickle does not know by itself."""

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, _PRIVATE_KEYS):
            return _private_key, (obj.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),)
        if isinstance(obj, weakref.WeakValueDictionary):
            return weakref.WeakValueDictionary, (), None, None, iter(list(obj.items()))
        factory = obj.default_factory if type(obj) is defaultdict else None
        if factory is not None and getattr(factory, "__name__", "") == "<lambda>":
            # A function without a name cannot be written; those of moto make an empty dictionary, list or set.
            made = factory()
            if type(made) in {dict, list, set} and not made:
                return defaultdict, (type(made),), None, None, iter(list(obj.items()))
        if type(obj) in _LOCKS:
            return _LOCKS[type(obj)], ()
        return NotImplemented


class Snapshots:
    """The file `snapshot.pickle` beside the journal, or nothing at all when `directory` is None."""

    def __init__(self, directory: Path | None) -> None:
        self._path = directory / "snapshot.pickle" if directory is not None else None

    def write(self, state: Any, *, journal_size: int, journal_end: bytes) -> bool:
        """Put a picture in place of the last, whole or not at all; False if moto holds what cannot be written.

        `journal_end` is the end of the journal's first `journal_size` bytes, by which it is known again.
        """
        if self._path is None:
            return False
        content = io.BytesIO()
        try:
            _Pickler(content, pickle.HIGHEST_PROTOCOL).dump(state)
        except (pickle.PicklingError, TypeError, AttributeError, RecursionError) as error:
            log.warning("No snapshot of the state: %s. The whole journal is replayed at the next start.", error)
            return False
        payload = content.getvalue()
        head = {
            **_versions(),
            "journal_size": journal_size,
            "journal_end": hashlib.sha256(journal_end).hexdigest(),
            "digest": hashlib.sha256(payload).hexdigest(),
        }
        new = self._path.with_suffix(".new")
        try:
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(json.dumps(head).encode() + b"\n" + payload)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
        except OSError as error:
            log.warning("The snapshot could not be written: %s", error)
            return False
        return True

    def read(self, journal: Path) -> tuple[int, Any] | None:
        """Give how much of the journal the picture holds, and the state; None if there is none to trust."""
        if self._path is None or not self._path.exists() or not journal.exists():
            return None
        with self._path.open("rb") as file:
            status = os.fstat(file.fileno())
            # What is unpickled runs: only a file that this user alone can have written is read.
            if status.st_uid != os.getuid() or status.st_mode & 0o022:
                return None
            try:
                head = json.loads(file.readline())
                payload = file.read()
                if not _fits(head, payload, journal):
                    return None
                return int(head["journal_size"]), pickle.loads(payload)  # noqa: S301 - our own file, see above
            except Exception:
                # Whatever is wrong with a picture, the journal has everything.
                log.exception("The snapshot cannot be read; the whole journal is replayed")
                return None

    def erase(self) -> None:
        """Forget the picture."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def end_of(journal: Path, size: int) -> bytes:
    """Give the last bytes of the journal's first `size`."""
    with journal.open("rb") as file:
        file.seek(max(0, size - 4096))
        return file.read(min(size, 4096))


def _fits(head: dict[str, Any], payload: bytes, journal: Path) -> bool:
    size = int(head["journal_size"])
    return (
        {name: head.get(name) for name in _versions()} == _versions()
        and head["digest"] == hashlib.sha256(payload).hexdigest()
        and size <= journal.stat().st_size
        and head["journal_end"] == hashlib.sha256(end_of(journal, size)).hexdigest()
    )


def _versions() -> dict[str, Any]:
    return {"format": FORMAT, "moto": version("moto"), "python": platform.python_version()}
