"""What is known of a camera once it was asked: the facts, as they cross from the worker to the daemon.

Not for: what the owner says of it (place, direction, label: settings and store), or asking it (``onvif``).
"""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from agent.devices.clock import ClockCheck


def _line(value: object) -> object:
    """Text from a device as one printable line: it is shown to people, in terminals too."""
    if not isinstance(value, str):
        return value
    return "".join(letter for letter in value.strip() if letter.isprintable())[:128]


def _without_user_info(uri: str) -> str:
    if "@" in uri.partition("://")[2].partition("/")[0]:
        raise ValueError("a stored stream address has no user info")
    return uri


Line = Annotated[str, BeforeValidator(_line)]
StreamUri = Annotated[str, Field(max_length=1024, pattern=r"^rtsps?://[!-~]+$"), AfterValidator(_without_user_info)]


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Profile(_Facts):
    """One of the streams a camera offers. Sizes in pixels, rates in frames and kilobits a second; None: not told."""

    token: Annotated[str, Field(max_length=128)]
    name: Line
    source: Line = ""
    """The token of the video source: on a recorder, one for each channel."""
    codec: Line = ""
    """"h264", "h265", "jpeg", "mpeg4", or what the camera calls it, in lower case."""
    width: Annotated[int, Field(ge=0, le=65535)] | None = None
    height: Annotated[int, Field(ge=0, le=65535)] | None = None
    fps: Annotated[float, Field(ge=0, le=1000)] | None = None
    bitrate_kbps: Annotated[int, Field(ge=0)] | None = None
    audio: Line = ""
    """"aac", "g711", "g726", "opus", or as the camera calls it; "" for a stream without sound."""
    stream_uri: StreamUri | None = None
    """Without user info. Where it says ``{password}``, the camera wants its password at that place."""


class CameraFacts(_Facts):
    """What a camera says of itself. ``services``: ONVIF namespaces to their addresses, as we reach them."""

    make: Line = ""
    model: Line = ""
    serial: Line = ""
    firmware: Line = ""
    hardware_id: Line = ""
    profiles: Annotated[tuple[Profile, ...], Field(max_length=512)] = ()
    services: Annotated[dict[str, str], Field(max_length=64)] = {}
    clock: ClockCheck | None = None
    tls_fingerprint: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    """SHA-256 of the certificate (DER) that it showed, for the owner to confirm; None without TLS."""
    notes: tuple[str, ...] = ()
    """What a person should know: what was missing, rewritten or odd."""
