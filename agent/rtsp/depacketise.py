"""RTP packets to frames: H.264 (RFC 6184), H.265 (RFC 7798), AAC (RFC 3640, RFC 6416), G.711 (RFC 3551).

Not for: connections, or files. A frame is all packets of one RTP timestamp: markers are not relied on, as devices
set them wrongly. ``feed`` runs for every packet: what it costs is what a fetch costs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from struct import unpack_from

from agent.rtsp.sdp import MediaTrack

MOST_FRAME = 16 * 1024 * 1024
"""Bytes of one picture; a key frame of an 8K camera takes about 2 MiB."""
ONVIF = 0xABAC
"""The profile of ONVIF's header extension (Streaming Specification, 6.3)."""
CLEAN, END, DISCONTINUITY, TERMINAL = 0x80, 0x40, 0x20, 0x10
_START = b"\0\0\0\1"
_NTP = 2_208_988_800


class FrameTooLarge(Exception):
    """A frame passes every bound; nothing of this device's stream can be trusted."""


@dataclass(slots=True)
class Frame:
    """One picture in Annex B form, or one packet of sound.

    ``ticks``: its RTP time, counted on beyond 32 bits. ``ntp``: the extension's 64 bits, 0 without one; ``bits``: its
    flags, of all its packets. ``damaged``: some of it was lost. ``whole``: the device marked its end.
    """

    ticks: int
    ntp: int
    bits: int
    data: bytes | bytearray
    key: bool = False
    damaged: bool = False
    whole: bool = True


def wall(ntp: int) -> int:
    """An NTP time (RFC 5905, 64 bits) in microseconds since 1970; its era turns in 2036, which is heeded."""
    seconds = ntp >> 32
    era = 0 if seconds >= _NTP else 1 << 32
    return (seconds + era - _NTP) * 1_000_000 + (((ntp & 0xFFFFFFFF) * 1_000_000 + (1 << 31)) >> 32)


class Rtp:
    """One track's packets, up to their payload. Subclasses say what becomes of that in ``take``."""

    def __init__(self, track: MediaTrack, emit: Callable[[Frame], None]) -> None:
        self.track, self.emit = track, emit
        self.payload_type = track.payload_type
        self.stamp = -1
        self.ticks = 0
        self.sequence = -1
        self.ntp = self.bits = 0
        self.marker = False
        self.lost = 0
        """Packets that were missing."""
        self.odd = 0
        """Packets that were none."""
        self.terminal = False
        self.stamped = False
        """Whether any packet told its time by ONVIF's extension."""

    def feed(self, view: memoryview, at: int, stop: int) -> None:
        """Take the packet at ``view[at:stop]``."""
        if stop - at < 12 or (first := view[at]) >> 6 != 2 or view[at + 1] & 0x7F != self.payload_type:
            self.odd += 1
            return
        marker = view[at + 1] & 0x80
        sequence, stamp = unpack_from(">HI", view, at + 2)
        body = at + 12 + 4 * (first & 15)
        ntp = bits = 0
        if first & 0x10:
            if body + 4 > stop:
                self.odd += 1
                return
            profile, words = unpack_from(">HH", view, body)
            if profile == ONVIF and words >= 3 and body + 16 <= stop:
                ntp, bits = unpack_from(">QB", view, body + 4)
                self.stamped = True
            body += 4 + 4 * words
        if first & 0x20:
            stop -= view[stop - 1]
        if body > stop:
            self.odd += 1
            return
        missing = (sequence - self.sequence - 1) & 0xFFFF if self.sequence >= 0 else 0
        self.sequence = sequence
        if stamp != self.stamp:
            if missing:
                self._lost(missing, marker_seen=self.marker)
            self.flush()
            self.ticks += ((stamp - self.stamp + (1 << 31)) & 0xFFFFFFFF) - (1 << 31) if self.stamp >= 0 else stamp
            self.stamp, self.ntp, self.bits = stamp, ntp, bits
            if missing:
                self.after_loss()
        else:
            self.bits |= bits
            if missing:
                self._lost(missing, marker_seen=False)
        self.marker = bool(marker)
        if body < stop:
            self.take(view, body, stop)
        if bits & TERMINAL:
            self.terminal = True

    def _lost(self, missing: int, *, marker_seen: bool) -> None:
        self.lost += missing
        if not marker_seen:
            self.damage()

    def take(self, view: memoryview, at: int, stop: int) -> None:
        """A payload of the current timestamp."""
        raise NotImplementedError

    def damage(self) -> None:
        """Something of the current frame is missing."""

    def after_loss(self) -> None:
        """Something before the frame that now begins was lost; it may be its own beginning."""

    def flush(self) -> None:
        """No more of the current timestamp comes."""


class Pictures(Rtp):
    """H.264 or H.265. What a frame is made of is kept as it came, each NAL unit after a start code."""

    def __init__(self, track: MediaTrack, emit: Callable[[Frame], None]) -> None:
        super().__init__(track, emit)
        self.data = bytearray()
        self.key = self.sets = self.damaged = self.inside = self.behind_loss = False
        self.take = self._h264 if track.codec == "h264" else self._h265  # type: ignore[method-assign]

    def _h264(self, view: memoryview, at: int, stop: int) -> None:
        head = view[at]
        kind = head & 31
        if kind == 28:  # FU-A
            if stop - at < 3:
                self.damaged = True
                return
            piece = view[at + 1]
            if piece & 0x80:
                kind = piece & 31
                self.key = self.key or kind == 5
                self.data += _START
                self.data.append(head & 0xE0 | kind)
                self.inside = True
            elif not self.inside:
                self.damaged = True
                return
            self.data += view[at + 2 : stop]
            if piece & 0x40:
                self.inside = False
        elif kind == 24:  # STAP-A
            self._several(view, at + 1, stop, 0, 0x1F)
        elif 1 <= kind <= 23:
            self.key = self.key or kind == 5
            self.sets = self.sets or kind == 7
            self.data += _START
            self.data += view[at:stop]
        else:
            self.damaged = True
        if len(self.data) > MOST_FRAME:
            raise FrameTooLarge

    def _h265(self, view: memoryview, at: int, stop: int) -> None:
        if stop - at < 3:
            self.damaged = True
            return
        kind = view[at] >> 1 & 0x3F
        if kind == 49:  # FU
            piece = view[at + 2]
            if piece & 0x80:
                kind = piece & 0x3F
                self.key = self.key or 16 <= kind <= 21
                self.data += _START
                self.data.append(view[at] & 0x81 | kind << 1)
                self.data.append(view[at + 1])
                self.inside = True
            elif not self.inside:
                self.damaged = True
                return
            self.data += view[at + 3 : stop]
            if piece & 0x40:
                self.inside = False
        elif kind == 48:  # AP
            self._several(view, at + 2, stop, 1, 0x3F)
        elif kind < 48:
            self.key = self.key or 16 <= kind <= 21
            self.data += _START
            self.data += view[at:stop]
        else:
            self.damaged = True
        if len(self.data) > MOST_FRAME:
            raise FrameTooLarge

    def _several(self, view: memoryview, at: int, stop: int, shift: int, mask: int) -> None:
        """The units of an aggregation packet, each after its size in two bytes."""
        while at + 2 < stop:
            size = view[at] << 8 | view[at + 1]
            at += 2
            if not size or at + size > stop:
                self.damaged = True
                return
            kind = view[at] >> shift & mask
            self.key = self.key or (16 <= kind <= 21 if shift else kind == 5)
            self.sets = self.sets or (not shift and kind == 7)
            self.data += _START
            self.data += view[at : at + size]
            at += size

    def damage(self) -> None:
        self.damaged = True
        self.inside = False

    def after_loss(self) -> None:
        self.behind_loss = True

    def _begins(self) -> bool:
        """Whether the frame's own beginning is there: what stands first can only stand first."""
        head = self.data[4] if len(self.data) > 4 else 0
        return head & 31 in (7, 9) if self.track.codec == "h264" else head >> 1 & 63 in (32, 33, 35)

    def flush(self) -> None:
        if self.data or self.damaged or self.behind_loss:
            # A recovery point that the device calls a clean point, with parameter sets before it, is a key frame too.
            key = self.key or bool(self.sets and self.bits & CLEAN)
            damaged = self.damaged or self.inside or (self.behind_loss and not (key and self._begins()))
            self.emit(Frame(self.ticks, self.ntp, self.bits, self.data, key, damaged, self.marker))
            self.data = bytearray()
        self.key = self.sets = self.damaged = self.inside = self.behind_loss = False


class Samples(Rtp):
    """G.711: a packet's payload is sound as it is."""

    def take(self, view: memoryview, at: int, stop: int) -> None:
        self.emit(Frame(self.ticks, self.ntp, self.bits, bytes(view[at:stop])))


class AccessUnits(Rtp):
    """AAC by RFC 3640: a list of sizes, then the units, or a part of one."""

    PER_UNIT = 1024
    """Samples, which are ticks, as the RTP clock of AAC is its sample rate."""

    def __init__(self, track: MediaTrack, emit: Callable[[Frame], None]) -> None:
        super().__init__(track, emit)
        self.size_bits, index_bits = track.sizes
        self.head_bits = self.size_bits + index_bits
        self.index_bits = index_bits
        self.part = bytearray()
        self.wanted = 0

    def take(self, view: memoryview, at: int, stop: int) -> None:
        if stop - at < 2 or not self.head_bits or not self.size_bits:
            self.odd += 1
            return
        bits = view[at] << 8 | view[at + 1]
        heads, body = at + 2, at + 2 + (bits + 7) // 8
        count = bits // self.head_bits
        if body > stop or not 1 <= count <= 64:
            self.odd += 1
            return
        listed = int.from_bytes(view[heads:body], "big") >> ((body - heads) * 8 - count * self.head_bits)
        for index in range(count):
            shift = (count - 1 - index) * self.head_bits + self.index_bits
            size = listed >> shift & ((1 << self.size_bits) - 1)
            if body + size > stop:
                if count == 1:
                    self._piece(view, body, stop, size)
                else:
                    self.odd += 1
                return
            self._unit(index, bytes(view[body : body + size]))
            body += size

    def _piece(self, view: memoryview, at: int, stop: int, size: int) -> None:
        """A part of a unit that is larger than a packet; all parts have the same timestamp."""
        self.part += view[at:stop]
        if len(self.part) == size:
            self._unit(0, bytes(self.part))
        if len(self.part) >= size:
            self.part.clear()

    def _unit(self, index: int, content: bytes) -> None:
        ticks = index * self.PER_UNIT
        ntp = self.ntp + (ticks << 32) // self.track.rate if self.ntp else 0
        if content:
            self.emit(Frame(self.ticks + ticks, ntp, self.bits, content))

    def flush(self) -> None:
        self.part.clear()


class Latm(Rtp):
    """AAC by RFC 6416 with its configuration out of band: each unit after its length (ISO/IEC 14496-3, 1.7.3)."""

    def __init__(self, track: MediaTrack, emit: Callable[[Frame], None]) -> None:
        super().__init__(track, emit)
        self.data = bytearray()
        self.damaged = False

    def take(self, view: memoryview, at: int, stop: int) -> None:
        self.data += view[at:stop]
        if len(self.data) > MOST_FRAME:
            raise FrameTooLarge

    def damage(self) -> None:
        self.damaged = True

    after_loss = damage

    def flush(self) -> None:
        data, at = self.data, 0
        size = 0
        while at < len(data):
            size += data[at]
            at += 1
            if data[at - 1] != 255:
                break
        if data and not self.damaged and at + size <= len(data) and size:
            self.emit(Frame(self.ticks, self.ntp, self.bits, bytes(data[at : at + size])))
        self.data = bytearray()
        self.damaged = False


def depacketiser(track: MediaTrack, emit: Callable[[Frame], None]) -> Rtp:
    """What a track's packets are fed to."""
    if track.kind == "video":
        return Pictures(track, emit)
    return {"raw": Samples, "au": AccessUnits, "latm": Latm}[track.packing](track, emit)
