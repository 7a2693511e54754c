"""What a run opened and uses for many calls, opened anew once where AWS calls it expired."""

import threading
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from integrations.aws.errors import AwsCallFailed, Retry
from integrations.aws.report import SessionReceipt

Held = TypeVar("Held")
T = TypeVar("T")


class Renewable(Generic[Held]):
    """A session, or a client of one, shared by calls in many threads of one run.

    The first of them that hears that it expired opens it anew with `open_anew` and hands the receipts on; the others
    wait and use the new one. Once: what expires a second time stays expired, and so does what cannot be opened anew.
    """

    def __init__(
        self,
        held: Held,
        open_anew: Callable[[], tuple[Held, Iterable[SessionReceipt]]],
        on_opened: Callable[[SessionReceipt], None],
    ) -> None:
        self._held = held
        self._open_anew = open_anew
        self._on_opened = on_opened
        self._lock = threading.Lock()
        self._is_renewed = False

    @property
    def held(self) -> Held:
        """What is in use now."""
        with self._lock:
            return self._held

    def use(self, work: Callable[[Held], T]) -> T:
        """What `work` gives, with a new one if AWS calls the old one expired; raises AwsCallFailed."""
        held = self.held
        try:
            return work(held)
        except AwsCallFailed as failure:
            if failure.retry is not Retry.REBUILD:
                raise
            renewed = self._renew(held)
            if renewed is None:
                raise
        return work(renewed)

    def _renew(self, expired: Held) -> Held | None:
        with self._lock:
            if self._held is not expired:
                return self._held
            if self._is_renewed:
                return None
            try:
                self._held, receipts = self._open_anew()
            except AwsCallFailed as failure:
                # Another hop refused this, so it is no answer to what was asked; after load it is asked again.
                if failure.retry is Retry.BACK_OFF:
                    raise
                return None
            self._is_renewed = True
        for receipt in receipts:
            self._on_opened(receipt)
        return self._held
