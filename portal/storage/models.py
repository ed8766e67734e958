"""The portal's tables. Instants are microseconds UTC; documents are kept as the exact text that was signed.

Not for: how they are opened (``portal.storage.database``) or upgraded (``portal.storage.migrations``).
"""

from sqlalchemy import ForeignKey, Index, Integer, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from exchange.documents.messages import Signed
from portal.storage.personal.sealing import SealedText
from portal.storage.table import Table as Table


class Device(Table):
    """An owner's agent. The owner's name and contact stand in the registration's text, and nowhere else."""

    __tablename__ = "devices"

    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    public_key: Mapped[str]
    enrolled: Mapped[int]
    last_seen: Mapped[int]
    version: Mapped[str | None]
    cameras_recording: Mapped[int | None]
    revision: Mapped[int] = mapped_column(default=0)
    registration_document: Mapped[str | None] = mapped_column(SealedText)
    registration_signature: Mapped[str | None] = mapped_column(Text)
    last_cursor: Mapped[int] = mapped_column(default=0)
    key_id: Mapped[str | None]
    """Under which key lies what is personal of its owner; None where nothing was sealed yet."""


class ShutOut(Table):
    """A device whose key may be in other hands: it is erased, and never let in again."""

    __tablename__ = "shut_out"

    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[int]
    reason: Mapped[str]


class Camera(Table):
    """A registered camera as officers may find it: made of the registration, also anew where a backup left it out.

    How it is found by its place: ``portal.registry.nearest``.
    """

    __tablename__ = "cameras"

    device: Mapped[str] = mapped_column(ForeignKey("devices.fingerprint", ondelete="CASCADE"), primary_key=True)
    camera_id: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str]
    owner_kind: Mapped[str]
    latitude: Mapped[float]
    longitude: Mapped[float]
    description: Mapped[str | None]
    direction: Mapped[float | None]
    field_of_view: Mapped[float | None]
    range_m: Mapped[float | None]
    sound: Mapped[bool]
    retention_days: Mapped[int]
    recordings_since: Mapped[int | None]


class DayHours(Table):
    """What an agent said of one camera's day: for each hour of UTC whether anything was recorded in it."""

    __tablename__ = "day_hours"

    device: Mapped[str] = mapped_column(ForeignKey("devices.fingerprint", ondelete="CASCADE"), primary_key=True)
    camera_id: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hours: Mapped[str]


class Officer(Table):
    """An officer whose credential the force signed."""

    __tablename__ = "officers"

    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    public_key: Mapped[str]
    credential_id: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    rank: Mapped[str]
    collar_number: Mapped[str]
    unit: Mapped[str]
    valid_from: Mapped[int]
    valid_to: Mapped[int]
    document: Mapped[str] = mapped_column(Text)
    signature: Mapped[str] = mapped_column(Text)
    added: Mapped[int]
    revoked: Mapped[int | None]


class StoredRequest(Table):
    """A request and its answer: what the force keeps, also when the owner has left.

    ``device`` is no foreign key for that reason; nothing here says who the owner is.
    """

    __tablename__ = "requests"
    __table_args__ = (
        Index("requests_by_officer", "officer", "received"),
        Index("requests_by_device", "device"),
        Index("requests_by_class", "retention_class", "received"),
        Index("requests_by_crime", "crime_reference"),
    )

    request_id: Mapped[str] = mapped_column(primary_key=True)
    officer: Mapped[str] = mapped_column(ForeignKey("officers.fingerprint"))
    device: Mapped[str]
    device_key: Mapped[str]
    crime_reference: Mapped[str]
    issued: Mapped[int]
    expires: Mapped[int]
    received: Mapped[int]
    sha256: Mapped[str]
    document: Mapped[str] = mapped_column(Text)
    signature: Mapped[str] = mapped_column(Text)
    status: Mapped[str | None]
    decision_document: Mapped[str | None] = mapped_column(SealedText)
    """Sealed under the device's key, until its owner leaves and it stays as evidence."""
    decision_signature: Mapped[str | None] = mapped_column(Text)
    refusal_document: Mapped[str | None] = mapped_column(Text)
    refusal_signature: Mapped[str | None] = mapped_column(Text)
    answered: Mapped[int | None]
    retention_class: Mapped[str | None]
    """None until the sweep has put it into one."""

    @property
    def decision(self) -> Signed | None:
        return _signed(self.decision_document, self.decision_signature)

    @property
    def refusal(self) -> Signed | None:
        return _signed(self.refusal_document, self.refusal_signature)


class InboxEntry(Table):
    """What waits for a device. There is no mark of what was fetched: silence tells nothing."""

    __tablename__ = "inbox"
    __table_args__ = (Index("inbox_by_request", "request_id"),)

    device: Mapped[str] = mapped_column(ForeignKey("devices.fingerprint", ondelete="CASCADE"), primary_key=True)
    cursor: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str]
    request_id: Mapped[str]
    document: Mapped[str] = mapped_column(Text)
    signature: Mapped[str] = mapped_column(Text)
    expires: Mapped[int]


class StoredDelivery(Table):
    """A sealed package that lies, or lay, at the portal."""

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("deliveries_by_request", "request_id", "evidence_id"),
        Index("deliveries_by_upload", "upload"),
    )

    delivery_id: Mapped[str] = mapped_column(primary_key=True)
    request_id: Mapped[str] = mapped_column(ForeignKey("requests.request_id"))
    evidence_id: Mapped[str]
    upload: Mapped[str | None]
    """None once the ciphertext is gone."""
    size: Mapped[int]
    sha256: Mapped[str]
    document: Mapped[str] = mapped_column(Text)
    signature: Mapped[str] = mapped_column(Text)
    received: Mapped[int]
    fetched: Mapped[int | None]
    """When its officer first had all of it."""
    receipt_document: Mapped[str | None] = mapped_column(Text)
    receipt_signature: Mapped[str | None] = mapped_column(Text)
    receipted: Mapped[int | None]
    verified: Mapped[bool | None]

    @property
    def signed(self) -> Signed:
        return Signed(document=self.document, signature=self.signature)

    @property
    def receipt(self) -> Signed | None:
        return _signed(self.receipt_document, self.receipt_signature)


class StoredFeedback(Table):
    """What was said of a package after its receipt. There is no mark of what was fetched here either."""

    __tablename__ = "feedback"
    __table_args__ = (
        Index("feedback_by_request", "request_id", "kind"),
        Index("feedback_by_time", "received"),
        {"sqlite_autoincrement": True},
    )

    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    feedback_id: Mapped[str] = mapped_column(unique=True)
    request_id: Mapped[str] = mapped_column(ForeignKey("requests.request_id"))
    kind: Mapped[str]
    evidence_id: Mapped[str | None]
    sha256: Mapped[str | None]
    """Of the ciphertext that an officer speaks of."""
    received: Mapped[int]
    answered_by: Mapped[str | None]
    """Of a question: the answer's id."""
    document: Mapped[str] = mapped_column(SealedText)
    """What an owner said is sealed under their device's key."""
    signature: Mapped[str] = mapped_column(Text)

    @property
    def signed(self) -> Signed:
        return Signed(document=self.document, signature=self.signature)


class StoredUpload(Table):
    """A tus upload. How much of it is here, the length of its file says."""

    __tablename__ = "uploads"
    __table_args__ = (
        Index("uploads_by_device", "device"),
        Index("uploads_by_expiry", "expires"),
        Index(
            "uploads_on_their_way",
            "size",
            sqlite_where=text("gone = 0 AND sha256 IS NULL"),
            postgresql_where=text("NOT gone AND sha256 IS NULL"),
        ),
    )

    upload_id: Mapped[str] = mapped_column(primary_key=True)
    device: Mapped[str]
    size: Mapped[int]
    tus_metadata: Mapped[str | None]
    created: Mapped[int]
    expires: Mapped[int]
    sha256: Mapped[str | None]
    """Of the whole file, once it is whole."""
    delivered: Mapped[bool] = mapped_column(default=False)
    gone: Mapped[bool] = mapped_column(default=False)


class TakenBytes(Table):
    """How much the uploads that are not gone take, as entries that are added up: the database writes one with each that
    comes, changes or goes (triggers of step 0024), so that no query can forget to. Not for: reading it
    (``portal.uploads.room``)."""

    __tablename__ = "uploads_taken"

    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    bytes: Mapped[int]
    """Negative of what went."""


FILLED_BY_OTHERS = frozenset({TakenBytes.__tablename__})
"""Tables that fill themselves as rows come into others: whoever copies those does not copy these."""


class KeptOffer(Table):
    """An owner's notice that they have footage, until it ends."""

    __tablename__ = "offers"
    __table_args__ = (Index("offers_by_device", "device"),)

    offer_id: Mapped[str] = mapped_column(primary_key=True)
    device: Mapped[str] = mapped_column(ForeignKey("devices.fingerprint", ondelete="CASCADE"))
    received: Mapped[int]
    expires: Mapped[int]
    document: Mapped[str] = mapped_column(SealedText)
    signature: Mapped[str] = mapped_column(Text)


class StoredCheckpoint(Table):
    """A device's signed word on how long its custody log was: the portal is a witness that none was cut back."""

    __tablename__ = "checkpoints"
    __table_args__ = (Index("checkpoints_by_device", "device", "number"),)

    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    device: Mapped[str] = mapped_column(ForeignKey("devices.fingerprint", ondelete="CASCADE"))
    received: Mapped[int]
    size: Mapped[int]
    root: Mapped[str]
    note: Mapped[str] = mapped_column(Text)
    cut_back: Mapped[bool]
    """Smaller than one before it, or as large with another root."""


class Search(Table):
    """One search of an officer's, kept so that the force can see what its register of cameras was used for."""

    __tablename__ = "searches"
    __table_args__ = (Index("searches_by_officer", "officer", "made"),)

    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    officer: Mapped[str] = mapped_column(ForeignKey("officers.fingerprint"))
    made: Mapped[int]
    crime_reference: Mapped[str]
    south: Mapped[float]
    west: Mapped[float]
    north: Mapped[float]
    east: Mapped[float]
    window_start: Mapped[int]
    window_end: Mapped[int]


class UsedToken(Table):
    """A token that was taken, until it would have expired."""

    __tablename__ = "tokens"
    __table_args__ = (Index("tokens_by_expiry", "expires"),)

    issuer: Mapped[str] = mapped_column(primary_key=True)
    jti: Mapped[str] = mapped_column(primary_key=True)
    expires: Mapped[int]


class SchemaMark(Table):
    """One row: the last step of the schema that a portal must know to work here (``portal.storage.schema``)."""

    __tablename__ = "schema_mark"

    must_know: Mapped[str] = mapped_column(primary_key=True)


def _signed(document: str | None, signature: str | None) -> Signed | None:
    return Signed(document=document, signature=signature) if document and signature else None


from portal.storage import appeal_tables as appeal_tables  # noqa: E402
from portal.storage import count_tables as count_tables  # noqa: E402
from portal.storage import login_tables as login_tables  # noqa: E402
from portal.storage import people_tables as people_tables  # noqa: E402
from portal.storage import supervision_tables as supervision_tables  # noqa: E402
from portal.storage import team_tables as team_tables  # noqa: E402  they stand upon what is above
from portal.storage import use_tables as use_tables  # noqa: E402
from portal.storage.personal import keeping_tables as keeping_tables  # noqa: E402
