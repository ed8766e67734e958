"""The contract of everything that recorded footage can come from: what there is, its original files, and holds.

Not for: how any one source does it. This module imports no media library: a source whose work parses media or XML of
a camera does that work in a worker process, and answers here with what the worker found.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from agent.footage.provenance import RemuxProvenance
from exchange.clock import Window


class GapReason(StrEnum):
    """Why there is no footage, as far as the source knows."""

    NOT_RECORDED = "not_recorded"
    """Nothing is known but that nothing is there: never recorded, or no longer kept."""
    CAMERA_LOST = "camera_lost"
    """The camera did not answer, or its stream broke off."""
    CAMERA_REFUSED = "camera_refused"
    """The camera refused the user name or password."""
    DISK_FULL = "disk_full"
    """The recorder had no room."""
    STOPPED = "stopped"
    """The recorder was stopped, or the camera was taken out of its settings."""
    NOT_YET = "not_yet"
    """It lies after now."""


class ClockQuality(StrEnum):
    """What a source's instants rest on."""

    HOST_ARRIVAL = "host_arrival"
    """This host's clock when the packets arrived; the pictures are older by the camera's and the network's delay."""
    RECORDER = "recorder"
    """The clock of a camera's or vendor's own recorder, as checked against this host's."""
    NAME = "name"
    """Only what the file's name says."""
    CONTAINER = "container"
    """Only what the file says of itself."""
    BY_HAND = "by_hand"
    """What the owner said."""


@dataclass(frozen=True, slots=True)
class CodecHint:
    """What the footage is said to be, before anybody has read it; FFmpeg's names. Zero or empty: not known."""

    video: str = ""
    audio: str = ""
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of footage that ``fetch`` can bring as a whole.

    ``reference`` means something to its source only. ``path`` is the original file where the source has it on this
    disk already. An unfinished span still grows: its window ends with what can be read of it now. Spans of one camera
    may overlap where the clock was set back: each holds footage of its own.

    ``divisible``: any part of it can be fetched by itself (``narrowed``), as from a recorder that plays by time; what
    comes then still begins and ends where its key frames let it. ``size``: bytes, as far as the source tells.
    ``needed``: the part that somebody wants of one that is not divisible; the source may bring more, or all.
    """

    camera_id: str
    window: Window
    reference: str
    path: Path | None = None
    finished: bool = True
    torn: bool = False
    codec: CodecHint = CodecHint()
    divisible: bool = False
    size: int | None = None
    needed: Window | None = None


def narrowed(span: Span, window: Window) -> Span:
    """The part of a span that a window needs: the span itself, unless it can be divided. They must overlap."""
    part = span.window.intersect(window)
    if part is None:
        return span
    return replace(span, window=part) if span.divisible else replace(span, needed=part)


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of the asked window of which there is nothing."""

    window: Window
    reason: GapReason = GapReason.NOT_RECORDED


@dataclass(frozen=True, slots=True)
class Coverage:
    """What there is of a window, in the order of time.

    ``spans`` are not cut to the window; ``gaps`` are, and together with the spans they fill it. ``growing_until``:
    how far an unfinished span that may still grow into the window reaches now; None when there is none. ``oldest``:
    where the source's oldest footage of this camera begins, when it tells that cheaply. ``notes``: what the owner and
    the officer should know, a sentence each.
    """

    window: Window
    spans: tuple[Span, ...]
    gaps: tuple[Gap, ...]
    growing_until: int | None = None
    oldest: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceFile:
    """An original media file on this disk, byte for byte as the source gave it; or, with ``remux``, its copy.

    ``start`` is the UTC instant (microseconds) of its first key frame, ``end`` of the end of its last frame;
    ``uncertainty`` (microseconds) is how far off both may be. ``torn``: its end was lost. ``sha256`` is of the whole
    file, in hex, where it was computed on the way.
    """

    path: Path
    start: int
    end: int
    clock: ClockQuality
    uncertainty: int
    torn: bool = False
    sha256: str | None = None
    remux: RemuxProvenance | None = None
    notes: tuple[str, ...] = ()


class FetchCancelled(Exception):
    """The caller's progress function asked to stop. What was fetched so far stays, and a later fetch goes on there."""


Progress = Callable[[int, int | None], bool]
"""Called with bytes done and, where known, in all; False asks the fetch to stop."""

Pace = Callable[[int], None]
"""Called with how long a fetch still takes (microseconds), of a device that gives footage no faster than it was
recorded. Never called of others."""


class FootageSource(Protocol):
    """Where recorded footage comes from. No method blocks the event loop."""

    async def coverage(self, camera_id: str, window: Window) -> Coverage:
        """What there is of the window; cheap, and never a reason to read footage."""
        ...

    async def fetch(self, span: Span, into: Path, progress: Progress | None = None) -> tuple[SourceFile, ...]:
        """Bring a span's original files into a folder, in the order of time.

        A fetch that was cut off is gone on with when it is called again with the same folder; a file has its final
        name only when it is whole. Raises FetchCancelled, NoFootage (it is gone by now), DiskFull, CameraUnreachable,
        CameraRefused, CameraAnswerInvalid.
        """
        ...

    async def hold(self, hold_id: str, camera_id: str, window: Window) -> int:
        """Keep the window's footage from being removed, also what is still being recorded; bytes held of it now.

        Idempotent; several windows may be held under one id. A source that can keep nothing answers 0.
        """
        ...

    async def release(self, hold_id: str) -> None:
        """Let go of all that is held under this id. Nothing happens when nothing is."""
        ...

    async def held_bytes(self) -> int:
        """Bytes of all footage that is held, each file once."""
        ...
