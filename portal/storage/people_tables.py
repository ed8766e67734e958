"""Tables of people without an agent: who registered, by what links they come in, what they were asked and gave.

An officer sees ``person_id`` and the cameras, never the rest. Not for: what may be done with them (``portal.people``).
"""

from sqlalchemy import ForeignKey, Index, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from exchange.documents.messages import Signed
from portal.storage.personal.sealing import SealedLine, SealedText
from portal.storage.table import Table


class Person(Table):
    """Somebody who registered by hand. Nobody sees their cameras before they confirmed the address."""

    __tablename__ = "people"
    __table_args__ = (Index("people_by_mark", "address_mark"),)

    person_id: Mapped[str] = mapped_column(primary_key=True)
    address: Mapped[str] = mapped_column(SealedLine, unique=True)
    """E-mail in lower case, or a mobile number as in E.164."""
    address_mark: Mapped[str | None]
    """What the address is found by where it is sealed."""
    by_text: Mapped[bool | None]
    """Whether the address is a mobile number, where it is sealed."""
    person_kind: Mapped[str]
    person_name: Mapped[str | None] = mapped_column(SealedLine)
    registered: Mapped[int]
    confirmed: Mapped[int | None]
    key_id: Mapped[str | None]
    entry: Mapped[str | None] = mapped_column(SealedText)
    """All that they told (``portal.people.registered.PersonEntry``), where it is sealed."""


class PersonCameraRow(Table):
    """A camera that somebody described by hand: made of the entry, and made anew where a backup leaves it out."""

    __tablename__ = "people_cameras"
    __table_args__ = (Index("people_cameras_by_place", "latitude", "longitude"),)

    person_id: Mapped[str] = mapped_column(ForeignKey("people.person_id", ondelete="CASCADE"), primary_key=True)
    camera_id: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str]
    doorbell: Mapped[bool]
    latitude: Mapped[float]
    longitude: Mapped[float]
    description: Mapped[str | None]
    direction: Mapped[float | None]
    retention_days: Mapped[int]


class PersonLink(Table):
    """A link that was sent: what it is for, and until when. The code itself is kept nowhere."""

    __tablename__ = "people_links"
    __table_args__ = (Index("people_links_by_person", "person_id"), Index("people_links_by_request", "request_id"))

    code_sha256: Mapped[str] = mapped_column(primary_key=True)
    link_for: Mapped[str]
    person_id: Mapped[str] = mapped_column(ForeignKey("people.person_id", ondelete="CASCADE"))
    request_id: Mapped[str | None]
    expires: Mapped[int]


class QueuedMessage(Table):
    """A message that goes out, or went. Its words and its link are made when it is sent."""

    __tablename__ = "people_messages"
    __table_args__ = (
        Index("people_messages_due", "next_try"),
        Index("people_messages_by_person", "person_id", "queued"),
        {"sqlite_autoincrement": True},
    )

    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.person_id", ondelete="CASCADE"))
    link_for: Mapped[str]
    """What the link is for, or what is told without one."""
    result: Mapped[str | None]
    """Of a message that tells what became of something."""
    request_id: Mapped[str | None]
    queued: Mapped[int]
    next_try: Mapped[int | None]
    """None once it is sent, or given up."""
    tries: Mapped[int]


class StoredPersonRequest(Table):
    """What an officer asked, and the answer. It stays when the person has left: nothing here says who they are."""

    __tablename__ = "people_requests"
    __table_args__ = (
        Index("people_requests_by_officer", "officer", "received"),
        Index("people_requests_by_case", "case_id"),
        Index("people_requests_by_class", "retention_class", "received"),
        Index("people_requests_by_crime", "crime_reference"),
    )

    request_id: Mapped[str] = mapped_column(primary_key=True)
    officer: Mapped[str] = mapped_column(ForeignKey("officers.fingerprint"))
    person_id: Mapped[str]
    case_id: Mapped[str | None]
    """The team's case that it belongs to; None where it is its officer's alone."""
    crime_reference: Mapped[str]
    issued: Mapped[int]
    expires: Mapped[int]
    received: Mapped[int]
    sha256: Mapped[str]
    document: Mapped[str] = mapped_column(Text)
    signature: Mapped[str] = mapped_column(Text)
    message_state: Mapped[str]
    message_trouble: Mapped[str | None]
    answer: Mapped[str | None]
    answered: Mapped[int | None]
    thanked: Mapped[int | None]
    """When the person was first told that it was opened."""
    retention_class: Mapped[str | None]

    @property
    def signed(self) -> Signed:
        return Signed(document=self.document, signature=self.signature)


class StoredPersonFile(Table):
    """A file that came by a link, as the browser sealed it."""

    __tablename__ = "people_files"

    request_id: Mapped[str] = mapped_column(ForeignKey("people_requests.request_id"), primary_key=True)
    file_id: Mapped[str] = mapped_column(primary_key=True)
    upload: Mapped[str | None]
    """None once the ciphertext is gone."""
    size: Mapped[int]
    sha256: Mapped[str]
    sealed_name: Mapped[str] = mapped_column(Text)
