"""Tables of what officers asked supervisors for, and of packages that they fetched. Not for: what may be done with them
(``portal.requests.authorisations``, ``portal.audit.quotas``)."""

from sqlalchemy import Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from exchange.documents.messages import Signed
from portal.storage.table import Table


class AskedWord(Table):
    """What an officer asked a supervisor to authorise, and the word that came."""

    __tablename__ = "asked_words"
    __table_args__ = (Index("asked_words_by_officer", "officer", "received"), Index("asked_words_by_unit", "unit"))

    asked_id: Mapped[str] = mapped_column(primary_key=True)
    officer: Mapped[str]
    unit: Mapped[str]
    """Whose supervisors see it."""
    received: Mapped[int]
    document: Mapped[str] = mapped_column(Text)
    signature: Mapped[str] = mapped_column(Text)
    word_document: Mapped[str | None] = mapped_column(Text)
    """The supervisor's authorisation."""
    word_signature: Mapped[str | None] = mapped_column(Text)
    refused: Mapped[str | None] = mapped_column(Text)
    refused_by: Mapped[str | None]

    @property
    def signed(self) -> Signed:
        return Signed(document=self.document, signature=self.signature)

    @property
    def word(self) -> Signed | None:
        if self.word_document is None or self.word_signature is None:
            return None
        return Signed(document=self.word_document, signature=self.word_signature)


class Fetch(Table):
    """That an officer began to fetch a package: going on with it within the hour is the same fetch."""

    __tablename__ = "fetches"
    __table_args__ = (Index("fetches_by_officer", "officer", "made"),)

    officer: Mapped[str] = mapped_column(primary_key=True)
    delivery_id: Mapped[str] = mapped_column(primary_key=True)
    made: Mapped[int]
