"""The cameras that the owner added: found, asked what they are, given a place, recorded, registered.

Not for: speaking to a camera (``onvif.py``), or telling the portal (``agent/membership``). Nothing is
ever set on a camera. Passwords are kept in one file under ``keys/`` and cross to workers on standard input.
"""

import asyncio
import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from agent.cameras import footage_sources as footage_sources
from agent.cameras import health
from agent.cameras.known import known_camera
from agent.cameras.live_picture import snapshot_of
from agent.cameras.stored import NewCamera, address_of, facts_of, registration_of
from agent.devices.address import CameraAddress, Credentials
from agent.devices.camera_facts import CameraFacts, Profile
from agent.devices.discovery.search import discover
from agent.devices.discovery.wsdiscovery import Found
from agent.devices.onvif.ask import probe_camera
from agent.devices.passwords import Passwords
from agent.recorder.config import CameraSource, RecorderConfig, save
from agent.recorder.state import RecorderState, read_state
from agent.recordings.disk import recordings_mount
from agent.recordings.stream_clock import latest_stream_check
from agent.services import Services
from agent.settings.model import Settings
from agent.sources.registry import BY_HAND, RECORDER, setting_of
from agent.store.database import CameraRow, Transaction
from exchange.clock import MINUTE
from exchange.documents.messages import CameraRegistration, Place
from exchange.errors import CameraAnswerInvalid, CertificateChanged, HandoverError

log = logging.getLogger(__name__)

Json = dict[str, Any]

_LOST = MINUTE
_ASK_AGAIN = 10 * MINUTE


class CertificateUnconfirmed(CertificateChanged):
    """A camera shows a TLS certificate that nobody confirmed yet."""


def _address_in(found: Found) -> CameraAddress | None:
    """The first announced address that is one; None when there is none, which is no reason to lose the others."""
    for xaddr in found.xaddrs:
        with suppress(ValueError):
            return CameraAddress.parse(xaddr)
    return None


class Inventory:
    def __init__(self, services: Services) -> None:
        self._services = services
        self.footage_sources = footage_sources.CameraSources(services)
        self._settings: Settings = services.settings
        self._passwords = Passwords(self._settings.keys / "cameras.json")
        self._asked_at: dict[str, int] = {}
        """When a camera that can't be recorded was last asked where its stream is, by the monotonic clock."""

    async def discover(self, seconds: float) -> Json:
        """Look on the network, as the settings allow; what answered, and which of it was added already."""
        wanted = self._settings.discovery
        interfaces = None if wanted.interfaces == "all" else list(wanted.interfaces)
        sweep = await discover(interfaces=interfaces, hosts=wanted.hosts, listen=seconds)
        known = [address for row in await self._rows() if (address := address_of(row)) is not None]
        doors = {(address.host, address.port) for address in known}
        hosts = {address.host for address in known}
        cameras = []
        for found in sweep.found:
            address = _address_in(found)
            cameras.append(
                {
                    "address": address.url if address else found.address,
                    "name": found.name,
                    "hardware": found.hardware,
                    "interface": found.interface,
                    "added": (address.host, address.port) in doors if address else found.address in hosts,
                }
            )
        return {"cameras": cameras, "notes": list(sweep.notes), "malformed": sweep.malformed, "others": sweep.others}

    async def add(self, new: NewCamera) -> Json:
        """Ask the camera what it is, choose its stream, keep all of it, and have it recorded."""
        if new.source != RECORDER:
            return await self._add_with_source(new)
        try:
            address = CameraAddress.parse(new.address, pin=new.certificate)
        except ValueError as error:
            raise HandoverError(f"The camera's address can't be used: {error}.") from error
        credentials = Credentials(new.user, new.password or "") if new.user else None
        facts = await probe_camera(address, credentials, clock=self._services.clock, narrow=True, profile=new.profile)
        if address.tls and address.pin is None:
            raise CertificateUnconfirmed(
                f"The camera at {address.url} shows a certificate with the fingerprint {facts.tls_fingerprint}.",
                meaning="Nothing was added yet.",
                do=f"If the camera's own page shows the same, add it again with --certificate {facts.tls_fingerprint}",
            )
        profile = _choose(facts, new.profile)
        registration = CameraRegistration(
            camera_id=new.camera_id,
            label=new.label,
            place=Place(latitude=new.latitude, longitude=new.longitude, description=new.description),
            direction=new.direction,
            field_of_view=new.field_of_view,
            range_m=new.range_m,
            indoors=new.indoors,
            sound=bool(profile.audio),
            retention_days=self._settings.recordings.days if new.retention_days is None else new.retention_days,
            make=facts.make or None,
            model=facts.model or None,
        )
        async with self._services.store.transaction() as tx:
            await _keep(tx, registration, address, profile.stream_uri or "", facts, self._services.clock.now())
        await asyncio.to_thread(self._passwords.keep, new.camera_id, credentials)
        await self.tell_recorder()
        return {
            "camera_id": new.camera_id,
            "make": facts.make,
            "model": facts.model,
            "firmware": facts.firmware,
            "stream": f"{profile.codec} {profile.width}x{profile.height}",
            "sound": profile.audio,
            "clock_offset_us": facts.clock.offset_us if facts.clock else None,
            "notes": list(facts.notes),
        }

    async def _add_with_source(self, new: NewCamera) -> Json:
        """A camera whose footage another recorder holds: that is asked instead, and nothing is recorded here."""
        options, address = dict(new.options), new.address
        if new.source == BY_HAND:  # what it is exported from takes the place of an address
            folder = self._settings.brought_dir / new.camera_id
            await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
            options, address = {"app": address, "settle": "1", **options, "path": str(folder)}, ""
        setting = await asyncio.to_thread(footage_sources.typed_setting, new.source, options, address)
        credentials = Credentials(new.user, new.password or "") if new.user else None
        looked = await self.footage_sources.look_first(new.camera_id, setting, credentials)
        assert looked is not None
        days = new.retention_days
        if days is None:
            days = footage_sources.days_back(looked, self._services.clock.now())
        facts = footage_sources.facts_found(looked)
        registration = CameraRegistration(
            camera_id=new.camera_id,
            label=new.label,
            place=Place(latitude=new.latitude, longitude=new.longitude, description=new.description),
            direction=new.direction,
            field_of_view=new.field_of_view,
            range_m=new.range_m,
            indoors=new.indoors,
            sound=footage_sources.has_sound(looked),
            retention_days=self._settings.recordings.days if days is None else days,
            make=facts.make or None,
            model=facts.model or None,
        )
        async with self._services.store.transaction() as tx:
            await _keep(tx, registration, None, "", facts, self._services.clock.now())
        await self.footage_sources.keep(new.camera_id, setting, credentials)
        await self.tell_recorder()
        return {
            "camera_id": new.camera_id,
            "make": facts.make,
            "model": facts.model,
            "firmware": facts.firmware,
            "stream": f"its footage is fetched from {setting.kind}",
            "sound": "",
            "clock_offset_us": facts.clock.offset_us if facts.clock else None,
            "notes": list(looked.coverage.notes),
        }

    async def set_source(self, wanted: footage_sources.SetSource) -> Json:
        """Give a camera another source; from then on it is recorded here, or no longer."""
        changed = await self.footage_sources.set_source(wanted)
        await self.tell_recorder()
        return changed

    async def check(self, camera_id: str) -> Json:
        """Ask a camera, or the recorder it is on, again: its facts, and its clock against ours; kept as history."""
        row = await self._row(camera_id)
        address = address_of(row)
        if address is None or setting_of(row).kind != RECORDER:
            looked = await self.footage_sources.look(
                camera_id, setting_of(row), await self._source_credentials(camera_id)
            )
            facts = facts_of(row) if looked is None else footage_sources.facts_found(looked)
            return {"camera_id": camera_id, "facts": facts.model_dump(mode="json")}
        credentials = await asyncio.to_thread(self._passwords.of, camera_id)
        recorded = _recorded(row)
        facts = await probe_camera(
            address, credentials, clock=self._services.clock, narrow=True, profile=recorded.token if recorded else None
        )
        moved = _moved(row, recorded, facts)
        async with self._services.store.transaction() as tx:
            await tx.update("cameras", {"camera_id": camera_id}, facts=facts.model_dump_json())
            if moved is not None:
                await tx.update("cameras", {"camera_id": camera_id}, stream_uri=moved)
            await _keep_clock(tx, camera_id, facts)
        if moved is not None:
            log.warning("camera %s: its stream has another address now, which is recorded from here on", camera_id)
            await self.tell_recorder()
        return {"camera_id": camera_id, "facts": facts.model_dump(mode="json"), "stream_moved": moved is not None}

    async def snapshot(self, camera_id: str) -> bytes:
        """A JPEG of what the camera sees now, or of what its recorder kept last. NotFound; CameraUnreachable."""
        row = await self._row(camera_id)
        if not row.stream_uri:
            return await self.footage_sources.last_picture(camera_id)
        credentials = await asyncio.to_thread(self._passwords.of, camera_id)
        return await snapshot_of(self._services, row, credentials)

    async def learn_streams(self) -> int:
        """Ask cameras that can't be recorded for a while where their stream is: some change its address when they
        start. How many were asked."""
        recorder = await asyncio.to_thread(read_state, self._settings.recordings.directory)
        now, asked = self._services.clock.now(), 0
        if not recorder.alive(now):
            return 0
        for row in await self._rows():
            state = recorder.cameras.get(row.camera_id)
            lost = state is not None and state.state == "waiting" and (state.since or now) <= now - _LOST
            if not lost or setting_of(row).kind != RECORDER:
                continue
            monotonic = self._services.clock.monotonic()
            if monotonic - self._asked_at.get(row.camera_id, -_ASK_AGAIN) < _ASK_AGAIN:
                continue
            self._asked_at[row.camera_id] = monotonic
            asked += 1
            try:
                await self.check(row.camera_id)
            except HandoverError as error:  # that it is away is told by status
                log.debug("camera %s: %s", row.camera_id, error)
        return asked

    async def check_clocks(self) -> None:
        """Every camera's clock, one camera after the other; of one that doesn't answer, as its recorded stream told."""
        for row in await self._rows():
            try:
                await self.check(row.camera_id)
            except HandoverError as error:
                log.warning("camera %s: %s", row.camera_id, error)
                await self._listen(row)

    async def _listen(self, row: CameraRow) -> None:
        reported = await asyncio.to_thread(
            latest_stream_check, self._settings.recordings.directory, row.camera_id, self._services.clock.now()
        )
        if reported is not None:
            facts = facts_of(row).model_copy(update={"clock": reported})
            async with self._services.store.transaction() as tx:
                await tx.update("cameras", {"camera_id": row.camera_id}, facts=facts.model_dump_json())
                await _keep_clock(tx, row.camera_id, facts)

    async def remove(self, camera_id: str) -> None:
        """Forget a camera. What was recorded stays until its time is over."""
        await self._row(camera_id)
        async with self._services.store.transaction() as tx:
            for table in ("cameras", "clock_checks", "health_looks", "health_references"):
                await tx.execute(f"DELETE FROM {table} WHERE camera_id = ?", [camera_id])  # noqa: S608 names above
        await asyncio.to_thread(self._passwords.keep, camera_id, None)
        await self.footage_sources.forget(camera_id)
        await self.tell_recorder()

    async def _source_credentials(self, camera_id: str) -> Credentials | None:
        return await asyncio.to_thread(self._services.footage.passwords.of, camera_id)

    async def summaries(self, rows: Sequence[CameraRow]) -> list[Json]:
        """Each camera, and how its recording goes, for a person."""
        recorder = await asyncio.to_thread(read_state, self._settings.recordings.directory)
        async with self._services.store.transaction() as tx:
            wrong = await health.troubles(tx)
        return [self._summary(row, recorder, health.WORDS.get(wrong.get(row.camera_id, ""))) for row in rows]

    def _summary(self, row: CameraRow, recorder: RecorderState, looks: str | None) -> Json:
        registration, facts = registration_of(row), facts_of(row)
        setting, address = setting_of(row), address_of(row)
        return {
            "camera_id": row.camera_id,
            "label": registration.label,
            "make": facts.make,
            "model": facts.model,
            "address": address.url if address else setting.address or setting.options.get("path", ""),
            "source": setting.kind,
            "registered": bool(row.registered),
            "clock_offset_us": facts.clock.offset_us if facts.clock else None,
            "recording": recorder.camera_text(row.camera_id, self._services.clock.now())
            if setting.kind == RECORDER
            else f"elsewhere: {setting.kind}",
            "health": looks,
            "footage_trouble": self.footage_sources.trouble(row.camera_id),
        }

    async def recording_now(self) -> int:
        """How many cameras are being recorded."""
        recorder = await asyncio.to_thread(read_state, self._settings.recordings.directory)
        return recorder.recording(self._services.clock.now())

    async def tell_recorder(self) -> None:
        """Write the recorder's own file; it reads it anew by itself."""
        cameras = []
        for row in await self._rows():
            if setting_of(row).kind != RECORDER:
                continue
            credentials = await asyncio.to_thread(self._passwords.of, row.camera_id)
            cameras.append(
                CameraSource(
                    camera_id=row.camera_id,
                    url=row.stream_uri,
                    user=credentials.user if credentials else "",
                    password=credentials.password if credentials else "",
                )
            )
        recordings = self._settings.recordings
        config = RecorderConfig(
            root=recordings.directory,
            cameras=tuple(cameras),
            segment=recordings.segment,
            reserve=min(recordings.keep_free // 2, 1 << 30),
            mount=await recordings_mount(self._services.settings, self._services.store),
        )
        await asyncio.to_thread(save, self._settings.recorder_config, config)

    # -- what is kept --

    async def _rows(self) -> list[CameraRow]:
        async with self._services.store.transaction() as tx:
            return await tx.cameras()

    async def _row(self, camera_id: str) -> CameraRow:
        async with self._services.store.transaction() as tx:
            return await known_camera(tx, camera_id)


def _recorded(row: CameraRow) -> Profile | None:
    """Of the profiles that the camera told last, the one that is recorded."""
    return next((each for each in facts_of(row).profiles if each.stream_uri == row.stream_uri), None)


def _moved(row: CameraRow, recorded: Profile | None, facts: CameraFacts) -> str | None:
    """The stream's new address, where the recorded profile, or the only one like it, has another by now."""
    if recorded is None or any(each.stream_uri == row.stream_uri for each in facts.profiles):
        return None
    reported = [each for each in facts.profiles if each.stream_uri]
    found = [each for each in reported if each.token == recorded.token]
    if not found:
        look = (recorded.source, recorded.codec, recorded.width, recorded.height)
        found = [each for each in reported if (each.source, each.codec, each.width, each.height) == look]
    return found[0].stream_uri if len(found) == 1 else None


def _choose(facts: CameraFacts, token: str | None) -> Any:
    """The profile to record: the one named, else the largest picture in a codec that can be copied into MP4."""
    usable = [profile for profile in facts.profiles if profile.stream_uri and profile.codec in ("h264", "h265")]
    if token is not None:
        usable = [profile for profile in usable if profile.token == token]
    if not usable:
        offered = ", ".join(f"{profile.token} ({profile.codec})" for profile in facts.profiles) or "none"
        raise CameraAnswerInvalid(
            "The camera offers no H.264 or H.265 stream that can be recorded.",
            meaning=" ".join([f"Its streams are: {offered}.", *facts.notes[:8]]),
            do="Switch it to H.264 or H.265 on its own page, or name another with --profile.",
        )
    return max(usable, key=lambda profile: (profile.width or 0) * (profile.height or 0))


async def _keep(
    tx: Transaction,
    registration: CameraRegistration,
    address: CameraAddress | None,
    stream_uri: str,
    facts: CameraFacts,
    now: int,
) -> None:
    kept = {} if address is None else asdict(address)
    await tx.execute("DELETE FROM cameras WHERE camera_id = ?", [registration.camera_id])
    await tx.insert(
        "cameras",
        camera_id=registration.camera_id,
        registration=registration.model_dump_json(),
        address=json.dumps(kept),
        stream_uri=stream_uri,
        facts=facts.model_dump_json(),
        added_at=now,
    )
    await _keep_clock(tx, registration.camera_id, facts)


async def _keep_clock(tx: Transaction, camera_id: str, facts: CameraFacts) -> None:
    if facts.clock is not None:
        await tx.execute(
            "INSERT OR REPLACE INTO clock_checks (camera_id, at, result) VALUES (?, ?, ?)",
            [camera_id, facts.clock.at, facts.clock.model_dump_json()],
        )
