"""Tables of what is kept: legal holds, and a count of what was deleted, without who and where.

Not for: what they mean (``portal.keeping``).
"""

from sqlalchemy import Index, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from exchange.documents.messages import Signed
from portal.storage.table import Table


class LegalHold(Table):
    """A hold on all that came for a crime. It stays here when it was lifted: it is the record of both."""

    __tablename__ = "legal_holds"
    __table_args__ = (
        Index("legal_holds_by_crime", "crime_reference", "lifted"),
        {"sqlite_autoincrement": True},
    )

    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    hold_id: Mapped[str] = mapped_column(unique=True)
    crime_reference: Mapped[str]
    document: Mapped[str] = mapped_column(Text)
    signature: Mapped[str] = mapped_column(Text)
    lifted: Mapped[int | None]
    lifted_document: Mapped[str | None] = mapped_column(Text)
    lifted_signature: Mapped[str | None] = mapped_column(Text)

    @property
    def placed(self) -> Signed:
        return Signed(document=self.document, signature=self.signature)

    @property
    def ended(self) -> Signed | None:
        if self.lifted_document is None or self.lifted_signature is None:
            return None
        return Signed(document=self.lifted_document, signature=self.lifted_signature)


class Erasure(Table):
    """A key that is to be destroyed, as whose it was is erased; the row goes with it."""

    __tablename__ = "erasures"

    key_id: Mapped[str] = mapped_column(primary_key=True)


class Removal(Table):
    """So much was deleted at once because its time was over."""

    __tablename__ = "removals"
    __table_args__ = ({"sqlite_autoincrement": True},)

    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    removed: Mapped[int]
    retention_class: Mapped[str]
    what: Mapped[str]
    pieces: Mapped[int]
