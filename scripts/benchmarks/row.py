"""One row of a benchmark's table: ours beside what a user would pick instead, from one run.

Not for: measuring; each topic's module beside this one does that.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """``ours`` and ``theirs`` are in ``unit``; lower is better. ``limit`` bounds ``ratio``, or, where there is
    nothing to run beside (``theirs`` is None), bounds ``ours`` itself; None bounds nothing: it is there to be known."""

    name: str
    ours: float
    theirs: float | None
    unit: str
    limit: float | None

    @property
    def ratio(self) -> float | None:
        """ours / theirs; None where there is nothing beside it."""
        return None if self.theirs is None else self.ours / self.theirs

    @property
    def ok(self) -> bool:
        measured = self.ours if self.ratio is None else self.ratio
        return self.limit is None or measured <= self.limit
