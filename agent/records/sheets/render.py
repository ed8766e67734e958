"""Records as pages of their own, to read, keep and print: HTML without script or network, strangers' words escaped.

Not for: the owner's page (``agent.owner.web``), or PDF (``agent.records.sheets.pdf``), which is made of these.
"""

from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


class _Counter:
    """Numbers the blanks of one sheet."""

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> int:
        self._last += 1
        return self._last


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("agent.records.sheets", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["style"] = (files("agent.records.sheets") / "sheet.css").read_text()
    return environment


def sheet(template: str, /, **values: Any) -> str:
    """A sheet as HTML. Blocks the first time: call it in a thread."""
    return _environment().get_template(template).render(blanks=_Counter(), **values)
