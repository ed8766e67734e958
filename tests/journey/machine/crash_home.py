"""A home whose daemon may be killed at any point, beside a portal that is a process of its own.

Not for: tests themselves. ``crashing_daemon`` says what the points are.
"""

import asyncio
import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from agent import app
from agent.cli.caller import daemon_call
from agent.recordings.segments import SegmentStore
from agent.settings.model import Settings, load_settings
from exchange.age.files import Identity, generate_identity
from exchange.clock import HOUR, SECOND, SystemClock, Window
from exchange.custody.log import check_chain
from exchange.documents.messages import Asked, Decision, Delivery, Incident, Receipt, Request, Signed, Stretch
from exchange.errors import HandoverError
from exchange.signing.documents import PublicKey, SigningKey, open_document, sign_document
from exchange.verify.checking import verify_package
from portal.officer.client import OfficerClient
from tests.agent.media.recordings import Recording
from tests.counterparts.http.timestamp_authority import TimestampAuthority
from tests.counterparts.portals.portal import PortalProcess
from tests.journey.home import CAMERA, add_camera, join, place_recording

PATIENCE = 110.0
"""Seconds for what a running daemon should reach; on a busy machine a worker takes a while to start."""


class Daemons:
    """The program that forks daemons. Its lines come as ``pid``, ``at`` and ``ended``."""

    async def __aenter__(self) -> Self:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.journey.machine.crashing_daemon",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert "ready" in await self.hear()
        return self

    async def __aexit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.wait()

    async def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            said: dict[str, Any] = json.loads(await self.process.stdout.readline())
        return said

    async def start(self, **order: Any) -> int:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        await self.process.stdin.drain()
        return int((await self.hear())["pid"])


@dataclass
class CrashHome:
    """One enrolled owner with one request, whose footage is ``recording``."""

    settings: Settings
    config: Path
    portal: PortalProcess
    officer: OfficerClient
    case: Identity
    request_id: str
    daemons: Daemons
    passed: list[str] = field(default_factory=list)
    """Points at which a daemon ended, in order."""
    seen: dict[str, set[str]] = field(default_factory=dict)
    """What must never have two values: ids and hashes by what they are of."""
    opened: bool = False
    ended: int = 0
    """The daemon that was told to end."""

    # -- walking --

    async def live(self, at: Sequence[str] | None, *, stopped: Callable[[], None] | None = None) -> None:
        """Start the daemon as often as it dies, until the request is closed; then end it as systemd does.

        It dies at each point of ``at``, once; at every point there is for None. With ``stopped`` it stops there
        instead, that is called, and it goes on.
        """
        async with asyncio.timeout(4 * PATIENCE):
            while not await self._one_life(at, stopped):
                self._remember()

    async def _one_life(self, at: Sequence[str] | None, stopped: Callable[[], None] | None) -> bool:
        pid = await self.daemons.start(
            config=str(self.config),
            log=str(self.config.with_suffix(".log")),
            at=at,
            passed=self.passed,
            signal="SIGSTOP" if stopped else "SIGKILL",
        )
        hearing = asyncio.create_task(self.daemons.hear())
        over = False
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    if hearing.done():
                        said = hearing.result()
                        if over := "ended" in said:
                            return self._judge_end(said["ended"])
                        self.passed.append(said["at"])
                        hearing = asyncio.create_task(self.daemons.hear())
                        if stopped is not None:
                            await asyncio.to_thread(stopped)
                            os.kill(pid, signal.SIGCONT)
                    await self._help(pid)
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"stuck after {self.passed[-5:]}: {self.state()}\n{self.log()}") from None
        finally:
            if not over:  # its last word must not be heard as the next one's first
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                while "ended" not in await hearing:
                    hearing = asyncio.create_task(self.daemons.hear())

    def _judge_end(self, code: int) -> bool:
        if code == -signal.SIGKILL:
            return False
        assert code == 0, self.log()
        assert self.state() == "closed"
        return True

    async def _help(self, pid: int) -> None:
        """What people do meanwhile: the owner says yes, the officer opens and receipts, then somebody stops it."""
        state = self.state()
        if state == "asked":
            await self._say_yes()
        elif state == "delivered" and not self.opened:
            await self._open_and_receipt()
        elif state == "closed" and self.ended != pid:
            with suppress(HandoverError, ProcessLookupError):  # it may not listen yet, or die even now
                async with daemon_call(self.settings) as call:
                    await call("status")
                os.kill(pid, signal.SIGTERM)
                self.ended = pid

    async def _say_yes(self) -> None:
        with suppress(HandoverError):  # the daemon may die at any moment
            async with daemon_call(self.settings) as call:
                told = await call("show", request_id=self.request_id)
                choices = [{"position": 0, "share": True, "sound": False}]
                plan = told["plan_sha256"]
                await call("decide", request_id=self.request_id, plan_sha256=plan, choices=choices)

    async def _open_and_receipt(self) -> None:
        """Fetch, open and check what is delivered, as ``handover-officer open --receipt`` does."""
        case = await self.officer.case(self.request_id)
        (delivered,) = case.deliveries
        device = self.device
        delivery = open_document(delivered.signed, Delivery, device)
        decision = case.decision
        assert decision is not None
        assert open_document(decision, Decision, device).cameras[0].evidence_id == delivery.evidence_id
        target = self.config.parent / "fetched.zip.age"
        await self.officer.fetch(delivery.delivery_id, delivery.size, delivery.ciphertext_sha256, target)
        force = self.portal.place.force.key.public
        bag = self.config.parent / "opened"
        report = await asyncio.to_thread(
            verify_package, target, identities=[self.case], force_key=force, device_key=device, into=bag, deep=True
        )
        assert report.ok, [finding for finding in report.findings if finding.error]
        assert report.bag is not None
        self._see("evidence.json", (report.bag / "data" / "evidence.json").read_bytes())
        self._see("time stamp", (report.bag / "data" / "evidence.json.tsr").read_bytes())
        self._see("ciphertext", target.read_bytes())
        self._see("evidence id", delivery.evidence_id.encode())
        receipt = Receipt(
            receipt_id=str(uuid.uuid4()),
            delivery_id=delivery.delivery_id,
            request_id=self.request_id,
            evidence_id=delivery.evidence_id,
            ciphertext_sha256=delivery.ciphertext_sha256,
            size=delivery.size,
            verified=True,
            credential=self.portal.place.credential,
            issued=SystemClock().now(),
        )
        await self.officer.receipt(delivery.delivery_id, sign_document(receipt, self.portal.place.officer))
        self.opened = True

    # -- looking --

    @property
    def device(self) -> PublicKey:
        return SigningKey.load(self.settings.device_key).public

    def rows(self, sql: str, *values: str) -> list[tuple[Any, ...]]:
        """From the agent's database, whoever has it open."""
        with closing(sqlite3.connect(f"file:{self.settings.database}?mode=ro", uri=True, timeout=10)) as connection:
            return connection.execute(sql, values).fetchall()

    def portal_rows(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.portal.place.folder.database, timeout=10)) as connection:
            return connection.execute(sql, [self.request_id]).fetchall()

    def state(self) -> str | None:
        rows = self.rows("SELECT state FROM requests WHERE request_id = ?", self.request_id)
        return str(rows[0][0]) if rows else None

    def log(self) -> str:
        log = self.config.with_suffix(".log")
        return log.read_text()[-4000:] if log.exists() else ""

    def _see(self, what: str, content: bytes) -> None:
        self.seen.setdefault(what, set()).add(hashlib.sha256(content).hexdigest())

    def _remember(self) -> None:
        """After a crash: what stands must stand for good."""
        query = (
            "SELECT evidence_id, evidence, response FROM packages LEFT JOIN stamps USING (evidence_id)"
            " WHERE request_id = ?"
        )
        for evidence_id, evidence, timestamp in self.rows(query, self.request_id):
            self._see("evidence id", evidence_id.encode())
            if evidence is not None:
                self._see("evidence.json", Signed.model_validate_json(evidence).document.encode())
            if timestamp is not None:
                self._see("time stamp", timestamp)
        for package in self.settings.packages_dir.glob("*.zip.age"):
            self._see("ciphertext", package.read_bytes())
        decisions = self.rows("SELECT document FROM decisions WHERE request_id = ?", self.request_id)
        for (document,) in decisions:
            self._see("decision", document.encode())

    # -- judging --

    def assert_handed_over_once(self) -> None:
        """The journey ended, once: one package, one delivery, one receipt; nothing half-made is left anywhere."""
        self._remember()
        assert {what: len(values) for what, values in self.seen.items()} == dict.fromkeys(
            ("decision", "evidence id", "evidence.json", "time stamp", "ciphertext"), 1
        )
        delivered = "FROM deliveries WHERE request_id = ?"
        assert self.portal_rows(f"SELECT count(*), count(receipted) {delivered}") == [(1, 1)]
        mine = "FROM uploads WHERE device = (SELECT device FROM requests WHERE request_id = ?)"
        assert self.portal_rows(f"SELECT count(*) {mine} AND sha256 IS NOT NULL") == [(1,)]
        lines = [row[0] for row in self.rows("SELECT line FROM custody ORDER BY seq")]
        assert check_chain(lines) == len(lines)
        events = [event["event"] for event in map(json.loads, lines) if event.get("request_id") == self.request_id]
        once = (
            "request-received",
            "request-verified",
            "approved",
            "clipped",
            "signed",
            "timestamped",
            "sealed",
            "receipt",
        )
        for event in once:
            assert events.count(event) == 1, (event, events)
        self._assert_nothing_is_left_over()

    def _assert_nothing_is_left_over(self) -> None:
        settings = self.settings
        assert list(settings.work_dir.iterdir()) == []
        assert [path.suffixes for path in settings.packages_dir.iterdir()] == [[".zip", ".age"]]
        assert sorted(path.suffix for path in settings.receipts_dir.iterdir()) == [".json", ".sig"]
        assert self.rows("SELECT count(*) FROM plans") == [(1,)]  # kept: the force may say that it can't be played
        assert SegmentStore(settings.recordings.directory, SystemClock()).held_bytes() == 0
        assert not settings.socket.exists()


@asynccontextmanager
async def crash_home(
    tmp_path: Path,
    portal: PortalProcess,
    daemons: Daemons,
    recording: Recording,
    authority: TimestampAuthority,
) -> AsyncIterator[CrashHome]:
    """An owner joins the portal, a camera's footage is there, and an officer has asked for a part of it."""
    data, config = tmp_path / "a", tmp_path / "handover.yaml"
    config.write_text(
        f"data: {data}\nportal: {{url: '{portal.origin}'}}\n"
        "owner: {kind: household, name: Robin Example, contact: 01632 960001}\n"
        "discovery: {enabled: false}\npoll: {every: 1s, jitter: 0s}\nrecordings: {segment: 10s, keep_free: 1 MB}\n"
        "copies: {playable: false, quality: false}\n"
        f"timestamp_authorities: [{{url: '{authority.url}', certificates: {authority.certificates}}}]\n"
    )
    settings = await asyncio.to_thread(load_settings, config)
    await asyncio.to_thread(place_recording, settings.recordings.directory, recording)
    async with app.build(settings) as agent:
        await add_camera(agent)
        await join(agent, portal.origin)
        device = agent.services.keys.device.public.fingerprint
    case = generate_identity("x25519")
    async with portal.client() as officer:
        first = recording.files[0].start_us
        request = request_for(portal, device, case, Window(first + 2 * SECOND, recording.end_us - 2 * SECOND))
        await officer.send(sign_document(request, portal.place.officer))
        yield CrashHome(settings, config, portal, officer, case, request.request_id, daemons)


def request_for(portal: PortalProcess, device: str, case: Identity, window: Window, **changed: object) -> Request:
    """What the officer of ``portal`` asks this device for; ``changed`` fields replace the usual ones."""
    now = SystemClock().now()
    fields: dict[str, object] = {
        "request_id": str(uuid.uuid4()),
        "device": device,
        "force": portal.place.force.name,
        "credential": portal.place.credential,
        "crime_reference": "04/1234/26",
        "incident": Incident(
            kind="Burglary", place="12 Mill Road", happened=Stretch.of(window), description="A door was forced."
        ),
        "purpose": "To identify who came and went.",
        "legal_basis": "Prevention and detection of crime.",
        "necessity": "No other camera looks at this door.",
        "asked": (Asked(camera_id=CAMERA, window=Stretch.of(window), sound=False),),
        "recipient": str(case.recipient),
        "issued": now,
        "expires": now + 24 * HOUR,
    }
    return Request.model_validate(fields | changed)
