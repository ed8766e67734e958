"""Slows down whoever guesses: after a few wrong proofs of one person, or from one address, each try waits longer.

Not for: checking a proof (``agent.owner.people.proofs``). Kept in memory: a restart forgives, and takes longer.
"""

from collections.abc import Callable
from dataclasses import dataclass

from exchange.clock import HOUR, MINUTE, SECOND
from exchange.counted import counted
from exchange.errors import NotPermitted

FREE = 5
"""Wrong proofs that cost nothing but the time to check them."""
_LONGEST = 15 * MINUTE
_FORGOTTEN = HOUR
_MOST = 1000


@dataclass
class _Guesses:
    count: int
    at: int


class Brake:
    def __init__(self, monotonic: Callable[[], int]) -> None:
        self._now = monotonic
        self._guesses: dict[str, _Guesses] = {}

    def check(self, *whose: str) -> None:
        """NotPermitted while one of these must wait."""
        for each in whose:
            known = self._guesses.get(each)
            if known is None or known.count < FREE:
                continue
            wait = min(_LONGEST, 2 ** (known.count - FREE) * 5 * SECOND) - (self._now() - known.at)
            if wait > 0:
                raise NotPermitted(
                    "Too many wrong passwords or codes.",
                    meaning="Nothing was done.",
                    do=f"Wait {counted(max(1, wait // SECOND), 'second')}, then try again.",
                )

    def wrong(self, *whose: str) -> None:
        now = self._now()
        self._guesses = {key: known for key, known in self._guesses.items() if now - known.at < _FORGOTTEN}
        for each in whose:
            if each not in self._guesses and len(self._guesses) >= _MOST:
                self._guesses.pop(next(iter(self._guesses)))
            known = self._guesses.setdefault(each, _Guesses(0, now))
            known.count, known.at = known.count + 1, now

    def right(self, *whose: str) -> None:
        for each in whose:
            self._guesses.pop(each, None)
