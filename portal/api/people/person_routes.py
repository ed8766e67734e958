"""The table's rows for people without an agent. Not for: their pages (``portal.public``)."""

from exchange.documents import api
from exchange.documents.messages import Signed
from exchange.documents.people import (
    LINK_HEADER,
    LinkAnswer,
    LinkReceipt,
    PeopleNearby,
    PersonCase,
    PersonCases,
    PersonRequest,
    PersonWord,
    ReceivedText,
)
from portal.api.people import person_handlers as handlers
from portal.api.route import Route, Who
from portal.people.asked import PersonCasesQuery
from portal.registry.search_query import SearchQuery

ROUTES: tuple[Route, ...] = (
    Route(
        "GET", api.PEOPLE_NEARBY, Who.OFFICER, handlers.nearby, "Cameras of people without an agent near a place",
        {200: PeopleNearby}, query=SearchQuery, problems=(400, 403, 429),
    ),
    Route(
        "POST", api.PERSON_REQUESTS, Who.OFFICER, handlers.ask_person, "Ask a person by a message",
        {201: PersonCase, 200: PersonCase}, body=Signed, document=PersonRequest,
        problems=(403, 409, 413, 415, 422, 429),
    ),
    Route(
        "GET", api.PERSON_REQUESTS, Who.OFFICER, handlers.list_asked, "What the officer asked such people",
        {200: PersonCases}, query=PersonCasesQuery, problems=(400,),
    ),
    Route(
        "GET", api.PERSON_REQUEST, Who.OFFICER, handlers.read_asked, "One of these requests, and what answers it",
        {200: PersonCase}, problems=(404,),
    ),
    Route(
        "GET", api.PERSON_FILE, Who.OFFICER, handlers.read_file, "A file as the sender's browser sealed it",
        {200: bytes, 206: bytes, 304: None}, headers=("Range", "If-None-Match"), problems=(404, 410, 412, 416),
    ),
    Route(
        "GET", api.PERSON_DOCUMENT, Who.OFFICER, handlers.read_document, "The request as its officer signed it",
        {200: Signed}, problems=(404,),
    ),
    Route(
        "POST", api.PERSON_WORD, Who.OFFICER, handlers.tell, "Tell the person that it was opened, or what became of it",
        {204: None}, body=PersonWord, problems=(404, 409, 413, 415, 422, 429),
    ),
    Route(
        "POST", api.TEXTS_RECEIVED, Who.ANYONE, handlers.take_text, "What somebody texted back, from the provider",
        {204: None}, body=ReceivedText, headers=("Authorization",), problems=(401, 404, 413, 415, 422),
    ),
    Route(
        "PUT", api.LINK_ANSWER, Who.LINK, handlers.take_answer, "By a link: all files are here",
        {200: LinkReceipt}, body=LinkAnswer, headers=(LINK_HEADER,), problems=(404, 409, 413, 415, 422),
    ),
)  # fmt: skip
