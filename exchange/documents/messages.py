"""The documents that cross between an owner and the police: what each says, and its limits.

Each is a JSON text signed as it stands (``exchange.signing.documents``). Not for: the evidence manifest
(``exchange.documents.evidence``), or the unsigned envelopes of the HTTP interface (``exchange.documents.api``).

Long because they are one protocol.
"""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from exchange.clock import Instant, Window
from exchange.documents.copies import ChosenCopy, WantedCopies, check_chosen
from exchange.documents.exhibits import ExhibitPrefix
from exchange.documents.letters import first_unfit
from exchange.documents.part import Part as Part

MAX_DOCUMENT = 256 * 1024
"""Bytes of a signed document at most."""


def _printable(text: str) -> str:
    """What is signed is what a terminal shows: see ``exchange.documents.letters``."""
    return _fit(text, lines=True)


def one_line(text: str) -> str:
    """A text that is one line of letters which people read. ValueError says what is not."""
    if "\n" in text or "\t" in text:
        raise ValueError("one line only")
    return _fit(text, lines=False)


def _fit(text: str, *, lines: bool) -> str:
    unfit = first_unfit(text, lines=lines)
    if unfit is not None:
        raise ValueError(f"the character U+{ord(unfit):04X} is not allowed there in a text that a person reads")
    return text


Line = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(one_line)]
Text = Annotated[str, Field(min_length=1, max_length=4000), AfterValidator(_printable)]
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
"""Opaque: a UUID in lower case, or a short name; safe in a path and a URL."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Fingerprint = Annotated[str, Field(pattern=r"^SHA256:[A-Za-z0-9+/]{43}$")]
"""As ``ssh-keygen -l`` prints it."""
PublicKeyLine = Annotated[str, Field(pattern=r"^ssh-ed25519 [A-Za-z0-9+/]{68}$")]
"""An OpenSSH public key without comment."""
RecipientText = Annotated[str, Field(pattern=r"^age1(pq1)?[02-9ac-hj-np-z]{20,2500}$")]
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]


class Document(Part):
    """What is signed. ``kind`` tells readers what it is; the signature's namespace is ``<kind>@handover``."""

    kind: str

    def to_text(self) -> str:
        """The exact text to sign: indented JSON, fields in the order of the model, one newline at the end."""
        return self.model_dump_json(indent=2, exclude_none=True) + "\n"

    @classmethod
    def namespace(cls) -> str:
        """The SSHSIG namespace (PROTOCOL.sshsig, OpenSSH)."""
        return f"{cls.model_fields['kind'].default}@handover"


class Signed(Part):
    """A document and its detached SSHSIG signature over exactly these characters in UTF-8."""

    document: Annotated[str, Field(max_length=MAX_DOCUMENT)]
    signature: Annotated[str, Field(max_length=4096)]


class Stretch(Part):
    """A stretch of UTC as documents write it: ``{"from": …, "to": …}``, half-open."""

    start: Instant = Field(alias="from")
    end: Instant = Field(alias="to")

    @model_validator(mode="after")
    def _ends_after_start(self) -> Self:
        if self.end <= self.start:
            raise ValueError("'to' must be later than 'from'")
        return self

    @property
    def window(self) -> Window:
        return Window(self.start, self.end)

    @classmethod
    def of(cls, window: Window) -> Self:
        return cls(start=window.start, end=window.end)


class Place(Part):
    """WGS 84 degrees, and what a person would call it."""

    latitude: Latitude
    longitude: Longitude
    description: Line | None = None


# -- who an officer is -------------------------------------------------------------------------------------------


class Role(StrEnum):
    """What a force lets the bearer of a credential do."""

    OFFICER = "officer"
    """Ask owners for footage, and open it."""
    SUPERVISOR = "supervisor"
    """Say that something far-reaching may be asked."""
    DISCLOSURE = "disclosure"
    """Hold what must not be deleted, and give a case's whole file to those who have a right to it."""
    AUDITOR = "auditor"
    """See what was done, and open nothing."""


class Credential(Document):
    """The force's word that this key is this officer's. Signed by the force key."""

    kind: Literal["credential.v1"] = "credential.v1"
    force: Line
    credential_id: Id
    name: Line
    rank: Line
    collar_number: Line
    unit: Line
    contact: Line
    public_key: PublicKeyLine
    valid_from: Instant
    valid_to: Instant
    roles: Annotated[tuple[Role, ...], Field(min_length=1, max_length=4)] | None = None
    """None: an officer, and nothing else."""
    recipient: RecipientText | None = None
    """The officer's own age recipient, under which a case's key is handed to them; None when they have none."""

    @model_validator(mode="after")
    def _roles_differ(self) -> Self:
        if self.roles is not None and len(set(self.roles)) != len(self.roles):
            raise ValueError("a role stands there twice")
        return self

    def may(self, role: Role) -> bool:
        """Whether the force gave the role."""
        return role in (self.roles or (Role.OFFICER,))


# -- the owner's side: who registers what ------------------------------------------------------------------------


class Enrolment(Document):
    """An agent makes itself known to a portal. Signed by the device key that it carries."""

    kind: Literal["enrolment.v1"] = "enrolment.v1"
    device_key: PublicKeyLine
    portal: Line
    force_key: Fingerprint
    issued: Instant


class OwnerKind(StrEnum):
    HOUSEHOLD = "household"
    BUSINESS = "business"


class Owner(Part):
    kind: OwnerKind
    name: Line
    contact: Line


class CameraRegistration(Part):
    """One camera as officers may find it: where it stands and looks, never how to reach it."""

    camera_id: Id
    label: Line
    place: Place
    direction: Annotated[float, Field(ge=0, lt=360)] | None = None
    """Degrees clockwise from true north to the middle of the view."""
    field_of_view: Annotated[float, Field(gt=0, le=360)] | None = None
    """Degrees."""
    range_m: Annotated[float, Field(gt=0, le=1000)] | None = None
    indoors: bool = False
    sound: bool = False
    retention_days: Annotated[int, Field(ge=0, le=3650)]
    """For how long recordings are kept, as the owner wants it or their recorder does."""
    recordings_since: Instant | None = None
    """The day, from its midnight UTC, of the oldest recording that is there; told once a day. None: not known, or there
    is none yet."""
    make: Line | None = None
    model: Line | None = None


class Registration(Document):
    """All that an owner registers, whole: a camera that isn't in it is no longer registered. Device key."""

    kind: Literal["registration.v1"] = "registration.v1"
    device: Fingerprint
    revision: Annotated[int, Field(ge=1)]
    owner: Owner
    cameras: Annotated[tuple[CameraRegistration, ...], Field(max_length=256)]
    issued: Instant

    @model_validator(mode="after")
    def _cameras_differ(self) -> Self:
        if len({camera.camera_id for camera in self.cameras}) != len(self.cameras):
            raise ValueError("two cameras have the same camera_id")
        return self


class Withdrawal(Document):
    """The owner leaves; the portal erases the registration. Device key."""

    kind: Literal["withdrawal.v1"] = "withdrawal.v1"
    device: Fingerprint
    issued: Instant


# -- the request -------------------------------------------------------------------------------------------------


class Incident(Part):
    kind: Line
    """What kind of crime or incident."""
    place: Line
    happened: Stretch
    description: Text
    location: Place | None = None
    """Where it was, for a plan; None when the officer gave no coordinates."""


class Asked(Part):
    """One camera and window that an officer asks for."""

    camera_id: Id
    window: Stretch
    sound: bool = False


def check_asked(asked: tuple[Asked, ...], issued: Instant, expires: Instant) -> None:
    """What holds for every request, signed or written down. Raises ValueError."""
    if expires <= issued:
        raise ValueError("'expires' must be later than 'issued'")
    if len({(each.camera_id, each.window.start, each.window.end) for each in asked}) != len(asked):
        raise ValueError("the same camera and window is asked for twice")


class Request(Document):
    """An officer asks an owner for footage. Signed by the officer's key; the credential says whose key that is."""

    kind: Literal["request.v1"] = "request.v1"
    request_id: Id
    device: Fingerprint
    """The agent that is asked: a request can't be carried over to another owner."""
    force: Line
    credential: Signed
    crime_reference: Line
    incident: Incident
    purpose: Text
    legal_basis: Text
    necessity: Text
    asked: Annotated[tuple[Asked, ...], Field(min_length=1, max_length=64)]
    recipient: RecipientText
    """The case's age recipient, which the package is sealed for."""
    preserve: bool = True
    copies: WantedCopies | None = None
    """Working copies that would help; None when the officer did not say."""
    exhibit_prefix: ExhibitPrefix | None = None
    """What the force wants the exhibits' references to begin with; None when it does not mind."""
    answers_offer: Id | None = None
    """The owner's offer that this answers, where there was one."""
    owners_asked: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """How many owners, this one with them, are asked for the same; None when the officer did not say."""
    authorisation: Signed | None = None
    """A supervisor's word that this may be asked (``exchange.documents.supervision``); None where none was needed."""
    team: Signed | None = None
    """Who can open what is sent (``exchange.documents.teams``); None where it is the officer alone."""
    issued: Instant
    expires: Instant

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        check_asked(self.asked, self.issued, self.expires)
        return self


class RefusalReason(StrEnum):
    """Why an agent refuses a request before any owner is asked."""

    BAD_SIGNATURE = "bad-signature"
    UNPINNED_FORCE = "unpinned-force"
    CREDENTIAL_EXPIRED = "credential-expired"
    CREDENTIAL_NOT_YET_VALID = "credential-not-yet-valid"
    EXPIRED = "expired"
    NOT_YET_ISSUED = "not-yet-issued"
    IN_THE_FUTURE = "window-in-the-future"
    TOO_LONG = "window-too-long"
    OPEN_TOO_LONG = "open-too-long"
    UNKNOWN_CAMERA = "camera-not-registered"
    WRONG_DEVICE = "wrong-device"
    REPLAYED = "id-seen-with-other-bytes"
    NOT_AUTHORISED = "not-authorised"
    INVALID = "invalid"


class Refusal(Document):
    """The agent won't put this request to its owner, and why. Device key."""

    kind: Literal["refusal.v1"] = "refusal.v1"
    request_id: Id
    request_sha256: Sha256
    reason: RefusalReason
    explanation: Text
    issued: Instant


# -- the owner's answer ------------------------------------------------------------------------------------------


class Status(StrEnum):
    """What an officer is told of a request."""

    APPROVED = "approved"
    PARTLY_APPROVED = "partly-approved"
    DECLINED = "declined"
    UNAVAILABLE = "unavailable"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class GapNote(Part):
    """Time inside a window for which there is no footage."""

    start: Instant = Field(alias="from")
    end: Instant = Field(alias="to")
    reason: Line


class Outcome(StrEnum):
    APPROVED = "approved"
    DECLINED = "declined"
    UNAVAILABLE = "unavailable"


class DecidedCamera(Part):
    """One asked camera and window, and what the owner decided. ``approved`` is what will be sent, to the frame:
    the presentation time of the first frame, and of the last frame's end."""

    camera_id: Id
    requested: Stretch
    outcome: Outcome
    approved: Stretch | None = None
    sound: bool = False
    gaps: tuple[GapNote, ...] = ()
    evidence_id: Id | None = None
    """The package that will answer it."""
    narrowed: Stretch | None = None
    """What the owner shortened the requested window to; None when they did not."""
    observed_sha256: Sha256 | None = None
    """Of the owner's notes in the package's manifest (``evidence.observations_sha256``); None when there are none."""
    copies: (
        Annotated[tuple[ChosenCopy, ...], Field(min_length=1, max_length=8), AfterValidator(check_chosen)] | None
    ) = None
    """The working copies that go beside the masters; None when there are none."""

    @model_validator(mode="after")
    def _approval_has_a_window(self) -> Self:
        approved = self.outcome is Outcome.APPROVED
        if approved != (self.approved is not None):
            raise ValueError("an approved camera has an approved window, and no other has")
        if not approved and (self.narrowed or self.observed_sha256 or self.copies):
            raise ValueError("only an approved camera was shortened, has notes or working copies")
        if self.narrowed and not (
            self.requested.start <= self.narrowed.start and self.narrowed.end <= self.requested.end
        ):
            raise ValueError("a window can only be shortened")
        return self


class DecidedBy(Part):
    name: Line
    """As the owner wants to be named."""
    method: Line
    """How they were authenticated, such as 'operating system user pi (uid 1000) at a terminal'."""
    person: Id | None = None
    """Who it is in the agent's own list of people, where there is one: two names may be one person's."""


class Agreement(Part):
    """One person's yes to all that a decision says, where two are needed."""

    by: DecidedBy
    at: Instant


class Decision(Document):
    """The owner's answer, bound to the request's bytes. Device key.

    A declined one names the request and nothing else: no name, no reason, no camera.
    """

    kind: Literal["decision.v1"] = "decision.v1"
    request_id: Id
    request_sha256: Sha256
    status: Status
    decided: Instant
    decided_by: DecidedBy | None = None
    plan_sha256: Sha256 | None = None
    """Of the agent's plan that the owner was shown; it stays with the agent."""
    cameras: tuple[DecidedCamera, ...] = ()
    observations: Text | None = None
    people_needed: Annotated[int, Field(ge=2, le=2)] | None = None
    """Where the owner wants it that two people agree; None where one is enough."""
    agreed: Annotated[tuple[Agreement, ...], Field(max_length=8)] | None = None
    """Who agreed, where more than one person is needed, in the order of time."""
    exhibit_prefix: ExhibitPrefix | None = None
    """What the exhibits' references begin with, where the owner said so; it goes over what the request asks for."""

    @model_validator(mode="after")
    def _tells_no_more_than_it_may(self) -> Self:
        approved = any(camera.outcome is Outcome.APPROVED for camera in self.cameras)
        if approved != (self.status in (Status.APPROVED, Status.PARTLY_APPROVED)):
            raise ValueError("the status contradicts the cameras")
        more = (self.cameras, self.decided_by, self.observations, self.plan_sha256, self.agreed, self.exhibit_prefix)
        if self.status is Status.DECLINED and any(more):
            raise ValueError("a declined request tells nothing else")
        return self

    @property
    def people(self) -> frozenset[str | None]:
        """Who agreed, each once."""
        return frozenset(each.by.person for each in self.agreed or ())


# -- delivery ----------------------------------------------------------------------------------------------------


class Delivery(Document):
    """A sealed package lies at the portal, whole. Device key."""

    kind: Literal["delivery.v1"] = "delivery.v1"
    delivery_id: Id
    request_id: Id
    evidence_id: Id
    ciphertext_sha256: Sha256
    size: Annotated[int, Field(gt=0)]
    """Bytes of the ciphertext."""
    issued: Instant


class Receipt(Document):
    """The force has it, opened it and checked it. Signed by the officer's key."""

    kind: Literal["receipt.v1"] = "receipt.v1"
    receipt_id: Id
    delivery_id: Id
    request_id: Id
    evidence_id: Id
    ciphertext_sha256: Sha256
    size: Annotated[int, Field(gt=0)]
    verified: bool
    """Opened, and every check of the package held."""
    remarks: Text | None = None
    credential: Signed
    issued: Instant
