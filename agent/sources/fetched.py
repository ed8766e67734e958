"""Windows fetched from device sources: at hand in plain while they are needed, and kept sealed until a request closes.

Not for: fetching (``sources.device``), or which windows (``agent/requests``). What is kept lies under
``<preserved>/<hold id>/<camera>-<start>-<end>/``: age files for the owner's archive key, and ``window.json``, which is
written last: without it, nothing is kept. What is at hand lies under ``<work>/<hold id>/footage/`` at the same names
every time, so that a plan made before finds it after.
"""

import asyncio
import json
import logging
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.footage.provenance import SourceProvenance
from agent.footage.source import SourceFile, narrowed
from agent.sources.device.footage import PLACE, Device, DeviceFootage, source_file
from agent.workers.process import RunJob
from exchange.clock import MINUTE, SECOND, Window
from exchange.durable import durable_file, sync_folder
from exchange.errors import CameraAnswerInvalid, DiskFull, NoFootage

log = logging.getLogger(__name__)

Json = dict[str, Any]

AFTER = 2 * SECOND
"""Microseconds fetched after a window: frames are shown in another order than they are stored in."""
WIDER = 4
"""Times the margin when no key frame was within it."""
_WINDOW = "window.json"


class StillGrowing(Exception):
    """What was asked for is still being recorded; ``until``: what there is of it now."""

    def __init__(self, until: int) -> None:
        super().__init__("the recording of this time is still being written")
        self.until = until


@dataclass(frozen=True, slots=True)
class Brought:
    """A window's files, in plain, on this disk; ``provenance`` is for the plan and the manifest."""

    files: tuple[SourceFile, ...]
    provenance: SourceProvenance


@dataclass
class _Shown:
    """What the owner sees of a fetch: its ``part`` of ``parts``; ``after``: microseconds of footage in later ones."""

    part: int
    parts: int
    after: int
    left: int | None = None
    """Microseconds until all is there, of a recorder that plays in real time."""

    def pace(self, left: int) -> None:
        self.left = left + self.after

    def as_text(self, done: int, total: int | None) -> str:
        of = f" of {total // 1_000_000}" if total else ""
        as_text = f"fetching from the recorder: part {self.part} of {self.parts}, {done // 1_000_000}{of} MB"
        if self.left is None:
            return as_text
        minutes = -(-self.left // MINUTE)
        return f"{as_text}; the recorder plays in real time: about {minutes} min left"


@dataclass
class _Open:
    brought: Brought
    users: int = 0


@dataclass
class FetchedFootage:
    """``recipient``: the owner's archive recipient; ``identity`` opens what is sealed for it. ``show``: told of what is
    being done, hold id and words. ``most_kept``: bytes of everything that may be kept together."""

    devices: DeviceFootage
    preserved: Path
    work: Path
    recipient: str
    identity: str = field(repr=False)
    run_job: RunJob
    most_kept: int
    show: Callable[[str, str], None] = lambda _hold, _words: None
    _locks: dict[Path, asyncio.Lock] = field(default_factory=dict)
    _opened: dict[Path, _Open] = field(default_factory=dict)

    # -- at hand --

    @asynccontextmanager
    async def open(self, hold_id: str, device: Device, window: Window, *, wait: bool = False) -> AsyncIterator[Brought]:
        """The window's files while the block runs: unsealed when they are kept, else fetched, and gone after it.

        Raises StillGrowing when ``wait``, and what ``DeviceFootage`` raises; a window without footage has no files.
        """
        plain = self._plain(hold_id, device, window)
        async with self._lock(plain):
            opened = self._opened.get(plain)
            if opened is None:
                sealed = self._sealed(hold_id, device, window)
                if await asyncio.to_thread((sealed / _WINDOW).exists):
                    brought = await self._unseal(sealed, plain)
                else:
                    brought = await self._bring(hold_id, device, window, plain, wait, None)
                opened = self._opened.setdefault(plain, _Open(brought))
            opened.users += 1
        try:
            yield opened.brought
        finally:
            async with self._lock(plain):
                opened.users -= 1
                if not opened.users:
                    del self._opened[plain]
                    await asyncio.to_thread(shutil.rmtree, plain, ignore_errors=True)

    async def _bring(
        self, hold_id: str, device: Device, window: Window, into: Path, wait: bool, most: int | None
    ) -> Brought:
        """Fetch it, wider until a key frame before it is there, or there is none."""
        margin = round(device.options.margin * SECOND)
        for before in (margin, margin * WIDER):
            wide = Window(max(0, window.start - before), window.end + AFTER)
            looked = await self.devices.look(device, wide, narrow=before == margin)
            growing = looked.coverage.growing_until
            if wait and growing is not None and growing < window.end:
                raise StillGrowing(growing)
            broken: list[CameraAnswerInvalid] = []
            files = await self._fetch_all(hold_id, device, wide, looked.coverage.spans, into, most, broken)
            missing = any(gap.window.start < window.start for gap in looked.coverage.gaps)
            if not files or files[0].start <= window.start or missing:
                break
        provenance = SourceProvenance(
            kind=device.name,
            title=device.kind.title,
            make=looked.answer.make,
            model=looked.answer.model,
            firmware=looked.answer.firmware,
            serial=looked.answer.serial,
            how_read=device.kind.how_read,
            utc_from=device.kind.utc_from,
            notes=looked.answer.notes + tuple(error.what[:500] for error in broken),
            files=tuple(_provenance(file, into) for file in files),
        )
        return Brought(tuple(files), provenance)

    async def _fetch_all(
        self,
        hold_id: str,
        device: Device,
        wide: Window,
        spans: Any,
        into: Path,
        most: int | None,
        broken: list[CameraAnswerInvalid],
    ) -> list[SourceFile]:
        """``broken`` takes what is wrong with files of a folder that can't be used beside others that can: they won't
        be better the next time, as what comes from a recorder may be."""
        found: list[SourceFile] = []
        done = 0
        parts = [narrowed(span, wide) for span in spans]
        for number, span in enumerate(parts):
            folder = into / f"{number:04d}-{span.window.start}"
            shown = _Shown(number + 1, len(parts), sum(part.window.duration for part in parts[number + 1 :]))

            def progress(now: int, total: int | None, shown: _Shown = shown) -> bool:
                self.show(hold_id, shown.as_text(now, total))
                return True

            left = None if most is None else most - done
            if left is not None and (left <= 0 or ((span.size or 0) > left and not span.divisible)):
                raise self._too_much()
            try:
                found += await self.devices.fetch(device, span, folder, progress, left, shown.pace)
            except NoFootage:
                continue  # overwritten since it was found: a gap, as the plan will show
            except CameraAnswerInvalid as error:
                if device.kind.address:
                    raise
                broken.append(error)
            done = sum([await asyncio.to_thread(_size, file.path) for file in found])
        if most is not None and done > most:
            raise self._too_much()
        if broken and not found:
            raise broken[0]
        if len(spans) > 1 and len(found) > 1:
            found = await self._once(into, found)
        return found

    async def _once(self, into: Path, files: list[SourceFile]) -> list[SourceFile]:
        """Frames that two spans brought are kept once."""
        job = {"into": str(into), "files": [_file_json(file, into) for file in files]}
        settled = await self.run_job("agent.footage.files.place:once_job", job, limits=PLACE)
        return [source_file(into, each) for each in settled["files"]]

    # -- kept --

    async def keep(self, hold_id: str, device: Device, window: Window) -> int:
        """Fetch a window at low priority and seal it; bytes kept of it. A second time changes nothing.

        0 while it is still being recorded, when there is nothing, or when it would be more than may be kept.
        """
        sealed = self._sealed(hold_id, device, window)
        plain = self._plain(hold_id, device, window)
        async with self._lock(plain):
            kept = await asyncio.to_thread(_kept, sealed)
            if kept is not None or plain in self._opened:
                return kept or 0
            left = self.most_kept - await self.held_bytes()
            try:
                brought = await self._bring(hold_id, device, window, plain, True, left)
            except (StillGrowing, _TooMuch) as why:
                log.warning("a window of %s is not kept: %s", device.camera_id, why)
                await asyncio.to_thread(shutil.rmtree, plain, ignore_errors=True)
                return 0
            if not brought.files:
                return 0
            total = await self._seal(brought, plain, sealed)
            await asyncio.to_thread(shutil.rmtree, plain, ignore_errors=True)
            return total

    async def _seal(self, brought: Brought, plain: Path, sealed: Path) -> int:
        await asyncio.to_thread(_empty, sealed)
        pairs = [(file.path, sealed / f"{number:04d}.age") for number, file in enumerate(brought.files)]
        job = {"files": [[str(file), str(target)] for file, target in pairs], "recipient": self.recipient}
        done = await self.run_job("agent.sources.fetched_job:seal_job", job, limits=PLACE)
        provenance = brought.provenance.model_copy(update={"kept": True})
        files = [_file_json(file, plain) | {"sealed": f"{number:04d}.age"} for number, file in enumerate(brought.files)]
        window = {
            "files": files,
            "said": provenance.model_dump(mode="json"),
            "bytes": done["bytes"],
        }
        await asyncio.to_thread(_write, sealed / _WINDOW, window)
        return int(done["bytes"])

    async def _unseal(self, sealed: Path, plain: Path) -> Brought:
        window = await asyncio.to_thread(_read, sealed / _WINDOW)
        files = [[str(sealed / each["sealed"]), str(plain / each["name"])] for each in window["files"]]
        await asyncio.to_thread(_empty, plain)
        job = {"files": files, "identity": self.identity}
        await self.run_job("agent.sources.fetched_job:unseal_job", job, limits=PLACE)
        return Brought(
            tuple(source_file(plain, each) for each in window["files"]),
            SourceProvenance.model_validate_json(json.dumps(window["said"])),
        )

    async def release(self, hold_id: str) -> None:
        """Forget what is kept under this id, and what is at hand of it."""
        await asyncio.to_thread(shutil.rmtree, self.preserved / hold_id, ignore_errors=True)
        await asyncio.to_thread(shutil.rmtree, self.work / hold_id / "footage", ignore_errors=True)

    async def held_bytes(self, hold_id: str | None = None, camera_id: str | None = None) -> int:
        """Bytes kept: all, or of one hold, or of one of its cameras."""
        folder = self.preserved if hold_id is None else self.preserved / hold_id
        names = "**/*.age" if camera_id is None else f"{camera_id}-[0-9]*-[0-9]*/*.age"
        return await asyncio.to_thread(lambda: sum(path.stat().st_size for path in folder.glob(names)))

    def _lock(self, plain: Path) -> asyncio.Lock:
        return self._locks.setdefault(plain, asyncio.Lock())

    def _plain(self, hold_id: str, device: Device, window: Window) -> Path:
        return self.work / hold_id / "footage" / _name(device, window)

    def _sealed(self, hold_id: str, device: Device, window: Window) -> Path:
        return self.preserved / hold_id / _name(device, window)

    def _too_much(self) -> "_TooMuch":
        return _TooMuch(
            "The window is more than requests.preserve_limit lets be kept.",
            do="Raise the limit in handover.yaml, or decide before the recorder overwrites it.",
        )


class _TooMuch(DiskFull):
    """More than may be kept."""


def _name(device: Device, window: Window) -> str:
    return f"{device.camera_id}-{window.start}-{window.end}"


def _file_json(file: SourceFile, into: Path) -> Json:
    """As ``files.place`` writes it down, and ``source_file`` reads it."""
    return {
        "name": str(file.path.relative_to(into)),
        "start": file.start,
        "end": file.end,
        "clock": file.clock.value,
        "uncertainty_us": file.uncertainty,
        "torn": file.torn,
        "sha256": file.sha256,
        "remux": file.remux.model_dump(mode="json") if file.remux else None,
        "notes": list(file.notes),
    }


def _provenance(file: SourceFile, into: Path) -> Any:
    from agent.footage.provenance import FileProvenance
    from exchange.clock import to_rfc3339

    plain = _file_json(file, into)
    plain |= {"start": to_rfc3339(file.start), "end": to_rfc3339(file.end)}
    return FileProvenance.model_validate_json(json.dumps(plain))


def _kept(sealed: Path) -> int | None:
    return int(_read(sealed / _WINDOW)["bytes"]) if (sealed / _WINDOW).exists() else None


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)


def _size(path: Path) -> int:
    return path.stat().st_size


def _write(path: Path, window: Json) -> None:
    with durable_file(path) as file:
        file.write(json.dumps(window).encode())
    sync_folder(path.parent.parent)


def _read(path: Path) -> Json:
    read: Json = json.loads(path.read_bytes())
    return read
