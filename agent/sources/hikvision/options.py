"""What an owner types of Hikvision.

Not for: how it is asked (``session``).
"""

from typing import Literal

from pydantic import Field

from agent.sources.device.kind import DeviceOptions


class Options(DeviceOptions):
    """What an owner of a Hikvision types."""

    channel: int = Field(1, ge=1, le=512)
    """The camera's number on the recorder; 1 on a camera with a card of its own."""
    stream: Literal["main", "sub"] = "main"
    """Which stream is taken. With "main", the sub-stream is used where the main one was not recorded, and that is
    said."""
    z: Literal["auto", "utc", "local"] = "auto"
    """What the recorder's times with a Z are; "auto" finds out by what it is recording now."""
    zone: str = Field("", max_length=100)
    """The recorder's time zone, such as Europe/London; empty: as it says itself."""
    by: Literal["auto", "file", "rtsp"] = "auto"
    """How it is fetched: "file", the recorder's files; "rtsp", playback of what is needed, in real time; "auto": files,
    and playback where they are refused."""
    rtsp_port: int = Field(554, ge=1, le=65535)
    """Where its RTSP listens."""
    certificate: str = Field("", pattern=r"^([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$|^$")
    """With https: the SHA-256 fingerprint of its certificate."""
