"""A stretch as a file that a browser plays, without making one: a header, and where each byte behind it already lies.

The packets stay in the recorder's files; whoever serves the file reads them there. Not for: footage that a browser
can't play (``small``), or evidence: nothing here is checked, hashed or kept.
"""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from av.error import FFmpegError

from agent.media.containers import mp4
from agent.media.containers.demuxed import Demuxer
from agent.media.containers.tables import NotFootage, Segment
from agent.media.cut import approved
from agent.media.cut.approved import Approved
from agent.media.cut.payload import PacketRun, packets
from agent.media.facts import JsonObject, Stretch, stretch
from agent.media.preview import small
from exchange.durable import durable_file

PLAYED = frozenset({"h264"})
"""Codecs that every browser plays, by FFmpeg's names."""
PLAYED_SOUND = frozenset({"aac"})
_NEAR = 48
"""Bytes after a packet's header within which its content begins."""
_ENDS = 16


@dataclass(frozen=True, slots=True)
class Layout:
    """``head`` is a file of the folder. ``runs``: (index of the source, offset, bytes), in the order of the file; empty
    for the small version, whose packets are made in pieces of one second and fill fixed places."""

    head: str
    size: int
    kind: str
    width: int
    height: int
    seconds: float
    sound: bool
    pieces: int = 0
    runs: str = ""


def lay_out(stretch: Stretch, folder: Path, number: int, *, sound: bool) -> Layout:
    """The header of the ``number``-th stretch, written into ``folder``. Raises FootageChanged, DiskFull."""
    what = approved.find(stretch, sound=sound and stretch.sound is not None and stretch.sound.codec in PLAYED_SOUND)
    name = f"head-{number}"
    length = (stretch.end_us - stretch.first_us) / 1_000_000
    placed = _places(what) if stretch.codec in PLAYED and what.video.entry else None
    if placed is None:
        return _small(stretch, folder / name, length)
    tracks = [approved.video_out(what)] + ([approved.sound_out(what)] if what.audio else [])
    head = mp4.head(tracks, [(run.sound, run.count, run.length) for each in placed for run in each])
    runs = [(index, run.offset, run.length) for index, each in enumerate(placed) for run in each if run.length]
    with durable_file(folder / name) as file:
        file.write(head)
    with durable_file(folder / f"runs-{number}.json") as file:
        file.write(json.dumps(_joined(runs)).encode())
    return Layout(
        name,
        len(head) + what.payload_bytes,
        "copied",
        stretch.width,
        stretch.height,
        length,
        what.audio is not None,
        runs=f"runs-{number}.json",
    )


def _places(what: Approved) -> list[list[PacketRun]] | None:
    """Where each packet lies in its file, by segment; None where that can't be told."""
    found = []
    for segment, runs in zip((each.segment for each in what.group), what.packet_runs, strict=True):
        if any(run.offset < 0 for run in runs):
            looked = _looked_up(segment, runs)
            if looked is None:
                return None
            found.append(looked)
        else:
            found.append(runs)
    return found


def _looked_up(segment: Segment, runs: list[PacketRun]) -> list[PacketRun] | None:
    """A run a packet, of a container whose packets only a demuxer finds. What it says is held against the file."""
    found: list[PacketRun] = []
    descriptor = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with Demuxer(segment.path, segment.container, segment.size) as demuxer:
            for sound, index, packet in packets(demuxer, runs):
                content = memoryview(packet)
                if packet.pos is None or not len(content):
                    return None
                inside = os.pread(descriptor, _NEAR + _ENDS, packet.pos).find(bytes(content[:_ENDS]))
                offset = packet.pos + inside
                if inside < 0 or os.pread(descriptor, _ENDS, offset + len(content) - _ENDS) != bytes(content[-_ENDS:]):
                    return None
                found.append(PacketRun(sound, index, 1, offset, len(content)))
    except (NotFootage, FFmpegError, OSError):
        return None
    finally:
        os.close(descriptor)
    return found


def _joined(runs: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Runs that lie one behind the other in one file are one."""
    found: list[tuple[int, int, int]] = []
    for index, offset, length in runs:
        if found and found[-1][0] == index and found[-1][1] + found[-1][2] == offset:
            found[-1] = (index, found[-1][1], found[-1][2] + length)
        else:
            found.append((index, offset, length))
    return found


def _small(stretch: Stretch, head: Path, length: float) -> Layout:
    width, height = small.size_of(stretch.width, stretch.height)
    pieces = small.pieces_of(stretch)
    sizes = array("I", small.SLOTS * pieces)
    keys = list(range(0, len(sizes), small.PICTURES))
    ticks = [number * small.TICKS for number in range(len(sizes))]
    entry = small.sample_entry(width, height)
    out = mp4.Out(
        sound=False,
        entry=entry,
        timescale=small.PICTURES * small.TICKS,
        timing=mp4.timing(ticks, len(sizes) * small.TICKS),
        sizes=sizes,
        keys=keys,
        width=width,
        height=height,
    )
    content = mp4.head([out], [(False, len(sizes), sum(sizes))])
    with durable_file(head) as file:
        file.write(content)
    return Layout(head.name, len(content) + sum(sizes), "small", width, height, length, sound=False, pieces=pieces)


def job(job: JsonObject, report: Callable[[JsonObject], None]) -> JsonObject:
    """``{"stretches": [Stretch as JSON], "folder", "sound"}`` to ``{"layouts": [Layout as JSON]}``."""
    folder = Path(job["folder"])
    stretches = [stretch(plain) for plain in job["stretches"]]
    layouts = [lay_out(each, folder, number, sound=job["sound"]) for number, each in enumerate(stretches)]
    return {"layouts": [asdict(layout) for layout in layouts]}
