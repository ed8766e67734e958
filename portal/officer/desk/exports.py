"""Exports that go on while the page stays live: one for a case at a time.

Not for: what is exported (``portal.officer.casework.case_folder``), or where to.
"""

import asyncio
from dataclasses import dataclass, field

from aiohttp import web

from exchange.errors import HandoverError
from portal.officer.casework.case_folder import CaseContent
from portal.officer.casework.connectors.connector import Connector, export_case
from portal.officer.desk.site import Site
from portal.officer.desk.under_way import break_off, of_a_desk


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

    def show(self, done: int, size: int) -> None:
        self.done, self.size = done, size


@dataclass
class Exports:
    """By case."""

    found: dict[str, Export] = field(default_factory=dict)

    def start(self, site: Site, content: CaseContent, to: tuple[str, Connector]) -> None:
        """Begin, unless the case is being exported. ``to``: the connector and its name."""
        case_id = content.case.case_id
        before = self.found.get(case_id)
        if before is not None and before.is_running:
            return
        export = Export(to[1].title)
        self.found[case_id] = export
        export.task = asyncio.create_task(_work(site, content, to, export))

    async def end(self) -> None:
        """Give up what is under way; nothing of it has its final name."""
        await break_off(self.found.values())


async def _work(site: Site, content: CaseContent, to: tuple[str, Connector], export: Export) -> None:
    try:
        export.lies = (await export_case(site.state, content, to, site.now(), export.show)).lies
    except HandoverError as error:
        export.error = error
    except Exception:
        export.error = HandoverError("Something went wrong here.", do="Try it again; the terminal has the details.")
        raise


EXPORTS = web.AppKey("exports", Exports)

set_up = of_a_desk(EXPORTS, Exports)
