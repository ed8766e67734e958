"""Writes an MP4 master from an approved stretch, and proves it: the file is read again and compared with the source.

Not for: Matroska (``matroska_out``), or deciding which of the two (``cut``).
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.media import approved, mp4
from agent.media.approved import Approved
from agent.media.hashing import InStep
from agent.media.payload import payloads


@dataclass(frozen=True, slots=True)
class Written:
    """Where the packets start, and the SHA-256 over each track's packets, pictures first."""

    start: int
    hashes: list[str]


def write(path: Path, what: Approved, copied: Callable[[int], None]) -> Written:
    """Copy the packets behind a header made for them. ``copied`` is told of bytes. Raises NotFootage, OSError."""
    tracks = [approved.video_out(what)] + ([approved.sound_out(what)] if what.audio else [])
    head = mp4.head(tracks, [(part.sound, part.count, part.length) for parts in what.parts for part in parts])
    with open(path, "wb", buffering=0) as stream, InStep(len(tracks)) as hashes:
        _all(stream.fileno(), memoryview(head))
        for placed, parts in zip(what.group, what.parts, strict=True):
            for sound, content in payloads(placed.segment, parts):
                hashes.take(sound, content)
                _all(stream.fileno(), content)
                copied(len(content))
        return Written(len(head), hashes.digests())


def _all(descriptor: int, content: memoryview) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def prove(path: Path, what: Approved, written: Written, read: Callable[[int], None]) -> str:
    """Read the file and the source again; returns the file's SHA-256.

    Each packet has to be where libavformat's index says, and be the source's to the bit: then the hashes taken from
    the source's packets are the file's too. Raises finished.Unexpected, NotFootage.
    """
    from agent.media import finished

    tracks = [("video", _places(what, written.start, sound=False))]
    if what.audio:
        tracks.append(("audio", _places(what, written.start, sound=True)))
    finished.indexed(path, tracks)
    source = (
        piece for placed, parts in zip(what.group, what.parts, strict=True) for piece in payloads(placed.segment, parts)
    )
    return finished.compared(path, written.start, source, read)


def _places(what: Approved, start: int, *, sound: bool) -> list[tuple[int, array[int]]]:
    """Runs of a track's packets in the file: position of the first, bytes of each."""
    places = []
    for placed, parts in zip(what.group, what.parts, strict=True):
        track = placed.segment.audio if sound else placed.segment.video
        for part in parts:
            if part.sound == sound and track is not None:
                places.append((start, track.sizes[part.first : part.first + part.count]))
            start += part.length
    return places
