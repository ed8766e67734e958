"""The HTTP interface between agent, officer and portal: paths, and the unsigned envelopes around signed documents.

Both sides import it, and the portal's OpenAPI document is made from it. Not for: what the documents mean
(``exchange.documents.messages``), or upload, which is tus 1.0 as published.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from exchange.clock import Instant
from exchange.documents.messages import (
    Fingerprint,
    Id,
    Line,
    OwnerKind,
    Part,
    Place,
    PublicKeyLine,
    Sha256,
    Signed,
    Status,
)

MAX_BODY = 1024 * 1024
"""Bytes of a JSON body at most, either way."""
TOKEN_LIFETIME = 60
"""Seconds that an API token (JWT, EdDSA) lives at most; its ``jti`` is taken once, its ``aud`` is the portal's origin,
its ``iss`` the signer's fingerprint."""
LONGEST_POLL = 55
"""Seconds that a long poll is held at most."""

# Agent: all but FORCE and DEVICES carry a token signed by the device key.
FORCE = "/v1/force"  # GET -> ForceInfo
DEVICES = "/v1/devices"  # POST Signed[Enrolment] -> 201 Enrolled (again: 200)
REGISTRATION = "/v1/registration"  # PUT Signed[Registration] -> 204; DELETE Signed[Withdrawal] -> 204
INBOX = "/v1/inbox"  # GET ?after=<cursor>&wait=<seconds> -> Inbox
DECISION = "/v1/requests/{request_id}/decision"  # PUT Signed[Decision] -> 204; other bytes than before: 409
REFUSAL = "/v1/requests/{request_id}/refusal"  # PUT Signed[Refusal] -> 204; other bytes than before: 409
DELIVERY = "/v1/requests/{request_id}/deliveries/{delivery_id}"  # PUT SignedDelivery -> 204
DELIVERIES = "/v1/requests/{request_id}/deliveries"  # GET ?after=<delivery_id> -> HeldDeliveries
CHECKPOINTS = "/v1/checkpoints"  # POST Checkpoint -> 204; GET -> Witnessed
FEEDBACK = "/v1/requests/{request_id}/feedback/{feedback_id}"  # PUT Signed[OwnersAnswer | Rating] -> 204
OFFERS = "/v1/offers"  # POST Signed[Offer] -> 204
OFFER = "/v1/offers/{offer_id}"  # DELETE -> 204
HEARTBEAT = "/v1/heartbeat"  # POST Heartbeat -> 204
RECORDED_HOURS = "/v1/recorded-hours"
UPLOADS = "/v1/uploads"  # tus 1.0: OPTIONS, POST; HEAD, PATCH, DELETE on <UPLOADS>/<id>

# Officer: a token signed by the officer's key.
SEARCH = "/v1/officer/search"  # GET ?lat&lon&radius_m | ?south&west&north&east, from, to -> SearchResult
OFFICER_REQUESTS = "/v1/officer/requests"  # POST Signed[Request] -> 201 ; GET -> Cases
OFFICER_REQUEST = "/v1/officer/requests/{request_id}"  # GET -> Case
OFFICER_OFFERS = "/v1/officer/offers"  # GET -> Offers
CONTENT = "/v1/officer/deliveries/{delivery_id}/content"  # GET (Range) -> the ciphertext
RECEIPT = "/v1/officer/deliveries/{delivery_id}/receipt"  # PUT Signed[Receipt] -> 204
OFFICER_SAYS = "/v1/officer/requests/{request_id}/feedback/{feedback_id}"  # PUT Signed[OfficersFeedback] -> 204
OFFICER_FEEDBACK = "/v1/officer/feedback"  # GET ?after&request_id -> OwnersFeedback
TEAMS = "/v1/officer/teams"  # GET ?crime_reference&after -> Teams
TEAM = "/v1/officer/teams/{case_id}"  # GET -> TeamVersion, the one that stands
TEAM_VERSION = "/v1/officer/teams/{case_id}/versions/{version}"  # PUT TeamVersion -> 204; GET -> Signed[CaseTeam]
OFFICER_DOCUMENT = "/v1/officer/requests/{request_id}/document"  # GET -> Signed[Request]
USES = "/v1/officer/uses"  # POST UseReport -> 204; GET ?after -> Uses (auditors)
USES_HEAD = "/v1/officer/uses/head"  # GET ?since -> LogHead; POST SignedHead -> 204 (auditors)
LOGIN = "/v1/login"  # GET -> LoginWanted, for everybody
SESSION = "/v1/officer/session"  # POST LoginProof -> LoginSession; DELETE -> 204 (``exchange.signing.logins``)
SUPERVISION = "/v1/officer/supervision"  # POST RulesQuestion -> SupervisionRules
AUTHORISATIONS = "/v1/officer/authorisations"  # POST Signed[AuthorisationAsked] -> 204; GET -> AskedAuthorisations
AUTHORISATION = "/v1/officer/authorisations/{asked_id}"  # PUT SupervisorsWord -> 204 (supervisors)
QUOTAS = "/v1/officer/quotas"  # GET -> Quotas
HOLDS = "/v1/officer/holds"  # GET ?after&crime_reference -> Holds
HOLD = "/v1/officer/holds/{hold_id}"  # PUT Signed[HoldPlaced] -> HoldStands
HOLD_LIFTED = "/v1/officer/holds/{hold_id}/lifted"  # PUT Signed[HoldLifted] -> 204
RETENTION = "/v1/officer/retention"  # GET -> Retention
ROOM = "/v1/officer/room"  # GET -> PortalRoom
USES_ABOUT = "/v1/officer/uses/about"  # GET ?crime_reference&after -> UsesAbout (disclosure, auditors)
USES_RESTORED = "/v1/officer/uses/restored"  # GET -> LogRestorations; POST SignedRestored -> 204 (auditors)
COUNTS = "/v1/counts"  # GET -> Counts, for everybody
COUNTS_PAGE = "/counts"  # GET -> the same as a page
PEOPLE_NEARBY = "/v1/officer/people-nearby"  # GET as SEARCH -> PeopleNearby
PERSON_REQUESTS = "/v1/officer/person-requests"  # POST Signed[PersonRequest] -> 201 PersonCase; GET -> PersonCases
PERSON_REQUEST = "/v1/officer/person-requests/{request_id}"  # GET -> PersonCase
PERSON_FILE = "/v1/officer/person-requests/{request_id}/files/{file_id}"  # GET (Range) -> the ciphertext
PERSON_DOCUMENT = "/v1/officer/person-requests/{request_id}/document"  # GET -> Signed[PersonRequest]
PERSON_WORD = "/v1/officer/person-requests/{request_id}/word"  # POST PersonWord -> 204
APPEALS = "/v1/officer/appeals"  # POST Signed[Appeal] -> 201 AppealCase; GET -> AppealCases
APPEAL = "/v1/officer/appeals/{appeal_id}"  # GET -> AppealCase
APPEAL_CLOSED = "/v1/officer/appeals/{appeal_id}/closed"  # PUT -> 204
CONTRIBUTIONS = "/v1/officer/appeals/{appeal_id}/contributions"  # GET ?after -> Contributions
CONTRIBUTION_MARK = "/v1/officer/appeals/{appeal_id}/contributions/{contribution_id}/mark"  # PUT MarkOf -> 204
CONTRIBUTION_FILE = "/v1/officer/appeals/{appeal_id}/contributions/{contribution_id}/files/{file_id}"  # GET (Range)

# The page of an appeal, for everybody: the code that it gets is used as a link's is.
BEGIN_CONTRIBUTION = "/v1/appeals/{appeal_id}/contributions"  # POST -> 201 AppealCode
# The provider of text messages: what people text back.
TEXTS_RECEIVED = "/v1/texts/received"  # POST ReceivedText -> 204, with the bearer token that was agreed on

# The page behind a link: its code in the header ``Handover-Link``; it may use UPLOADS too.
LINK_ANSWER = "/v1/link/answer"  # PUT LinkAnswer -> LinkReceipt
OPENAPI = "/openapi.json"

KINDS_HEADER = "Handover-Kinds"
"""Of a poll: the kinds of inbox items that the agent takes, ``request receipt feedback``. An agent that doesn't say so
gets the first two, which were all when it was made."""


class ForceInfo(Part):
    """Who runs this portal. The owner confirms the key's fingerprint, learned by another way, before it is pinned."""

    force: Line
    public_key: PublicKeyLine
    portal: Line
    """The origin that tokens name as ``aud``, such as ``https://share.example.police.uk``."""
    uploads: Line
    """URL of the tus endpoint: a path of this portal, or another origin's URL."""


class Enrolled(Part):
    device: Fingerprint


class InboxKind(StrEnum):
    REQUEST = "request"
    RECEIPT = "receipt"
    FEEDBACK = "feedback"
    """What an officer says of what they got (``exchange.documents.feedback``)."""


class InboxItem(Part):
    cursor: Annotated[int, Field(ge=1)]
    kind: Annotated[
        InboxKind | Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")], Field(union_mode="left_to_right")
    ]
    """One that is unknown is passed over: a later portal may have more."""
    signed: Signed


class Inbox(Part):
    """What came since ``after``, oldest first. ``cursor`` is the next call's ``after``."""

    cursor: Annotated[int, Field(ge=0)]
    items: Annotated[tuple[InboxItem, ...], Field(max_length=100)]


class SignedDelivery(Part):
    signed: Signed
    upload: Annotated[str, Field(max_length=2048)]
    """URL of the finished tus upload."""


class Checkpoint(Part):
    note: Annotated[str, Field(max_length=8192)]
    """A signed C2SP tlog-checkpoint."""


class Witnessed(Part):
    """What the portal holds of a device's own signed word: by it an agent notices that its records were put back."""

    note: Annotated[str, Field(max_length=8192)] | None = None
    """The checkpoint of the longest log that it was shown; of several that are as long, the first."""
    decisions: Annotated[tuple[Signed, ...], Field(max_length=100)] = ()
    """The owner's answers, newest first; as many as there is room for."""


class HeldDelivery(Part):
    """A delivery as its device signed it, and the receipt for it as its officer signed it."""

    delivery: Signed
    receipt: Signed | None = None


class HeldDeliveries(Part):
    """What was handed over of one request of the device, oldest first; nothing of a request that the portal does not
    know. ``more``: ask on with ``after`` the last one's ``delivery_id``.
    """

    items: Annotated[tuple[HeldDelivery, ...], Field(max_length=50)] = ()
    more: bool = False


class Heartbeat(Part):
    """That the agent lives. It tells nothing of requests: silence is an answer that tells nothing."""

    version: Line
    cameras_recording: Annotated[int, Field(ge=0, le=256)]
    cameras_registered: Annotated[int, Field(ge=0, le=256)]


class Problem(Part):
    """An error's body (RFC 9457, application/problem+json)."""

    type: Annotated[str, Field(max_length=200)] = "about:blank"
    title: Annotated[str, Field(max_length=200)]
    status: int
    detail: Annotated[str, Field(max_length=2000)] = ""


class FootageChance(StrEnum):
    """``unsure``: the owner's system was not heard since, or told nothing of how far back it reaches."""

    LIKELY = "likely"
    UNSURE = "unsure"
    NO = "no"


class FoundCamera(Part):
    """A registered camera near the place that was searched."""

    device: Fingerprint
    camera_id: Id
    label: Line
    owner_kind: OwnerKind
    place: Place
    direction: float | None = None
    field_of_view: float | None = None
    range_m: float | None = None
    sound: bool
    retention_days: int
    distance_m: Annotated[float, Field(ge=0)]
    looks_at_place: bool | None = None
    """Whether the place lies in its view; None where the owner gave no direction."""
    footage: FootageChance
    """Whether there may be footage of the time, as far as the portal can know."""
    recordings_since: Instant | None = None
    last_seen: Instant | None = None


class SearchResult(Part):
    cameras: tuple[FoundCamera, ...]
    truncated: bool = False


class CaseDelivery(Part):
    delivery_id: Id
    size: int
    ciphertext_sha256: Sha256
    signed: Signed
    receipt: Signed | None = None


class Case(Part):
    """A request as its officer sees it. ``status`` is None while no answer came: nobody is told more than that."""

    request_id: Id
    crime_reference: Line
    issued: Instant
    expires: Instant
    device: Fingerprint
    device_key: PublicKeyLine | None = None
    status: Status | None = None
    refusal: Signed | None = None
    decision: Signed | None = None
    deliveries: tuple[CaseDelivery, ...] = ()


class OwnersWord(Part):
    """An owner's answer or rating, with the key that signed it. ``number`` grows."""

    number: Annotated[int, Field(ge=1)]
    request_id: Id
    device_key: PublicKeyLine
    signed: Signed


class OwnersFeedback(Part):
    """What owners answered and rated, oldest first. ``more``: ask on with ``after`` the last one's ``number``."""

    items: Annotated[tuple[OwnersWord, ...], Field(max_length=100)]
    more: bool = False


class Cases(Part):
    """``more``: there are older ones, to be asked for with ``before`` and ``after`` of the last one here."""

    cases: tuple[Case, ...]
    more: bool = False


# -- what everybody may see --------------------------------------------------------------------------------------


class MonthCount(Part):
    """Of requests that came in a month. A number that would speak of too few owners is left out."""

    month: Annotated[str, Field(pattern=r"^\d{4}-\d{2}$")]
    requests: Annotated[int, Field(ge=0)] | None = None
    owners_asked: Annotated[int, Field(ge=0)] | None = None
    answered: Annotated[int, Field(ge=0)] | None = None
    declined: Annotated[int, Field(ge=0)] | None = None


class Counts(Part):
    """By the month (UTC), newest first, each once no request of it can be answered any more."""

    months: tuple[MonthCount, ...]
    least: Annotated[int, Field(ge=1)]
    """Of fewer than so many nothing is said."""
