"""Frames that two files both have are kept once: the first file is cut where the second begins, to the frame.

Not for: choosing the better of two files. Where their pictures differ, both are used one after the other, and that is
said.

Recorders answer a search with files that overlap by seconds, or hand out a file again that was longer meanwhile. The
same frames are known by their packets' bytes, whatever time either file gives them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from agent.footage.files.packets import Part
from agent.footage.files.placement import PlacedFile, edges, in_us
from agent.footage.files.remux import container_of, remux
from agent.media.containers import segment as segments
from agent.media.containers.tables import Segment
from agent.media.cut.hashing import sha256
from agent.media.cut.payload import packet_runs, payloads
from exchange.clock import to_rfc3339

_NEAR = 5_000_000
"""Microseconds by which two files may disagree on when a frame was, and it still is looked for."""

_SLACK = 50_000
"""Microseconds by which files may run into each other that only touch."""


def without_doubles(into: Path, placed: list[PlacedFile]) -> list[PlacedFile]:
    """The files by start, none with a frame that another has. Files that lose some are copied into Matroska."""
    kept: list[PlacedFile] = []
    for each in sorted(placed, key=lambda one: (one.start, one.end, one.name)):
        if kept and each.start < kept[-1].end:
            kept += _settled(into, kept.pop(), each)
        else:
            kept.append(each)
    return kept


def _settled(into: Path, first: PlacedFile, second: PlacedFile) -> list[PlacedFile]:
    """Two that overlap, or nearly do, as what remains of them."""
    before, after = segments.read(into / first.name), segments.read(into / second.name)
    at = _found(first, before, second, after)
    if at is None:
        return _other_pictures(into, first, before, second, after)
    begins = first.start + in_us(before.video.pts[at] - before.anchor, before.video)
    if len(before.video.pts) - at >= len(after.video.pts):
        return [_note(first, f"{_bare(second)} has no frame that {_bare(first)} lacks, and was left out.")]
    length = second.end - second.start
    moved = replace(second, start=begins, end=begins + length)
    if at == 0:
        return [_note(moved, f"{_bare(first)} has no frame that {_bare(second)} lacks, and was left out.")]
    words = f"{_bare(first)} and {_bare(second)} both have some frames; they were kept once, in {_bare(second)}."
    return [_cut(into, first, before, 0, at, words), moved]


def _found(first: PlacedFile, before: Segment, second: PlacedFile, after: Segment) -> int | None:
    """The index of the first file's key frame that is the second file's first, when all that follows is the same."""
    if before.video.codec != after.video.codec:
        return None
    sought = next(_packets(after, after.video.keys[0], after.video.keys[0] + 1))
    size = after.video.sizes[after.video.keys[0]]
    for key in before.video.keys:
        time = first.start + in_us(before.video.pts[key] - before.anchor, before.video)
        near = abs(time - second.start) <= _NEAR + first.uncertainty_us + second.uncertainty_us
        if not near or before.video.sizes[key] != size:
            continue
        if next(_packets(before, key, key + 1)) == sought and _goes_on(before, key, after):
            return key
    return None


def _goes_on(before: Segment, at: int, after: Segment) -> bool:
    begin = after.video.keys[0]
    count = min(len(before.video.pts) - at, len(after.video.pts) - begin)
    same = zip(_packets(before, at, at + count), _packets(after, begin, begin + count), strict=True)
    return all(one == other for one, other in same)


def _packets(segment: Segment, first: int, end: int) -> Iterator[bytes]:
    """A digest of each video packet in [first, end)."""
    sizes = iter(segment.video.sizes[first:end])
    digest, left = hashlib.blake2b(digest_size=16), next(sizes)
    for sound, content in payloads(segment, packet_runs(segment, [(first, end)], [])):
        assert not sound
        view = memoryview(content)
        while len(view):
            taken = min(left, len(view))
            digest.update(view[:taken])
            view, left = view[taken:], left - taken
            if not left:
                yield digest.digest()
                digest, left = hashlib.blake2b(digest_size=16), next(sizes, 0)


def _other_pictures(
    into: Path, first: PlacedFile, before: Segment, second: PlacedFile, after: Segment
) -> list[PlacedFile]:
    """Not the same frames: another encoding of that time, or another time than one of them says. The earlier file is
    used up to the later one's last key frame within it, so that no time is left out that either has."""
    if second.start >= first.end - _SLACK or not _shows_within(first, before, second):
        return [first, second]
    names = f"{_bare(first)} and {_bare(second)}"
    words = f"{names} show the same time with other pictures (encoded twice, or the time of one of them is wrong)"
    if second.end <= first.end:
        return [_note(first, f"{words}; {_bare(first)} was used.")]
    times = [second.start + in_us(after.video.pts[key] - after.anchor, after.video) for key in after.video.keys]
    key, time = max(
        (key, time) for key, time in zip(after.video.keys, times, strict=True) if time <= first.end + _SLACK
    )
    at = _first_from(first, before, time)
    doubt = (first.uncertainty_us + second.uncertainty_us) / 1_000_000
    words += (
        f"; up to {to_rfc3339(time)} {_bare(first)} was used, from there {_bare(second)}. As neither time is sure, up "
        f"to {doubt:.1f} s may be missing or shown twice there."
    )
    rest = second if key == after.video.keys[0] else _cut(into, second, after, key, None, words)
    if at is None:
        return [_note(rest, words)]
    return [first if at == len(before.video.pts) else _cut(into, first, before, 0, at, words), _note(rest, words)]


def _shows_within(first: PlacedFile, segment: Segment, second: PlacedFile) -> bool:
    """Whether the first file has a picture of the second's time: it may have a hole there, as recorders leave that
    record when something moves."""
    return any(
        second.start <= first.start + in_us(pts - segment.anchor, segment.video) < second.end - _SLACK
        for pts in segment.video.pts
    )


def _first_from(placed: PlacedFile, segment: Segment, time: int) -> int | None:
    """The index, in decode order, of the first frame at or after an instant; None when that is all of them."""
    shown = (placed.start + in_us(pts - segment.anchor, segment.video) for pts in segment.video.pts)
    at = next((index for index, moment in enumerate(shown) if moment >= time), len(segment.video.pts))
    return at if at > segment.video.keys[0] else None


def _cut(into: Path, placed: PlacedFile, segment: Segment, low: int, high: int | None, words: str) -> PlacedFile:
    """The packets [low, high) of a file, in decode order, as a file of their own."""
    path = into / placed.name
    target = path.with_name(f"{path.stem}.once.mkv")
    done = "Those packets that no other file has were copied byte for byte into a Matroska file; nothing was encoded."
    copied = remux(path, target, container=container_of(path), part=Part(low, high), done=done)
    path.unlink()
    cut = segments.read(target)
    key = segment.video.keys[0] if low == 0 else low
    start = placed.start + in_us(segment.video.pts[key] - segment.anchor, segment.video)
    first_key, end = edges(cut, start, at_key=True)
    reported = copied.remux.model_dump(mode="json")
    if placed.remux is not None:
        reported |= {name: placed.remux[name] for name in ("name", "sha256", "size", "container")}
    return replace(
        placed,
        name=str(target.relative_to(into)),
        start=first_key,
        end=end,
        sha256=sha256(target),
        remux=reported,
        notes=tuple(dict.fromkeys((*placed.notes, words))),
    )


def _note(placed: PlacedFile, words: str) -> PlacedFile:
    return replace(placed, notes=tuple(dict.fromkeys((*placed.notes, words))))


def _bare(placed: PlacedFile) -> str:
    return Path(placed.name).name
