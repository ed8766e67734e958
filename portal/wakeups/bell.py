"""The bell that ends a device's long poll early: it knows nothing of what came.

Not for: bells that ring across processes (``portal.wakeups.shared``).
"""

from collections.abc import Callable
from typing import Protocol

from portal.wakeups.rings import Ends, Ring

MOST_POLLS = 2
"""Calls of one device that are held at once."""


class Bell(Protocol):
    """Wakes the polls of one device, at whichever replica they are held. Lives on the event loop."""

    def listen(self, device: str) -> Ring:
        """Set from now on when something comes. Of more than ``MOST_POLLS`` calls at once, the oldest ends."""
        ...

    def leave(self, device: str, event: Ring) -> None: ...

    def ring(self, device: str) -> None: ...

    def on_ring(self, heard: Callable[[str], None], missed: Callable[[], None]) -> None:
        """``heard`` is called with each device whose bell rings, before any poll wakes; ``missed`` when rings may have
        been lost."""
        ...

    @property
    def waiting(self) -> tuple[str, ...]:
        """The devices whose calls are held in this process."""
        ...

    @property
    def closing(self) -> bool:
        """Whether the portal ends: polls are answered without a look, as thousands of them would take long."""
        ...

    def close(self) -> None:
        """End every poll held here, and those that come yet."""
        ...


class LocalBell:
    """``Bell`` of one process."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Ring]] = {}
        self._told: list[tuple[Callable[[str], None], Callable[[], None]]] = []
        self._closing = False
        self._ends = Ends()

    def listen(self, device: str) -> Ring:
        event = Ring(self._ends)
        events = self._waiting.setdefault(device, [])
        events.append(event)
        if len(events) > MOST_POLLS:
            events.pop(0).set()
        if self._closing:
            event.set()
        return event

    def leave(self, device: str, event: Ring) -> None:
        events = self._waiting.get(device, [])
        if event in events:
            events.remove(event)
        if not events:
            self._waiting.pop(device, None)

    def ring(self, device: str) -> None:
        self.wake(device)

    def wake(self, device: str) -> None:
        """Those that are held in this process."""
        for heard, _ in self._told:
            heard(device)
        for event in self._waiting.get(device, ()):
            event.set()

    def on_ring(self, heard: Callable[[str], None], missed: Callable[[], None]) -> None:
        self._told.append((heard, missed))

    def rings_were_missed(self) -> None:
        for _, missed in self._told:
            missed()

    @property
    def waiting(self) -> tuple[str, ...]:
        return tuple(self._waiting)

    @property
    def closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self._closing = True
        for device in self.waiting:
            self.wake(device)
