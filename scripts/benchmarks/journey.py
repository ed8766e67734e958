"""From the owner's yes to the force's receipt, beside the commands that a person would use one after the other.

Not for: the officer's own opening of the package, which neither side counts. Ours is the real daemon and the real
portal; theirs is ffmpeg, sha256sum, age and curl to the same portal, on the same disk.
"""

import asyncio
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from agent import app
from agent.cli.caller import Call, daemon_call
from agent.recordings import layout
from agent.settings.model import Settings
from exchange.age.files import generate_identity
from exchange.clock import HOUR, SECOND, SystemClock, Window
from exchange.documents import api
from exchange.documents.messages import Asked, Delivery, Incident, Receipt, Request, Stretch
from exchange.signing.documents import PublicKey, SigningKey, open_document, sign_document
from exchange.signing.tokens import mint
from portal.officer.client import OfficerClient
from scripts.benchmarks.clip import minute_of_footage
from scripts.benchmarks.row import Row
from tests.counterparts.portals.portal import Place, PortalProcess, make_place
from tests.journey.home import CAMERA, add_camera, join, settings_at

SEGMENT = 60 * SECOND
_IDLE_SECONDS = 8


def rows(work: Path) -> Iterator[Row]:
    """Wall time in seconds; memory in MB (PSS, the agent's processes together at the worst moment), of a second time.

    The disk has nothing left to do when a side begins.
    """
    size = int(os.environ.get("HANDOVER_BENCH_SIZE", 1 << 30))
    folder = work / "journey"
    folder.mkdir(parents=True, exist_ok=True)
    ours, memory = asyncio.run(_measure(folder, size))
    yield Row(f"approve to receipt, {size >> 20} MiB", ours["ours"], ours["theirs"], "s", 1.0)
    yield Row("memory of all the agent's processes", memory["all"], None, "MB", 220)
    yield Row("memory of the daemon", memory["daemon"], None, "MB", 90)
    yield Row("memory of the daemon, idle", memory["idle"], None, "MB", 75)


async def _measure(folder: Path, size: int) -> tuple[dict[str, float], dict[str, float]]:
    minute = minute_of_footage(folder)
    count = max(1, round(size / minute.stat().st_size))
    start = (time.time_ns() // 1000 - (count + 5) * SEGMENT) // SECOND * SECOND
    place = make_place(folder / "force")
    with PortalProcess(place) as portal:
        settings = settings_at(folder / "agent", portal.origin, "requests: {longest_window: 12h}")
        segments = lay(settings.recordings.directory, minute, start, count)
        await enrol(settings, portal.origin)
        window = Window(start, start + count * SEGMENT)
        config = _config(settings, folder, portal.origin)
        process = await asyncio.create_subprocess_exec(
            Path(sys.executable).parent / "handover",
            "--config",
            config,
            "run",
            stderr=(folder / "daemon.log").open("wb"),
        )
        try:
            ours, memory = await _ours(settings, process.pid, place, portal.origin, window)
        finally:
            process.terminate()
            await process.wait()
        theirs = await asyncio.to_thread(_theirs, folder, segments, portal.origin, settings)
    return {"ours": ours, "theirs": theirs}, memory


def _config(settings: Settings, folder: Path, url: str) -> Path:
    path = folder / "handover.yaml"
    path.write_text(
        f"data: {settings.data}\nportal: {{url: '{url}'}}\n"
        "owner: {kind: household, name: Robin Example, contact: 01632 960001}\n"
        "copies: {playable: false, quality: false}\n"
        "discovery: {enabled: false}\npoll: {every: 1s, jitter: 0s}\n"
        "recordings: {keep_free: 1 MB}\nrequests: {longest_window: 12h}\n"
    )
    return path


def lay(root: Path, minute: Path, start: int, count: int) -> list[Path]:
    """The window's segments, each with bytes of its own, as the recorder would leave them."""
    made = []
    for number in range(count):
        at = start + number * SEGMENT
        name = layout.SegmentName(at, SEGMENT, layout.SegmentState.WHOLE, "mp4")
        folder = root / CAMERA / layout.day_of(at)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / str(name)
        path.write_bytes(minute.read_bytes())
        made.append(path)
    os.sync()
    return made


async def enrol(settings: Settings, origin: str) -> None:
    async with app.build(settings) as agent:
        await add_camera(agent)
        await join(agent, origin)


async def _ours(
    settings: Settings, pid: int, place: Place, origin: str, window: Window
) -> tuple[float, dict[str, float]]:
    async with asyncio.timeout(30):
        while not settings.socket.exists():  # noqa: ASYNC110 another process makes it
            await asyncio.sleep(0.05)
    await asyncio.sleep(_IDLE_SECONDS)
    idle = megabytes(psutil.Process(pid))
    async with daemon_call(settings) as call, place.client(origin) as officer:
        device = (await call("status"))["device"]
        took = await _walked(call, officer, place, device, window)
        with Watch(pid) as watch:  # looking at memory takes time itself
            await _walked(call, officer, place, device, window)
    return took, {"idle": idle, "all": watch.worst_all, "daemon": watch.worst_daemon}


async def _walked(call: Call, officer: OfficerClient, place: Place, device: str, window: Window) -> float:
    """Seconds from the yes to a new request to its receipt."""
    request_id = await ask(officer, place, device, window)
    told = await until(call, request_id, "asked")
    os.sync()
    begun = time.monotonic()
    await call(
        "decide",
        request_id=request_id,
        plan_sha256=told["plan_sha256"],
        choices=[{"position": 0, "share": True, "sound": False}],
    )
    await _receipt(officer, place, request_id)
    await until(call, request_id, "closed")
    return time.monotonic() - begun


async def ask(officer: OfficerClient, place: Place, device: str, window: Window) -> str:
    now = time.time_ns() // 1000
    asked = Asked(camera_id=CAMERA, window=Stretch.of(window))
    request = Request(
        request_id=str(uuid.uuid4()), device=device, force=place.force.name, credential=place.credential,
        crime_reference="04/1234/26",
        incident=Incident(kind="Burglary", place="12 Mill Road", happened=Stretch.of(window), description="A door."),
        purpose="To see.", legal_basis="Law.", necessity="Need.", asked=(asked,),
        recipient=str(generate_identity("hybrid").recipient), issued=now, expires=now + 24 * HOUR,
    )  # fmt: skip
    return (await officer.send(sign_document(request, place.officer))).request_id


async def until(call: Call, request_id: str, state: str, seconds: float = 300) -> dict[str, object]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        rows = {row["request_id"]: row for row in (await call("requests"))["requests"]}
        row = rows.get(request_id)
        if row is not None and row["state"] == state:
            return await call("show", request_id=request_id)
        if row is not None and row["trouble"] and row["state"] not in ("delivered", "closed"):
            raise RuntimeError(row["trouble"])
        await asyncio.sleep(0.05)
    raise RuntimeError(f"the request is not {state} after {seconds:.0f} s")


async def _receipt(officer: OfficerClient, place: Place, request_id: str) -> None:
    """An officer who receipts as soon as the delivery is announced, before opening it."""
    while not (deliveries := (case := await officer.case(request_id)).deliveries):  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    assert case.device_key is not None
    delivery = open_document(deliveries[0].signed, Delivery, PublicKey.parse(case.device_key))
    receipt = Receipt(
        receipt_id=str(uuid.uuid4()), delivery_id=delivery.delivery_id, request_id=request_id,
        evidence_id=delivery.evidence_id, ciphertext_sha256=delivery.ciphertext_sha256, size=delivery.size,
        verified=False, remarks="not opened yet", credential=place.credential, issued=time.time_ns() // 1000,
    )  # fmt: skip
    await officer.receipt(delivery.delivery_id, sign_document(receipt, place.officer))


def _theirs(folder: Path, segments: list[Path], origin: str, settings: Settings) -> float:
    listed = folder / "list.txt"
    listed.write_text("".join(f"file '{path}'\nduration 60\n" for path in segments))
    recipient = str(generate_identity("x25519").recipient)
    clip, sealed = folder / "clip.mp4", folder / "clip.mp4.age"
    os.sync()
    begun = time.monotonic()
    subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "concat", "-safe", "0", "-i", listed, "-c", "copy", clip],
        check=True,
    )
    subprocess.run(["sha256sum", clip], check=True, capture_output=True)
    subprocess.run(["age", "-r", recipient, "-o", sealed, clip], check=True)
    url = _created(origin, settings, sealed.stat().st_size)
    headers = _headers(origin, settings) | {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    flags = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    subprocess.run(["curl", "-sS", "--fail", "-X", "PATCH", *flags, "-T", sealed, url], check=True)
    took = time.monotonic() - begun
    clip.unlink()
    sealed.unlink()
    return took


def _created(origin: str, settings: Settings, size: int) -> str:
    headers = _headers(origin, settings) | {"Upload-Length": str(size)}
    flags = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    told = subprocess.run(
        ["curl", "-sS", "--fail", "-D", "-", "-o", "/dev/null", "-X", "POST", *flags, origin + api.UPLOADS],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    location = next(line.split(":", 1)[1].strip() for line in told.splitlines() if line.lower().startswith("location:"))
    return location if "://" in location else origin + location


def _headers(origin: str, settings: Settings) -> dict[str, str]:
    token = mint(SigningKey.load(settings.device_key), origin, SystemClock())
    return {"Authorization": f"Bearer {token}", "Tus-Resumable": "1.0.0"}


class Watch:
    """Looks at the daemon and all its children twenty times a second."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._stop = threading.Event()
        self.worst_all = self.worst_daemon = 0.0

    def __enter__(self) -> "Watch":
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(0.05):
            own = megabytes(self._process)
            children = 0.0
            for child in self._process.children(recursive=True):
                with suppress(psutil.Error):
                    children += megabytes(child)
            self.worst_daemon = max(self.worst_daemon, own)
            self.worst_all = max(self.worst_all, own + children)


def megabytes(process: psutil.Process) -> float:
    """Proportional set size: pages that processes share are counted once."""
    return process.memory_full_info().pss / 1e6
