"""What an owner types of a folder of recordings.

Not for: finding the files (``index``), or reading what their names say (``names``).
"""

from typing import Literal

from pydantic import Field, field_validator

from agent.devices.time_zones import zone_of
from agent.sources.device.kind import DeviceOptions
from agent.sources.folder.names import compiled
from exchange.clock import from_rfc3339


class Options(DeviceOptions):
    path: str = Field(max_length=1024, pattern=r"^/.+$")
    """The folder, as a full path; folders in it count too."""
    times: Literal["auto", "name", "file"] = "auto"
    """Where a file's start time comes from: its name, what the file says inside, or whichever there is."""
    pattern: str | None = Field(None, max_length=200)
    """How names tell the time, such as "%d-%m-%Y_%H.%M.%S" or "%Y%m%d/*/%H-%M-%S"; unset: the usual ways are known."""
    zone: str = Field("local", max_length=64)
    """The time zone of times in names, such as Europe/London; UTC; or local for this machine's."""
    names: Literal["start", "end"] = "start"
    """Whether a name tells when the recording began, or when it ended."""
    clock_ahead: float = Field(0.0, ge=-10 * 366 * 86400, le=10 * 366 * 86400)
    """Seconds by which the clock that named the files was ahead of the true time; negative when behind."""
    clock_unsure: float = Field(0.0, ge=0, le=366 * 86400)
    """Seconds by which that may be wrong."""
    settle: float = Field(10.0, ge=1, le=3600)
    """Seconds that a file must be unchanged for before it counts as finished."""
    suffixes: str = Field("", max_length=500)
    """The endings of names that count, with spaces between; unset: all but those of pictures, texts, sounds and the
    like, as what is in a file tells whether it is footage."""
    only: str = Field("", max_length=200)
    """Which files are of this camera, where several cameras write into one folder: a pattern of their paths in it, such
    as "*BackDoor*" or "front/*"; capitals don't matter."""
    starts: dict[str, str] = Field(default_factory=dict, max_length=10_000)
    """Start times by hand: a file's path in the folder, and an RFC 3339 time. ``handover sources start`` adds them."""

    @field_validator("pattern")
    @classmethod
    def _can_be_read(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            compiled(pattern)
        return pattern

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, zone: str) -> str:
        if zone != "local":
            zone_of(zone)
        return zone

    @field_validator("starts")
    @classmethod
    def _are_instants(cls, starts: dict[str, str]) -> dict[str, str]:
        for text in starts.values():
            from_rfc3339(text)
        return starts
