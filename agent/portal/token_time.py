"""The time that goes into a portal's tokens: this machine's, or the portal's own where it refused that.

Not for: the time in documents, which is this machine's and is watched by ``agent.background.clock_watch``.
"""

from exchange.clock import SECOND, Clock
from exchange.documents.answers import http_date

_ONE_TIME = 2 * SECOND
"""Clocks compared by whole seconds may differ by so much, and show the same time."""


class TokenTime:
    """A token holds for a minute by the portal's clock, and is for that portal alone: it may say what time it wants."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead = 0
        """Microseconds that the portal's clock is ahead of this machine's; 0 until it refused a token."""
        self._before = 0

    def now(self) -> int:
        return self._clock.now() + self._ahead

    def follow(self, date: str) -> bool:
        """Take the time of a Date header from now on; whether it is another than was taken."""
        shown = http_date(date)
        if shown is None or abs(shown - self.now()) <= _ONE_TIME:
            return False
        self._before, self._ahead = self._ahead, shown - self._clock.now()
        return True

    def go_back(self) -> None:
        """Take the time again that was taken before ``follow``: the other one was refused too."""
        self._ahead = self._before
