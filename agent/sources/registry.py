"""Which sources there are, which one each camera's footage comes from, and the way to all of them as one.

Not for: fetching (``sources.device``), our own recordings (``segments``), or what is kept of a fetch (``fetched``).
"""

import asyncio
import importlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from agent.devices.address import Credentials
from agent.devices.clock import ClockCheck
from agent.devices.clock_history import Around, checks_around
from agent.devices.passwords import Passwords
from agent.footage.source import Coverage, Progress, SourceFile, Span
from agent.recordings.segments import RecordedFootage
from agent.sources.device.footage import Device, DeviceFootage
from agent.sources.device.kind import DeviceKind
from agent.sources.fetched import Brought, FetchedFootage
from agent.store.database import CameraRow, Store
from exchange.clock import DAY, HOUR, Window
from exchange.complaints import wrong
from exchange.documents.messages import Part
from exchange.errors import NoFootage, SettingsInvalid

BY_HAND = "by_hand"
"""Footage that its owner brings."""
RECORDER = "recorder"
"""Handover's own recorder: what a camera has unless it is given another source."""
BRANDS = {
    "folder": "agent.sources.folder",
    BY_HAND: "agent.sources.by_hand",
    "onvif_replay": "agent.sources.onvif",
    "hikvision": "agent.sources.hikvision",
    "dahua": "agent.sources.dahua",
    "reolink": "agent.sources.reolink",
    "frigate": "agent.sources.frigate",
    "mediamtx": "agent.sources.mediamtx",
    "unifi": "agent.sources.unifi",
}
"""The kind as an owner types it, and the package of its brand."""
_OLDEST_KEPT = 100
"""Checks of how far back a device reaches that are remembered, a camera."""
_STANDS_STILL = 0.01
"""Seconds of footage lost a second, below which a recorder is not full yet."""


class SourceSetting(Part):
    """Where a camera's footage comes from, as it is stored. No secret is in it."""

    kind: Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,30}$")] = RECORDER
    address: Annotated[str, Field(max_length=512)] = ""
    options: dict[str, Any] = Field(default_factory=dict)


def kinds() -> list[str]:
    """The names of all device sources."""
    return list(BRANDS)


def kind_of(name: str) -> DeviceKind | None:
    """A device source by name; None when there is none of it. Only its own module is loaded."""
    if name not in BRANDS:
        return None
    found: DeviceKind = importlib.import_module(f"{BRANDS[name]}.source").SOURCE
    return found


def checked_setting(kind: str, address: str, options: dict[str, Any]) -> SourceSetting:
    """What an owner typed, checked by the source's own options. SettingsInvalid names each mistake."""
    if kind == RECORDER:
        if options or address:
            raise SettingsInvalid(
                "Handover's own recorder takes no options here.", do="handover.yaml says what it keeps."
            )
        return SourceSetting()
    found = kind_of(kind)
    if found is None:
        offered = ", ".join([RECORDER, *kinds()])
        raise SettingsInvalid(f"There is no source {kind!r}.", do=f"Choose one of: {offered}.")
    if found.address and not address:
        raise SettingsInvalid(
            f"{found.title}: an address is wanted.", do="Write it as --option address=HOST, HOST:PORT or a URL."
        )
    if "@" in address.partition("://")[2].partition("/")[0] or (address and not address.isprintable()):
        raise SettingsInvalid(
            "The recorder's address can't be used.",
            do="Write the user name with --user and the password when it is asked for, not in the address.",
        )
    try:
        typed = found.options.model_validate(options)
    except ValidationError as error:
        raise SettingsInvalid(
            "\n".join(_mistake(found, each) for each in error.errors(include_url=False)),
            meaning="Nothing was changed.",
            do=f"docs/sources.md explains the options of {kind}.",
        ) from error
    return SourceSetting(kind=kind, address=address, options=typed.model_dump(mode="json", exclude_defaults=True))


def _mistake(found: DeviceKind, error: Any) -> str:
    name = ".".join(map(str, error["loc"])) or "options"
    if error["type"] == "extra_forbidden":
        return f"{name}: there is no such option here; there are {', '.join(sorted(found.options.model_fields))}."
    if error["type"] == "missing":
        return f"{name}: this option is wanted."
    return f"{name}: {wrong(error).removesuffix('.')}."


class Sources:
    """``FootageSource`` over all of a house's cameras: our own recordings, and every other source."""

    def __init__(
        self,
        store: Store,
        recorded: RecordedFootage,
        devices: DeviceFootage,
        passwords: Passwords,
        state: Path,
        fetched: FetchedFootage | None = None,
    ) -> None:
        self.recorded = recorded
        self.fetched = fetched
        self.devices = devices
        self.passwords = passwords
        self.store = store
        self._state = state
        devices.checked, devices.reached = self._keep_clock, self._keep_oldest

    async def device(self, camera_id: str, window: Window | None = None) -> Device | None:
        """The camera's device source; None when Handover's own recorder records it, or there is no such camera.

        ``window``: the time that it will be asked about, by the clock as it was then; now, if none is given.
        """
        now = self.devices.clock.now()
        async with self.store.transaction() as tx:
            row = await tx.camera(camera_id)
            clock = await checks_around(tx, camera_id, window or Window(now, now + 1))
        setting = setting_of(row) if row is not None else SourceSetting()
        if setting.kind == RECORDER:
            return None
        credentials = await asyncio.to_thread(self.passwords.of, camera_id)
        # In a thread: the first of its kind imports the kind's module.
        return await asyncio.to_thread(self.device_of, camera_id, setting, credentials, clock)

    def device_of(
        self, camera_id: str, setting: SourceSetting, credentials: Credentials | None, clock: Around | None
    ) -> Device:
        """A source as it would be with this setting; SettingsInvalid when there is no such kind."""
        kind = kind_of(setting.kind)
        if kind is None:
            raise SettingsInvalid(
                f"The source {setting.kind} of camera {camera_id} is not installed.",
                do=f"Give it another with: handover cameras source {camera_id} KIND",
            )
        return Device(
            camera_id=camera_id,
            name=setting.kind,
            brand=BRANDS[setting.kind],
            kind=kind,
            options=kind.options.model_validate(setting.options),
            state=self._state / camera_id,
            address=setting.address,
            credentials=credentials,
            clock=clock,
        )

    async def _keep_clock(self, camera_id: str, check: ClockCheck) -> None:
        async with self.store.transaction() as tx:
            await tx.execute(
                "INSERT OR REPLACE INTO clock_checks (camera_id, at, result) VALUES (?, ?, ?)",
                [camera_id, check.at, check.model_dump_json()],
            )

    async def coverage(self, camera_id: str, window: Window) -> Coverage:
        device = await self.device(camera_id, window)
        if device is None:
            return await self.recorded.coverage(camera_id, window)
        return (await self.devices.look(device, window)).coverage

    async def _keep_oldest(self, camera_id: str, oldest: int) -> None:
        """How far back a device reached, and when: what tells how fast it overwrites."""
        async with self.store.transaction() as tx:
            await tx.execute(
                "INSERT OR REPLACE INTO source_reach VALUES (?, ?, ?)", [camera_id, self.devices.clock.now(), oldest]
            )
            await tx.execute(
                "DELETE FROM source_reach WHERE camera_id = ? AND at NOT IN "
                "(SELECT at FROM source_reach WHERE camera_id = ? ORDER BY at DESC LIMIT ?)",
                [camera_id, camera_id, _OLDEST_KEPT],
            )

    async def overwritten(self, camera_id: str, window: Window, retention_days: int | None) -> int | None:
        """When a device will overwrite the window's beginning, as far as its past behaviour or its owner tells.

        A recorder that is full loses an hour an hour: how fast its oldest footage moved on between two checks at
        least an hour apart says how long it still takes. None when nothing tells.
        """
        async with self.store.transaction() as tx:
            rows = await tx.all("SELECT at, oldest FROM source_reach WHERE camera_id = ? ORDER BY at", [camera_id])
        if len(rows) > 1 and rows[-1]["at"] - rows[0]["at"] >= HOUR:
            first, last = rows[0], rows[-1]
            speed = (last["oldest"] - first["oldest"]) / (last["at"] - first["at"])
            if speed > _STANDS_STILL:
                return int(last["at"] + max(0, window.start - last["oldest"]) / speed)
        return window.start + retention_days * DAY if retention_days else None

    async def recordings_since(self, camera_id: str) -> int | None:
        """Midnight UTC of the day of a camera's oldest recording, as far as it is known without asking a device."""
        async with self.store.transaction() as tx:
            row = await tx.camera(camera_id)
            reach = await tx.one(
                "SELECT oldest FROM source_reach WHERE camera_id = ? ORDER BY at DESC LIMIT 1", [camera_id]
            )
        if row is not None and setting_of(row).kind == RECORDER:
            return await self.recorded.oldest_day(camera_id)
        return None if reach is None else int(reach["oldest"]) // DAY * DAY

    async def fetch(self, span: Span, into: Path, progress: Progress | None = None) -> tuple[SourceFile, ...]:
        device = await self.device(span.camera_id, span.window)
        if device is None:
            return await self.recorded.fetch(span, into, progress)
        if span.path is None and not span.reference:
            raise NoFootage("There is nothing to fetch.")
        return await self.devices.fetch(device, span, into, progress)

    async def hold(self, hold_id: str, camera_id: str, window: Window) -> int:
        device = await self.device(camera_id, window)
        if device is None:
            return await self.recorded.hold(hold_id, camera_id, window)
        return 0 if self.fetched is None else await self.fetched.keep(hold_id, device, window)

    async def release(self, hold_id: str) -> None:
        await self.recorded.release(hold_id)
        if self.fetched is not None:
            await self.fetched.release(hold_id)

    async def kept_bytes(self, hold_id: str, camera_id: str | None = None) -> int:
        """Bytes of other recorders' footage that are kept sealed under this id, of one camera or all."""
        return 0 if self.fetched is None else await self.fetched.held_bytes(hold_id, camera_id)

    async def held_bytes(self) -> int:
        kept = 0 if self.fetched is None else await self.fetched.held_bytes()
        return await self.recorded.held_bytes() + kept

    async def as_planned(self, camera_id: str, stretches: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """A plan's stretches with the paths that their files have now: the same files, perhaps in another folder."""
        found = []
        for stretch in stretches:
            paths = [await self.recorded.where(camera_id, Path(source["path"])) for source in stretch["sources"]]
            sources = [source | {"path": str(path)} for source, path in zip(stretch["sources"], paths, strict=True)]
            found.append(stretch | {"sources": sources})
        return found

    @asynccontextmanager
    async def open_window(
        self, hold_id: str, camera_id: str, window: Window, *, wait: bool = False
    ) -> AsyncIterator[Brought | None]:
        """A device's window in plain while the block runs; None for our own recordings, which are always there.

        Raises StillGrowing when ``wait`` and it is still being recorded, and what a fetch raises.
        """
        device = await self.device(camera_id, window)
        if device is None or self.fetched is None:
            yield None
            return
        async with self.fetched.open(hold_id, device, window, wait=wait) as brought:
            yield brought


def setting_of(row: CameraRow) -> SourceSetting:
    return SourceSetting.model_validate_json(row.source)
