"""How much of a file is sent to a tus server at once: as much as the way there takes, learnt from what it does with it.

Not for: sending (``agent/portal/tus.py``), or how long is waited after a break (``tus.Breaks``). A proxy in between may
allow bodies of 1 MB, or take a body whole before it passes it on, on a line that breaks before that.
"""

from dataclasses import dataclass

SMALLEST = 16 * 1024
"""Bytes. A piece of this size is made no smaller."""
PROBE = 4096
"""Bytes sent at a time to a server that used up what may be sent again: enough to see whether it counts at all."""
_AMPLE = 4 * 1024 * 1024
"""Bytes that a socket and the line may hold at a break: so many lost ones tell nothing of the size of pieces."""
_PATIENCE = 4
"""Pieces taken in a row before a larger one is tried; twice as many after each that broke."""


@dataclass
class Pieces:
    """What an upload has learnt. All but ``size`` is worth keeping from one try to the next, and over restarts."""

    size: int
    """Bytes of the file."""
    largest: int | None = None
    """Bytes of a piece that the way there takes; None: the whole file."""
    sent: int = 0
    """Bytes given away, in all tries."""
    counted: int = 0
    """The highest offset that the server ever told."""
    _refused: int | None = None
    _row: int = 0
    _patience: int = _PATIENCE

    @property
    def room(self) -> int:
        """Bytes that may still be sent. Three times the file (halving a piece until it fits costs it twice), and three
        for each that arrived: a line that loses half of what it takes gets there, a server that counts nothing doesn't.
        """
        return 3 * (self.size + self.counted) + _AMPLE - self.sent

    @property
    def is_spent(self) -> bool:
        return self.room <= 0

    def next(self, offset: int) -> int:
        """Bytes of the piece that begins at ``offset``."""
        wanted = self.size - offset if self.largest is None else min(self.largest, self.size - offset)
        return min(wanted, max(PROBE, self.room))

    def taken(self, piece: int) -> None:
        """A piece arrived whole. After some in a row a larger one is tried, but none that was called too large."""
        if self.largest is None or piece < self.largest:
            return
        self._row += 1
        if self._row >= self._patience and (self._refused is None or self.largest * 2 < self._refused):
            self.largest, self._row = self.largest * 2, 0

    def too_large(self, piece: int) -> bool:
        """A piece was refused for its size (413): whether a smaller one can be tried."""
        self._refused = min(piece, self._refused or piece)
        return self._make_smaller_than(piece)

    def broke(self, given: int, grown: int) -> None:
        """A piece broke after ``given`` bytes, of which the server counts ``grown``."""
        if given and (grown <= 0 or (given > _AMPLE and 2 * grown < given)):
            self._patience *= 2
            self._make_smaller_than(given)

    def _make_smaller_than(self, piece: int) -> bool:
        """The next power of two below: a round limit is found at once, any other within half of it."""
        self._row = 0
        if piece <= SMALLEST:
            return False
        self.largest = max(SMALLEST, 1 << ((piece - 1).bit_length() - 1))
        return True
