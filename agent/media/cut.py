"""Cuts exactly the approved stretches out of recorded segments: packets are copied, never re-encoded; then proved.

Not for: choosing the stretches (``inspect``), or packaging. Meant for a worker process: see ``job``.

One master for each stretch. Plain MP4 when it can carry the codecs; else Matroska with the original sound, and an MP4
working copy with AAC beside it. Sound packets are copied when all of them lies between the first frame and the end
of the last. The finished file is read again: each track's hash must be the one over the packets of the source.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Self

from agent.media import approved, mp4
from agent.media.approved import Approved
from agent.media.facts import (
    CutPlan,
    CutResult,
    JsonObject,
    Master,
    SourceCopy,
    Stretch,
    TrackCopy,
    cut_plan,
    file_name,
    to_json,
)
from agent.media.payload import KEPT, payloads
from agent.media.segment import NotFootage
from exchange.durable import sync_folder
from exchange.errors import ClipFailed, DiskFull

MASTERS, WORKING = "master", "working"
_TOLD = 8 * 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")

Report = Callable[[JsonObject], None]


def cut(plan: CutPlan, out_dir: Path, report: Report = lambda _: None) -> CutResult:
    """Cut the plan into ``out_dir``/master (and /working), which are made. The same plan gives the same bytes.

    ``report`` is told ``{"bytes", "total"}`` of the packets: half when they are copied, half when they are read again.
    Raises ClipFailed when it can't be exactly what was approved, DiskFull; then no file of this cut is left.
    ValueError when the plan's name is not one.
    """
    if not _NAME.fullmatch(plan.name):
        raise ValueError(f"{plan.name!r} is no name for a file")
    total = sum(each.video_bytes + (each.sound_bytes if plan.sound else 0) for each in plan.stretches)
    progress = _Progress(report, total)
    finished: list[Master] = []
    with ThreadPoolExecutor(2) as beside, _nothing_left(out_dir, finished):
        beside.submit(import_module, "agent.media.finished")
        for stretch in plan.stretches:
            finished += [_Cut(stretch, plan, out_dir, progress, beside).master()]
    progress.end()
    return CutResult(tuple(finished), _tools())


@contextmanager
def _nothing_left(out_dir: Path, finished: list[Master]) -> Iterator[None]:
    """A cut that failed leaves no file of its own."""
    try:
        yield
    except BaseException:
        for master in finished:
            (out_dir / master.file).unlink(missing_ok=True)
            if master.working:
                (out_dir / master.working).unlink(missing_ok=True)
        raise


@dataclass(slots=True)
class _Progress:
    """Counts each byte twice: when it is copied, and when it is read again."""

    report: Report
    total: int
    done: int = 0
    told: int = 0

    def __call__(self, count: int) -> None:
        self.done += count
        if self.done - self.told >= _TOLD:
            self.told = self.done
            self.report({"bytes": self.done // 2, "total": self.total})

    def end(self) -> None:
        self.report({"bytes": self.total, "total": self.total})


@dataclass(slots=True)
class _Cut:
    """One stretch on its way to one master."""

    stretch: Stretch
    plan: CutPlan
    out_dir: Path
    progress: _Progress
    beside: ThreadPoolExecutor

    def master(self) -> Master:
        sources = [self.beside.submit(_hash, source.path, source.size) for source in self.stretch.sources]
        what = approved.find(self.stretch, sound=self.plan.sound)
        fits = bool(what.video.entry) and (what.audio is None or bool(what.audio.entry))
        if not fits and not all(track.raw for track in (what.video, what.audio) if track is not None):
            raise _failed(f"neither MP4 nor Matroska can be made of {what.video.codec} as it was recorded")
        container = "mp4" if fits else "matroska"
        path = self._path(MASTERS, ".mp4" if fits else ".mkv")
        with _durable(path, self.beside) as unfinished:
            before = self._write(what, container, unfinished.path)
            unfinished.sync()
            digest = self.beside.submit(_hash, unfinished.path, None)
            tracks = self._proved(what, container, unfinished.path, before)
            size = unfinished.path.stat().st_size
            copies = tuple(
                SourceCopy(source.path, source.start_us, source.size, source.whole, future.result())
                for source, future in zip(self.stretch.sources, sources, strict=True)
            )
            sha256 = digest.result()
        working = None if fits else self._working(what, path)
        stretch = self.stretch
        return Master(
            file=f"{MASTERS}/{path.name}",
            sha256=sha256,
            size=size,
            container=container,
            codec=stretch.codec,
            width=stretch.width,
            height=stretch.height,
            frames=stretch.frames,
            first_us=stretch.first_us,
            last_us=stretch.last_us,
            duration_us=stretch.end_us - stretch.first_us,
            tracks=tracks,
            sources=copies,
            placed_us=tuple(source.placed_us for source in stretch.sources),
            operation=_operation(container, len(copies), self.plan.sound, what.audio is not None),
            working=working,
        )

    def _path(self, folder: str, suffix: str) -> Path:
        (self.out_dir / folder).mkdir(parents=True, exist_ok=True)
        return self.out_dir / folder / file_name(self.plan.name, self.stretch.first_us, suffix)

    def _write(self, what: Approved, container: str, path: Path) -> list[str]:
        """Copy; returns the hashes over the source's packets, pictures first."""
        try:
            if container == "mp4":
                return _write_mp4(path, what, self.progress)
            from agent.media import matroska_out

            return matroska_out.write(path, what, self.progress)
        except NotFootage as why:
            raise _failed(f"a recorded segment changed while it was copied: {why}") from None

    def _proved(self, what: Approved, container: str, path: Path, before: list[str]) -> tuple[TrackCopy, ...]:
        """Read the finished file again and hold it against what was copied. ClipFailed on any difference."""
        from agent.media import finished

        try:
            found = finished.tracks(path, container, self.progress)
        except finished.Unexpected as why:
            raise _failed(f"the copy was not what it should be: {why}") from None
        tracks = [what.video] + ([what.audio] if what.audio else [])
        expected = [
            (track.kind, what.count(sound=track is what.audio), what.length(sound=track is what.audio), digest)
            for track, digest in zip(tracks, before, strict=True)
        ]
        if [(track.kind, track.packets, track.bytes, track.sha256) for track in found] != expected:
            raise _failed("the finished file does not hold the packets that were copied")
        if found[0].start_ms != 0:
            raise _failed("the finished file does not start with its first frame")
        return tuple(
            TrackCopy(after.kind, track.codec, after.packets, after.bytes, digest, after.sha256)
            for track, after, digest in zip(tracks, found, before, strict=True)
        )

    def _working(self, what: Approved, master: Path) -> str | None:
        from agent.media import working

        path = self._path(WORKING, ".mp4").with_stem(f"{master.stem}-working")
        with _durable(path, self.beside) as unfinished:
            if working.write(unfinished.path, master, what):
                unfinished.sync()
                return f"{WORKING}/{path.name}"
            unfinished.given_up = True
        return None


def _write_mp4(path: Path, what: Approved, copied: Callable[[int], None]) -> list[str]:
    tracks = [approved.video_out(what)] + ([approved.sound_out(what)] if what.audio else [])
    chunks = [(part.sound, part.count, part.length) for parts in what.parts for part in parts]
    with open(path, "wb", buffering=0) as stream, _Hashes(len(tracks)) as hashes:
        _all(stream.fileno(), memoryview(mp4.head(tracks, chunks)))
        for placed, parts in zip(what.group, what.parts, strict=True):
            for sound, content in payloads(placed.segment, parts):
                hashes.take(sound, content)
                _all(stream.fileno(), content)
                copied(len(content))
        return hashes.digests()


class _Hashes:
    """Hashes tracks in a thread of its own, while the same bytes are written."""

    def __init__(self, count: int) -> None:
        self._digests = [hashlib.sha256() for _ in range(count)]
        self._thread = ThreadPoolExecutor(1)
        self._under_way: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(cancel_futures=True)

    def take(self, track: int, content: memoryview) -> None:
        """Hash these bytes next; they must not change before KEPT more were taken."""
        while len(self._under_way) >= KEPT:
            self._under_way.popleft().result()
        self._under_way.append(self._thread.submit(self._digests[track].update, content))

    def digests(self) -> list[str]:
        while self._under_way:
            self._under_way.popleft().result()
        return [digest.hexdigest() for digest in self._digests]


def _all(descriptor: int, content: memoryview) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


@dataclass(slots=True)
class _Unfinished:
    path: Path
    beside: ThreadPoolExecutor
    synced: Future[None] | None = None
    given_up: bool = False

    def sync(self) -> None:
        """Start to make it durable, while it is read again."""
        self.synced = self.beside.submit(_sync, self.path)


@contextmanager
def _durable(path: Path, beside: ThreadPoolExecutor) -> Iterator[_Unfinished]:
    """A file beside ``path`` that takes its place, synced, when all went well; otherwise nothing is left."""
    unfinished = _Unfinished(path.with_name(f".{path.name}.unfinished"), beside)
    try:
        yield unfinished
        if unfinished.synced is not None and not unfinished.given_up:
            unfinished.synced.result()
            unfinished.path.replace(path)
            sync_folder(path.parent)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(
                "There is no room to cut the clip.",
                meaning="Nothing half-made was kept; the recording itself is untouched.",
                do="Free some space; the clip is cut again.",
            ) from error
        raise _failed(f"a file could not be read or written ({error.strerror})") from error
    finally:
        unfinished.path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _hash(path: Path, size: int | None) -> str:
    from agent.media.finished import Unexpected, sha256

    try:
        return sha256(path, size)
    except Unexpected as why:
        raise _failed(str(why)) from None


def _failed(why: str) -> ClipFailed:
    return ClipFailed(
        f"The clip could not be cut: {why}.",
        meaning="Nothing of it was kept, and nothing leaves.",
        do="It is tried again; if it goes on failing, check the disk that holds the recordings.",
    )


def _operation(container: str, sources: int, wanted: bool, sound: bool) -> str:
    what = "pictures and sound" if sound else "pictures only"
    why = "" if sound else (" (there was no sound)" if wanted else " (the sound was left out, as approved)")
    return (
        f"The packets of {what}{why} were copied byte for byte out of {sources} recorded segment(s) into one "
        f"{'MP4' if container == 'mp4' else 'Matroska'} file by Handover's own copier: nothing was decoded, encoded or "
        "filtered. The finished file was read again through libavformat, and each track's hash compared."
    )


def _tools() -> dict[str, str]:
    import av

    libraries = {name: ".".join(map(str, av.library_versions[name])) for name in ("libavformat", "libavcodec")}
    return {"FFmpeg": av.ffmpeg_version_info, "PyAV": av.__version__, **libraries}


def job(job: JsonObject, report: Report) -> JsonObject:
    """``{"plan": CutPlan as JSON, "out_dir": folder}`` to ``CutResult`` as JSON; reports ``{"bytes", "total"}``."""
    return to_json(cut(cut_plan(job["plan"]), Path(job["out_dir"]), report))
