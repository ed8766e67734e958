"""What the comparisons of a device's clock tell of it at some time: those on both sides of it, and whether they agree.

Not for: making a comparison (``clock.py``), or saying it in words.
"""

from dataclasses import dataclass

from agent.devices.clock import DRIFT_PPM, ClockCheck
from agent.store.database import Transaction
from exchange.clock import Window

_MOST = 1000
_SQL = """
SELECT result FROM clock_checks WHERE camera_id = ?
AND at >= coalesce((SELECT max(at) FROM clock_checks WHERE camera_id = ? AND at <= ?), 0)
AND at <= coalesce((SELECT min(at) FROM clock_checks WHERE camera_id = ? AND at >= ?), 9223372036854775807)
ORDER BY at LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class Around:
    """A window, and the comparisons around it in the order of time: the last before it, those within, the first after
    it. At least one."""

    window: Window
    checks: tuple[ClockCheck, ...]

    @property
    def best(self) -> ClockCheck:
        """The one that says most of the clock within the window: how well it was known, and how far away it is."""
        return min(self.checks, key=lambda check: check.uncertainty_us + self._drift(check))

    @property
    def other(self) -> ClockCheck | None:
        """The one that contradicts the best most; where none does, the next on the other side of the window."""
        best = self.best
        if self.changed is not None:
            return max(self.checks, key=lambda check: abs(check.offset_us - best.offset_us))
        if best.at < self.window.end:
            return next((check for check in self.checks if check.at >= self.window.end), None)
        return next((check for check in reversed(self.checks) if check.at <= self.window.start), None)

    @property
    def changed(self) -> tuple[int, int] | None:
        """From where to where the offset lay, uncertainties included, where comparisons contradict each other: the
        clock was set, or ran away. None where all of them agree."""
        spans = [
            (check.offset_us - check.uncertainty_us, check.offset_us + check.uncertainty_us) for check in self.checks
        ]
        if max(low for low, _ in spans) <= min(high for _, high in spans):
            return None
        return min(low for low, _ in spans), max(high for _, high in spans)

    @property
    def settled(self) -> bool:
        """Whether it was compared after the window: a later comparison can say nothing more of it."""
        return any(check.at >= self.window.end for check in self.checks)

    @property
    def known(self) -> tuple[int, int]:
        """Offset and uncertainty to look for footage by: the middle of a range and half of it, where there is one."""
        if self.changed is not None:
            low, high = self.changed
            return (low + high) // 2, (high - low + 1) // 2
        return self.best.offset_us, self.best.uncertainty_us + self._drift(self.best)

    def _drift(self, check: ClockCheck) -> int:
        far = max(abs(check.at - self.window.start), abs(check.at - self.window.end))
        return far * DRIFT_PPM // 1_000_000


async def checks_around(tx: Transaction, camera_id: str, window: Window) -> Around | None:
    """The comparisons of a camera's clock, or of the recorder's it is on, around a window; None when there are none."""
    rows = await tx.all(_SQL, [camera_id, camera_id, window.start, camera_id, window.end, _MOST])
    checks = tuple(ClockCheck.model_validate_json(row["result"]) for row in rows)
    return Around(window, checks) if checks else None
