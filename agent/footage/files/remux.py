"""Copies footage out of containers that cannot be cut (AVI, MPEG-TS, DAV …) into Matroska: packets, never re-encoded.

Not for: placing it on the wall clock (``place``), or MP4 and Matroska that can be cut as they are. In workers only.

The copy is read again and every packet compared: the same bytes, or, where Matroska wants lengths in place of start
codes (H.264, H.265), the same NAL units, one by one.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import av
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream

from agent.footage.files import dav
from agent.footage.files.broken_times import Mended, mended
from agent.footage.files.container_kind import container_of as container_of
from agent.footage.files.packets import WHOLE, Chosen, Damaged, Timed, whole_packets
from agent.footage.files.packets import Part as Part
from agent.footage.files.times_between import times_between
from agent.footage.files.torn import is_torn as is_torn
from agent.footage.files.tracks import NALS, Track, digest, why_different
from agent.footage.provenance import RemuxProvenance, TrackProvenance
from agent.media.containers.tables import NotFootage
from agent.media.cut.hashing import sha256
from exchange.durable import raising_disk_full, sync_file, sync_folder

_PROBE = {"probesize": "64000000", "analyzeduration": "90000000", "fflags": "+genpts"}
"""A stream that is joined in the middle of a long group of pictures is described only by the next one."""
_DONE = "The packets were copied byte for byte into a Matroska file; nothing was decoded or encoded."
_SLACK = 5
UNTIMED = frozenset({"avi", "h264", "hevc"})
"""Containers whose frames have no time of their own, only a rate that the file claims."""
_GAPPED = frozenset({"mpeg", "mpegts"})
"""Containers in which single frames may have no time, and NAL units always have start codes (H.222.0)."""
_DENIED = frozenset({"pcm_alaw", "pcm_mulaw", "adpcm_g726", "adpcm_ima_wav", "adpcm_ms"})


@dataclass(frozen=True, slots=True)
class Copied:
    """``path`` is the copy; ``torn``: the source's end was lost; ``sound_ahead_us``: how long before the first picture
    the source's sound began, in microseconds."""

    path: Path
    remux: RemuxProvenance
    torn: bool
    sound_ahead_us: int = 0


def remux(
    source: Path,
    target: Path,
    *,
    container: str,
    spread_us: int | None = None,
    part: Part = WHOLE,
    times: dict[int, int] | None = None,
    done: str = "",
) -> Copied:
    """Copy into ``target``, a Matroska file that is whole and durable when this returns.

    ``spread_us``: lay the video frames evenly over so many microseconds, for a file whose frame rate lies. ``times``:
    by a picture's place in the file, a time for it in place of its own, in the track's own units. Raises NotFootage
    when there is no video in it or the copy is not exact, DiskFull.
    """
    unfinished = target.with_name(f"{target.name}.part")
    with raising_disk_full(target):
        try:
            try:
                tracks, note, ahead = _copy(source, unfinished, container, spread_us, part, times or {})
            except av.error.ArgumentError:  # decoding times that can't be written
                tracks, note, ahead = _copy(source, unfinished, container, spread_us, part, times or {}, slack=_SLACK)
            _prove(unfinished, tracks)
            sync_file(unfinished)
            unfinished.rename(target)
            sync_folder(target.parent)
        except (FFmpegError, ValueError, EOFError) as error:
            raise NotFootage(f"it cannot be copied out of {container} ({_reason(error)})") from None
        finally:
            unfinished.unlink(missing_ok=True)
    hashes = tuple(
        TrackProvenance(
            kind=track.kind,
            codec=track.codec,
            before=before,
            after=after,
            why=why_different(track) if before != after else "",
        )
        for track in tracks
        for before, after in ((track.before.hexdigest(), track.after.hexdigest()),)
    )
    return Copied(
        target,
        RemuxProvenance(
            name=source.name,
            sha256=sha256(source),
            size=source.stat().st_size,
            container=container,
            tracks=hashes,
            done=f"{done or _DONE}{note}",
        ),
        torn=is_torn(source, container),
        sound_ahead_us=ahead,
    )


def _copy(
    source: Path,
    target: Path,
    container: str,
    spread_us: int | None,
    part: Part,
    times: dict[int, int],
    slack: int = 0,
) -> tuple[list[Track], str, int]:
    with _opened(source, container) as reading, av.open(str(target), "w", format="matroska", options={"fflags": "+bitexact", "cluster_time_limit": "2000"}) as writing:  # noqa: E501  # fmt: skip
        tracks = _tracks(reading, writing)
        if not any(track.kind == "video" for track in tracks.values()):
            raise NotFootage("it holds no video")
        clock = _Times(source, container, spread_us, reading, times)
        damaged = Damaged()
        timed = (clock.timed(packet, tracks[packet.stream_index].kind) for packet in whole_packets(reading, damaged) if packet.stream_index in tracks)  # noqa: E501  # fmt: skip
        chosen = Chosen(timed, part)
        for each in chosen:
            packet, track = each.packet, tracks[each.packet.stream_index]
            content = bytes(packet)
            _forward(packet, track, slack if track.kind == "video" else 0)
            track.before.update(content)
            track.units.append(digest(content, track))
            packet.stream = track.target
            writing.mux(packet)
        if not chosen.pictures:
            raise NotFootage("its packets have no times" if chosen.untimed else "it holds no video")
        note = chosen.note() + clock.note() + damaged.note() + _left_out(reading, tracks)
    return [track for track in tracks.values() if track.units], note, chosen.sound_ahead_us


def _opened(source: Path, container: str) -> InputContainer:
    how = _options(container)
    return av.open(str(source), "r", container, how, container_options=_PROBE, metadata_errors="replace")


def _options(container: str) -> dict[str, str]:
    return {"advanced_editlist": "0"} if container == "mp4" else {}


def _tracks(reading: InputContainer, writing: OutputContainer) -> dict[int, Track]:
    wanted = [next(iter(reading.streams.video), None), next(iter(reading.streams.audio), None)]
    tracks: dict[int, Track] = {}
    for stream in wanted:
        if stream is None or (stream.type == "audio" and not (stream.codec_context and stream.codec_context.rate)):
            continue  # also sound that the file only announces
        if stream.type == "audio" and stream.codec.canonical_name in _DENIED:
            # The muxer takes it (as A_MS/ACM) though it denies that when asked, and PyAV asks: so the stream is made
            # for another codec, and then given the parameters of the real one.
            made: Stream = writing.add_mux_stream("pcm_s16le")
            BitStreamFilterContext("null", _as_in_wav(stream), made)
        else:
            try:
                made = writing.add_stream_from_template(stream, opaque=True)
            except (FFmpegError, ValueError):
                if stream.type == "video":
                    raise
                continue  # sound that nothing can hold: the pictures are still evidence
        tracks[stream.index] = Track(stream.codec.canonical_name, stream.type, stream, made)
    return tracks


def _as_in_wav(sound: Any) -> Stream:
    """G.711 as a WAV file describes it: what MP4 and QuickTime call it, Matroska doesn't take."""
    codec = sound.codec.canonical_name
    if codec not in ("pcm_alaw", "pcm_mulaw"):
        return cast("Stream", sound)
    made = io.BytesIO()
    with av.open(made, "w", format="wav") as writing:
        writing.add_stream(codec, rate=sound.codec_context.rate, layout=sound.codec_context.layout.name)
        writing.start_encoding()
    made.seek(0)
    return next(iter(av.open(made, "r", format="wav").streams.audio))


def other_tracks(source: Path, container: str) -> str:
    """What is said of a file's tracks beside the first of pictures and of sound; empty when there are none."""
    try:
        with _opened(source, container) as reading:
            return _other_tracks(reading)
    except (FFmpegError, ValueError, EOFError):
        return ""


def _other_tracks(reading: InputContainer) -> str:
    video, audio = len(reading.streams.video), len(reading.streams.audio)
    note = "" if video < 2 else f" The file has {video} tracks of pictures; only the first is used."
    return note if audio < 2 else f"{note} The file has {audio} tracks of sound; only the first is used."


def _left_out(reading: InputContainer, tracks: dict[int, Track]) -> str:
    """What of the file no copy holds, a sentence each."""
    audio, note = len(reading.streams.audio), _other_tracks(reading)
    if audio and not any(track.kind == "audio" for track in tracks.values()):
        codec = reading.streams.audio[0].codec_context
        name = "a kind that is not known" if codec is None else codec.codec.canonical_name
        note += f" Its sound ({name}) can't be carried by the copy, and was left out."
    return note


class _Times:
    """What time each packet gets: the container's, the recorder's own where that is better, or spread evenly."""

    def __init__(
        self, source: Path, container: str, spread_us: int | None, reading: InputContainer, times: dict[int, int]
    ) -> None:
        self._instead = times
        self._elapsed = dav.elapsed(source) if container == "dhav" else {}
        self._spread_us = spread_us
        self._count = count_video(source, container) if spread_us is not None else 0
        self._seen = self._position = 0
        self.between = _between(source, container) if container in _GAPPED else {}
        self._sound = 0
        # Without a time for each frame, the decoder's order is also the order shown, unless frames are reordered.
        video = next(iter(reading.streams.video), None)
        self._start_codes = container in _GAPPED and video is not None and video.codec.canonical_name in NALS
        self._in_order = container in UNTIMED and video is not None and not video.codec_context.has_b_frames

    def timed(self, packet: Packet[Stream], kind: str) -> Timed:
        is_video, base = kind == "video", packet.time_base
        if self._elapsed and packet.pos is not None and packet.pos in self._elapsed and base is not None:
            at = round(self._elapsed[packet.pos] / 1000 / base)
            packet.pts = packet.dts = at
        if is_video and self._spread_us is not None and base is not None:
            at = round(self._seen * self._spread_us / max(self._count, 1) / 1_000_000 / base)
            packet.pts = packet.dts = at
            self._seen += 1
        if packet.pts is None or (self._in_order and packet.dts is not None):
            packet.pts = packet.dts
        if is_video:
            if packet.pts is None:
                packet.pts = self.between.get(self._position)
            if self._position in self._instead:
                packet.pts, packet.dts = self._instead[self._position], None
            self._position += 1
        elif packet.pts is None and self._sound:
            packet.pts = self._sound
        if packet.pts is None or base is None or (is_video and self._start_codes and not _begins(bytes(packet))):
            return Timed(packet, is_video, None)
        if not is_video:
            self._sound = packet.pts + (packet.duration or 0)
        return Timed(packet, is_video, packet.pts * base)

    def note(self) -> str:
        count = len(self.between)
        who = "1 picture has" if count == 1 else f"{count} pictures have"
        return f" {who} no time in the file, and got the one that the pictures around leave open." if count else ""


def _begins(content: bytes) -> bool:
    """Not the rest of a picture whose beginning was before the file's."""
    return content.startswith((b"\0\0\1", b"\0\0\0\1"))


def _between(source: Path, container: str) -> dict[int, int]:
    return _looked_at(*picture_times(source, container))[0]


def _looked_at(times: list[int | None], scale: int) -> tuple[dict[int, int], Mended]:
    """The times of pictures that have none of their own, and where the others can't be believed.

    Nothing is laid evenly over a place where the clock begins anew.
    """
    known = [(index, time) for index, time in enumerate(times) if time is not None]
    found = mended([time for _, time in known], scale)
    wild = {known[number][0]: time for number, time in found.times.items()}
    restarts = tuple(known[number][0] for number in found.restarts)
    believed = [wild.get(index, time) for index, time in enumerate(times)]
    between: dict[int, int] = {}
    for first, end in pairwise((0, *restarts, len(times))):
        between |= {first + index: time for index, time in times_between(believed[first:end]).items()}
    return between, Mended(wild, restarts)


def picture_times(source: Path, container: str) -> tuple[list[int | None], int]:
    """The times of a file's pictures in decode order, and how many of their units a second has."""
    with _opened(source, container) as reading:
        video = next(iter(reading.streams.video), None)
        if video is None or video.time_base is None:
            return [], 1
        times = [
            packet.dts if packet.pts is None else packet.pts
            for packet in whole_packets(reading)
            if packet.stream_index == video.index
        ]
        return times, round(1 / video.time_base)


def broken_times(source: Path, container: str) -> Mended:
    """Where the times of a file's pictures can't be believed; see ``Mended``. Raises NotFootage."""
    try:
        times, scale = picture_times(source, container)
    except (FFmpegError, ValueError, EOFError) as error:
        raise NotFootage(f"it cannot be read as {container} ({_reason(error)})") from None
    return _looked_at(times, scale)[1]


def _forward(packet: Packet[Stream], track: Track, slack: int) -> None:
    """Decoding times go forward, as Matroska wants; presentation times stay what they are.

    ``slack``: seconds that pictures are decoded before they are shown where decoding times can't be believed either.
    """
    if slack and packet.dts is not None and packet.pts is not None and packet.time_base is not None:
        packet.dts = min(packet.dts, packet.pts) - round(slack / packet.time_base)
    dts = packet.dts if packet.dts is not None else packet.pts if track.last is None else track.last + 1
    if track.last is not None and dts is not None and dts <= track.last:
        dts = track.last + 1
    packet.dts = track.last = dts
    # Pictures that the file gives one time, as streams with times of whole seconds do, follow each other by a unit.
    again = track.kind != "video" or packet.pts == track.shown
    track.shown = packet.pts
    if packet.pts is not None and dts is not None and packet.pts < dts and again:
        packet.pts = dts


def _prove(copy: Path, tracks: list[Track]) -> None:
    """Every packet of the copy is the source's."""
    by_kind = {track.kind: track for track in tracks}
    seen = dict.fromkeys(by_kind, 0)
    with av.open(str(copy), "r", format="matroska", container_options={"fflags": "nofillin+noparse"}) as reading:
        for packet in whole_packets(reading):
            track = by_kind[packet.stream.type]
            content = bytes(packet)
            index = seen[track.kind]
            if index >= len(track.units) or digest(content, track) != track.units[index]:
                raise NotFootage("the copy in Matroska is not what was in the recorder's file")
            track.after.update(content)
            seen[track.kind] = index + 1
    if any(seen[track.kind] != len(track.units) for track in tracks):
        raise NotFootage("the copy in Matroska holds less than the recorder's file")


def count_video(source: Path, container: str) -> int:
    """How many video packets there are."""
    with _opened(source, container) as reading:
        video = next(iter(reading.streams.video), None)
        if video is None:
            raise NotFootage("it holds no video")
        return sum(1 for packet in whole_packets(reading) if packet.stream_index == video.index)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
