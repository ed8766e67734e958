"""What the owner looks at before they decide: a window as files that a browser plays, opened once, closed when idle.

Nothing here leaves the house, and nothing is evidence. Not for: the work on media (``agent/media/preview``), which
workers do, or who may look (``agent/owner``).
"""

import asyncio
import json
import os
import shutil
import tempfile
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from agent.requests.intake import verified_request
from agent.requests.plan import PlannedCamera, plan_camera, stored_plan
from agent.requests.review.enhancing import enhanced_of
from agent.services import Job, Services
from agent.workers.process import PICTURE, Limits
from exchange.clock import MINUTE
from exchange.documents.copies import Enhancement
from exchange.errors import ClipFailed, NotFound

IDLE = 3 * MINUTE
"""Microseconds after which what nobody looks at any more is closed."""
MOST_OPEN = 12
_MOST_PIECES = 400
_PATIENCE = 60.0
_WATCH = Limits(memory=512 * 1024 * 1024, cpu=1800, wall=3 * 3600.0, output=1024 * 1024, nice=10)
_AT_ONCE = 3
"""Workers that make small versions at the same time: whoever watches waits, and what is sent does not."""
PIECE_BYTES = 48_000 + 9 * 10_000
"""Of a second of the small version; ``agent.media.preview.small`` has the same figure as its slots."""


@dataclass(frozen=True)
class Playable:
    """One unbroken stretch as a file. ``kind``: copied, or small."""

    kind: str
    size: int
    head: bytes
    sources: tuple[Path, ...]
    runs: tuple[tuple[int, int, int], ...]
    ends: tuple[int, ...]
    pieces: int
    first_us: int
    end_us: int
    width: int
    height: int
    sound: bool


class Viewing:
    """A camera's window, open to be looked at. Made by ``Viewings.open``."""

    def __init__(self, services: Services, folder: Path, camera: PlannedCamera, at_once: asyncio.Semaphore) -> None:
        self.camera = camera
        self.folder = folder
        self.stretches: list[dict[str, Any]] = []
        self.playable: tuple[Playable, ...] = ()
        self.used = services.clock.monotonic()
        self.stack = AsyncExitStack()
        self._services = services
        self._at_once = at_once
        self._makers: dict[int, asyncio.Task[None]] = {}
        self._orders: dict[int, int] = {}
        self._changed = asyncio.Event()
        self._overview: asyncio.Task[Job] | None = None
        self._files: dict[str, asyncio.Future[Job]] = {}

    async def lay_out(self) -> None:
        """Find the footage again, as planned. FootageChanged when it is another by now."""
        job = {"stretches": self.stretches, "folder": str(self.folder), "sound": True}
        made = await self._services.run_job("agent.media.preview.layout:job", job, limits=PICTURE)
        self.playable = await asyncio.to_thread(self._read_layouts, made["layouts"])
        self._open_orders()

    def _read_layouts(self, layouts: list[Job]) -> tuple[Playable, ...]:
        found = []
        for layout, stretch in zip(layouts, self.stretches, strict=True):
            runs = json.loads((self.folder / layout["runs"]).read_bytes()) if layout["runs"] else []
            head = (self.folder / layout["head"]).read_bytes()
            found.append(
                Playable(
                    kind=layout["kind"],
                    size=layout["size"],
                    head=head,
                    sources=tuple(Path(source["path"]) for source in stretch["sources"]),
                    runs=tuple((index, offset, length) for index, offset, length in runs),
                    ends=tuple(accumulate((length for _, _, length in runs), initial=len(head)))[1:],
                    pieces=layout["pieces"],
                    first_us=stretch["first_us"],
                    end_us=stretch["end_us"],
                    width=layout["width"],
                    height=layout["height"],
                    sound=layout["sound"],
                )
            )
        return tuple(found)

    async def read(self, number: int, start: int, length: int) -> bytes:
        """At most ``length`` bytes of a stretch's file from ``start``. ClipFailed when they can't be had."""
        self.used = self._services.clock.monotonic()
        playable = self.playable[number]
        if start < len(playable.head):
            return playable.head[start : start + length]
        if playable.kind == "copied":
            return await asyncio.to_thread(_read_run, playable, start, length)
        piece, offset = divmod(start - len(playable.head), PIECE_BYTES)
        content = await self._piece(number, piece)
        return content[offset : offset + length]

    async def _piece(self, number: int, piece: int) -> bytes:
        """A second of the small version, made if it isn't there. ClipFailed when it can't be had."""
        path = self.folder / f"small-{number}-{piece}"
        try:
            async with asyncio.timeout(_PATIENCE):
                while True:
                    changed = self._changed
                    try:
                        content = await asyncio.to_thread(path.read_bytes)
                    except FileNotFoundError:
                        await self._wait(number, piece, changed)
                        continue
                    self._order(number, f"~{piece}")
                    return content
        except TimeoutError as error:
            raise _not_shown() from error

    async def _wait(self, number: int, piece: int, changed: asyncio.Event) -> None:
        """Until some piece was made, or the maker ended. ClipFailed when it failed."""
        maker = self._makers.get(number)
        if maker is None or maker.done():
            maker = self._makers[number] = asyncio.create_task(self._made(number), name="a small version")
        self._order(number, f"+{piece}")
        try:
            await changed.wait()
        except asyncio.CancelledError:
            self._order(number, f"-{piece}")
            raise
        if maker.done() and not maker.cancelled() and maker.exception() is not None:
            raise _not_shown() from maker.exception()

    def _order(self, number: int, order: str) -> None:
        """Tell whoever makes a stretch's pieces what is wanted; nothing happens where nobody does."""
        with suppress(OSError, KeyError):
            os.write(self._orders[number], f"{order}\n".encode())

    def _open_orders(self) -> None:
        """A FIFO a stretch, kept open: what is ordered before a maker has begun is there when it has."""
        for number, playable in enumerate(self.playable):
            if playable.kind == "small":
                path = self.folder / f"orders-{number}"
                os.mkfifo(path, 0o600)
                self._orders[number] = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    async def _made(self, number: int) -> None:
        """Make what is ordered, until nobody has ordered anything for a while."""
        job = {
            "stretch": self.stretches[number],
            "number": number,
            "folder": str(self.folder),
            "orders": str(self.folder / f"orders-{number}"),
        }
        try:
            async with self._at_once:
                await asyncio.to_thread(_forget_some, self.folder)
                await self._services.run_job(
                    "agent.media.preview.small:job", job, limits=_WATCH, progress=lambda _: self._wake()
                )
        finally:
            asyncio.get_running_loop().call_soon(self._wake)

    def _wake(self) -> None:
        """Whoever waits for a piece looks again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def overview(self) -> Job:
        """``curve``: how much changes from moment to moment; ``strip.jpg`` lies in the folder then."""
        self.used = self._services.clock.monotonic()
        if self._overview is None or (self._overview.done() and self._overview.exception() is not None):
            job = {"stretches": self.stretches, "target": str(self.folder / "strip.jpg")}
            work = self._services.run_job("agent.media.preview.overview:look_job", job, limits=PICTURE)
            self._overview = asyncio.ensure_future(work)
        return await asyncio.shield(self._overview)

    async def strip(self) -> bytes:
        """The strip of small pictures, a JPEG."""
        await self.overview()
        return await asyncio.to_thread((self.folder / "strip.jpg").read_bytes)

    async def sheet(self) -> bytes:
        """Pictures of the whole window, evenly spaced, as one JPEG."""
        return await self._once("agent.media.preview.overview:sheet_job", "sheet.jpg")

    async def sound(self) -> Path:
        """The window's sound as a WAV file, where a browser can't play it beside the pictures."""
        await self._once("agent.media.preview.sound:job", "sound.wav", read=False)
        return self.folder / "sound.wav"

    async def _once(self, function: str, name: str, *, read: bool = True) -> bytes:
        """A file of the folder, made by a worker the first time that it is wanted."""
        self.used = self._services.clock.monotonic()
        making = self._files.get(name)
        if making is None or (making.done() and (making.cancelled() or making.exception() is not None)):
            job = {"stretches": self.stretches, "target": str(self.folder / name)}
            making = self._files[name] = asyncio.ensure_future(self._services.run_job(function, job, limits=PICTURE))
        await asyncio.shield(making)
        return await asyncio.to_thread((self.folder / name).read_bytes) if read else b""

    async def still(self, at_us: int, step: int) -> tuple[Job, bytes]:
        """The frame at a moment, or ``step`` frames from it: what it is, and its JPEG."""
        self.used = self._services.clock.monotonic()
        target = self.folder / f"still-{os.urandom(6).hex()}.jpg"
        job = {"stretches": self.stretches, "at": at_us, "step": step, "target": str(target)}
        try:
            found = await self._services.run_job("agent.media.preview.overview:still_job", job, limits=PICTURE)
            return found, await asyncio.to_thread(target.read_bytes)
        finally:
            await asyncio.to_thread(target.unlink, missing_ok=True)

    async def enhanced(self, at_us: int, wanted: Enhancement | None) -> bytes:
        """The frame at a moment, as recorded and enhanced, beside each other: a JPEG."""
        self.used = self._services.clock.monotonic()
        _, jpeg = await enhanced_of(self._services, self.stretches, at_us, wanted, self.folder)
        return jpeg

    async def close(self) -> None:
        tasks: list[asyncio.Future[Any]] = [*self._makers.values(), *self._files.values()]
        if self._overview is not None:
            tasks.append(self._overview)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for descriptor in self._orders.values():
            os.close(descriptor)
        self._orders.clear()
        await self.stack.aclose()
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)


def _not_shown() -> ClipFailed:
    return ClipFailed(
        "This part can't be shown.",
        meaning="The recording may be damaged there, or the machine is very busy.",
        do="Try it again, or look at the single pictures.",
    )


def _read_run(playable: Playable, start: int, length: int) -> bytes:
    number = bisect_right(playable.ends, start)
    if number >= len(playable.runs):
        return b""
    index, offset, size = playable.runs[number]
    inside = start - (playable.ends[number] - size)
    try:
        descriptor = os.open(playable.sources[index], os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.pread(descriptor, min(length, size - inside), offset + inside)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ClipFailed("The recording can't be read.", do="Look again, or see what handover status says.") from error


def _forget_some(folder: Path) -> None:
    """The oldest pieces, when there are many: they are made again when they are wanted."""
    pieces = sorted(folder.glob("small-*"), key=lambda path: path.stat().st_mtime)
    for path in pieces[: max(0, len(pieces) - _MOST_PIECES)]:
        path.unlink(missing_ok=True)


class Viewings:
    """All windows that are open to be looked at. ``close_idle`` is to be called from time to time."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._open: dict[tuple[str, int, int], asyncio.Task[Viewing]] = {}
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def open(self, request_id: str, position: int) -> Viewing:
        """The whole window that was asked for of one camera, also where the owner shortened it.

        NotFound when nothing is planned or there is no footage; what fetching it raises.
        """
        async with self._services.store.transaction() as tx:
            plan, _ = await stored_plan(tx, request_id)
        camera = next((each for each in plan.cameras if each.position == position and each.available), None)
        if camera is None:
            raise NotFound("There is no footage to look at.", do="handover look-again looks for it once more.")
        key = (request_id, position, plan.made)
        opening = self._open.get(key)
        if opening is None or (opening.done() and opening.exception() is not None):
            await self._make_room()
            opening = self._open[key] = asyncio.create_task(self._opened(request_id, camera), name="open to look at")
        viewing = await asyncio.shield(opening)
        viewing.used = self._services.clock.monotonic()
        return viewing

    async def _opened(self, request_id: str, camera: PlannedCamera) -> Viewing:
        services = self._services
        stretches: Sequence[dict[str, Any]] = camera.stretches
        if camera.narrowed is not None:
            async with services.store.transaction() as tx:
                row = await tx.request(request_id)
            if row is None:
                raise NotFound(f"There is no request {request_id}.")
            asked = verified_request(row).asked[camera.position]
            camera = await plan_camera(services, row, camera.position, asked, camera.label)
            stretches = camera.stretches
        work = services.settings.work_dir
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="watch-", dir=work))
        viewing = Viewing(services, folder, camera, self._at_once)
        try:
            await viewing.stack.enter_async_context(
                services.footage.open_window(request_id, camera.camera_id, camera.requested.window)
            )
            viewing.stretches = await services.footage.as_planned(camera.camera_id, stretches)
            await viewing.lay_out()
        except BaseException:
            await viewing.close()
            raise
        return viewing

    async def _make_room(self) -> None:
        while len(self._open) >= MOST_OPEN:
            await self._close(min(self._open, key=self._used))

    def _used(self, key: tuple[str, int, int]) -> int:
        opening = self._open[key]
        if not opening.done() or opening.cancelled() or opening.exception() is not None:
            return self._services.clock.monotonic()
        return opening.result().used

    async def close_idle(self) -> int:
        """Close what nobody looks at any more; how many."""
        now = self._services.clock.monotonic()
        idle = [key for key, opening in self._open.items() if opening.done() and now - self._used(key) >= IDLE]
        for key in idle:
            await self._close(key)
        return len(idle)

    async def close(self) -> None:
        for key in list(self._open):
            await self._close(key)

    async def _close(self, key: tuple[str, int, int]) -> None:
        opening = self._open.pop(key)
        if not opening.done():
            opening.cancel()
        (ended,) = await asyncio.gather(opening, return_exceptions=True)
        if isinstance(ended, Viewing):
            await ended.close()
