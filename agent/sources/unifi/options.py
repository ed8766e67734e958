"""What an owner types of UniFi Protect.

Not for: how it is asked (``session``).
"""

from pydantic import Field

from agent.sources.device.kind import DeviceOptions


class Options(DeviceOptions):
    """What an owner of a UniFi Protect types."""

    camera: str = Field(min_length=1, max_length=100)
    """The camera's name in Protect, its id, or its MAC address."""
    lens: int = Field(1, ge=1, le=2)
    """Which lens, on a camera that has two."""
