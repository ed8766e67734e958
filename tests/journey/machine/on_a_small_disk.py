"""A journey on a file system that is filled before each step, then freed again. A program: ``FOLDER`` of a small disk.

Prints a word for each thing that held. Not for: tests themselves (``test_full_disk`` runs it in a mount namespace).
"""

import asyncio
import errno
import sys
from pathlib import Path

from agent.places.named import NamedPlace, NamedPlaces, folder_setting
from agent.requests.journey import Journey
from exchange.clock import HOUR
from exchange.errors import DiskFull
from tests.journey.home import Siege, besieged


def fill(disk: Path, *, leave: int = 0) -> Path:
    """Take all room but ``leave`` bytes."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(65536)):
                pass
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
        size = file.tell() // 4096 * 4096
        file.truncate(max(0, size - leave))
    return ballast


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def trouble(at: Siege, request_id: str) -> str:
    return str((await at.listed(request_id))["trouble"])


async def clipping(at: Siege, disk: Path, request_id: str) -> None:
    ballast = fill(disk, leave=64 * 1024)
    await at.walk()
    assert await at.state(request_id) == "approved", await at.state(request_id)
    assert "room" in await trouble(at, request_id) or "full" in await trouble(at, request_id)
    assert not files(at.settings.work_dir), files(at.settings.work_dir)
    ballast.unlink()


async def sealing(at: Siege, disk: Path, request_id: str) -> None:
    filled: list[Path] = []
    run = at.agent.services.run_job

    async def full_before_sealing(function, job, **how):  # type: ignore[no-untyped-def]
        if function == "agent.requests.seal_job:job" and not filled:
            filled.append(fill(disk, leave=64 * 1024))
        return await run(function, job, **how)

    object.__setattr__(at.agent.services, "run_job", full_before_sealing)
    await at.walk(later=HOUR)
    assert await at.state(request_id) == "clipped", (await at.state(request_id), await trouble(at, request_id))
    assert "room" in await trouble(at, request_id) or "full" in await trouble(at, request_id)
    assert not files(at.settings.packages_dir), files(at.settings.packages_dir)
    filled[0].unlink()


async def store(at: Siege, disk: Path) -> None:
    """Not even that it failed can be noted; the journey's loop lives on."""
    ballast = fill(disk)
    told = False
    for _ in range(200):  # what the store's files still have room for
        try:
            async with at.agent.services.store.transaction() as tx:
                await tx.set_note("ballast", "x" * 100_000)
        except DiskFull:
            told = True
            break
    assert told
    loop = asyncio.create_task(at.agent.journey.run())
    await asyncio.sleep(0.3)
    assert not loop.done()
    ballast.unlink()
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)


async def backing_up(at: Siege, disk: Path) -> None:
    """No room for the state that would go to a second place: told, and made when there is room."""
    there = disk / "there"
    there.mkdir()
    NamedPlaces(at.settings.places).add(NamedPlace(name="nas", title="nas", setting=folder_setting(there)))
    ballast = fill(disk, leave=64 * 1024)
    done = await at.agent.backups.run(asked=True)
    assert "room" in str(done.failures["nas"]) or "full" in str(done.failures["nas"]), done
    assert not [path for path in files(there) + files(at.settings.backups_dir) if "partial" in path.name]
    ballast.unlink()
    assert not (await at.agent.backups.run(asked=True)).failures
    assert [path for path in files(there) if "/state/" in str(path)]


async def main(disk: Path) -> None:
    async with besieged(disk, extra="backups: {places: [{place: nas}]}") as at:
        request_id = await at.asked()
        await at.say(request_id, yes=True)
        await clipping(at, disk, request_id)
        print("clipping", flush=True)
        await sealing(at, disk, request_id)
        print("sealing", flush=True)
        await store(at, disk)
        print("store", flush=True)
        await Journey(at.agent.services).settle()
        print(await at.state(request_id), flush=True)
        await backing_up(at, disk)
        print("backing-up", flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
