"""Tables of the log of use, its tree and the heads that auditors signed; and of the counts that everybody may see.

Not for: what they mean (``portal.audit``).
"""

from sqlalchemy import Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from portal.storage.table import Table


class UseLine(Table):
    """A line of the log, as it was written: it is never changed, and never deleted."""

    __tablename__ = "use_lines"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    line: Mapped[str] = mapped_column(Text)


class UseWaiting(Table):
    """What an officer did, written with the deed itself, and not in the log yet: then it gets its number there."""

    __tablename__ = "use_waiting"

    use_id: Mapped[str] = mapped_column(primary_key=True)
    """At random: of many who write at once, nobody meets another."""
    at: Mapped[int]
    unplaced_line: Mapped[str] = mapped_column(Text)
    """As it will be, but for its number and what it follows."""


class UseNode(Table):
    """The hash of a complete subtree of ``1 << level`` lines, in hex."""

    __tablename__ = "use_nodes"

    level: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hash: Mapped[str]


class UseRestoration(Table):
    """An auditor's word that the log was put back to an earlier state, with their credential."""

    __tablename__ = "use_restorations"

    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    document: Mapped[str] = mapped_column(Text)
    signature: Mapped[str] = mapped_column(Text)
    credential: Mapped[str] = mapped_column(Text)
    credential_signature: Mapped[str] = mapped_column(Text)


class UseHead(Table):
    """What an auditor signed: how long the log was, and its root."""

    __tablename__ = "use_heads"

    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    size: Mapped[int]
    note: Mapped[str] = mapped_column(Text)
    document: Mapped[str] = mapped_column(Text)
    """The auditor's credential."""
    signature: Mapped[str] = mapped_column(Text)
