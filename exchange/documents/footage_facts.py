"""What a manifest says of the files in a package: masters, working copies, and the segments they were copied from.

Not for: the manifest as a whole (``exchange.documents.evidence``).
"""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from exchange.clock import Instant, Window
from exchange.documents.camera_signatures import CameraSignature, UserData
from exchange.documents.copies import CopyKind
from exchange.documents.messages import Line, Part, Sha256, Stretch, Text

MasterPath = Annotated[str, Field(pattern=r"^data/master/[A-Za-z0-9][A-Za-z0-9._-]{0,120}$")]
WorkingPath = Annotated[str, Field(pattern=r"^data/working/[A-Za-z0-9][A-Za-z0-9._-]{0,120}$")]


class TrackKind(StrEnum):
    VIDEO = "video"
    AUDIO = "audio"
    DATA = "data"


class Track(Part):
    """One track of a master. The stream hashes are over its packets' bytes, as FFmpeg's ``streamhash`` makes them."""

    kind: TrackKind
    codec: Line
    packets: Annotated[int, Field(gt=0)]
    stream_sha256_before: Sha256
    """Over the packets as they lie in the source segments."""
    stream_sha256_after: Sha256
    """Over the packets as they lie in the master."""

    @model_validator(mode="after")
    def _was_copied(self) -> Self:
        if self.stream_sha256_before != self.stream_sha256_after:
            raise ValueError("a master's track differs from its source: it is no copy")
        return self


class Master(Part):
    """One unbroken stretch of one codec."""

    path: MasterPath
    sha256: Sha256
    size: Annotated[int, Field(gt=0)]
    """Bytes."""
    container: Line
    codec: Line
    width: Annotated[int, Field(gt=0, le=65_536)]
    height: Annotated[int, Field(gt=0, le=65_536)]
    frames: Annotated[int, Field(gt=0)]
    first_frame: Instant
    last_frame: Instant
    """Presentation time of the last frame."""
    end: Instant
    """The last frame's end."""
    duration_us: Annotated[int, Field(gt=0)]
    tracks: Annotated[tuple[Track, ...], Field(min_length=1, max_length=16)]
    camera_signatures: Annotated[tuple[CameraSignature, ...], Field(max_length=4)] | None = None
    """What the camera's own signatures say, a scheme each; None where none was found, or nobody looked."""
    user_data: Annotated[tuple[UserData, ...], Field(max_length=16)] | None = None
    """Which data of the camera's own are in the pictures' track; None where none was found, or nobody looked."""

    @model_validator(mode="after")
    def _times_are_in_order(self) -> Self:
        if not self.first_frame <= self.last_frame < self.end or self.duration_us != self.end - self.first_frame:
            raise ValueError("the master's times contradict each other")
        if [track.kind for track in self.tracks].count(TrackKind.VIDEO) != 1:
            raise ValueError("a master has one video track")
        return self

    @property
    def window(self) -> Window:
        return Window(self.first_frame, self.end)


class Tool(Part):
    name: Line
    version: Line


class Parameter(Part):
    """One setting of how a working copy was made, or a figure that was measured for it, as text for a program."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
    value: Line


class WorkingCopy(Part):
    """Made from a master for convenience; no evidence in itself.

    The fields after ``what_was_done`` are of a copy that was made by ``parameters`` with ``tools``: the same master,
    parameters and tools give the same bytes.
    """

    path: WorkingPath
    sha256: Sha256
    size: Annotated[int, Field(gt=0)]
    made_from: MasterPath | None = None
    """None: from all masters."""
    what_was_done: Text
    kind: CopyKind | None = None
    parameters: Annotated[tuple[Parameter, ...], Field(min_length=1, max_length=64)] | None = None
    tools: Annotated[tuple[Tool, ...], Field(min_length=1, max_length=32)] | None = None
    window: Stretch | None = None
    """From its first picture to its last one's end, in true time."""
    frames: Annotated[int, Field(gt=0)] | None = None
    container: Line | None = None
    codec: Line | None = None
    width: Annotated[int, Field(gt=0, le=65_536)] | None = None
    height: Annotated[int, Field(gt=0, le=65_536)] | None = None
    sound: bool | None = None
    """Whether it holds sound; of moving pictures."""
    real_times: bool | None = None
    """Whether each picture is shown at the time that it has in the master; of moving pictures."""
    caption: bool | None = None
    """Whether a line beneath each picture says that it is a working copy, and the picture's UTC."""


class SourceSegment(Part):
    """A file of the recording that the masters were copied from."""

    name: Line
    start: Instant
    end: Instant
    sha256: Sha256
    size: Annotated[int, Field(gt=0)]
    torn: bool = False
    """Cut short by a power failure; read up to its last whole fragment."""


class Operation(Part):
    """What was done between the segments and the masters."""

    statement: Literal["copied, not re-encoded"] = "copied, not re-encoded"
    exactly: Text
    tools: Annotated[tuple[Tool, ...], Field(min_length=1, max_length=32)]
