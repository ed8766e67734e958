"""The calls of the log of use: rows of the table of calls. Not for: what they do (``portal.api.use_handlers``)."""

from exchange.custody.restored import LogRestorations, SignedRestored
from exchange.custody.uses import AboutQuery, HeadQuery, LogHead, SignedHead, UseReport, Uses, UsesAbout, UsesQuery
from exchange.documents import api
from portal.api import use_handlers as handlers
from portal.api.route import Route, Who

ROUTES: tuple[Route, ...] = (
    Route(
        "POST", api.USES, Who.OFFICER, handlers.say, "What was done with what came for a request",
        {204: None}, body=UseReport, problems=(404, 413, 415, 422),
    ),
    Route(
        "GET", api.USES, Who.OFFICER, handlers.read, "Lines of the log of use, for auditors",
        {200: Uses}, query=UsesQuery, problems=(400, 403),
    ),
    Route(
        "GET", api.USES_ABOUT, Who.OFFICER, handlers.about, "What was done about a crime, for disclosure",
        {200: UsesAbout}, query=AboutQuery, problems=(400, 403),
    ),
    Route(
        "GET", api.USES_HEAD, Who.OFFICER, handlers.head, "How long the log of use is, and that it only grew",
        {200: LogHead}, query=HeadQuery, problems=(400,),
    ),
    Route(
        "POST", api.USES_HEAD, Who.OFFICER, handlers.sign, "An auditor signs how long it is",
        {204: None}, body=SignedHead, problems=(403, 409, 413, 415, 422),
    ),
    Route(
        "GET", api.USES_RESTORED, Who.OFFICER, handlers.read_restored, "When the log of use was put back",
        {200: LogRestorations},
    ),
    Route(
        "POST", api.USES_RESTORED, Who.OFFICER, handlers.say_restored, "An auditor signs that it was put back",
        {204: None}, body=SignedRestored, problems=(403, 409, 413, 415, 422),
    ),
    Route(
        "GET", api.COUNTS, Who.ANYONE, handlers.read_counts, "How much is asked of owners, by the month",
        {200: api.Counts},
    ),
    Route("GET", api.COUNTS_PAGE, Who.ANYONE, handlers.show_counts, "The same as a page", {200: str}),
)  # fmt: skip
