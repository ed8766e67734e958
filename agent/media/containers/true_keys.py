"""Finds key frames that are none: a file without a table of them claims that every picture is one.

Not for: pictures that are whole only some frames later (``recovery``), or choosing where to begin (``timeline``).
"""

from __future__ import annotations

import os

from agent.media.containers.recovery import HEAD, offsets, recovers
from agent.media.containers.tables import Segment, Track

_LENGTH_AT = {"h264": 4, "hevc": 21}
"""Where a decoder's configuration says how long the length before each unit is (ISO/IEC 14496-15, 5.3.3.1, 8.3.3.1)."""


def believed(video: Track) -> bool:
    """Whether a track's key frames are so few that they need no look at what is in them."""
    at = _LENGTH_AT.get(video.codec)
    return at is None or len(video.config) <= at or 2 * len(video.keys) <= len(video.pts)


def check(segment: Segment, descriptor: int) -> None:
    """Take out of a segment's key frames what is none. Where nothing is, or its place isn't known, they stay."""
    video = segment.video
    if believed(video):
        return
    places = dict(offsets(segment, video))
    heads = {key: os.pread(descriptor, min(video.sizes[key], HEAD), at) for key, at in places.items()}
    keep(video, [key for key in video.keys if key not in heads or is_key(video, heads[key])])


def keep(video: Track, keys: list[int]) -> None:
    """Leave a track these key frames alone; all of them where there are none."""
    if keys and len(keys) < len(video.keys):
        del video.keys[:]
        video.keys.extend(keys)
        kept = set(keys)
        video.leads = {key: lead for key, lead in video.leads.items() if key in kept}


def is_key(video: Track, head: bytes) -> bool:
    """Whether a decoder can begin with a packet that begins so; also where that can't be seen."""
    where = _LENGTH_AT.get(video.codec)
    if where is None or len(video.config) <= where:
        return True
    size = (video.config[where] & 3) + 1
    at, recovering = 0, False
    while at + size + 1 < len(head):
        length = int.from_bytes(head[at : at + size], "big")
        at += size
        if video.codec == "hevc":
            kind = head[at] >> 1 & 63
            if kind < 32:  # a picture's (H.265, table 7-1): those from 16 on are random access points
                return 16 <= kind <= 23
        else:
            kind = head[at] & 31
            recovering |= kind == 6 and recovers(head[at + 1 : at + length])
            if 1 <= kind <= 5:
                return kind == 5 or recovering or _intra(head[at + 1 : at + 9])
        at += length
    return True


def _intra(slice_header: bytes) -> bool:
    """Whether a picture's first slice is I or SI (H.264, 7.3.3): first_mb_in_slice, then slice_type, both ue(v)."""
    bits = "".join(f"{each:08b}" for each in slice_header)
    found = []
    for _ in range(2):
        zeros = len(bits) - len(bits.lstrip("0"))
        word, bits = bits[zeros : 2 * zeros + 1], bits[2 * zeros + 1 :]
        if len(word) != zeros + 1:
            return True
        found.append(int(word, 2) - 1)
    return found[1] % 5 in (2, 4)
