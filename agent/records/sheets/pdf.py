"""A sheet as PDF: laid out by WeasyPrint in a worker, as it takes a second and much memory.

Not for: what a sheet says (``render``).
"""

import base64
from dataclasses import dataclass

from agent.workers.process import MIB, Limits, RunJob

PDF = Limits(memory=320 * MIB, cpu=600, wall=170, output=48 * MIB, open_files=256, nice=10)
"""A register of MOST_ENTRIES requests. The daemon's services have 400 MB together: none must end for a print."""
MOST_ENTRIES = 100
"""Requests in one printed register: a page and a half each."""


@dataclass(frozen=True)
class Printed:
    """``missing``: scripts, such as CJK, of which no font here has the letters: boxes stand for them."""

    content: bytes
    missing: tuple[str, ...]


async def printed(run_job: RunJob, html: str) -> Printed:
    """The sheet as PDF, tagged, its fonts within. WorkerFailed when it can't be made here, and what to do."""
    made = await run_job("agent.records.sheets.pdf_job:job", {"html": html}, limits=PDF)
    return Printed(base64.b64decode(made["pdf"]), tuple(made["missing"]))
