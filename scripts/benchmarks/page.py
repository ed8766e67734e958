"""The owner's page in a real Chromium: how soon ten minutes move and can be sought in, what a page weighs, what
the daemon takes, whether twenty who watch hold up an upload; and from the message to sent, in taps and seconds.

Not for: whether it is right (the tests do that). Beside it: the same footage made playable by ffmpeg alone.
"""

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil
from playwright.async_api import Page, async_playwright

from agent.cli.caller import daemon_call
from agent.settings.model import Settings, load_settings
from exchange.clock import SECOND, Window
from scripts.benchmarks.journey import SEGMENT, Watch, ask, enrol, lay, megabytes, until
from scripts.benchmarks.row import Row
from tests.agent.owner.web.pages import PASSWORD, free_port
from tests.counterparts.portals.portal import Place, PortalProcess, make_place
from tests.counterparts.processes.browser import CHROMIUM, PHONE

MINUTES = 10
VIEWERS = 20
_SEEKS = 12
_IDLE_SECONDS = 8
_CODECS = {
    "H.264": ["-c:v", "libx264", "-preset", "ultrafast", "-b:v", "2M"],
    "H.265": ["-c:v", "libx265", "-preset", "ultrafast", "-b:v", "2M", "-x265-params", "log-level=error"],
}


def rows(work: Path) -> Iterator[Row]:
    for codec, first, most in (("H.264", 1.0, 0.3), ("H.265", 2.0, 0.3)):
        measured = asyncio.run(_measure(work / f"page-{codec}", codec, full=codec == "H.264"))
        yield Row(f"first picture of {MINUTES} min of {codec}", measured.first, None, "s", first)
        yield Row(f"the same beside ffmpeg alone, {codec}", measured.first, measured.ffmpeg, "s", None)
        yield Row(f"seek, {codec}", measured.seek, None, "s", most)
        if measured.full is None:
            continue
        full = measured.full
        yield Row("page without pictures", full.page, None, "kB", 60)
        yield Row("largest script", full.script, None, "kB", 25)
        yield Row("memory of the daemon with the page", full.memory, None, "MB", 90)
        yield Row("memory of the daemon with the page, idle", full.idle, None, "MB", 75)
        yield Row(f"yes to delivered, {VIEWERS} watching beside none", full.watched, full.alone, "s", 1.1)
        yield Row("message to sent, 2-minute window: taps", full.taps, None, "taps", 6)
        yield Row("message to sent, 2-minute window: seconds", full.seconds, None, "s", 60)


@dataclass
class _Full:
    page: float
    script: float
    memory: float
    idle: float
    watched: float
    alone: float
    taps: float
    seconds: float


@dataclass
class _Measured:
    first: float
    ffmpeg: float
    seek: float
    full: _Full | None


def _minute(folder: Path, codec: str) -> Path:
    """A minute at 1280x720, a key frame every two seconds, as the recorder writes it."""
    target = folder / "minute.mp4"
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25"]
    command += [
        "-t",
        "60",
        *_CODECS[codec],
        "-g",
        "50",
        "-keyint_min",
        "50",
        "-sc_threshold",
        "0",
        "-pix_fmt",
        "yuv420p",
    ]
    command += ["-movflags", "+frag_keyframe+empty_moov+default_base_moof+delay_moov", str(target)]
    subprocess.run(command, check=True)
    return target


def _config(folder: Path, origin: str, port: int) -> Path:
    path = folder / "handover.yaml"
    path.write_text(
        f"data: {folder / 'agent'}\nportal: {{url: '{origin}'}}\n"
        "owner: {kind: household, name: Robin Example, contact: 01632 960001}\n"
        "copies: {playable: false, quality: false}\n"
        f"discovery: {{enabled: false}}\npoll: {{every: 1s, jitter: 0s}}\npage: {{port: {port}}}\n"
        "recordings: {keep_free: 1 MB}\nrequests: {longest_window: 12h}\n"
    )
    return path


async def _measure(folder: Path, codec: str, *, full: bool) -> _Measured:
    folder.mkdir(parents=True)  # noqa: ASYNC240 nothing else runs yet
    minute = await asyncio.to_thread(_minute, folder, codec)
    start = (time.time_ns() // 1000 - (MINUTES + 5) * SEGMENT) // SECOND * SECOND
    place, port = make_place(folder / "force"), free_port()
    with PortalProcess(place) as portal:
        config = _config(folder, portal.origin, port)
        settings = load_settings(config)
        segments = lay(settings.recordings.directory, minute, start, MINUTES)
        await enrol(settings, portal.origin)
        window = Window(start, start + MINUTES * SEGMENT)
        async with _daemon(config, folder) as process:
            pid = process.pid
            await asyncio.sleep(_IDLE_SECONDS)
            idle = megabytes(psutil.Process(pid))
            async with daemon_call(settings) as call, place.client(portal.origin) as officer:
                await call("add-person", person_id="robin", name="Robin", role="administrator")
                device = (await call("status"))["device"]
                first, seek, page_kb, script_kb, cookie = await _watch(
                    f"http://localhost:{port}", (await call("invite-person", person_id="robin"))["code"],
                    lambda: ask(officer, place, device, window), lambda name: until(call, name, "asked"),
                )  # fmt: skip
            measured = None
            if full:
                watching = await _viewers(settings, place, portal.origin, window, port, cookie, pid)
                taps, seconds = await _taps(settings, place, portal.origin, window, port, cookie)
                measured = _Full(page_kb, script_kb, watching[2], idle, watching[1], watching[0], taps, seconds)
        ffmpeg = await asyncio.to_thread(_ffmpeg, folder, segments, codec)
    return _Measured(first, ffmpeg, seek, measured)


@asynccontextmanager
async def _daemon(config: Path, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    program = Path(sys.executable).parent / "handover"
    with (folder / "daemon.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(program, "--config", config, "run", stderr=log)
        try:
            async with asyncio.timeout(30):
                while not load_settings(config).socket.exists():  # noqa: ASYNC110 another process makes it
                    await asyncio.sleep(0.05)
            yield process
        finally:
            process.terminate()
            await process.wait()


def _ffmpeg(folder: Path, segments: list[Path], codec: str) -> float:
    """The window as a file that a browser plays, by ffmpeg: copied, or H.265 made H.264."""
    listed, target = folder / "list.txt", folder / "whole.mp4"
    listed.write_text("".join(f"file '{path}'\nduration 60\n" for path in segments))
    how = ["-c", "copy"] if codec == "H.264" else ["-c:v", "libx264", "-preset", "ultrafast"]
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "concat", "-safe", "0", "-i", listed, *how]
    begun = time.monotonic()
    subprocess.run([*command, "-movflags", "+faststart", target], check=True)
    return time.monotonic() - begun


@asynccontextmanager
async def _browser(origin: str, cookie: str = "") -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage", "--mute-audio"]
        )
        context = await browser.new_context(viewport=PHONE, base_url=origin)
        context.set_default_timeout(60_000)
        if cookie:
            await context.add_cookies([{"name": "handover", "value": cookie, "url": origin}])
        yield await context.new_page()
        await browser.close()


async def _watch(origin: str, code: str, asked, ready) -> tuple[float, float, float, float, str]:  # type: ignore[no-untyped-def]
    """(first picture, seek, page kB, largest script kB, session cookie)."""
    async with _browser(origin) as page:
        weights: dict[str, int] = {}

        async def weigh(response) -> None:  # type: ignore[no-untyped-def]
            if response.request.resource_type in ("document", "script", "stylesheet") and response.status == 200:
                weights[response.url] = len(await response.body())

        await page.goto(f"/pair#{code}")
        await page.click("text=Go on")
        await page.fill("#new", PASSWORD)
        await page.fill("#again", PASSWORD)
        await page.click("text=Use this password")
        await page.wait_for_selector("text=Nothing waits for you")
        request_id = await asked()
        await ready(request_id)
        page.on("response", weigh)
        begun = time.monotonic()
        await page.goto(f"/requests/{request_id}", wait_until="commit")
        video = page.locator("video")
        await video.evaluate("video => { video.muted = true; video.autoplay = true; video.play().catch(() => {}); }")
        while await video.evaluate("video => video.currentTime") <= 0:  # noqa: ASYNC110 it is the browser's
            await asyncio.sleep(0.01)
        first = time.monotonic() - begun
        await asyncio.sleep(2)
        page.remove_listener("response", weigh)
        seeks = [
            await video.evaluate(
                "(video, at) => new Promise(done => { const begun = performance.now();"
                " video.addEventListener('seeked', () => done((performance.now() - begun) / 1000), {once: true});"
                " video.currentTime = at; })",
                at,
            )
            for at in (number * 577 % 590 for number in range(1, _SEEKS + 1))
        ]
        (cookie,) = [each["value"] for each in await page.context.cookies() if each["name"] == "handover"]
        scripts = max(weight for url, weight in weights.items() if url.endswith(".js"))
        return first, statistics.median(seeks), sum(weights.values()) / 1000, scripts / 1000, cookie


async def _viewers(
    settings: Settings, place: Place, origin: str, window: Window, port: int, cookie: str, pid: int
) -> tuple[float, float, float]:
    """Seconds from yes to delivered, alone and watched; the daemon's memory while it was watched."""
    took = []
    worst = 0.0
    async with daemon_call(settings) as call, place.client(origin) as officer:
        device = (await call("status"))["device"]
        for watched in (False, True):
            shown = await ask(officer, place, device, window)
            await until(call, shown, "asked")
            request_id = await ask(officer, place, device, window)
            told = await until(call, request_id, "asked")
            viewers = [
                asyncio.create_task(_view(f"http://localhost:{port}/requests/{shown}/camera/0/0.mp4", cookie, number))
                for number in range(VIEWERS if watched else 0)
            ]
            await asyncio.sleep(2)
            with Watch(pid) as watch:
                begun = time.monotonic()
                choices = [{"position": 0, "share": True}]
                await call("decide", request_id=request_id, plan_sha256=told["plan_sha256"], choices=choices)
                await until(call, request_id, "delivered")
                took.append(time.monotonic() - begun)
            worst = max(worst, watch.worst_daemon)
            for viewer in viewers:
                viewer.cancel()
            await asyncio.gather(*viewers, return_exceptions=True)
    return took[0], took[1], worst


async def _view(url: str, cookie: str, number: int) -> None:
    """Somebody who watches at the pace of the recording: a quarter of a megabyte a second, from another place each."""
    headers = {"Cookie": f"handover={cookie}", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "no-cors"}
    at = number * 4_000_000
    async with aiohttp.ClientSession() as http:
        while True:
            async with http.get(url, headers=headers | {"Range": f"bytes={at}-{at + 262_143}"}) as answer:
                at = at + len(await answer.read()) if answer.status == 206 else 0
            await asyncio.sleep(1)


async def _taps(
    settings: Settings, place: Place, origin: str, window: Window, port: int, cookie: str
) -> tuple[int, float]:
    """From the link in the message to what was sent: every tap that it takes, and the seconds, reading not counted."""
    async with daemon_call(settings) as call, place.client(origin) as officer:
        device = (await call("status"))["device"]
        request_id = await ask(officer, place, device, Window(window.start, window.start + 2 * SEGMENT))
        await until(call, request_id, "asked")
        async with _browser(f"http://localhost:{port}", cookie) as page:
            begun, taps = time.monotonic(), 1  # the link
            await page.goto(f"/requests/{request_id}")
            for what in ("text=Yes, go on", "#password"):
                await page.click(what)
                taps += 1
            await page.keyboard.type(PASSWORD)
            await page.click("text=Yes, send it")
            taps += 1
            await page.wait_for_selector("text=handed over; the police have not confirmed it yet")
            return taps, time.monotonic() - begun
