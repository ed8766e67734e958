"""How long a long poll may be held on this line, learnt from those that something in between cut.

Not for: polling (``agent/background/inbox.py``). Proxies, load balancers and address translation end calls that stay
silent, each after a time of its own; a poll that asks for less than that is answered by the portal itself.
"""

from dataclasses import dataclass, field

_PATIENCE = 20
"""Polls in a row that were held to their end before a longer hold is tried; twice as many after each that was cut."""
_MOST_PATIENCE = 3000
"""A day of polls of half a minute."""
_SAFE = 0.8
"""Of the time after which a poll was cut."""


@dataclass
class Hold:
    most: int
    """Seconds that a poll should be held, were nothing in between."""
    seconds: int = field(init=False)
    """What to ask for now. 0: the portal answers at once."""
    _row: int = 0
    _patience: int = _PATIENCE

    def __post_init__(self) -> None:
        self.seconds = self.most

    def cut(self, after: float) -> None:
        """A poll was cut after so many seconds."""
        self.seconds = int(min(after, self.seconds) * _SAFE)
        self._row, self._patience = 0, min(2 * self._patience, _MOST_PATIENCE)

    def kept(self) -> None:
        """A poll was held to its end and answered."""
        self._row += 1
        if self._row >= self._patience:
            self.seconds, self._row = min(self.most, 2 * self.seconds + 1), 0
