"""The table of every call: who may make it, what it takes, what it answers. The app and its OpenAPI document are both
made from it. Not for: the work itself (``portal.api.handlers``, ``portal.api.tus``)."""

from exchange.documents import api
from exchange.documents.feedback import FROM_OFFICER, FROM_OWNER
from exchange.documents.hours import RecordedHours
from exchange.documents.messages import Decision, Enrolment, Receipt, Refusal, Registration, Request, Signed, Withdrawal
from exchange.documents.offer import Offer, Offers
from portal.api import (
    handlers,
    login_routes,
    openapi,
    supervision_routes,
    team_routes,
    tus,
    use_routes,
)
from portal.api.keeping import hold_routes
from portal.api.people import appeal_routes, person_routes
from portal.api.route import Answers, Route, Who
from portal.registry.search_query import SearchQuery
from portal.requests.deliveries import CasesQuery, HeldQuery
from portal.requests.feedback import FeedbackQuery
from portal.requests.inbox import InboxQuery

NOTHING: Answers = {204: None}
_TUS = ("Tus-Resumable",)
_UPLOAD = api.UPLOADS + "/{upload_id}"
_SETTLED = (404, 409, 413, 415, 422)

ROUTES: tuple[Route, ...] = (
    Route("GET", api.FORCE, Who.ANYONE, handlers.force, "Who runs this portal", {200: api.ForceInfo}),
    Route(
        "POST", api.DEVICES, Who.ANYONE, handlers.enrol, "An agent makes itself known",
        {201: api.Enrolled, 200: api.Enrolled}, body=Signed, document=Enrolment,
        problems=(409, 413, 415, 422, 429, 503),
    ),
    Route(
        "PUT", api.REGISTRATION, Who.DEVICE, handlers.register, "Register cameras, all of them at once",
        NOTHING, body=Signed, document=Registration, problems=(409, 413, 415, 422),
    ),
    Route(
        "DELETE", api.REGISTRATION, Who.DEVICE, handlers.withdraw, "Leave: erase everything of this device",
        NOTHING, body=Signed, document=Withdrawal, problems=(413, 415, 422),
    ),
    Route(
        "GET", api.INBOX, Who.DEVICE, handlers.read_inbox, "What came for this device; held while there is nothing",
        {200: api.Inbox}, query=InboxQuery, headers=(api.KINDS_HEADER,), problems=(400,),
    ),
    Route(
        "PUT", api.DECISION, Who.DEVICE, handlers.decide, "The owner's answer, final",
        NOTHING, body=Signed, document=Decision, problems=_SETTLED,
    ),
    Route(
        "PUT", api.REFUSAL, Who.DEVICE, handlers.refuse, "The agent refuses a request before its owner is asked",
        NOTHING, body=Signed, document=Refusal, problems=_SETTLED,
    ),
    Route(
        "PUT", api.DELIVERY, Who.DEVICE, handlers.deliver, "A finished upload is what was approved",
        NOTHING, body=api.SignedDelivery, problems=_SETTLED,
    ),
    Route(
        "GET", api.DELIVERIES, Who.DEVICE, handlers.read_deliveries, "What this device handed over of a request",
        {200: api.HeldDeliveries}, query=HeldQuery, problems=(400,),
    ),
    Route(
        "PUT", api.FEEDBACK, Who.DEVICE, handlers.owners_word, "The owner's answer to a question, or their rating",
        NOTHING, body=Signed, document=FROM_OWNER, problems=_SETTLED,
    ),
    Route(
        "POST", api.CHECKPOINTS, Who.DEVICE, handlers.checkpoint, "Have a custody log's head witnessed",
        NOTHING, body=api.Checkpoint, problems=(413, 415, 422),
    ),
    Route(
        "GET", api.CHECKPOINTS, Who.DEVICE, handlers.witnessed, "What the portal holds of this device's signed word",
        {200: api.Witnessed},
    ),
    Route(
        "POST", api.HEARTBEAT, Who.DEVICE, handlers.heartbeat, "Say that the agent lives",
        NOTHING, body=api.Heartbeat, problems=(413, 415, 422),
    ),
    Route(
        "PUT", api.RECORDED_HOURS, Who.DEVICE, handlers.keep_hours, "Of which hours of a day there are recordings",
        NOTHING, body=Signed, document=RecordedHours, problems=(413, 415, 422),
    ),
    Route(
        "POST", api.OFFERS, Who.DEVICE, handlers.keep_offer, "The owner has footage, and says so unasked",
        NOTHING, body=Signed, document=Offer, problems=(409, 413, 415, 422, 429),
    ),
    Route("DELETE", api.OFFER, Who.DEVICE, handlers.take_offer_back, "Take an offer back", NOTHING),
    Route("OPTIONS", api.UPLOADS, Who.ANYONE, tus.options, "What this tus server offers", NOTHING),
    Route("OPTIONS", _UPLOAD, Who.ANYONE, tus.options_of_upload, "The same, asked of an upload", NOTHING),
    Route(
        "POST", api.UPLOADS, Who.UPLOADER, tus.create, "tus: begin an upload", {201: None},
        headers=(*_TUS, "Upload-Length", "Upload-Metadata", "Upload-Checksum"), streams=True,
        problems=(400, 412, 413, 423, 429, 460, 507),
    ),
    Route(
        "HEAD", _UPLOAD, Who.UPLOADER, tus.head, "tus: how far an upload is", {200: None},
        headers=_TUS, problems=(404, 410, 412, 423),
    ),
    Route(
        "PATCH", _UPLOAD, Who.UPLOADER, tus.patch, "tus: more bytes", NOTHING,
        headers=(*_TUS, "Upload-Offset", "Upload-Checksum"), streams=True,
        problems=(400, 404, 409, 410, 412, 413, 415, 423, 460, 507),
    ),
    Route(
        "POST", _UPLOAD, Who.UPLOADER, tus.override, "tus: any of these, for clients that may only POST",
        {200: None, 204: None}, headers=(*_TUS, "X-HTTP-Method-Override", "Upload-Offset", "Upload-Checksum"),
        streams=True, problems=(400, 404, 405, 409, 410, 412, 413, 415, 423, 460, 507),
    ),
    Route(
        "DELETE", _UPLOAD, Who.UPLOADER, tus.terminate, "tus: end an upload", NOTHING,
        headers=_TUS, problems=(404, 409, 410, 412),
    ),
    Route(
        "GET", api.SEARCH, Who.OFFICER, handlers.search, "Cameras near a place, and whether they may have footage",
        {200: api.SearchResult}, query=SearchQuery, problems=(400, 403, 429),
    ),
    Route(
        "POST", api.OFFICER_REQUESTS, Who.OFFICER, handlers.send_request, "Ask an owner for footage",
        {201: api.Case, 200: api.Case}, body=Signed, document=Request, problems=(403, 409, 413, 415, 422, 429),
    ),
    Route(
        "GET", api.OFFICER_REQUESTS, Who.OFFICER, handlers.list_cases, "The officer's requests, newest first",
        {200: api.Cases}, query=CasesQuery, problems=(400,),
    ),
    Route(
        "GET", api.OFFICER_REQUEST, Who.OFFICER, handlers.read_case, "One request, and all that answers it",
        {200: api.Case}, problems=(404,),
    ),
    Route(
        "GET", api.OFFICER_OFFERS, Who.OFFICER, handlers.read_offers, "What owners offer unasked, newest first",
        {200: Offers},
    ),
    Route(
        "GET", api.CONTENT, Who.OFFICER, handlers.content, "The sealed package", {200: bytes, 206: bytes, 304: None},
        headers=("Range", "If-None-Match"), problems=(404, 410, 412, 416, 429),
    ),
    Route(
        "PUT", api.RECEIPT, Who.OFFICER, handlers.receipt, "The force has it, and checked it",
        NOTHING, body=Signed, document=Receipt, problems=_SETTLED,
    ),
    Route(
        "PUT", api.OFFICER_SAYS, Who.OFFICER, handlers.officers_word, "What an officer says of a package",
        NOTHING, body=Signed, document=FROM_OFFICER, problems=(*_SETTLED, 429),
    ),
    Route(
        "GET", api.OFFICER_FEEDBACK, Who.OFFICER, handlers.owners_words, "What owners answered and rated, oldest first",
        {200: api.OwnersFeedback}, query=FeedbackQuery, problems=(400,),
    ),
    *team_routes.ROUTES,
    *use_routes.ROUTES,
    *login_routes.ROUTES,
    *supervision_routes.ROUTES,
    *person_routes.ROUTES,
    *appeal_routes.ROUTES,
    *hold_routes.ROUTES,
    Route("GET", api.OPENAPI, Who.ANYONE, openapi.serve, "This interface as an OpenAPI document", {200: None}),
)  # fmt: skip
"""Every route of ``exchange.documents.api``, and no other."""
