"""How far handing over is, and how long it takes still: what ``handover status`` and the page show.

Not for: keeping that (it is worked out anew after each start).
"""

from collections.abc import Callable

from agent.services import Services
from exchange.clock import HOUR, MINUTE, SECOND

_FIRST = 5 * SECOND
"""Microseconds that are measured before anything is said of the time that remains."""


class Remaining:
    """Of ``total`` bytes of some files, one after the other."""

    def __init__(self, services: Services, request_id: str, total: int, doing: str) -> None:
        self._services = services
        self._request_id = request_id
        self._total = max(1, total)
        self._doing = doing
        self._before = 0
        self._start: tuple[int, int] | None = None

    def next(self, size: int) -> None:
        """A file of this size is done."""
        self._before += size

    @property
    def show(self) -> Callable[[int], None]:
        return self._show

    def _show(self, at: int) -> None:
        done, now = self._before + at, self._services.clock.monotonic()
        if self._start is None:
            self._start = (now, done)
        text = f"{self._doing}, {min(100, done * 100 // self._total)} %"
        since, sent = now - self._start[0], done - self._start[1]
        if since >= _FIRST and sent > 0 and done < self._total:
            text += f", {duration_text(round((self._total - done) * since / sent))} left"
        self._services.progress.doing[self._request_id] = text


def duration_text(microseconds: int) -> str:
    """About how long, as a person says it: ``about 3 h``."""
    if microseconds >= 2 * HOUR:
        return f"about {round(microseconds / HOUR)} h"
    if microseconds >= 2 * MINUTE:
        return f"about {round(microseconds / MINUTE)} min"
    return "less than 2 min"
