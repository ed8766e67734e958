"""What an owner types of MediaMTX.

Not for: how it is asked (``session``).
"""

from typing import Literal

from pydantic import Field

from agent.sources.device.kind import DeviceOptions


class Options(DeviceOptions):
    """What an owner of a MediaMTX types."""

    path: str = Field(min_length=1, max_length=255)
    """The camera's path, as in mediamtx.yml."""
    login: Literal["password", "token"] = "password"
    """Whether the password is a user's, or a token (JWT) of whoever signs them for this server."""
    readable: bool = False
    """Whether it may go over the network readable, as this server knows only HTTP Basic. With https, and on this very
    machine, it never is."""
