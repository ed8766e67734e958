"""What an owner types of Frigate.

Not for: how it is asked (``session``).
"""

from typing import Literal

from pydantic import Field

from agent.sources.device.kind import DeviceOptions


class Options(DeviceOptions):
    """What an owner of a Frigate types."""

    camera: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    """The camera's name in Frigate's configuration."""
    via: Literal["auto", "files", "clip"] = "auto"
    """Whether Frigate's own files are fetched, or a clip that it joins them to; "auto": a clip where the files can't
    be had."""
    readable: bool = False
    """Whether the password may go over the network readable, where Frigate's port 8971 has no TLS."""
