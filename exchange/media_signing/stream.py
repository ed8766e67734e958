"""One pass over a master's NAL units: which signing SEIs are in it, which other data, and the hash of each slice.

Not for: what it all comes to (``checking``).
"""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from exchange.documents.camera_signatures import SignatureScheme
from exchange.media_signing.nal_units import (
    MOST_SEI,
    MOST_UNITS,
    USER_DATA_UNREGISTERED,
    Kind,
    is_sei,
    messages,
    unescaped,
    units,
    without_trailing_zeros,
)
from exchange.media_signing.samples import NotUnderstood, VideoTrack, read_track
from exchange.media_signing.signing_data import UUIDS, SigningData, read_signing_data

MOST_SIGNING_SEIS = 100_000
_AHEAD, _HEAD = 512, 16
"""Bytes that are read at a picture's start, and where a NAL unit begins further on."""
_MOST_ITEMS = 1_000_000


@dataclass(frozen=True, slots=True)
class SigningSei:
    """``place``: its picture, and which of its NAL units. ``document``: what its signature is over. ``whole``: all of
    it, as it is hashed where it bears none."""

    place: tuple[int, int]
    data: SigningData
    document: bytes
    whole: bytes


@dataclass
class Survey:
    """What lies in a track besides pictures."""

    signing: dict[SignatureScheme, list[SigningSei]] = field(default_factory=dict)
    not_understood: dict[SignatureScheme, str] = field(default_factory=dict)
    """A scheme's first SEI that could not be read, and why."""
    user_data: Counter[str] = field(default_factory=Counter)
    """Messages by their UUID."""


@dataclass(frozen=True, slots=True)
class Item:
    """What is hashed: a slice, or a signing SEI that bears no signature itself (then ``sei`` is its number)."""

    picture: int
    opens: bool
    """The first slice of a picture that opens a GOP."""
    digest: bytes
    sei: int | None = None


def survey(path: Path) -> tuple[VideoTrack, Survey]:
    """The track, and the SEIs before its slices. NotUnderstood, OSError."""
    track = read_track(path)
    found = Survey()
    with path.open("rb") as file:
        for picture, (offset, length) in enumerate(track.samples):
            for number, content in _seis(file.fileno(), offset, length, track):
                _look(found, (picture, number), content, hevc=track.hevc)
    return track, found


def _seis(descriptor: int, offset: int, length: int, track: VideoTrack) -> Iterator[tuple[int, memoryview]]:
    """Which of a picture's NAL units are SEIs, and their bytes. The slices are stepped over unread."""
    size, position, number = track.length_size, 0, 0
    known = os.pread(descriptor, min(length, _AHEAD), offset)
    begins = 0
    while position + size < length:
        if position + size + 3 > begins + len(known):
            begins = position
            known = os.pread(descriptor, min(length - position, _HEAD), offset + position)
        at = position - begins
        inside = int.from_bytes(known[at : at + size])
        start, position = position + size, position + size + inside
        if position > length or number >= MOST_UNITS:
            raise NotUnderstood("a picture's NAL units do not fit into it")
        if inside and is_sei(known[at + size], hevc=track.hevc):
            yield number, memoryview(os.pread(descriptor, min(inside, MOST_SEI + 1), offset + start))
        number += bool(inside)


def _pictures(descriptor: int, track: VideoTrack) -> Iterator[memoryview]:
    buffer = bytearray(1 << 20)
    for offset, length in track.samples:
        if length > len(buffer):
            buffer = bytearray(length)
        view = memoryview(buffer)[:length]
        if os.preadv(descriptor, [view], offset) != length:
            raise NotUnderstood("it became shorter while it was read")
        yield view


def _look(found: Survey, place: tuple[int, int], content: memoryview, *, hevc: bool) -> None:
    raw = bytes(without_trailing_zeros(content))
    if len(raw) > MOST_SEI:
        return
    plain = unescaped(raw)
    try:
        all_messages = list(messages(plain, hevc=hevc))
    except NotUnderstood:
        all_messages = []
    for number, (kind, start, payload) in enumerate(all_messages):
        if kind != USER_DATA_UNREGISTERED or len(payload) < 16:
            continue
        found.user_data[str(UUID(bytes=payload[:16]))] += 1
        scheme = UUIDS.get(payload[:16])
        if scheme is None:
            continue
        try:
            if number:
                raise NotUnderstood("a signing SEI follows another message in its NAL unit")
            data = read_signing_data(scheme, plain, start, payload)
            seis = found.signing.setdefault(scheme, [])
            if len(seis) >= MOST_SIGNING_SEIS:
                raise NotUnderstood("there are more signing SEIs than in any honest recording")
            seis.append(SigningSei(place, data, data.document(raw, plain), raw if data.escaped else plain))
        except NotUnderstood as why:
            found.not_understood.setdefault(scheme, str(why))


def hashed_items(
    path: Path, track: VideoTrack, seis: list[SigningSei], digest: str, *, every_slice: bool
) -> tuple[list[Item], list[int], list[int]]:
    """All that is hashed, in order; for each of ``seis`` how many items lie before it; slices in each picture.

    A slice is hashed alone where it opens a GOP, else after the hash of the one that opened it. Slices before the
    first that opens a GOP have no hash that can be told, and are left out of the items. ``every_slice``: those that
    the reference implementations leave out are hashed too.
    """
    items: list[Item] = []
    before: list[int] = []
    slices: list[int] = []
    anchor: bytes | None = None
    new = getattr(hashlib, digest)
    with path.open("rb") as file:
        for picture, content in enumerate(_pictures(file.fileno(), track)):
            slices.append(0)
            for place, unit in enumerate(units(content, track.length_size, hevc=track.hevc)):
                if unit.kind is Kind.SEI:
                    number = len(before)
                    if number < len(seis) and seis[number].place == (picture, place):
                        before.append(len(items))
                        if seis[number].data.signature is None:
                            plain = new(seis[number].whole).digest()
                            items.append(Item(picture, False, plain, number))
                    continue
                if unit.kind is Kind.IGNORED:
                    continue
                slices[-1] += 1
                if unit.kind is Kind.OTHER_SLICE and not every_slice:
                    continue
                if len(items) >= _MOST_ITEMS:
                    raise NotUnderstood(f"it has more than the {_MOST_ITEMS} slices that are checked in one go")
                own = new(without_trailing_zeros(unit.content)).digest()
                if unit.kind is Kind.KEY_SLICE and unit.first:
                    anchor = own
                    items.append(Item(picture, True, own))
                elif anchor is not None:
                    items.append(Item(picture, False, new(anchor + own).digest()))
    return items, before, slices
