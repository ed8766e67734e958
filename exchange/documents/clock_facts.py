"""What a manifest says of clocks: comparisons of the camera's with others, and what the agent's own host told.

Not for: how a comparison is made (``agent.devices.clock``).
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from exchange.clock import DAY, Instant
from exchange.documents.messages import Line, Part

Count = Annotated[int, Field(ge=0)]
MOST_OFFSET = 100 * 366 * DAY
"""Microseconds: no clock is further off that was ever set."""


class ClockCheck(Part):
    """One comparison of the camera's clock with another."""

    device_time: Instant
    reference_time: Instant
    reference_source: Line
    offset_us: int
    """Device minus reference, microseconds: positive when the camera's clock is ahead."""
    uncertainty_us: Count
    method: Line
    at: Instant
    """When, by the agent's clock."""
    zone: Line | None = None
    """The time zone that the device said its clock shows; None when it did not say, or was not asked."""

    @model_validator(mode="after")
    def _the_offset_is_the_difference(self) -> Self:
        if self.offset_us != self.device_time - self.reference_time:
            raise ValueError("'offset_us' is not 'device_time' minus 'reference_time'")
        return self


class HostClock(Part):
    """The agent's own clock, as its host told when the manifest was made."""

    source: Line
    """What keeps it, such as 'chrony, after 192.0.2.7 (stratum 3)'."""
    offset_us: Annotated[int, Field(ge=-MOST_OFFSET, le=MOST_OFFSET)] | None = None
    """That clock minus the true time, microseconds, as its keeper believes; None when it does not say."""
    uncertainty_us: Annotated[int, Field(ge=0, le=MOST_OFFSET)] | None = None
    """The error is at most so much more; None when its keeper does not say."""
    at: Instant
    """When it was asked, by that clock."""


class OffsetRange(Part):
    """Where the offset of a clock lay that was set, or ran away, between two comparisons."""

    from_us: Annotated[int, Field(ge=-MOST_OFFSET, le=MOST_OFFSET)]
    """Device minus reference, microseconds, the uncertainty of the comparisons included."""
    to_us: Annotated[int, Field(ge=-MOST_OFFSET, le=MOST_OFFSET)]


class Clocks(Part):
    """How far the times in this manifest, and the times shown in the pictures, can be trusted."""

    camera_checked: bool
    camera: ClockCheck | None = None
    """The comparison that says most of the clock within the delivered window."""
    camera_other: ClockCheck | None = None
    """One on the other side of that window, where there is one; or that contradicts ``camera`` most."""
    camera_range: OffsetRange | None = None
    """Where the offset lay within the window, if comparisons around it contradict each other."""
    correction: Literal["not corrected in the pictures"] = "not corrected in the pictures"
    host_synchronised: bool | None = None
    """Whether the agent's own clock followed a time server at the check; None when that could not be told."""
    host: HostClock | None = None
    utc_from: Line
    """What the UTC times of this manifest were taken from, such as 'the clock of the recording host'."""

    @model_validator(mode="after")
    def _a_check_was_made_or_not(self) -> Self:
        if self.camera_checked != (self.camera is not None):
            raise ValueError("'camera_checked' contradicts 'camera'")
        self._check_range()
        if self.host is not None and not self.host_synchronised and self.host.uncertainty_us is not None:
            raise ValueError("a clock that is not known to follow a time server has no known uncertainty")
        return self

    def _check_range(self) -> None:
        reported = [check for check in (self.camera, self.camera_other) if check is not None]
        lows = [check.offset_us - check.uncertainty_us for check in reported]
        highs = [check.offset_us + check.uncertainty_us for check in reported]
        contradict = len(reported) == 2 and max(lows) > min(highs)
        if self.camera is None and self.camera_other is not None:
            raise ValueError("'camera_other' without 'camera'")
        if contradict != (self.camera_range is not None):
            raise ValueError("'camera_range' is there when two comparisons contradict each other, and only then")
        if self.camera_range is not None and (
            self.camera_range.from_us > min(lows) or self.camera_range.to_us < max(highs)
        ):
            raise ValueError("'camera_range' does not hold both comparisons")
