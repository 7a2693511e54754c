"""The sandbox put together: state, gate and control, with no server around it."""

from pathlib import Path

from integrations.sandbox.callers import Callers, Sessions
from integrations.sandbox.clock import Clock
from integrations.sandbox.control import Control
from integrations.sandbox.faults import Faults
from integrations.sandbox.gate import Gate
from integrations.sandbox.identities import Identities
from integrations.sandbox.journal import Journal
from integrations.sandbox.moto_bridge import Moto
from integrations.sandbox.sts import TokenService
from integrations.sandbox.wire import HttpRequest, HttpResponse


class Sandbox:
    """Everything that one sandbox process holds."""

    def __init__(self, *, state_directory: Path | None = None, propagation: float = 0.0) -> None:
        """Restore what `state_directory` holds. Raises StateDirectoryInUseError."""
        self._clock = Clock()
        self._journal = Journal(state_directory)
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
        self._control = Control(self._clock, self._faults, tokens, reset=self._reset, clock_moved=self._remember_clock)
        self._restore()

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer one request of any kind."""
        if request.path.startswith("/_sandbox/"):
            return self._control.answer(request)
        return self._gate.answer(request)

    def close(self) -> None:
        """Release the state directory."""
        self._journal.close()

    def _restore(self) -> None:
        for entries in self._journal.read():
            for entry in entries:
                if "moto" in entry:
                    self._moto.replay(entry["moto"])
                elif "stack" in entry:
                    self._gate.stacks.restore(entry["stack"])
                elif "user_boundary" in entry:
                    self._gate.user_boundaries.restore(entry["user_boundary"])
                elif "clock" in entry:
                    self._clock.offset = entry["clock"]

    def _remember_clock(self) -> None:
        self._journal.add({"clock": self._clock.offset})

    def _reset(self) -> None:
        with self._moto.lock:
            self._moto.reset()
            self._journal.erase()
            self._sessions.forget()
            self._gate.stacks.forget()
            self._gate.trail.forget()
            self._identities.forget()
            self._faults.clear()
            self._clock.offset = 0.0
