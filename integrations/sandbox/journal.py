"""What outlives a restart: an append-only file of the calls that changed something.

Each line is one client request: the calls that reached moto for it (replayed in order, each with the random seed and
time it had, so that ids and dates come out the same) and the records the sandbox keeps itself. A line is written and
synced before the client has its answer; a line torn by a crash is cut off at the next start. A snapshot (see
`snapshot.py`) spares the start from replaying what it holds; nothing is ever taken out of the journal but by a reset.
"""

import fcntl
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

Entry = dict[str, Any]


class StateDirectoryInUseError(RuntimeError):
    """Another sandbox holds the directory."""


class Journal:
    """The file, or nothing at all when `directory` is None."""

    def __init__(self, directory: Path | None) -> None:
        """Open the journal and take its lock. Raises StateDirectoryInUseError."""
        self._local = threading.local()
        self._lock = threading.Lock()
        self._path: Path | None = None
        self._file: IO[bytes] | None = None
        self.lines_since_snapshot = 0
        self._held: IO[bytes] | None = None
        if directory is None:
            return
        directory.mkdir(parents=True, exist_ok=True)
        self._held = (directory / "lock").open("ab")
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._held.close()
            raise StateDirectoryInUseError(f"{directory} is in use by another sandbox") from error
        self._path = directory / "journal.jsonl"

    @property
    def path(self) -> Path | None:
        """The file's path, or None for a journal that keeps nothing."""
        return self._path

    def size(self) -> int:
        """Give the length of what is written for good, in bytes."""
        with self._lock:
            return self._file.tell() if self._file is not None else 0

    def read(self, start: int = 0) -> Iterator[list[Entry]]:
        """Give the entries of each request after the first `start` bytes, oldest first, and cut off a torn end.

        Call once, before any transaction.
        """
        if self._path is None:
            return
        good = start
        if self._path.exists():
            with self._path.open("rb") as source:
                source.seek(start)
                for line in source:
                    try:
                        entries = json.loads(line)
                    except ValueError:
                        break
                    if not line.endswith(b"\n") or not isinstance(entries, list):
                        break
                    good += len(line)
                    self.lines_since_snapshot += 1
                    yield entries
        self._file = self._path.open("ab")
        self._file.truncate(good)
        self._file.seek(good)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Collect the entries of one client request; they are written together, or not at all if it raises."""
        if getattr(self._local, "entries", None) is not None:
            # A call made for a caller, inside the caller's own: one line holds both.
            yield
            return
        self._local.entries = []
        try:
            yield
            self._write(self._local.entries)
        finally:
            self._local.entries = None

    def add(self, entry: Entry) -> None:
        """Add an entry to the request at work."""
        if self._path is not None:
            entries = getattr(self._local, "entries", None)
            if entries is None:
                self._write([entry])
            else:
                entries.append(entry)

    def erase(self) -> None:
        """Forget everything written."""
        with self._lock:
            if self._file is not None:
                self._file.truncate(0)
                self._file.seek(0)
                os.fsync(self._file.fileno())
            self.lines_since_snapshot = 0

    def close(self) -> None:
        """Release the file and its lock."""
        for handle in (self._file, self._held):
            if handle is not None:
                handle.close()

    def _write(self, entries: list[Entry]) -> None:
        if not entries or self._file is None:
            return
        line = json.dumps(entries, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            self._file.write(line)
            self._file.flush()
            os.fsync(self._file.fileno())
            self.lines_since_snapshot += 1
