"""Frames on the wall clock into files: packets copied into fragmented MP4, or Matroska where MP4 can't carry the sound.

Not for: which frames belong into a file (``assemble``). Nothing is decoded but what a key frame says of its size.
"""

from __future__ import annotations

import bisect
import errno
import io
import os
import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer
from av.packet import Packet

from agent.media.containers.live_file import MOVFLAGS, SegmentFile, container_for
from agent.rtsp.sdp import MediaTrack
from exchange.clock import SECOND
from exchange.errors import CameraAnswerInvalid, DiskFull

_BUFFER = 256 * 1024
TICKS = 90_000


@dataclass(frozen=True, slots=True)
class Picture:
    """A video frame: ``at`` is its UTC as the recorder tells it, in microseconds."""

    at: int
    data: bytes | bytearray
    key: bool


@dataclass(frozen=True, slots=True)
class Sound:
    at: int
    data: bytes | bytearray
    ticks: int
    """How long it lasts, in samples."""


class Described:
    """Inputs whose only streams describe what is to be written: made from a key frame, or from what SDP says."""

    def __init__(self, video: MediaTrack, sets: bytes, key: bytes | bytearray, audio: MediaTrack | None) -> None:
        self.video = _input(io.BytesIO(sets + bytes(key)), video.codec)
        context = self.video.streams.video[0].codec_context if self.video.streams.video else None
        if context is None or not context.width or not context.height:
            self.video.close()
            raise CameraAnswerInvalid(
                "The recorder sent a key frame that does not say how large its pictures are.",
                meaning="Nothing can be made of the pictures that follow.",
                do="Play that time on the recorder itself.",
            )
        self.audio = _sound(audio) if audio is not None else None

    def close(self) -> None:
        self.video.close()
        if self.audio is not None:
            self.audio.close()


def _input(content: io.BytesIO, name: str, **options: str) -> InputContainer:
    try:
        return av.open(content, "r", format=name, options={"threads": "1", **options})
    except av.error.FFmpegError:
        raise CameraAnswerInvalid(
            "What the recorder says of its pictures or its sound cannot be used.",
            meaning="Nothing can be made of what follows.",
            do="Play that time on the recorder itself.",
        ) from None


def _sound(track: MediaTrack) -> InputContainer:
    if track.codec != "aac":
        name = {"pcm_alaw": "alaw", "pcm_mulaw": "mulaw"}[track.codec]
        options = {"sample_rate": str(track.rate), "ch_layout": f"{track.channels}c"}
        return _input(io.BytesIO(bytes(64)), name, **options)
    # The smallest Matroska file that says what the sound is (RFC 9559, 5.1.4): nothing but a track's description.
    heard = _element(0xB5, struct.pack(">d", track.rate)) + _element(0x9F, bytes([track.channels]))
    entry = _element(0xD7, b"\1") + _element(0x73C5, b"\1") + _element(0x83, b"\2") + _element(0x86, b"A_AAC")
    entry += _element(0x63A2, track.config) + _element(0xE1, heard)
    tracks = _element(0x1654AE6B, _element(0xAE, entry))
    head = _element(0x1A45DFA3, _element(0x4282, b"matroska"))
    cluster = _element(0x1F43B675, _element(0xE7, b"\0"))
    return _input(io.BytesIO(head + _element(0x18538067, tracks + cluster)), "matroska")


def _element(name: int, content: bytes) -> bytes:
    """An EBML element (RFC 8794, 6), its size always in eight bytes."""
    return name.to_bytes((name.bit_length() + 7) // 8, "big") + (1 << 56 | len(content)).to_bytes(8, "big") + content


class ReplayFile:
    """One file being written. ``zero``: the UTC that is time zero in it; ``depth``: frames that are shown out of the
    order they are sent in, at most.

    Raises DiskFull, and CameraAnswerInvalid when the frames cannot be written at all.
    """

    def __init__(
        self, path: Path, video: MediaTrack, audio: MediaTrack | None, described: Described, zero: int
    ) -> None:
        self.path, self.zero = path, zero
        self.start = self.end = -1
        """UTC of the first key frame, and of the end of the last frame."""
        self.frames = 0
        self.depth = 0
        self._shown: list[int] = []
        self._last = {"video": -(1 << 62), "audio": -(1 << 62)}
        self._step = TICKS // 25
        self.rate = audio.rate if audio is not None else 0
        container = container_for(video.codec, audio.codec if audio is not None else None)
        try:
            self._file = SegmentFile(path)
        except OSError as error:
            raise _full(error) from None
        options = {"avoid_negative_ts": "disabled", "max_interleave_delta": "1000000", "flush_packets": "1"}
        if container == "mp4":
            options |= {"movflags": MOVFLAGS, "use_editlist": "0"}
        self._muxer = av.open(
            self._file, "w", format="mp4" if container == "mp4" else "matroska", options=options, buffer_size=_BUFFER
        )
        self._outputs: dict[str, Any] = {"video": self._output(described.video.streams.video[0], container)}
        self._ticks_of = {"video": Fraction(1, TICKS), "audio": Fraction(1, self.rate or 1)}
        self._outputs["video"].time_base = self._ticks_of["video"]
        if described.audio is not None:
            self._outputs["audio"] = self._output(described.audio.streams.audio[0], container)
            self._outputs["audio"].time_base = self._ticks_of["audio"]

    @property
    def written(self) -> int:
        return self._file.bytes

    def _output(self, template: Any, container: str) -> Any:
        name = template.codec_context.name
        if name.startswith("pcm_"):
            # As in our recorder: the muxer takes G.711, but denies it when asked, and PyAV asks.
            output = self._muxer.add_mux_stream("pcm_s16le")
            BitStreamFilterContext("null", template, output)
            return output
        output = self._muxer.add_stream_from_template(template, opaque=True)
        if container == "mp4":
            output.codec_context.codec_tag = {"hevc": "hvc1", "h264": "avc1"}.get(name, "mp4a")
        return output

    def begin(self, first: Picture, depth: int, step: int) -> None:
        """Before the first picture: ``step`` is the usual distance of two, in microseconds."""
        self.start, self.depth = first.at, depth
        self._step = max(step * TICKS // SECOND, 1)
        # Decode times begin as far before the first picture as pictures are out of order.
        self._shown = [self._ticks(first.at) - (depth - index) * self._step for index in range(depth)]

    def _ticks(self, at: int) -> int:
        return ((at - self.zero) * TICKS + SECOND // 2) // SECOND

    def picture(self, picture: Picture, lasts: int) -> None:
        """Add a picture; ``lasts`` in microseconds, until the next one is shown."""
        shown = self._ticks(picture.at)
        bisect.insort(self._shown, shown)
        decoded = max(self._shown.pop(0), self._last["video"] + 1)
        self._mux("video", picture.data, max(shown, decoded), decoded, max(lasts * TICKS // SECOND, 1), picture.key)
        self.frames += 1
        self.end = max(self.end, picture.at + lasts)

    def sound(self, sound: Sound) -> None:
        if (at := ((sound.at - self.zero) * self.rate + SECOND // 2) // SECOND) >= 0:
            at = max(at, self._last["audio"] + 1)
            self._mux("audio", sound.data, at, at, sound.ticks, True)

    def _mux(self, kind: str, data: bytes | bytearray, pts: int, dts: int, duration: int, key: bool) -> None:
        self._last[kind] = dts
        output = self._outputs[kind]
        packet = Packet(cast("bytes", data))  # any buffer will do
        packet.stream = output
        packet.time_base = self._ticks_of[kind]  # the muxer may count otherwise; then it is rescaled
        packet.pts, packet.dts, packet.duration = pts, dts, duration
        packet.is_keyframe = key
        try:
            self._muxer.mux_one(packet)
        except (OSError, av.error.FFmpegError) as error:
            raise self._failed(error) from None

    def close(self) -> None:
        """Write out the rest, onto the disk."""
        try:
            self._muxer.close()
            os.fsync(self._file.descriptor)
        except (OSError, av.error.FFmpegError) as error:
            raise self._failed(error) from None
        finally:
            self._file.close()

    def _failed(self, error: Exception) -> DiskFull | CameraAnswerInvalid:
        failed = self._file.failed or (error if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) else None)
        if isinstance(failed, OSError):
            return _full(failed)
        return CameraAnswerInvalid(
            "What the recorder sent cannot be written into a file.",
            meaning="Its pictures or its sound are not what it says they are.",
            do="Play that time on the recorder itself.",
        )


def _full(error: OSError) -> DiskFull:
    return DiskFull(
        f"The footage cannot be written: {error.strerror or 'the disk takes no more'}.",
        meaning="What was fetched before is kept, and gone on with.",
        do="Make room on the disk, and try again.",
    )
