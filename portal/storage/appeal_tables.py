"""Tables of public appeals and of what comes in answer. Not for: what may be done with them (``portal.people``)."""

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from exchange.documents.messages import Signed
from portal.storage.table import Table


class StoredAppeal(Table):
    """An appeal as its officer signed it."""

    __tablename__ = "appeals"
    __table_args__ = (
        Index("appeals_by_officer", "officer", "issued"),
        Index("appeals_by_case", "case_id"),
        Index("appeals_by_class", "retention_class", "expires"),
    )

    appeal_id: Mapped[str] = mapped_column(primary_key=True)
    officer: Mapped[str] = mapped_column(ForeignKey("officers.fingerprint"))
    case_id: Mapped[str | None] = mapped_column(ForeignKey("team_cases.case_id"))
    crime_reference: Mapped[str]
    issued: Mapped[int]
    expires: Mapped[int]
    sha256: Mapped[str]
    document: Mapped[str] = mapped_column(Text)
    signature: Mapped[str] = mapped_column(Text)
    closed: Mapped[int | None]
    retention_class: Mapped[str | None]

    @property
    def signed(self) -> Signed:
        return Signed(document=self.document, signature=self.signature)


class StoredContribution(Table):
    """One answer to an appeal, from the moment its sender began. Nothing here says who they are."""

    __tablename__ = "contributions"
    __table_args__ = (
        Index("contributions_by_appeal", "appeal_id", "sent"),
        Index("contributions_by_begin", "appeal_id", "begun"),
    )

    contribution_id: Mapped[str] = mapped_column(primary_key=True)
    appeal_id: Mapped[str] = mapped_column(ForeignKey("appeals.appeal_id"))
    code_sha256: Mapped[str | None] = mapped_column(unique=True)
    """None once it is used, or over."""
    begun: Mapped[int]
    sent: Mapped[int | None]
    sealed_note: Mapped[str | None] = mapped_column(Text)
    mark: Mapped[str | None]
    marked: Mapped[int | None]


class ContributionFile(Table):
    """A file of it, as the browser sealed it."""

    __tablename__ = "contribution_files"

    contribution_id: Mapped[str] = mapped_column(
        ForeignKey("contributions.contribution_id", ondelete="CASCADE"), primary_key=True
    )
    file_id: Mapped[str] = mapped_column(primary_key=True)
    upload: Mapped[str | None]
    """None once the ciphertext is gone."""
    size: Mapped[int]
    sha256: Mapped[str]
    sealed_name: Mapped[str] = mapped_column(Text)
