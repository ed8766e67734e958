"""What an owner types of Dahua, an Amcrest or a Lorex.

Not for: how it is asked (``session``).
"""

from typing import Literal

from pydantic import Field

from agent.sources.device.kind import DeviceOptions


class Options(DeviceOptions):
    """What an owner of a Dahua, an Amcrest or a Lorex types."""

    channel: int = Field(1, ge=1, le=512)
    """The camera's number on the recorder; 1 on a camera with a card of its own."""
    counting: Literal["auto", "0", "1"] = "auto"
    """What its search calls the first channel: 0 on many cameras, 1 on many recorders; "auto" tries both."""
    stream: Literal["main", "sub"] = "main"
    """Which stream is taken. With "main", the sub-stream is used where the main one was not recorded, and that is
    said."""
    by: Literal["file", "time"] = "file"
    """"file" brings the recorder's own files, whole; "time" the part that is needed, as the recorder cuts it out."""
    zone: str = Field("", max_length=100)
    """The recorder's time zone, such as Europe/London; empty: as its settings say."""
    certificate: str = Field("", pattern=r"^([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$|^$")
    """With https: the SHA-256 fingerprint of its certificate."""
