"""The table of officers' sessions. Not for: what gives one, or ends it (``portal.logins``)."""

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from portal.storage.table import Table


class OfficerSession(Table):
    """That an officer logged in with the force's account. The session itself is kept nowhere, only its hash."""

    __tablename__ = "officer_sessions"
    __table_args__ = (Index("officer_sessions_by_expiry", "expires"),)

    session_sha256: Mapped[str] = mapped_column(primary_key=True)
    officer: Mapped[str] = mapped_column(ForeignKey("officers.fingerprint"))
    subject: Mapped[str]
    """Who it is to the provider."""
    nonce: Mapped[str]
    expires: Mapped[int]
    ends: Mapped[int]
    """When it can't be gone on with."""
