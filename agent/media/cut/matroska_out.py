"""Writes a Matroska master (RFC 9559) for sound that MP4 cannot carry: the source's own track entries and packets.

Not for: MP4 (``mp4``), or a copy with AAC (``agent.media.working``). The same plan gives the same bytes.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.media.containers import ebml
from agent.media.containers.ebml import made, unsigned
from agent.media.cut.approved import Approved
from agent.media.cut.hashing import Unexpected
from agent.media.cut.payload import payloads

_LONGEST_CLUSTER = 30_000
"""Milliseconds; a block's time is 16 bits of them, counted from its cluster's."""
_BUFFER = 1024 * 1024
_APP = b"Handover"


@dataclass(slots=True)
class _Block:
    sound: bool
    time: int
    key: bool
    size: int


def write(path: Path, what: Approved, copied: Callable[[int], None]) -> list[str]:
    """Write the master; returns the SHA-256 over the source's packets, pictures first, then sound.

    Times are whole milliseconds, as the source's are. Raises NotFootage, OSError.
    """
    digests = [hashlib.sha256(), hashlib.sha256()]
    clusters = _clusters(list(_blocks(what)))
    numbers = [_number(track.raw) for track in (what.video, what.audio) if track is not None]
    bodies = [_cluster_head(cluster, numbers) for cluster in clusters]
    contents = _packets(what)
    with open(path, "wb", buffering=_BUFFER) as stream:
        stream.write(_head(what, clusters, bodies, numbers))
        for cluster, (opening, blocks) in zip(clusters, bodies, strict=True):
            stream.write(opening)
            for block, head in zip(cluster, blocks, strict=True):
                sound, content = next(contents)
                assert sound == block.sound
                assert len(content) == block.size
                stream.write(head)
                stream.write(content)
                digests[sound].update(content)
                copied(block.size)
    return [digest.hexdigest() for digest in digests[: len(numbers)]]


def prove(path: Path, what: Approved, hashes: list[str], read: Callable[[int], None]) -> None:
    """Hash what libavformat finds in the file, packet by packet; Unexpected when it isn't what was copied."""
    from agent.media.cut import finished

    found = finished.tracks(path, read)
    wanted = [
        (kind, what.count(sound=sound), what.length(sound=sound), digest)
        for (kind, sound), digest in zip((("video", False), ("audio", True)), hashes, strict=False)
    ]
    if [(track.kind, track.packets, track.bytes, track.sha256) for track in found] != wanted:
        raise Unexpected("it does not hold the packets that were copied")
    if found[0].start_ms != 0:
        raise Unexpected("it does not start with its first frame")


def _packets(what: Approved) -> Iterator[tuple[bool, memoryview]]:
    """Packet by packet: a payload may come in pieces."""
    for placed, packet_runs in zip(what.group, what.packet_runs, strict=True):
        pieces = payloads(placed.segment, packet_runs)
        for part in packet_runs:
            track = placed.segment.audio if part.sound else placed.segment.video
            assert track is not None
            for wanted in track.sizes[part.first : part.first + part.count]:
                _, content = next(pieces)
                if len(content) < wanted:
                    whole = bytearray(content)
                    while len(whole) < wanted:
                        whole += next(pieces)[1]
                    content = memoryview(whole)
                yield part.sound, content


def _blocks(what: Approved) -> Iterator[_Block]:
    seen, keys = [0, 0], set(what.chosen.keys)
    times = (what.video_us, what.sound_us)
    for placed, packet_runs in zip(what.group, what.packet_runs, strict=True):
        for part in packet_runs:
            track = placed.segment.audio if part.sound else placed.segment.video
            assert track is not None
            for size in track.sizes[part.first : part.first + part.count]:
                index = seen[part.sound]
                seen[part.sound] += 1
                time = (times[part.sound][index] + 500) // 1000
                yield _Block(part.sound, time, part.sound or index in keys, size)


def _clusters(blocks: list[_Block]) -> list[list[_Block]]:
    """A cluster starts with each key frame of the pictures."""
    clusters: list[list[_Block]] = []
    for block in blocks:
        begins = not clusters or (block.key and not block.sound) or block.time - clusters[-1][0].time > _LONGEST_CLUSTER
        if begins:
            clusters.append([])
        clusters[-1].append(block)
    return clusters


def _number(entry: bytes) -> int:
    return ebml.number(dict(ebml.children(entry))[ebml.TRACK_NUMBER])


def _cluster_head(cluster: list[_Block], numbers: list[int]) -> tuple[bytes, list[bytes]]:
    """The bytes before a cluster's blocks, and before each block's packet."""
    base = cluster[0].time
    heads = []
    for block in cluster:
        inside = ebml.size(numbers[block.sound]) + struct.pack(">hB", block.time - base, 0x80 if block.key else 0)
        heads.append(ebml.identifier(ebml.SIMPLE_BLOCK) + ebml.size(len(inside) + block.size) + inside)
    time = unsigned(ebml.TIMESTAMP, base)
    length = len(time) + sum(len(head) + block.size for head, block in zip(heads, cluster, strict=True))
    return ebml.identifier(ebml.CLUSTER) + ebml.size(length, 8) + time, heads


def _head(
    what: Approved, clusters: list[list[_Block]], bodies: list[tuple[bytes, list[bytes]]], numbers: list[int]
) -> bytes:
    """Everything before the first cluster; the cues are there too, so that a player can seek at once."""
    start = made(
        ebml.HEADER, unsigned(0x4286, 1), unsigned(0x42F7, 1), unsigned(0x42F2, 4), unsigned(0x42F3, 8),
        made(0x4282, b"matroska"), unsigned(0x4287, 4), unsigned(0x4285, 2),
    )  # fmt: skip
    duration = (what.stretch.end_us - what.stretch.first_us + 500) // 1000
    info = made(
        ebml.INFO, unsigned(ebml.TIMESTAMP_SCALE, 1_000_000), made(0x4489, struct.pack(">d", duration)),
        made(0x4D80, _APP), made(0x5741, _APP),
    )  # fmt: skip
    tracks = made(
        ebml.TRACKS, *(made(ebml.TRACK_ENTRY, track.raw) for track in (what.video, what.audio) if track is not None)
    )
    lengths = [
        len(opening) + sum(map(len, heads)) + sum(block.size for block in cluster)
        for cluster, (opening, heads) in zip(clusters, bodies, strict=True)
    ]
    cues = _cues(clusters, lengths, numbers[0], 0)
    cues = _cues(clusters, lengths, numbers[0], len(info) + len(tracks) + len(cues))
    total = len(info) + len(tracks) + len(cues) + sum(lengths)
    return start + ebml.identifier(ebml.SEGMENT) + ebml.size(total, 8) + info + tracks + cues


def _cues(clusters: list[list[_Block]], lengths: list[int], track: int, position: int) -> bytes:
    """Where each key frame is; positions have 8 bytes, so that they don't change the length of what they come after."""
    points = []
    for cluster, length in zip(clusters, lengths, strict=True):
        if cluster[0].key and not cluster[0].sound:
            place = made(0xB7, unsigned(0xF7, track), unsigned(0xF1, position, 8))
            points.append(made(0xBB, unsigned(0xB3, cluster[0].time), place))
        position += length
    return made(ebml.CUES, *points)
