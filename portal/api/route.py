"""What a row of the table of calls says. Not for: the rows (``portal.api.routes``), or what is made of them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum

from aiohttp import web

from exchange.documents.messages import Document, Part
from portal.service import Call

Handler = Callable[[Call], Awaitable[web.StreamResponse]]
Answers = dict[int, type[Part] | type[bytes] | type[str] | None]


class Who(Enum):
    ANYONE = "anyone"
    DEVICE = "device"
    OFFICER = "officer"
    LINK = "link"
    """Whoever has a one-time link's code."""
    UPLOADER = "uploader"
    """A device, or whoever has a link's code."""


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """``answers``: by status, the model of the JSON body; None for no body, ``bytes`` a stream, ``str`` a page."""

    method: str
    path: str
    who: Who
    handler: Handler
    summary: str
    answers: Answers
    body: type[Part] | None = None
    document: type[Document] | tuple[type[Document], ...] | None = None
    """What the ``Signed`` in the body holds; any one of several."""
    query: type[Part] | None = None
    headers: tuple[str, ...] = ()
    """Request headers that it reads, beside the usual."""
    streams: bool = False
    """Its body is bytes, of any length."""
    problems: tuple[int, ...] = field(default=())
    before_login: bool = False
    """Whether an officer may call it who has not logged in where the force wants that."""

    @property
    def writes(self) -> bool:
        """Whether a call may change anything."""
        return self.method != "GET"

    @property
    def documents(self) -> tuple[type[Document], ...]:
        if self.document is None:
            return ()
        return self.document if isinstance(self.document, tuple) else (self.document,)


TABLE: web.AppKey[tuple[Route, ...]] = web.AppKey("table", tuple)
"""Where an application keeps the table that it was made from."""
