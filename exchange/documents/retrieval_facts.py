"""What a manifest says of how a copy was retrieved: who had it taken and when, the stream's settings, the local time.

Not for: the copy itself (``exchange.documents.footage_facts``), or the clocks (``exchange.documents.clock_facts``).
"""

from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from exchange.clock import MINUTE, Instant
from exchange.documents.messages import Line, Part

OffsetMinutes = Annotated[int, Field(ge=-18 * 60, le=18 * 60)]
"""Minutes east of UTC."""
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - what a wall clock shows has no zone


class LocalTime(Part):
    """What clocks on the wall show where the camera is, within the windows of this manifest and the seconds around."""

    zone: Line
    """Such as 'Europe/London' (IANA), or as the camera wrote it."""
    zone_from: Line
    """Where that is known from."""
    offset_minutes: OffsetMinutes
    """East of UTC; of the beginning, where it changes in between."""
    changes_at: Instant | None = None
    """When summer time begins or ends within the windows; None when it does not."""
    offset_minutes_after: OffsetMinutes | None = None

    @model_validator(mode="after")
    def _a_change_has_a_time_and_an_offset(self) -> Self:
        if (self.changes_at is None) != (self.offset_minutes_after is None):
            raise ValueError("'changes_at' and 'offset_minutes_after' go together")
        return self

    def offset_at(self, instant: int) -> int:
        """Minutes east of UTC at a moment of the windows."""
        if self.changes_at is None or self.offset_minutes_after is None or instant < self.changes_at:
            return self.offset_minutes
        return self.offset_minutes_after

    def wall_clock(self, instant: int) -> datetime:
        """The local date and time, without its offset, of a moment of the windows (microseconds UTC)."""
        return wall_clock(instant, self.offset_at(instant))


def wall_clock(instant: int, offset_minutes: int) -> datetime:
    """What a clock shows at an instant (microseconds UTC) that is set to so many minutes east of UTC."""
    return _EPOCH + timedelta(microseconds=instant + offset_minutes * MINUTE)


class StreamSetting(Part):
    """The stream that the camera was recorded from, as the camera told it when it was last asked; not measured."""

    codec: Line | None = None
    width: Annotated[int, Field(gt=0, le=65_536)] | None = None
    height: Annotated[int, Field(gt=0, le=65_536)] | None = None
    frames_per_second: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] | None = None
    kilobits_per_second: Annotated[int, Field(gt=0, le=10_000_000)] | None = None
    sound: Line | None = None
    """The sound's codec; None for a stream without sound, or where the camera did not tell."""


class Retrieval(Part):
    """Who had the copy taken, and when. The machine takes it by itself once they approved."""

    by: Line
    """The person who approved it, as they want to be named."""
    started: Instant
    finished: Instant
    """When every master was whole and hashed."""

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.finished < self.started:
            raise ValueError("'finished' is before 'started'")
        return self
