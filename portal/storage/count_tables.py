"""The table of what everybody may see of a month. Not for: what may be shown of it (``portal.audit.counts``)."""

from sqlalchemy.orm import Mapped, mapped_column

from portal.storage.table import Table


class MonthCounts(Table):
    """Of requests that came in a month of UTC, once none of them can be answered any more."""

    __tablename__ = "month_counts"

    month: Mapped[str] = mapped_column(primary_key=True)
    """``2026-11``."""
    requests: Mapped[int]
    owners: Mapped[int]
    answered: Mapped[int]
    declined: Mapped[int]
