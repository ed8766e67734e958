"""Stills of a window for people: its first and last frame before the owner decides, a contact sheet for the package.

Not for: masters, or anything that is called evidence. Meant for a worker process: see the jobs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from agent.media.containers.tables import NotFootage
from agent.media.cut import approved
from agent.media.cut.approved import Approved
from agent.media.cut.payload import packet_runs, payloads
from agent.media.facts import JsonObject, Stretch, first_of, stretch
from exchange.durable import durable_file
from exchange.errors import ClipFailed

Picture = NDArray[np.uint8]

MAX_SIDE = 8192
"""Pixels; more than any camera's, less than what would fill the memory."""
MAX_GOP_BYTES = 64 * 1024 * 1024
STILL_WIDTH = 1920
SHEET_COLUMNS, SHEET_WIDTH, SHEET_PICTURES = 4, 480, 16
_LABEL = 24
_QUALITY = (cv2.IMWRITE_JPEG_QUALITY, 85)
_TICK = Fraction(1, 1_000_000)


@dataclass(frozen=True, slots=True)
class Stills:
    """The JPEG files that were written, by name in the folder."""

    first: str = "first.jpg"
    last: str = "last.jpg"


def stills(stretches: Sequence[Stretch], out_dir: Path) -> Stills:
    """Decode the very first and the very last frame that a copy would hold, into ``first.jpg`` and ``last.jpg``.

    At most 1920 pixels wide. Raises ClipFailed when the footage is not what was planned or cannot be decoded,
    DiskFull.
    """
    if not stretches:
        raise ClipFailed("There is no footage to show.")
    names = Stills()
    opening, closing = approved.find(stretches[0], sound=False), approved.find(stretches[-1], sound=False)
    last = max(range(len(closing.video_us)), key=closing.video_us.__getitem__)
    for name, what, index in ((names.first, opening, 0), (names.last, closing, last)):
        frame = decoded(what, index)
        write(out_dir / name, picture(frame, min(STILL_WIDTH, frame.width)))
    return names


def decoded(what: Approved, index: int) -> av.VideoFrame:
    """The ``index``-th frame of the stretch, in decode order, decoded from the key frame that it needs."""
    key = max(key for key in what.chosen.keys if key <= index)
    decoder = av.CodecContext.create(what.video.codec, "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.extradata, decoder.thread_count = what.video.config, 1
    try:
        for frame in frames(decoder, what, key, index + 1):
            if frame.pts == what.video_us[index]:
                return frame
    except (FFmpegError, NotFootage, ValueError):
        pass
    raise not_shown()


def frames(decoder: av.VideoCodecContext, what: Approved, start: int, end: int) -> Iterator[av.VideoFrame]:
    """The pictures of the packets from ``start``, a key frame's, to ``end``; ``pts`` is as in ``video_us``.

    Read from key frame to key frame. Raises NotFootage, FFmpegError.
    """
    edges = [start, *(key for key in what.chosen.keys if start < key < end), end]
    for low, high in pairwise(edges):
        for number, content in enumerate(_packets(what, low, high), low):
            packet = av.Packet(content)
            packet.pts, packet.time_base = what.video_us[number], _TICK
            yield from decoder.decode(packet)
    yield from decoder.decode(None)


def _packets(what: Approved, start: int, end: int) -> Iterator[bytes]:
    """The stretch's packets from ``start`` to ``end``, in decode order. NotFootage when they are absurdly large."""
    position = 0
    for placed, ranges in zip(what.group, what.chosen.ranges, strict=True):
        mine = []
        for low, high in ranges:
            cut = max(low, low + start - position), min(high, low + end - position)
            position += high - low
            if cut[0] < cut[1]:
                mine.append(cut)
        if not mine:
            continue
        sizes = [size for low, high in mine for size in placed.segment.video.sizes[low:high]]
        if sum(sizes) > MAX_GOP_BYTES:
            raise NotFootage("its key frames are too far apart to show one frame")
        content = b"".join(bytes(piece) for _, piece in payloads(placed.segment, packet_runs(placed.segment, mine, [])))
        edges = [0]
        for size in sizes:
            edges.append(edges[-1] + size)
        yield from (content[low:high] for low, high in pairwise(edges))


def contact_sheet(masters: Sequence[Path], target: Path, pictures: int = SHEET_PICTURES) -> None:
    """Key frames of finished masters, evenly spaced, four beside each other, as one JPEG at ``target``.

    Each has its UTC, to the millisecond, beneath it. The same masters give the same bytes. Raises ClipFailed when none
    can be decoded, DiskFull.
    """
    tiles: list[Picture] = []
    each = max(1, pictures // max(1, len(masters)))
    for master in masters[:pictures]:
        tiles.extend(tile(frame, time, SHEET_WIDTH) for time, frame in _spaced(master, each))
    if not tiles:
        raise not_shown()
    write(target, grid(tiles, SHEET_WIDTH))


def _spaced(master: Path, count: int) -> Iterator[tuple[str, av.VideoFrame]]:
    """(UTC as text, frame): key frames at ``count`` evenly spaced moments; each once."""
    start_us = first_of(master.name)
    container = "mp4" if master.suffix == ".mp4" else "matroska"
    seen: set[int] = set()
    try:
        with av.open(str(master), "r", format=container) as opened:
            video = opened.streams.video[0]
            video.codec_context.thread_count = 1
            length = opened.duration or 0
            for number in range(count):
                opened.seek(length * number // count)
                frame = next(opened.decode(video), None)
                if frame is None or frame.pts is None or frame.pts in seen:
                    continue
                seen.add(frame.pts)
                moment = start_us + round(frame.pts * (video.time_base or _TICK) * 1_000_000)
                yield _utc(moment), frame
    except (FFmpegError, IndexError, ValueError):
        return


def _utc(microseconds: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d} UTC"


def grid(tiles: Sequence[Picture], width: int) -> Picture:
    """Tiles of one width, four beside each other."""
    height = max(each.shape[0] for each in tiles)
    columns = min(SHEET_COLUMNS, len(tiles))
    sheet = np.zeros((height * -(-len(tiles) // columns), width * columns, 3), np.uint8)
    for number, each in enumerate(tiles):
        top, left = number // columns * height, number % columns * width
        sheet[top : top + each.shape[0], left : left + width] = each
    return sheet


def tile(frame: av.VideoFrame, label: str, width: int) -> Picture:
    """The frame, ``width`` wide, with a line beneath it."""
    small = picture(frame, width)
    made = np.zeros((small.shape[0] + _LABEL, width, 3), np.uint8)
    made[: small.shape[0]] = small
    place = (6, small.shape[0] + _LABEL - 7)
    cv2.putText(made, label, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
    return made


def picture(frame: av.VideoFrame, width: int) -> Picture:
    """The frame as BGR, ``width`` wide, its shape kept."""
    if not 0 < frame.width <= MAX_SIDE or not 0 < frame.height <= MAX_SIDE:
        raise not_shown()
    height = max(1, min(MAX_SIDE, frame.height * width // frame.width))
    picture: Any = frame.to_ndarray(format="bgr24")
    if width == frame.width:
        return np.asarray(picture, np.uint8)
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def write(target: Path, shown: Picture) -> None:
    """A JPEG. DiskFull."""
    done, content = cv2.imencode(".jpg", shown, _QUALITY)
    if not done:
        raise not_shown()
    with durable_file(target) as file:
        file.write(content.tobytes())


def not_shown() -> ClipFailed:
    """What is raised for footage that doesn't decode."""
    return ClipFailed(
        "A frame of the footage cannot be shown.",
        meaning="The recording may be damaged there, or of a kind that cannot be decoded here.",
        do="Look at the recording itself before you decide.",
    )


def stills_job(job: JsonObject, report: Callable[[JsonObject], None]) -> JsonObject:
    """``{"stretches": [Stretch as JSON], "out_dir"}`` to ``{"first", "last"}``: names of JPEG files in the folder."""
    cv2.setNumThreads(1)
    made = stills([stretch(plain) for plain in job["stretches"]], Path(job["out_dir"]))
    return {"first": made.first, "last": made.last}


def contact_sheet_job(job: JsonObject, report: Callable[[JsonObject], None]) -> JsonObject:
    """``{"masters": [paths in the order of time], "target"}`` to ``{"file": target}``."""
    cv2.setNumThreads(1)
    contact_sheet([Path(master) for master in job["masters"]], Path(job["target"]))
    return {"file": job["target"]}
