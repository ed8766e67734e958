"""What footage is written into as it comes: fragmented MP4, or Matroska where MP4 can't carry the sound.

Not for: when a file starts and ends, or what it is called (``agent.recorder``, ``agent.rtsp``).
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.bitstream import BitStreamFilterContext
from av.container import OutputContainer
from av.stream import Stream

_MP4_VIDEO = frozenset({"h264", "hevc", "mpeg4"})
_MP4_SOUND = frozenset({"aac", "mp3", "opus"})
_MATROSKA_ONLY_ASKED = frozenset({"pcm_alaw", "pcm_mulaw", "g726", "g726le", "adpcm_g726", "adpcm_g726le"})

# frag_discont keeps each track's own start: without it sound and pictures would both start at zero. There is no edit
# list, so no frame is hidden; no mfra, so a finished file is built as a torn one is.
MOVFLAGS = "empty_moov+default_base_moof+frag_keyframe+frag_discont+skip_trailer"


def container_for(video: str, sound: str | None) -> str:
    """The file name's ending: mp4 where it can carry both codecs, else mkv."""
    return "mp4" if video in _MP4_VIDEO and (sound is None or sound in _MP4_SOUND) else "mkv"


class SegmentFile:
    """What libavformat writes into: the descriptor stays ours, so a full disk is told as such, and nothing leaks."""

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o660)
        self.bytes = 0
        self.failed: OSError | None = None

    def write(self, content: bytes) -> int:
        try:
            done = os.write(self.descriptor, content)
            while done < len(content):
                done += os.write(self.descriptor, content[done:])
        except OSError as error:
            self.failed = error
            raise
        self.bytes += done
        return done

    def seek(self, offset: int, whence: int = 0) -> int:
        return os.lseek(self.descriptor, offset, whence)

    def tell(self) -> int:
        return os.lseek(self.descriptor, 0, os.SEEK_CUR)

    def close(self) -> None:
        os.close(self.descriptor)


@dataclass(frozen=True, slots=True)
class Track:
    """An input stream: what describes it, and its ticks in seconds."""

    template: Stream
    time_base: Fraction


def can_hold(video: Track, sound: Track) -> bool:
    """Whether a segment can hold both, as the muxer says when it writes a header for them."""
    try:
        names = [track.template.codec_context.name for track in (video, sound)]
        container = container_for(names[0], names[1])
        kind, options = ("mp4", {"movflags": MOVFLAGS}) if container == "mp4" else ("matroska", {})
        muxer = av.open(io.BytesIO(), "w", format=kind, options=options)
        for track in (video, sound):
            output_stream(muxer, container, track)
        muxer.start_encoding()
    except (av.error.FFmpegError, ValueError, AttributeError, TypeError):  # of a codec that nobody knows
        return False
    return True


def output_stream(muxer: OutputContainer, container: str, track: Track) -> Stream:
    """The stream in the file: the input's parameters, copied."""
    codec = track.template.codec_context.name
    if container == "mkv" and codec in _MATROSKA_ONLY_ASKED:
        # The muxer takes it (as A_MS/ACM) though it denies that when asked, and PyAV asks: so the stream is made
        # for another codec, and then given the parameters of the real one.
        output: Stream = muxer.add_mux_stream("pcm_s16le")
        BitStreamFilterContext("null", track.template, output)
    else:
        # "opaque" copies the parameters without looking for an encoder.
        output = muxer.add_stream_from_template(track.template, opaque=True)
        if codec == "hevc" and container == "mp4":
            output.codec_context.codec_tag = "hvc1"
    output.time_base = track.time_base
    return output
