"""The daemon: starts what an agent does by itself, and its socket, in order; stops them in order.

Not for: building it (``app``), or any work of its own.
"""

import asyncio
import logging
import os
import signal
import time
from pathlib import Path

import sdnotify

from agent.app import Agent, build
from agent.background import housekeeping
from agent.background.inbox import InboxPoll
from agent.background.schedule import Schedule
from agent.host.malloc import one_arena
from agent.owner import control
from agent.owner.notify.outbox import Outbox
from agent.owner.notify.recipients import Recipients
from agent.owner.web.server import serve_page
from agent.settings.model import Settings, load_settings
from exchange import VERSION
from exchange.custody.log import CustodyKind

log = logging.getLogger(__name__)


def run_with(config: Path) -> None:
    """The daemon, with the settings of a file, and again whenever the owner wants changed ones to count."""
    one_arena()
    while asyncio.run(run(load_settings(config), config)):
        log.info("beginning again, with the settings of %s", config)


async def run(settings: Settings, config: Path | None = None) -> bool:
    """The daemon, until SIGTERM or SIGINT; whether it is to begin again with other settings.

    What is under way stops at a safe place and goes on after the next start.
    """
    anew = False
    async with build(settings) as agent:
        stop = asyncio.Event()

        def begin_anew() -> None:
            nonlocal anew
            anew = True
            stop.set()

        if config is not None:
            agent.services.progress.begin_anew, agent.services.progress.config = begin_anew, config
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await _record(agent, CustodyKind.AGENT_STARTED)
        await asyncio.to_thread(housekeeping.clear_leftovers, settings)
        await agent.inventory.tell_recorder()
        schedule = Schedule(
            housekeeping.jobs(
                agent.services, agent.journey, agent.inventory, agent.recordings, agent.viewings, agent.backups
            )
        )
        async with control.serve(agent, settings), serve_page(agent, agent.viewings, settings):
            tasks = [
                asyncio.create_task(agent.journey.run(), name="journey"),
                asyncio.create_task(InboxPoll(agent.services, agent.journey).run(), name="inbox"),
                asyncio.create_task(_watchdog(), name="watchdog"),
                asyncio.create_task(Outbox(agent.services, Recipients(settings.recipients)).run(), name="messages"),
                asyncio.create_task(schedule.run(), name="schedule"),
            ]
            notify = sdnotify.SystemdNotifier()
            notify.notify("READY=1")
            log.info("ready: %s", settings.socket)
            stopping = asyncio.create_task(stop.wait(), name="stop")
            try:
                await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
            finally:
                notify.notify(_beginning_anew() if anew else "STOPPING=1")
                for task in (stopping, *tasks):
                    task.cancel()
                ended = await asyncio.gather(*tasks, return_exceptions=True)
        await _record(agent, CustodyKind.AGENT_STOPPED)
    for outcome in ended:
        if isinstance(outcome, Exception):
            raise outcome
    return anew


def _beginning_anew() -> str:
    """For systemd, which would otherwise wait for the process to end (sd_notify(3))."""
    return f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}"


async def _record(agent: Agent, kind: CustodyKind) -> None:
    async with agent.services.store.transaction() as tx:
        await agent.services.custody.record(tx, kind, "agent", details={"version": VERSION})


async def _watchdog() -> None:
    """Tell systemd that the loop turns; it restarts a daemon that stops saying so."""
    usec = os.environ.get("WATCHDOG_USEC", "")
    pause = int(usec) / 2_000_000 if usec.isdecimal() and int(usec) > 0 else 3600.0
    notify = sdnotify.SystemdNotifier()
    while True:
        notify.notify("WATCHDOG=1")
        await asyncio.sleep(pause)
