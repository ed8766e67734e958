"""Writes one segment: packets as they came into fragmented MP4, or Matroska where MP4 can't carry the sound.

Not for: when a segment starts and ends (``copying``), or making it durable and giving it its name (``finishing``).
"""

from __future__ import annotations

import contextlib
import math
from fractions import Fraction
from pathlib import Path

import av
from av.packet import Packet
from av.stream import Stream

from agent.media.containers.live_file import MOVFLAGS, SegmentFile, Track, container_for, output_stream
from agent.recordings import layout
from agent.recordings.layout import SegmentName, SegmentState

_BUFFER = 64 * 1024
_FAR = Fraction(1, 2)
"""Seconds. A timestamp that goes back further than this is a new start of the camera's clock, not jitter."""

_NONE = -(1 << 62)
"""The decode time before a stream's first packet."""
_USUAL = Fraction(1, 25)
"""Seconds from one picture to the next, where nothing better is known."""


class SegmentWriter:
    """A segment being written. ``tracks`` by the input stream's index, pictures first; ``fragment`` in microseconds;
    ``zero``: the time of the input, in seconds, that becomes zero in the file.

    A packet whose decode time is later than ``last`` is added by setting its stream to the one in ``outputs`` and
    calling ``mux``; ``add`` takes any. Raises OSError when the file cannot be made, or the disk takes no more.
    """

    def __init__(
        self, root: Path, camera_id: str, start: int, tracks: dict[int, Track], fragment: int, zero: Fraction
    ) -> None:
        names = [track.template.codec_context.name for track in tracks.values()]
        self.start = start
        self.container = container_for(names[0], names[1] if len(names) > 1 else None)
        self.path, self.file = self._create(root, camera_id)
        self._muxer = av.open(
            self.file,
            "w",
            format="mp4" if self.container == "mp4" else "matroska",
            options=self._options(fragment, zero),
            buffer_size=_BUFFER,
        )
        self.mux = self._muxer.mux_one
        self.outputs: dict[int, Stream] = {}
        for index, track in tracks.items():
            self.outputs[index] = output_stream(self._muxer, self.container, track)
        self.last = dict.fromkeys(tracks, _NONE)
        """By input stream: the decode time written last, in the input's own time."""
        self._step = 0 if self.container == "mkv" else 1
        self._ticks = {index: track.time_base for index, track in tracks.items()}
        self._shift = dict.fromkeys(tracks, 0)
        self.mended = 0
        self.jumped = False

    def _create(self, root: Path, camera_id: str) -> tuple[Path, SegmentFile]:
        while True:
            folder = layout.day_folder(root, camera_id, self.start)
            if not folder.is_dir():
                folder.mkdir(mode=0o770, parents=True, exist_ok=True)
            path = folder / str(SegmentName(self.start, None, SegmentState.OPEN, self.container))
            try:
                return path, SegmentFile(path)
            except FileExistsError:  # the clock was set back to the very microsecond
                self.start += 1

    def _options(self, fragment: int, zero: Fraction) -> dict[str, str]:
        common = {
            "output_ts_offset": f"{-math.floor(zero * 1_000_000)}us",
            "avoid_negative_ts": "disabled",
            "flush_packets": "1",
            "max_interleave_delta": "1000000",
        }
        if self.container == "mp4":
            return {**common, "movflags": MOVFLAGS, "frag_duration": str(fragment), "use_editlist": "0"}
        return {**common, "cluster_time_limit": str(fragment // 1000), "cluster_size_limit": str(64 * 1024 * 1024)}

    def add(self, packet: Packet[Stream], index: int) -> None:
        """Add a packet, its decode time mended if the muxer would refuse it. A time that goes far back moves all that
        follows until the segment's end, and sets ``jumped``."""
        assert packet.dts is not None
        assert packet.pts is not None
        last = self.last[index]
        dts, pts = packet.dts + self._shift[index], packet.pts + self._shift[index]
        if dts < last + self._step:
            mended = last + self._step
            self.mended += 1
            if (mended - dts) * self._ticks[index] > _FAR:
                self.jumped = True
                self._shift[index] += mended - dts
                pts += mended - dts
            dts = mended
        packet.dts, packet.pts = dts, max(pts, dts)
        self.last[index] = dts
        packet.stream = self.outputs[index]
        self.mux(packet)

    def ahead(self, packet: Packet[Stream], index: int) -> float:
        """Seconds from the last packet of its stream to this one; 0 when it is the first."""
        assert packet.dts is not None
        if self.last[index] == _NONE:
            return 0.0
        return float((packet.dts + self._shift[index] - self.last[index]) * self._ticks[index])

    def leap(self, packet: Packet[Stream], index: int) -> None:
        """The stream's clock leapt with this packet: it and what follows go on after the last, until the segment's
        end."""
        assert packet.dts is not None
        self._shift[index] = self.last[index] + round(_USUAL / self._ticks[index]) - packet.dts
        self.mended += 1
        self.jumped = True

    def close(self) -> OSError | None:
        """Write out the last fragment; the error if the disk did not take it. The descriptor stays open."""
        try:
            self._muxer.close()
        except OSError as error:
            return self.file.failed or error
        except av.error.FFmpegError as error:
            return self.file.failed or OSError(error.errno or 5, "the segment could not be ended")
        return self.file.failed

    def abandon(self) -> None:
        """Nothing was recorded: no file is left."""
        with contextlib.suppress(OSError):
            self.path.unlink()
        self.file.close()
