"""Makes the working copy beside a Matroska master: MP4, the same video packets, the sound as AAC.

Not for: masters. It is named a working copy everywhere, and may be missing; the master never depends on it.
"""

from __future__ import annotations

import errno
import io
from array import array
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.codec.context import Flags
from av.error import FFmpegError

from agent.media.containers.boxes import BadBox
from agent.media.containers.demuxed import HEADER_ONLY, entry_in
from agent.media.containers.mp4 import Out, head, timing
from agent.media.containers.tables import NotFootage
from agent.media.cut.approved import Approved, video_out
from agent.media.cut.payload import payloads

_RATE = 48_000
_BIT_RATE = 64_000
_FRAME = 1024
_HOLE = _RATE // 10
"""Missing sound longer than a tenth of a second is filled with silence, so that the rest stays in step."""


def write(path: Path, master: Path, approved: Approved) -> bool:
    """Write it to ``path`` (not yet durable); False when the pictures don't fit into MP4, or the sound cannot be
    decoded. OSError when there is no room."""
    if not approved.video.entry:
        return False
    spool = path.with_name(f"{path.name}.sound")
    try:
        with open(spool, "w+b") as sound:
            heard = _encode(master, sound, approved.stretch.end_us - approved.stretch.first_us)
            _write(path, approved, heard, sound)
    except (FFmpegError, NotFootage, BadBox, ValueError) as error:
        path.unlink(missing_ok=True)
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            raise
        return False
    finally:
        spool.unlink(missing_ok=True)
    return True


def _encode(master: Path, spool: BinaryIO, length_us: int) -> Out:
    """Encode the master's sound to AAC into ``spool``, from the first frame shown to the end of the last."""
    made, sizes = io.BytesIO(), array("I")
    # The muxer is there for its header, which says how a player must decode; the packets go to the spool.
    with av.open(made, "w", format="mp4", options=HEADER_ONLY) as writer:
        encoder = writer.add_stream("aac", rate=_RATE, layout="mono", bit_rate=_BIT_RATE)
        encoder.codec_context.flags |= Flags.bitexact
        writer.start_encoding()
        entry = entry_in(made)
        for frame in _frames(master, length_us * _RATE // 1_000_000):
            _keep(encoder.encode(frame), spool, sizes)
        _keep(encoder.encode(None), spool, sizes)
    times = range(0, len(sizes) * _FRAME, _FRAME)
    return Out(True, entry, _RATE, timing(times, len(sizes) * _FRAME), sizes, None)


def _keep(packets: Sequence[av.Packet[av.stream.Stream]], spool: BinaryIO, sizes: array[int]) -> None:
    for packet in packets:
        # The encoder's run-in comes before zero: without it, sound and pictures start together.
        if packet.pts is not None and packet.pts >= 0:
            spool.write(memoryview(packet))
            sizes.append(packet.size)


def _frames(master: Path, samples: int) -> Iterator[AudioFrame]:
    """The master's sound at 48 kHz in the encoder's frames, at most ``samples`` of it."""
    fifo, number = AudioFifo(), 0
    for frame in _in_step(master):
        fifo.write(frame)
        while fifo.samples >= _FRAME and number < samples:
            ready = fifo.read(_FRAME)
            assert ready is not None
            ready.pts, ready.time_base = number, Fraction(1, _RATE)
            number += _FRAME
            yield ready


def _in_step(master: Path) -> Iterator[AudioFrame]:
    at = 0
    resampler = AudioResampler(format="fltp", layout="mono", rate=_RATE)
    with av.open(str(master), "r", format="matroska") as opened:
        for frame in opened.decode(audio=0):
            due = int((frame.time or 0) * _RATE)
            while due - at > _HOLE:
                silence = _silence(min(due - at, _RATE))
                at += silence.samples
                yield silence
            frame.pts = None
            for ready in resampler.resample(frame):
                ready.pts = None
                at += ready.samples
                yield ready
        for ready in resampler.resample(None):
            ready.pts = None
            yield ready


def _silence(samples: int) -> AudioFrame:
    frame = AudioFrame(format="fltp", layout="mono", samples=samples)
    frame.sample_rate = _RATE
    frame.planes[0].update(bytes(frame.planes[0].buffer_size))
    return frame


def _write(path: Path, approved: Approved, heard: Out, sound: BinaryIO) -> None:
    """Interleave by parts of the source: after each, the sound up to that time."""
    video = video_out(approved)
    pieces: list[tuple[bool, int, int]] = []
    shown = spoken = 0
    for part in (part for each in approved.packet_runs for part in each if not part.sound):
        pieces.append((False, part.count, part.length))
        shown += part.count
        until = approved.video_us[shown - 1] * _RATE // (1_000_000 * _FRAME)
        if shown == len(approved.video_us):
            until = len(heard.sizes)
        if until - spoken >= _RATE // _FRAME or until == len(heard.sizes) > spoken:
            pieces.append((True, until - spoken, sum(heard.sizes[spoken:until])))
            spoken = until
    pictures = (
        bytes(content)
        for placed, packet_runs in zip(approved.group, approved.packet_runs, strict=True)
        for _, content in payloads(placed.segment, [part for part in packet_runs if not part.sound])
    )
    sound.seek(0)
    with open(path, "wb") as stream:
        stream.write(head([video, heard] if len(heard.sizes) else [video], pieces))
        for of_sound, _, length in pieces:
            if of_sound:
                stream.write(sound.read(length))
                continue
            while length > 0:
                content = next(pictures)
                stream.write(content)
                length -= len(content)
