"""A recording's sound as a WAV file, where its codec is none that a browser plays beside the pictures (G.711, say).

Not for: evidence. Silence stands where there was none.
"""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import av
from av.audio.resampler import AudioResampler
from av.error import FFmpegError

from agent.media.cut import approved
from agent.media.cut.approved import Approved
from agent.media.cut.payload import packet_runs, payloads
from agent.media.facts import JsonObject, Stretch, stretch
from agent.media.pictures import not_shown

RATE = 16_000
_SAMPLE = 2
_MOST_SILENCE_US = 3_600_000_000


def wav(stretches: list[Stretch], target: Path) -> int:
    """One file for all stretches, each at its own time since the first; its length in microseconds. ClipFailed."""
    start = stretches[0].first_us
    with wave.open(str(target), "wb") as file:
        file.setparams((1, _SAMPLE, RATE, 0, "NONE", ""))
        written = 0
        for each in stretches:
            if each.sound is None:
                continue
            what = approved.find(each, sound=True)
            for at, samples in _decoded(what):
                due = (each.first_us - start + at) * RATE // 1_000_000
                if due - written > 0 and (due - written) * 1_000_000 // RATE < _MOST_SILENCE_US:
                    file.writeframes(bytes(_SAMPLE * (due - written)))
                    written = due
                file.writeframes(samples)
                written += len(samples) // _SAMPLE
    if not written:
        raise not_shown()
    return written * 1_000_000 // RATE


def _decoded(what: Approved) -> Iterator[tuple[int, bytes]]:
    """(microseconds since the stretch's start, samples) of each packet that decodes."""
    track = what.audio
    if track is None:
        return
    decoder = av.CodecContext.create(track.codec, "r")
    assert isinstance(decoder, av.AudioCodecContext)
    decoder.extradata = track.config or None
    if track.rate:
        decoder.sample_rate = track.rate
    decoder.layout = "stereo" if track.channels == 2 else "mono"
    resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
    for at, content in zip(what.sound_us, _packets(what), strict=True):
        try:
            frames = decoder.decode(av.Packet(content))
        except FFmpegError:
            continue
        for frame in frames:
            for out in resampler.resample(frame):
                yield at, bytes(out.planes[0])[: out.samples * _SAMPLE]


def _packets(what: Approved) -> Iterator[bytes]:
    for placed, ranges in zip(what.group, what.sound, strict=True):
        audio = placed.segment.audio
        if not ranges or audio is None:
            continue
        sizes = [size for low, high in ranges for size in audio.sizes[low:high]]
        content = b"".join(
            bytes(piece) for _, piece in payloads(placed.segment, packet_runs(placed.segment, [], ranges))
        )
        edges = [0]
        for size in sizes:
            edges.append(edges[-1] + size)
        yield from (content[low:high] for low, high in pairwise(edges))


def job(job: JsonObject, report: Callable[[JsonObject], None]) -> JsonObject:
    """``{"stretches", "target"}`` to ``{"length_us"}``."""
    return {"length_us": wav([stretch(plain) for plain in job["stretches"]], Path(job["target"]))}
