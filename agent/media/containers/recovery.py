"""Finds key frames from which a picture is whole only some frames later: H.264's gradual refresh (intra refresh).

Such a stream has hardly any whole picture; a decoder that begins at one of its recovery points (ITU-T H.264, D.1.8 and
D.2.8) shows nothing before the refresh has gone over the picture once. Not for: choosing where to begin (``timeline``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from agent.media.containers.tables import Segment, Track

HEAD = 4096
"""Bytes of a packet that are looked at: what announces a picture stands before its slices."""
_IDR, _SEI = 5, 6
_SLICE = 1
_RECOVERY_POINT = 6
_MOST = 1024
"""Frames. A refresh that would take longer is not believed."""


def leads(segment: Segment, descriptor: int) -> dict[int, int]:
    """By index of a key frame: how many frames a decoder that begins there needs before a picture is whole.

    Only those that need any; empty for other codecs, and where the packets' places in the file aren't known.
    """
    video = segment.video
    if not tells_recovery(video):
        return {}
    found = {}
    for index, offset in offsets(segment, video):
        if count := lead(video, os.pread(descriptor, min(video.sizes[index], HEAD), offset)):
            found[index] = count
    return found


def tells_recovery(video: Track) -> bool:
    """Whether this track's packets tell."""
    return video.codec == "h264" and len(video.config) >= 5


def lead(video: Track, head: bytes) -> int:
    """The same for one key frame, by its first ``HEAD`` bytes; 0 where it is whole at once."""
    return _frames(head, (video.config[4] & 3) + 1)


def offsets(segment: Segment, video: Track) -> Iterator[tuple[int, int]]:
    """(index, place in the file) of the key frames, where it is known."""
    keys = iter(video.keys)
    key = next(keys, None)
    for run in segment.runs:
        if run.sound or run.offset < 0:
            continue
        at, index = run.offset, run.first
        while key is not None and key < run.first + run.count:
            if key >= run.first:
                at += sum(video.sizes[index:key])
                index = key
                yield key, at
            key = next(keys, None)


def recovers(payload: bytes) -> bool:
    """Whether a unit of supplemental information, without its first byte, announces a recovery point."""
    return _in_sei(payload) is not None


def _frames(head: bytes, length_size: int) -> int:
    """The recovery point's count of frames; 0 where the picture is whole at once, or nothing says otherwise."""
    at, count = 0, 0
    while at + length_size < len(head):
        length = int.from_bytes(head[at : at + length_size], "big")
        at += length_size
        kind = head[at] & 31
        if kind == _IDR:
            return 0
        if kind == _SLICE:
            break
        if kind == _SEI:
            count = max(count, _in_sei(head[at + 1 : at + length]) or 0)
        at += length
    return count if count <= _MOST else 0


def _in_sei(payload: bytes) -> int | None:
    """The recovery point's count of frames in a unit of supplemental information; None where there is none."""
    content = payload.replace(b"\0\0\3", b"\0\0")
    at = 0
    while at + 2 < len(content):
        kind = size = 0
        while at < len(content) and content[at] == 255:
            kind, at = kind + 255, at + 1
        kind, at = kind + (content[at] if at < len(content) else 0), at + 1
        while at < len(content) and content[at] == 255:
            size, at = size + 255, at + 1
        size, at = size + (content[at] if at < len(content) else 0), at + 1
        if kind == _RECOVERY_POINT:
            return _unsigned(content[at : at + size])
        at += size
    return None


def _unsigned(content: bytes) -> int:
    """ue(v) at the beginning (9.1)."""
    bits = "".join(f"{each:08b}" for each in content[:8])
    zeros = len(bits) - len(bits.lstrip("0"))
    word = bits[zeros : 2 * zeros + 1]
    return int(word, 2) - 1 if len(word) == zeros + 1 else 0
