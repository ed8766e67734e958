"""What an owner types of a recorder with ONVIF Profile G.

Not for: how it is asked (``session``).
"""

from pydantic import Field

from agent.sources.device.kind import DeviceOptions


class Options(DeviceOptions):
    """What an owner types."""

    recording: str = Field("", max_length=256)
    """Which camera's recordings, where the recorder has several: the number, name or token that it lists."""
