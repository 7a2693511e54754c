"""The sandbox put together: state, gate and control, with no server around it."""

import threading
from pathlib import Path

from integrations.sandbox.callers import Callers, Sessions
from integrations.sandbox.clock import Clock
from integrations.sandbox.control import Control
from integrations.sandbox.faults import Faults
from integrations.sandbox.gate import Gate
from integrations.sandbox.identities import Identities
from integrations.sandbox.journal import Journal
from integrations.sandbox.moto_bridge import Moto
from integrations.sandbox.snapshot import Snapshots, end_of
from integrations.sandbox.sts import TokenService
from integrations.sandbox.wire import HttpRequest, HttpResponse

SNAPSHOT_EVERY = 200
"""Changes after which a snapshot is taken while running, and so the most that a start after a crash replays or so."""


class Sandbox:
    """Everything that one sandbox process holds."""

    def __init__(self, *, state_directory: Path | None = None, propagation: float = 0.0) -> None:
        """Restore what `state_directory` holds. Raises StateDirectoryInUseError."""
        self._clock = Clock()
        self._journal = Journal(state_directory)
        self._snapshots = Snapshots(state_directory)
        self._snapshot_at_work = threading.Lock()
        self._replayed = 0
        self._moto = Moto(self._clock, self._journal)
        self._identities = Identities(self._clock, propagation)
        self._sessions = Sessions(self._clock)
        callers = Callers(self._clock, self._identities, self._sessions)
        tokens = TokenService(self._clock, self._identities, callers, self._sessions)
        self._faults = Faults()
        self._gate = Gate(
            clock=self._clock,
            identities=self._identities,
            callers=callers,
            tokens=tokens,
            faults=self._faults,
            journal=self._journal,
            moto=self._moto,
        )
        self._control = Control(
            self._clock,
            self._faults,
            tokens,
            reset=self._reset,
            clock_moved=self._remember_clock,
            replayed=lambda: self._replayed,
        )
        self._restore()

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer one request of any kind."""
        if request.path.startswith("/_sandbox/"):
            return self._control.answer(request)
        response = self._gate.answer(request)
        if self._journal.lines_since_snapshot >= SNAPSHOT_EVERY:
            threading.Thread(target=self._take_snapshot, daemon=True).start()
        return response

    def close(self) -> None:
        """Take a last snapshot, and release the state directory."""
        self._take_snapshot()
        self._journal.close()

    def _restore(self) -> None:
        start = 0
        found = self._snapshots.read(self._journal.path) if self._journal.path is not None else None
        if found is not None:
            start, state = found
            self._moto.take(state["moto"])
            self._gate.stacks.take(state["stacks"])
            self._clock.offset = state["clock"]
        for entries in self._journal.read(start):
            self._replayed += 1
            for entry in entries:
                if "moto" in entry:
                    self._moto.replay(entry["moto"])
                elif "stack" in entry:
                    self._gate.stacks.restore(entry["stack"])
                elif "user_boundary" in entry:
                    self._gate.user_boundaries.restore(entry["user_boundary"])
                elif "clock" in entry:
                    self._clock.offset = entry["clock"]

    def _take_snapshot(self) -> None:
        """Write down the state as it is between two changes, unless that is being done or nothing changed."""
        path = self._journal.path
        if path is None or not self._snapshot_at_work.acquire(blocking=False):
            return
        try:
            with self._moto.lock:
                if self._journal.lines_since_snapshot == 0:
                    return
                size = self._journal.size()
                self._journal.lines_since_snapshot = 0
                state = {
                    "moto": self._moto.state(),
                    "stacks": self._gate.stacks.state(),
                    "clock": self._clock.offset,
                }
                self._snapshots.write(state, journal_size=size, journal_end=end_of(path, size))
        finally:
            self._snapshot_at_work.release()

    def _remember_clock(self) -> None:
        self._journal.add({"clock": self._clock.offset})

    def _reset(self) -> None:
        with self._moto.lock:
            self._moto.reset()
            # The snapshot first: a crash in between must not leave one that knows more than the journal.
            self._snapshots.erase()
            self._journal.erase()
            self._sessions.forget()
            self._gate.stacks.forget()
            self._gate.trail.forget()
            self._identities.forget()
            self._faults.clear()
            self._clock.offset = 0.0
