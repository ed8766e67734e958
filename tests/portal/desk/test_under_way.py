"""What goes on beside pages is made with the desk and ends with it, however it stands."""

import asyncio
from dataclasses import dataclass, field

from aiohttp import web

from portal.officer.desk.under_way import break_off, of_a_desk


@dataclass
class Work:
    task: "asyncio.Task[None] | None" = None


@dataclass
class Works:
    found: list[Work] = field(default_factory=list)

    async def end(self) -> None:
        await break_off(self.found)


WORKS = web.AppKey("works", Works)


async def test_what_runs_is_broken_off_when_the_desk_ends_and_what_failed_or_never_began_is_no_trouble() -> None:
    async def fails() -> None:
        raise RuntimeError("by itself")

    app = web.Application()
    app.on_startup.append(of_a_desk(WORKS, Works))
    runner = web.AppRunner(app)
    await runner.setup()
    running, failed = asyncio.create_task(asyncio.sleep(3600)), asyncio.create_task(fails())
    app[WORKS].found = [Work(running), Work(failed), Work()]
    await asyncio.sleep(0)
    await runner.cleanup()
    assert running.cancelled()
    assert failed.done()
