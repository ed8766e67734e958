"""The table's rows for public appeals. Not for: their pages (``portal.public``)."""

from exchange.documents import api
from exchange.documents.messages import Signed
from exchange.documents.people.appeals import Appeal, AppealCase, AppealCases, AppealCode, Contributions, MarkOf
from portal.api.people import appeal_handlers as handlers
from portal.api.route import Route, Who
from portal.people.appeals import AppealsQuery, QueueQuery

ROUTES: tuple[Route, ...] = (
    Route(
        "POST", api.APPEALS, Who.OFFICER, handlers.make, "Appeal to the public for footage",
        {201: AppealCase, 200: AppealCase}, body=Signed, document=Appeal, problems=(409, 413, 415, 422, 429),
    ),
    Route(
        "GET", api.APPEALS, Who.OFFICER, handlers.list_appeals, "The officer's appeals and their teams'",
        {200: AppealCases}, query=AppealsQuery, problems=(400,),
    ),
    Route("GET", api.APPEAL, Who.OFFICER, handlers.read, "One appeal", {200: AppealCase}, problems=(404,)),
    Route("PUT", api.APPEAL_CLOSED, Who.OFFICER, handlers.close, "Take nothing more", {204: None}, problems=(404,)),
    Route(
        "GET", api.CONTRIBUTIONS, Who.OFFICER, handlers.queue, "What came in answer, oldest first",
        {200: Contributions}, query=QueueQuery, problems=(400, 404),
    ),
    Route(
        "PUT", api.CONTRIBUTION_MARK, Who.OFFICER, handlers.mark, "What an officer makes of it",
        {204: None}, body=MarkOf, problems=(404, 413, 415, 422),
    ),
    Route(
        "GET", api.CONTRIBUTION_FILE, Who.OFFICER, handlers.read_file, "A file as the sender's browser sealed it",
        {200: bytes, 206: bytes, 304: None}, headers=("Range", "If-None-Match"), problems=(404, 410, 412, 416),
    ),
    Route(
        "POST", api.BEGIN_CONTRIBUTION, Who.ANYONE, handlers.begin, "Begin to send something to an appeal",
        {201: AppealCode}, headers=("Sec-Fetch-Site",), problems=(403, 404, 429),
    ),
)  # fmt: skip
