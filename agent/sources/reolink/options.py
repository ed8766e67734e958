"""What an owner types of Reolink.

Not for: how it is asked (``session``).
"""

from typing import Literal

from pydantic import Field

from agent.sources.device.kind import DeviceOptions


class Options(DeviceOptions):
    """What an owner of a Reolink types."""

    channel: int = Field(1, ge=1, le=64)
    """The camera's number on the recorder, from 1; 1 on a camera itself."""
    stream: Literal["main", "sub"] = "main"
    """Which stream is taken. With "main", the sub-stream is used where the main one was not recorded, and that is
    said."""
    zone: str = Field("", max_length=100)
    """The device's time zone, such as Europe/London; empty: as it says itself."""
    readable: bool = False
    """Whether the password may go over the network readable, where the device has no https."""
