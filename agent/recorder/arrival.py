"""Puts a stream's own time on this host's clock: by when packets arrived.

Not for: correcting a camera's clock. What the camera says of its clock (RTCP) is kept beside, not used.
"""


class Arrival:
    """Maps a connection's media time (microseconds) to the monotonic clock.

    Packets are delayed by different amounts and never early, so the least delay of the last one to two segments is
    the mapping; a camera's clock that drifts against the host's is followed that fast.
    """

    def __init__(self) -> None:
        self.least: float = float("inf")
        self._before: float = float("inf")

    def seen(self, media: float, monotonic: int) -> None:
        """A packet of this media time arrived at this moment."""
        if monotonic - media < self.least:
            self.least = monotonic - media

    @property
    def unknown(self) -> bool:
        """Whether nothing was seen yet."""
        return min(self.least, self._before) == float("inf")

    def monotonic(self, media: float) -> int:
        """When a packet of this media time would have arrived without delay. Something must have been seen."""
        return int(media + min(self.least, self._before))

    def reset(self) -> None:
        """The camera's clock started anew: forget all."""
        self.least = self._before = float("inf")

    def turn(self) -> None:
        """A new segment: forget what was seen before the last one."""
        self._before, self.least = self.least, float("inf")
