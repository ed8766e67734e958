"""A crime in a county: an officer asks the owners around it, some of thousands that hold polls at two replicas of a
portal; one replica is killed in the middle, and nothing is lost.

``scripts/demo --county`` makes the environment and calls this; see there for the options. Not for: one owner's agent
from end to end (``scripts/demo``).
"""

import argparse
import asyncio
import contextlib
import json
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from exchange.errors import PortalUnreachable
from portal.officer.client import OfficerClient
from portal.officer.state import OfficerState
from scripts.county.owners import BESIDE
from scripts.county.stand import CountyFailed, Replica, Stand, lines
from tests.counterparts.storage.postgres_server import serving

FORCE = "Demo Constabulary"
CRIME = "04/0815/26"
PLACE = "53.76320,-2.70310"
WHEN = "yesterday 15:00 to 15:02"
YES = BESIDE.count("yes")
_ENDINGS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
out = Console(highlight=False, soft_wrap=not sys.stdout.isatty())


class Owners:
    """What the process of simulated owners says, as it comes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.enrolled = self.held = 0
        self.does: dict[str, list[int]] = {}
        self.ended: dict[str, Any] = {}
        self._process = process
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for line in lines(self._process):
            if "does" in line:
                self.does.setdefault(line["does"], []).append(line["owner"])
            elif "polls" in line:
                self.ended = line
            else:
                self.enrolled, self.held = line.get("enrolled", self.enrolled), line.get("held", self.held)

    def count(self, what: str) -> int:
        return len(set(self.does.get(what, ())))

    async def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._reading
        await self._process.wait()

    def check_alive(self) -> None:
        if self._process.returncode is not None:
            raise CountyFailed("The simulated owners ended by themselves.")


class Story:
    def __init__(self, stand: Stand, count: int) -> None:
        self.stand = stand
        self.count = count
        self.slowest = 0.0
        self.figures: list[tuple[str, str]] = []

    def step(self, number: int, title: str) -> None:
        out.print(f"\n[bold cyan]{number}. {title}[/]")

    async def until(self, what: str, seconds: float, done: Callable[[], Awaitable[bool]]) -> float:
        """Wait with a sign of life; the seconds that it took. CountyFailed when it does not come."""
        begun = time.monotonic()
        with out.status(f"waiting for {what} …"):
            while not await done():
                if time.monotonic() - begun > seconds:
                    raise CountyFailed(f"Waited {seconds:.0f} s for {what}.")
                await asyncio.sleep(0.2)
        took = time.monotonic() - begun
        out.print(f"  … {what}: {took:.1f} s")
        return took

    async def officer(self, *words: str, show: bool = True) -> str:
        if show:
            shown = " ".join(f'"{word}"' if " " in word else word for word in words)
            out.print(f"[bold]$ {escape(self._shorter(f'handover-officer {shown}'))}[/]")
        told = await self.stand.command("handover-officer", "--state", str(self.stand.officer), *words)
        if show and "--json" not in words:
            for line in told.rstrip().splitlines():
                out.print(f"  {self._shorter(line)}", markup=False)
        return told

    def _shorter(self, text: str) -> str:
        return text.replace(str(self.stand.folder), "…")

    # -- the steps -------------------------------------------------------------------------------------------------

    async def prepare(self) -> None:
        self.step(1, "A force, its portal on PostgreSQL with PostGIS, and an officer who is let in")
        stand = self.stand
        force, officer, given = stand.force, stand.officer, stand.officer / "given.json"

        async def portal(*words: str) -> None:
            await stand.command("handover-portal", *words)

        await portal("force", "new", str(force), "--name", FORCE)
        database = stand.postgres.url(await asyncio.to_thread(stand.postgres.create))
        await portal(
            *("init", str(stand.portal), "--force", FORCE, "--force-key", str(force / "force.pub")),
            *("--origin", stand.origin, "--database", database),
        )
        stand.set_limits(enrolments_per_minute=1_000_000)
        await self.officer("setup", show=False)
        await portal(
            *("force", "credential", str(force), "--officer", str(officer / "officer.pub"), "--name", "Ada Okafor"),
            *("--rank", "Detective Constable", "--collar", "4711", "--unit", "CID Mill Road"),
            *("--contact", "ada.okafor@example.police.uk", "--out", str(given)),
        )
        await portal("officer", "add", str(stand.portal), str(given))
        out.print(f"  {FORCE}'s portal will be reached at {stand.origin}")

    async def open(self) -> None:
        self.step(2, "Two replicas of the portal start, and nginx before them")
        for _ in range(2):
            replica = await self.stand.start_replica()
            out.print(f"  a replica listens at {replica.listening}")
        await self.stand.start_nginx(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        out.print(f"  nginx hands calls at {self.stand.origin} to either")
        await self.officer(
            *("setup", "--portal", self.stand.origin, "--force-key", str(self.stand.force / "force.pub")),
            *("--credential", str(self.stand.officer / "given.json")),
            show=False,
        )

    async def join(self) -> Owners:
        self.step(3, f"{self.count} owners enrol, register a camera each, and hold a poll: simulated, by the protocol")
        owners = Owners(await self.stand.start_owners(self.count, PLACE))
        begun = time.monotonic()
        with out.status("owners enrol …") as status:
            while owners.enrolled < self.count:
                owners.check_alive()
                status.update(f"{owners.enrolled} of {self.count} owners are enrolled …")
                await asyncio.sleep(0.3)
        took = time.monotonic() - begun
        out.print(f"  … all enrolled and registered: {took:.1f} s, {self.count / took:.0f} a second")
        await self.until("all polls to be held", 120, self._all_held)
        for number, replica in enumerate(self.stand.replicas, 1):
            out.print(f"  replica {number} holds {await replica.figure('handover_polls_held'):.0f} polls")
        return owners

    async def _all_held(self) -> bool:
        held = [await each.figure("handover_polls_held") for each in self._alive()]
        return sum(held) >= self.count * 0.99

    def _alive(self) -> list[Replica]:
        return [each for each in self.stand.replicas if each.process.returncode is None]

    async def ask(self, owners: Owners) -> None:
        self.step(4, "A bicycle was taken in Mill Road: the officer asks all owners around it at once")
        begun = time.monotonic()
        await self.officer(
            *("area", "--crime", CRIME, "--when", WHEN, "--near", PLACE, "--radius", "120", "--choose", "unsure"),
            *("--tz", "Europe/London", "--incident", "Theft", "--place", "Mill Road"),
            *("--description", "A bicycle was taken from the rack.", "--purpose", "To see who took it."),
            *("--legal-basis", "Prevention and detection of crime; owners share it voluntarily."),
            *("--necessity", "Nobody saw it.", "--yes"),
        )
        self.figures.append(("search, sign and send, with the command's start", f"{time.monotonic() - begun:.1f} s"))

        async def asked() -> bool:
            return owners.count("is asked") >= len(BESIDE)

        await self.until(f"{len(BESIDE)} owners to be asked", 30, asked)
        if owners.count("is asked") != len(BESIDE):
            raise CountyFailed("Others were asked than the owners around the place.")

    async def kill(self, owners: Owners) -> None:
        self.step(5, "While owners answer, one replica is killed")

        async def one_answered() -> bool:
            return owners.count("yes") + owners.count("no") > 0

        await self.until("the first owner's answer", 60, one_answered)
        watching = asyncio.create_task(self._officer_asks_on())
        self.stand.replicas[0].kill()
        out.print("  killed (SIGKILL), with all the polls that it held; nginx hands everything to the other one")
        took = await self.until("all polls to be held by the other", 90, self._all_held)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        self.figures.append(("all agents back after the kill", f"{took:.1f} s"))
        self.figures.append(("an officer's call meanwhile, slowest", f"{self.slowest * 1000:.0f} ms"))

    async def _officer_asks_on(self) -> None:
        """How long an officer's calls take, from a program that is running."""
        async with OfficerClient(self.stand.origin, OfficerState(self.stand.officer).key()) as client:
            while True:
                begun = time.monotonic()
                while True:
                    with contextlib.suppress(PortalUnreachable):
                        await client.cases()
                        break
                    await asyncio.sleep(0.1)
                self.slowest = max(self.slowest, time.monotonic() - begun)
                await asyncio.sleep(0.1)

    async def open_packages(self, owners: Owners) -> list[dict[str, Any]]:
        self.step(6, "Packages come, and the officer opens them")

        async def came() -> bool:
            return owners.count("has handed over") >= YES

        await self.until(f"{YES} owners to have handed over", 90, came)
        told = json.loads(await self.officer("inbox", "--json", show=False))
        opened = []
        for case in told["cases"]:
            if case["status"] != "approved":
                continue
            words = ("open", case["request_id"], "--into", str(self.stand.folder / "opened"), "--receipt", "--json")
            (package,) = json.loads(await self.officer(*words, show=False))["packages"]
            if not package["report"]["ok"] or not package["receipted"]:
                raise CountyFailed(f"A package does not verify: {package['report']}")
            holds = sum(finding["verdict"] == "holds" for finding in package["report"]["findings"])
            out.print(f"  {case['request_id']}: fetched, unsealed, {holds} checks hold; the receipt is sent")
            opened.append(package)
        statuses = [case["status"] for case in told["cases"]]
        silent = len(BESIDE) - len([status for status in statuses if status])
        out.print(f"  {len(opened)} said yes, {statuses.count('declined')} no, {silent} nothing: silence tells nothing")
        if (len(opened), statuses.count("declined")) != (YES, BESIDE.count("no")):
            raise CountyFailed(f"An answer was lost: {statuses}")

        async def receipts() -> bool:
            return owners.count("has the receipt") >= YES

        await self.until("the owners to have the receipts", 60, receipts)
        return opened

    async def tell(self, owners: Owners) -> None:
        (left,) = self._alive()
        self.figures.append(("the other replica, CPU since its start", f"{left.spent:.1f} s"))
        self.figures.append(("its memory, with all polls at it", f"{left.memory:.0f} MB"))
        await owners.end()
        self.figures.append(("polls answered", f"{owners.ended.get('polls', 0)}"))
        self.figures.append(("polls put off or broken off", f"{owners.ended['put_off'] + owners.ended['failed']}"))
        out.print("\n[bold cyan]Figures[/] of this machine, which ran everything")
        for name, value in self.figures:
            out.print(f"  {name:<50} {value}")


async def play(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="county-") as name, serving() as postgres:
        stand = Stand(Path(name), postgres)
        story = Story(stand, options.agents)
        try:
            await story.prepare()
            await story.open()
            owners = await story.join()
            await story.ask(owners)
            await story.kill(owners)
            await story.open_packages(owners)
            await story.tell(owners)
        finally:
            await stand.stop()
            if options.keep is not None:
                _keep(stand, options.keep)
    if options.keep is not None:
        out.print(f"\nopened/, officer/, logs/ lie in {escape(str(options.keep))}")
    out.print("\n[bold green]Every step was done and checked.[/]")


def _keep(stand: Stand, target: Path) -> None:
    (target / "logs").mkdir(parents=True, exist_ok=True)
    for log in stand.folder.glob("*.log"):
        shutil.copy(log, target / "logs" / log.name)
    for name in ("opened", "officer"):
        if (stand.folder / name).exists():
            shutil.copytree(stand.folder / name, target / name, dirs_exist_ok=True)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/demo --county")
    parser.add_argument("--agents", type=int, default=2000, help=f"how many owners, at least {len(BESIDE)}")
    parser.add_argument("--keep", type=Path, help="leave what was opened, the officer's folder and logs in this folder")
    options = parser.parse_args()
    if options.agents < len(BESIDE):
        parser.error(f"--agents is at least {len(BESIDE)}")
    return options


async def main() -> int:
    options = parse_options()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    loop, this = asyncio.get_running_loop(), asyncio.current_task()
    assert this is not None

    def stop() -> None:
        """Once: a second signal must not break off the ending of the processes."""
        for number in _ENDINGS:
            loop.add_signal_handler(number, lambda: None)
        this.cancel()

    for number in _ENDINGS:
        loop.add_signal_handler(number, stop)
    try:
        await play(options)
    except CountyFailed as failure:
        out.print(f"\n[bold red]The demo stopped.[/] {escape(str(failure))}")
        return 1
    except asyncio.CancelledError:
        out.print("\nStopped; all processes are ended.")
        return 130
    return 0


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(asyncio.run(main()))
