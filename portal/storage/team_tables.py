"""Tables of what belongs to a team. Not for: what may be done with them (``portal.teams``)."""

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from exchange.documents.messages import Signed
from portal.storage.table import Table


class TeamCase(Table):
    """A case that belongs to a team, as it stands now."""

    __tablename__ = "team_cases"
    __table_args__ = (Index("team_cases_by_crime", "crime_reference"),)

    case_id: Mapped[str] = mapped_column(primary_key=True)
    crime_reference: Mapped[str]
    unit: Mapped[str]
    """Whose recovery key opens it too."""
    version: Mapped[int]
    wrapped: Mapped[str] = mapped_column(Text)
    """The case's keys, sealed for the team of this version: an age file in base64. The portal can't open it."""


class StoredTeam(Table):
    """A version of a team: all of them are the record of who could open the case."""

    __tablename__ = "team_versions"

    case_id: Mapped[str] = mapped_column(ForeignKey("team_cases.case_id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sha256: Mapped[str]
    issued: Mapped[int]
    received: Mapped[int]
    document: Mapped[str] = mapped_column(Text)
    signature: Mapped[str] = mapped_column(Text)

    @property
    def signed(self) -> Signed:
        return Signed(document=self.document, signature=self.signature)


class TeamMember(Table):
    """Who is on a case's team now. No foreign key: the force may let them in at the portal later."""

    __tablename__ = "team_members"
    __table_args__ = (Index("team_members_by_officer", "officer"),)

    case_id: Mapped[str] = mapped_column(ForeignKey("team_cases.case_id"), primary_key=True)
    officer: Mapped[str] = mapped_column(primary_key=True)


class TeamRequest(Table):
    """A request that belongs to a team's case."""

    __tablename__ = "team_requests"
    __table_args__ = (Index("team_requests_by_case", "case_id"),)

    request_id: Mapped[str] = mapped_column(ForeignKey("requests.request_id"), primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("team_cases.case_id"))
