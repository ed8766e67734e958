"""Exports that go on while the page stays live: one for a case at a time.

Not for: what is exported (``portal.officer.casework.case_folder``), or where to.
"""

import asyncio
from dataclasses import dataclass, field

from aiohttp import web

from exchange.errors import HandoverError
from portal.officer.casework.case_folder import CaseContent, gather
from portal.officer.casework.connectors.connector import Connector
from portal.officer.desk.site import Site


@dataclass
class Export:
    """``lies``: where the case lies when it is done. ``done`` and ``size`` in bytes."""

    title: str
    done: int = 0
    size: int = 0
    lies: str = ""
    error: HandoverError | None = None
    task: "asyncio.Task[None] | None" = None

    @property
    def is_running(self) -> bool:
        return not self.lies and self.error is None

    def show(self, done: int) -> None:
        self.done = done


@dataclass
class Exports:
    """By case."""

    found: dict[str, Export] = field(default_factory=dict)

    def start(self, site: Site, content: CaseContent, connector: Connector) -> None:
        """Begin, unless the case is being exported."""
        case_id = content.case.case_id
        before = self.found.get(case_id)
        if before is not None and before.is_running:
            return
        export = Export(connector.title)
        self.found[case_id] = export
        export.task = asyncio.create_task(_work(site, content, connector, export))

    async def end(self) -> None:
        """Give up what is under way; nothing of it has its final name."""
        tasks = [each.task for each in self.found.values() if each.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _work(site: Site, content: CaseContent, connector: Connector, export: Export) -> None:
    try:
        folder = await asyncio.to_thread(gather, site.state, content, site.now())
        export.size = folder.size
        export.lies = await connector.put(folder, export.show)
    except HandoverError as error:
        export.error = error
    except Exception:
        export.error = HandoverError("Something went wrong here.", do="Try it again; the terminal has the details.")
        raise


EXPORTS = web.AppKey("exports", Exports)


async def set_up(app: web.Application) -> None:
    exports = Exports()
    app[EXPORTS] = exports

    async def end(_: web.Application) -> None:
        await exports.end()

    app.on_shutdown.append(end)
