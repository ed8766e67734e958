"""Cameras whose footage another recorder, or a folder, holds: added, given a source, tested.

Not for: our own recorder's cameras (``inventory``), or how any source works (``agent/footage``).
"""

import asyncio
import logging
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from agent.cameras.known import known_camera
from agent.devices.address import Credentials, Password, UserName
from agent.devices.camera_facts import CameraFacts
from agent.devices.clock import ClockCheck
from agent.footage.source import SourceFile, Span, narrowed
from agent.services import Services
from agent.sources.device.footage import LOOK_BACK, Device, Looked
from agent.sources.device.orders import TestAnswer
from agent.sources.registry import (
    BY_HAND,
    RECORDER,
    Sources,
    SourceSetting,
    checked_setting,
    kind_of,
    kinds,
    setting_of,
)
from agent.store.database import CameraRow
from agent.workers.process import PICTURE
from exchange.clock import DAY, HOUR, MINUTE, SECOND, Window, from_rfc3339, to_rfc3339
from exchange.documents.messages import Id, Part
from exchange.errors import HandoverError, InputInvalid, NotFound

log = logging.getLogger(__name__)

Json = dict[str, Any]
Options = Annotated[dict[str, Annotated[str, Field(max_length=2000)]], Field(max_length=50)]

KindName = Annotated[str, Field(max_length=32), AfterValidator(lambda typed: typed.strip().lower())]
"""A kind of source, in small letters however it was typed."""

SAMPLE = 2 * SECOND
"""Microseconds that a test fetches and decodes."""
_MOST_SAMPLE = 1 << 30


class SetSource(Part):
    """Where a camera's footage comes from, as typed; ``address`` is an option like any other."""

    camera_id: Id
    kind: KindName
    options: Options = Field(default_factory=dict)
    user: UserName | None = None
    password: Password | None = None


class AskChannels(Part):
    """Which channels the recorder at this address has."""

    kind: KindName
    address: Annotated[str, Field(max_length=512)]
    options: Options = Field(default_factory=dict)
    user: UserName | None = None
    password: Password | None = None


class TestSources(Part):
    __test__ = False

    camera_id: Id | None = None


class SetStart(Part):
    """When a file of a folder began, by the owner's word (RFC 3339)."""

    camera_id: Id
    file: Annotated[str, Field(min_length=1, max_length=1000)]
    time: Annotated[str, Field(max_length=40)]


def _offered() -> dict[str, str]:
    return {kind: found.title for kind in kinds() if (found := kind_of(kind)) is not None}


def typed_setting(kind: str, options: dict[str, str], address: str = "") -> SourceSetting:
    """What an owner typed. The address a camera is added by is a folder's path. SettingsInvalid.

    Imports the kind's module: not for the event loop.
    """
    given: dict[str, Any] = dict(options)
    address = given.pop("address", address)
    found = kind_of(kind)
    if found is not None and not found.address and address:
        given.setdefault("path", address)
        address = ""
    return checked_setting(kind, address, given)


class CameraSources:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._sources: Sources = services.footage

    async def look(self, camera_id: str, setting: SourceSetting, credentials: Credentials | None) -> Looked | None:
        """Ask a source before it is kept: its errors are the owner's to see. None for our own recorder."""
        if setting.kind == RECORDER:
            return None
        now = self._services.clock.now()
        device = await asyncio.to_thread(self._sources.device_of, camera_id, setting, credentials, None)
        return await self._sources.devices.look(device, Window(now - LOOK_BACK, now), narrow=True)

    async def look_first(
        self, camera_id: str, setting: SourceSetting, credentials: Credentials | None
    ) -> Looked | None:
        """As ``look``, before a camera is given this source: InputInvalid when the recorder has no such channel."""
        looked = await self.look(camera_id, setting, credentials)
        channel = await asyncio.to_thread(_channel_of, setting)
        if looked is not None and channel is not None:
            known = await self._channels(camera_id, setting, credentials)
            if known and channel not in known:
                raise InputInvalid(
                    f"The recorder at {setting.address} has no channel {channel}.",
                    meaning="Nothing was changed.",
                    do=f"It has {_listed(known)}: set the option channel to one of them.",
                )
        return looked

    async def channels(self, asked: AskChannels) -> Json:
        """A recorder's channels by number, with their names. InputInvalid when it doesn't tell, or has none."""
        setting = await asyncio.to_thread(typed_setting, asked.kind, asked.options, asked.address)
        credentials = Credentials(asked.user, asked.password or "") if asked.user else None
        found = await self._channels("channels", setting, credentials)
        if not found:
            raise InputInvalid(
                "The recorder doesn't tell which channels it has.", do="Name them, such as --channels 1-16."
            )
        return {"channels": {str(number): name for number, name in sorted(found.items())}}

    async def _channels(
        self, camera_id: str, setting: SourceSetting, credentials: Credentials | None
    ) -> dict[int, str]:
        device = await asyncio.to_thread(self._sources.device_of, camera_id, setting, credentials, None)
        now = self._services.clock.now()
        return (await self._test_job(device, Window(now - HOUR, now))).channels

    async def set_source(self, wanted: SetSource) -> Json:
        """Give a camera another source, once that answers."""
        row = await self._row(wanted.camera_id)
        setting = await asyncio.to_thread(typed_setting, wanted.kind, wanted.options)
        if setting.kind == RECORDER and not row.stream_uri:
            raise InputInvalid(
                f"Handover's recorder doesn't know where the stream of {wanted.camera_id} is.",
                do="Remove the camera, and add it by its own address.",
            )
        credentials = Credentials(wanted.user, wanted.password or "") if wanted.user else None
        looked = await self.look_first(wanted.camera_id, setting, credentials)
        check = looked.answer.clock if looked is not None else None
        await self.keep(wanted.camera_id, setting, credentials, check)
        return {"camera_id": wanted.camera_id, "source": setting.kind} | reported(looked)

    async def keep(
        self,
        camera_id: str,
        setting: SourceSetting,
        credentials: Credentials | None,
        check: ClockCheck | None = None,
    ) -> None:
        """Write a camera's source down; ``check``: its clock, as just compared."""
        if setting.kind == RECORDER:
            self._sources.devices.troubles.pop(camera_id, None)
        async with self._services.store.transaction() as tx:
            await tx.update("cameras", {"camera_id": camera_id}, source=setting.model_dump_json())
            # What was known of another recorder's clock and reach says nothing of this one.
            await tx.execute("DELETE FROM source_reach WHERE camera_id = ?", [camera_id])
            await tx.execute("DELETE FROM clock_checks WHERE camera_id = ? AND at < ?", [camera_id, _before(check)])
        await asyncio.to_thread(self._sources.passwords.keep, camera_id, credentials)
        await asyncio.to_thread(shutil.rmtree, self._services.settings.sources_dir / camera_id, ignore_errors=True)

    async def forget(self, camera_id: str) -> None:
        self._sources.devices.troubles.pop(camera_id, None)
        async with self._services.store.transaction() as tx:
            await tx.execute("DELETE FROM source_reach WHERE camera_id = ?", [camera_id])
        await asyncio.to_thread(self._sources.passwords.keep, camera_id, None)
        await asyncio.to_thread(shutil.rmtree, self._services.settings.sources_dir / camera_id, ignore_errors=True)

    async def set_start(self, wanted: SetStart) -> Json:
        """When a file of a folder began."""
        row = await self._row(wanted.camera_id)
        setting = setting_of(row)
        if setting.kind not in ("folder", BY_HAND):
            raise InputInvalid(f"The footage of {wanted.camera_id} does not come from a folder.")
        try:
            at = to_rfc3339(from_rfc3339(wanted.time))
        except ValueError as error:
            raise InputInvalid(f"{error}.", do="Write it as 2026-06-10T11:00:00+01:00, or with Z for UTC.") from error
        starts = setting.options.get("starts", {}) | {wanted.file: at}
        options = setting.options | {"starts": starts}
        changed = await asyncio.to_thread(checked_setting, setting.kind, setting.address, options)
        async with self._services.store.transaction() as tx:
            await tx.update("cameras", {"camera_id": wanted.camera_id}, source=changed.model_dump_json())
        return {"camera_id": wanted.camera_id, "file": wanted.file, "start": at}

    def trouble(self, camera_id: str) -> str | None:
        """What the last look at a source found that its owner should look after, to follow on the camera's name."""
        return self._sources.devices.troubles.get(camera_id) or None

    async def listed(self) -> Json:
        """Every camera's source, and which kinds there are."""
        async with self._services.store.transaction() as tx:
            rows = await tx.cameras()
        offered = await asyncio.to_thread(_offered)
        return {
            "kinds": {RECORDER: "Handover's own recorder"} | offered,
            "cameras": [{"camera_id": row.camera_id} | setting_of(row).model_dump() for row in rows],
        }

    # -- testing -----------------------------------------------------------------------------------------------------

    async def test(self, wanted: TestSources) -> Json:
        """Each camera's source: reachable, how far back, its clock, a sample fetched and decoded; and what to do."""
        async with self._services.store.transaction() as tx:
            rows = [row for row in await tx.cameras() if wanted.camera_id in (None, row.camera_id)]
        if wanted.camera_id is not None and not rows:
            raise NotFound(f"There is no camera {wanted.camera_id}.", do="List them with: handover cameras list")
        host = await self._services.host_clock()
        return {
            "host_clock": asdict(host),
            "cameras": [await self._tested(row) for row in rows],
        }

    async def _tested(self, row: CameraRow) -> Json:
        found: Json = {"camera_id": row.camera_id, "source": setting_of(row).kind, "ok": False, "reachable": False}
        try:
            device = await self._sources.device(row.camera_id)
            spans = await self._found(row.camera_id, device, found)
            found["sample"] = await self._sample(row.camera_id, spans)
            found["ok"] = found["sample"] is not None and not found.get("wrong")
            if found["sample"] is None:
                found |= {"what": "It has no footage of the last week.", "do": "Check that it records this camera."}
        except HandoverError as error:
            found |= {"what": error.what, "meaning": error.meaning, "do": error.do, "exit_code": error.exit_code}
        return found

    async def _found(self, camera_id: str, device: Device | None, found: Json) -> list[Span]:
        """Fill in what a look tells; the spans of the shortest stretch back in which there are any."""
        now = self._services.clock.now()
        for back in (10 * MINUTE, HOUR, DAY, 7 * DAY):
            window = Window(now - back, now)
            if device is None:
                coverage = await self._sources.coverage(camera_id, window)
            else:
                looked = await self._sources.devices.look(device, window, narrow="clock" not in found)
                coverage = looked.coverage
                found.setdefault("clock", _clock(looked))
                found |= {name: getattr(looked.answer, name) for name in ("make", "model", "firmware")}
            found |= {"reachable": True, "notes": list(coverage.notes)}
            if coverage.oldest is not None:
                found["oldest"] = to_rfc3339(coverage.oldest)
            if coverage.spans:
                found["newest"] = to_rfc3339(coverage.spans[-1].window.end)
                break
        if device is not None:
            found |= await self._own_test(device, Window(now - DAY, now))
        return [span for span in coverage.spans if span.finished or span.path is None]

    async def _own_test(self, device: Device, window: Window) -> Json:
        answer = await self._test_job(device, window)
        return {"good": list(answer.good), "wrong": list(answer.wrong)}

    async def _test_job(self, device: Device, window: Window) -> TestAnswer:
        order = device.order(self._services.clock) | {"start": window.start, "end": window.end}
        reply = await self._services.run_job("agent.sources.device.jobs:test_job", order, limits=device.kind.look)
        return TestAnswer.model_validate(reply)

    async def last_picture(self, camera_id: str) -> bytes:
        """The newest picture that this camera's source holds, as JPEG. NotFound when it has none of the last week."""
        now = self._services.clock.now()
        for back in (10 * MINUTE, HOUR, DAY, 7 * DAY):
            spans = (await self._sources.coverage(camera_id, Window(now - back, now))).spans
            finished = [span for span in spans if span.finished or span.path is None]
            if finished:
                break
        async with self._newest(camera_id, finished) as (fetched, into):
            if fetched is None:
                raise NotFound("It has no footage of the last week.", do="Check that it records this camera.")
            target = into / "last.jpg"
            job = {"file": str(fetched.path), "target": str(target)}
            await self._services.run_job("agent.media.live:recorded_job", job, limits=PICTURE)
            return await asyncio.to_thread(target.read_bytes)

    async def _sample(self, camera_id: str, spans: list[Span]) -> Json | None:
        """Two seconds, fetched and decoded."""
        async with self._newest(camera_id, spans) as (fetched, _):
            if fetched is None:
                return None
            job = {"file": str(fetched.path), "most_us": SAMPLE}
            decoded = await self._services.run_job("agent.media.sample:job", job, limits=PICTURE)
            remuxed = fetched.remux.container if fetched.remux else None
            return {"start": to_rfc3339(fetched.start), "copied_out_of": remuxed, **decoded}

    @asynccontextmanager
    async def _newest(self, camera_id: str, spans: list[Span]) -> AsyncIterator[tuple[SourceFile | None, Path]]:
        """Two late seconds, fetched until the block ends, and a folder to work in; of a source that brings whole files
        only, its smallest late one; None where there is nothing."""
        late = [span for span in spans if span.finished][-5:] or spans[-1:]
        work_dir = self._services.settings.work_dir
        into = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=f"stills-{camera_id}-", dir=work_dir))
        try:
            if not late:
                yield None, into
                return
            span = min(late, key=lambda each: (not each.divisible, each.size or 0, -each.window.start))
            if not span.divisible and (span.size or 0) > _MOST_SAMPLE:
                raise InputInvalid(f"Its recordings are files of {(span.size or 0) >> 20} MB each: too large to try.")
            middle = max(span.window.start, span.window.end - 10 * SECOND)
            part = narrowed(span, Window(middle, min(middle + SAMPLE, span.window.end)))
            yield (await self._sources.fetch(part, into))[0], into
        finally:
            await asyncio.to_thread(shutil.rmtree, into, ignore_errors=True)

    async def _row(self, camera_id: str) -> CameraRow:
        async with self._services.store.transaction() as tx:
            return await known_camera(tx, camera_id)


def _channel_of(setting: SourceSetting) -> int | None:
    """Which of a recorder's channels the setting means; None for a kind that has no numbers for its cameras."""
    kind = kind_of(setting.kind)
    return None if kind is None else getattr(kind.options.model_validate(setting.options), "channel", None)


def _listed(channels: dict[int, str]) -> str:
    """Numbers with their names, as many as a line takes."""
    shown = [f"{number} ({name})" if name else str(number) for number, name in sorted(channels.items())]
    return ", ".join(shown[:16]) + (f" and {len(shown) - 16} more" if len(shown) > 16 else "")


def _before(check: ClockCheck | None) -> int:
    """Older comparisons are of another clock: all of them, where the new one was not compared."""
    return 1 << 62 if check is None else check.at


def reported(looked: Looked | None) -> Json:
    """What a look says, for a person."""
    if looked is None:
        return {}
    coverage, answer = looked.coverage, looked.answer
    return {
        "make": answer.make,
        "model": answer.model,
        "oldest": None if coverage.oldest is None else to_rfc3339(coverage.oldest),
        "clock": _clock(looked),
        "notes": list(coverage.notes),
    }


def _clock(looked: Looked) -> Json | None:
    check = looked.answer.clock
    if check is None:
        return None
    return {"offset_us": check.offset_us, "uncertainty_us": check.uncertainty_us, "zone": check.zone}


def facts_found(looked: Looked) -> CameraFacts:
    answer = looked.answer
    return CameraFacts(
        make=answer.make, model=answer.model, serial=answer.serial, firmware=answer.firmware, clock=answer.clock
    )


def days_back(looked: Looked, now: int) -> int | None:
    """How many days the source reaches back."""
    oldest = looked.coverage.oldest
    return None if oldest is None else max(0, (now - oldest) // DAY)


def has_sound(looked: Looked) -> bool:
    return any(span.codec.audio for span in looked.coverage.spans)
