"""Cuts exactly the approved stretches out of recorded segments: packets are copied, never re-encoded; then proved.

Not for: choosing the stretches (``inspect``), or packaging. Meant for a worker process: see ``job``.

One master for each stretch. Plain MP4 when it can carry the codecs; else Matroska with the original sound. Sound
packets are copied when all of them lies between the first frame and the end of the last. The finished file is read
again: every packet must be the source's, so that the hash over each track's packets, which FFmpeg's streamhash muxer
gives too, is the same before and after.
"""

from __future__ import annotations

import errno
import os
import re
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agent.media.containers.tables import NotFootage
from agent.media.cut import approved
from agent.media.cut.approved import Approved
from agent.media.cut.hashing import Copied, Unexpected, sha256, sha256_and_crc32
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
from exchange.durable import sync_file, sync_folder
from exchange.errors import ClipFailed, DiskFull

MASTERS = "master"
COPIER = "1"
"""Raised whenever the same plan would give other bytes."""
_TOLD = 8 * 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")

Report = Callable[[JsonObject], None]


def cut(plan: CutPlan, out_dir: Path, report: Report = lambda _: None) -> CutResult:
    """Cut the plan into ``out_dir``/master, which is made. The same plan gives the same bytes.

    ``report`` is told ``{"bytes", "total"}`` of the packets: half when they are copied, half when they are read again.
    Raises ClipFailed when it can't be exactly what was approved, DiskFull; then no file of this cut is left.
    ValueError when the plan's name is not one.
    """
    if not _NAME.fullmatch(plan.name):
        raise ValueError(f"{plan.name!r} is no name for a file")
    total = sum(each.video_bytes + (each.sound_bytes if plan.sound else 0) for each in plan.stretches)
    progress = _Progress(report, total)
    finished: list[Master] = []
    with (
        ThreadPoolExecutor(1, initializer=_give_way) as later,
        ThreadPoolExecutor(1) as beside,
        _nothing_left(out_dir, finished),
    ):
        for stretch in plan.stretches:
            finished += [_Cut(stretch, plan, out_dir, progress, later, beside).master()]
    progress.end()
    return CutResult(tuple(finished), _tools(finished))


def _give_way() -> None:
    """The segments' own hashes fill what is left of the processors: on Linux a thread has a niceness of its own."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)


@contextmanager
def _nothing_left(out_dir: Path, finished: list[Master]) -> Iterator[None]:
    """A cut that failed leaves no file of its own."""
    try:
        yield
    except BaseException:
        for master in finished:
            (out_dir / master.file).unlink(missing_ok=True)
        raise


@dataclass(slots=True)
class _Progress:
    """Counts each byte twice: when it is copied, and when it is read again, which two threads may do."""

    report: Report
    total: int
    done: int = 0
    reported: int = 0
    one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, count: int) -> None:
        with self.one_at_a_time:
            self.done += count
            if self.done - self.reported >= _TOLD:
                self.reported = self.done
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
    later: ThreadPoolExecutor
    beside: ThreadPoolExecutor

    def master(self) -> Master:
        what = approved.find(self.stretch, sound=self.plan.sound)
        fits = bool(what.video.entry) and (what.audio is None or bool(what.audio.entry))
        if not fits and not all(track.raw for track in (what.video, what.audio) if track is not None):
            raise _failed(f"neither MP4 nor Matroska can be made of {what.video.codec} as it was recorded")
        path = self._path(".mp4" if fits else ".mkv")
        with _durable(path, self.beside) as unfinished:
            copied = self._copied(what, unfinished, "mp4" if fits else "matroska")
            size = unfinished.path.stat().st_size
        copies = tuple(
            SourceCopy(source.path, source.start_us, source.size, source.whole, digest)
            for source, digest in zip(self.stretch.sources, copied.sources, strict=True)
        )
        stretch = self.stretch
        return Master(
            file=f"{MASTERS}/{path.name}",
            sha256=copied.sha256,
            size=size,
            container="mp4" if fits else "matroska",
            codec=stretch.codec,
            width=stretch.width,
            height=stretch.height,
            frames=stretch.frames,
            first_us=stretch.first_us,
            last_us=stretch.last_us,
            duration_us=stretch.end_us - stretch.first_us,
            tracks=_tracks(what, copied.tracks),
            sources=copies,
            placed_us=tuple(source.placed_us for source in stretch.sources),
            operation=_operation(fits, len(copies), stretch.sound is not None, what.audio is not None),
            crc32=copied.crc32,
        )

    def _path(self, suffix: str) -> Path:
        (self.out_dir / MASTERS).mkdir(parents=True, exist_ok=True)
        return self.out_dir / MASTERS / file_name(self.plan.name, self.stretch.first_us, suffix)

    def _copied(self, what: Approved, unfinished: _Unfinished, container: str) -> Copied:
        """Write and prove the file."""
        try:
            if container == "mp4":
                from agent.media.cut import copy_mp4

                return copy_mp4.copy(unfinished.path, what, self.progress, unfinished.sync)
            from agent.media.cut import matroska_out

            hashed = [self.later.submit(sha256, source.path, source.size) for source in self.stretch.sources]
            hashes = matroska_out.write(unfinished.path, what, self.progress)
            unfinished.sync()
            read = self.beside.submit(sha256_and_crc32, unfinished.path)
            matroska_out.prove(unfinished.path, what, hashes, self.progress)
            return Copied(*read.result(), hashes, [each.result() for each in hashed])
        except NotFootage as why:
            raise _failed(f"a recorded segment changed while it was copied: {why}") from None
        except (OverflowError, struct.error):
            raise _failed("its times are too far apart for one file") from None
        except Unexpected as why:
            raise _failed(f"the copy was not what it should be: {why}") from None


def _tracks(what: Approved, hashes: list[str]) -> tuple[TrackCopy, ...]:
    """Each track with its hash before and after the copy. They are equal: the copy fails where they are not."""
    return tuple(
        TrackCopy(track.kind, track.codec, what.count(sound=sound), what.length(sound=sound), digest, digest)
        for (track, sound), digest in zip(((what.video, False), (what.audio, True)), hashes, strict=False)
        if track is not None
    )


@dataclass(slots=True)
class _Unfinished:
    path: Path
    beside: ThreadPoolExecutor
    synced: Future[None] | None = None

    def sync(self) -> None:
        """Start to make it durable, while it is read again."""
        self.synced = self.beside.submit(sync_file, self.path)


@contextmanager
def _durable(path: Path, beside: ThreadPoolExecutor) -> Iterator[_Unfinished]:
    """A file beside ``path`` that takes its place, synced, when all went well; otherwise nothing is left."""
    unfinished = _Unfinished(path.with_name(f".{path.name}.unfinished"), beside)
    try:
        yield unfinished
        if unfinished.synced is not None:
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


def _failed(why: str) -> ClipFailed:
    return ClipFailed(
        f"The clip could not be cut: {why}.",
        meaning="Nothing of it was kept, and nothing leaves.",
        do="It is tried again; if it goes on failing, check the disk that holds the recordings.",
    )


def _operation(fits: bool, sources: int, recorded: bool, sound: bool) -> str:
    """``recorded``: there is sound in what was copied from; ``sound``: in the copy."""
    why = "the sound was left out, as approved" if recorded else "there is no sound in what was copied from"
    what = "pictures and sound" if sound else f"pictures only ({why})"
    files, them = ("1 recorded file", "that file") if sources == 1 else (f"{sources} recorded files", "those files")
    return (
        f"The packets of {what} were copied byte for byte out of {files} into one "
        f"{'MP4' if fits else 'Matroska'} file by Handover's own copier: nothing was decoded, encoded or "
        f"filtered. All of that file was read again and compared with {them}, every packet to the bit."
    )


def _tools(masters: Sequence[Master]) -> dict[str, str]:
    """What took part. FFmpeg's libraries do where a file is Matroska: they read it again."""
    tools = {"Handover's copier": COPIER, "Python": sys.version.partition(" ")[0]}
    if any(master.container == "matroska" for master in masters):
        import av

        tools |= {"FFmpeg": av.ffmpeg_version_info, "PyAV": av.__version__}
        tools |= {name: ".".join(map(str, av.library_versions[name])) for name in ("libavformat", "libavcodec")}
    return tools


def job(job: JsonObject, report: Report) -> JsonObject:
    """``{"plan": CutPlan as JSON, "out_dir": folder}`` to ``CutResult`` as JSON; reports as ``cut`` does."""
    # Threads that hash ask for the interpreter often, and briefly.
    sys.setswitchinterval(0.0005)
    return to_json(cut(cut_plan(job["plan"]), Path(job["out_dir"]), report))
