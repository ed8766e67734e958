"""Of which hours an owner's cameras have recordings, where the owner lets officers know it.

Not for: whether there is footage of what is asked. No document answers that but the owner's decision.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from exchange.clock import DAY, HOUR, Instant, Window
from exchange.documents.messages import Document, Fingerprint, Id, Part

HOURS = 24
Hours = Annotated[str, Field(pattern=r"^[01]{24}$")]
"""A UTC day: for each hour from midnight, whether anything was recorded in it."""


class CameraHours(Part):
    camera_id: Id
    hours: Hours


class RecordedHours(Document):
    """One whole day of UTC that is past. Device key. Sent again for the same day, it takes the earlier one's place."""

    kind: Literal["recorded-hours.v1"] = "recorded-hours.v1"
    device: Fingerprint
    day: Instant
    """Its midnight."""
    cameras: Annotated[tuple[CameraHours, ...], Field(min_length=1, max_length=256)]
    """Those that record without a break, as far as their owner can help it; of any other nothing is told."""
    issued: Instant

    @model_validator(mode="after")
    def _is_a_past_day(self) -> Self:
        if self.day % DAY:
            raise ValueError("'day' must be a midnight of UTC")
        if self.issued < self.day + DAY:
            raise ValueError("only of a day that is over")
        if len({each.camera_id for each in self.cameras}) != len(self.cameras):
            raise ValueError("a camera stands there twice")
        return self


def hours_of(day: int, windows: tuple[Window, ...]) -> str:
    """Which hours of the day that begins at ``day`` any of the windows touches, as ``RecordedHours`` writes it."""
    hours = (Window(day + number * HOUR, day + (number + 1) * HOUR) for number in range(HOURS))
    return "".join("1" if any(hour.intersect(window) for window in windows) else "0" for hour in hours)


def days_of(window: Window) -> range:
    """The midnights (microseconds) of the days of UTC that the window touches."""
    return range(window.start // DAY * DAY, window.end, DAY)


def recorded_in(window: Window, days: dict[int, str]) -> bool | None:
    """Whether all of the window's hours were recorded (True), or none (False). None: some of them, or not all known."""
    said = set()
    for day in days_of(window):
        hours = days.get(day)
        if hours is None:
            return None
        first = max(0, window.start - day) // HOUR
        last = min(DAY, window.end - day - 1) // HOUR
        said |= set(hours[first : last + 1])
    return None if len(said) != 1 else said == {"1"}
