"""What is said of a device source's footage in the plan, the prompt and the manifest: where it came from, and how.

Not for: our own recorder's segments, of which the manifest has words of its own.
"""

from typing import Annotated

from pydantic import Field

from exchange.clock import Instant
from exchange.documents.messages import Line, Part, Sha256, Text


class TrackProvenance(Part):
    """SHA-256 over a track's packets, as FFmpeg's streamhash muxer makes it, before and after a remux.

    They are equal, unless ``why`` says what of the packets' wrapping was changed, never of the pictures or the sound.
    """

    kind: Line
    codec: Line
    before: Sha256
    after: Sha256
    why: str = ""


class RemuxProvenance(Part):
    """The file that the source gave, and what was done to have it in a container that can be cut: copied, never
    re-encoded."""

    name: Line
    sha256: Sha256
    size: int
    container: Line
    tracks: tuple[TrackProvenance, ...]
    done: Text

    def as_text(self, copy: str) -> str:
        tracks = "; ".join(
            f"{track.kind} ({track.codec}), stream SHA-256 {track.before} before, {track.after} after"
            + (f" ({track.why})" if track.why else "")
            for track in self.tracks
        )
        return (
            f"The recorder's file {self.name} ({self.container}, {self.size} bytes, SHA-256 {self.sha256}) was copied "
            f"into {copy}. {self.done} {tracks}."
        )


class FileProvenance(Part):
    """A file that footage is cut out of. ``name``: relative to where it lies while it is needed."""

    name: Annotated[str, Field(max_length=400)]
    start: Instant
    end: Instant
    clock: Line
    uncertainty_us: int
    torn: bool = False
    sha256: Sha256 | None = None
    remux: RemuxProvenance | None = None
    notes: tuple[str, ...] = ()


class SourceProvenance(Part):
    """One camera's source for one window."""

    kind: Line
    title: Line
    make: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""
    how_read: Line
    utc_from: Line
    notes: tuple[str, ...] = ()
    kept: bool = False
    """Sealed on this machine until the request is closed."""
    overwritten: Instant | None = None
    """When the recorder is expected to overwrite it; None when that can't be told."""
    files: tuple[FileProvenance, ...] = ()

    @property
    def uncertainty_us(self) -> int:
        return max((file.uncertainty_us for file in self.files), default=0)
