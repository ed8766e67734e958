"""``handover-portal retention``: how long what is kept, what was deleted. Not for: deleting it (``portal.sweep``)."""

from pathlib import Path

import click
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exchange.clock import to_rfc3339
from portal.commands.opened import opened
from portal.console import json_option, one_line, portal_folder
from portal.storage.personal.keeping_tables import LegalHold, Removal

MOST_SHOWN = 1000


@click.command("retention")
@portal_folder
@json_option
def retention_command(folder: Path, as_json: bool) -> None:
    """How long what is kept of which crimes, how many holds stand, and what was deleted, the newest first."""
    with opened(folder) as (db, settings):
        deleted, holds = db.read_now(_found)
    kept = settings.retention
    if as_json:
        one_line({**kept.model_dump(mode="json", exclude_none=True), "holds": holds, "deleted": deleted})
        return
    for each in kept.classes:
        days = each.package_days or settings.limits.content_days_after_receipt
        words = ", ".join(each.kinds) or ("all others" if each.name == kept.otherwise else "nothing")
        click.echo(f"{each.name}: records {each.record_days} days, verified packages {days} days ({words})")
    click.echo(f"{holds} legal holds stand.")
    for row in deleted:
        click.echo(f"{row['at']}  {row['pieces']} {row['what']} of '{row['retention_class']}' were deleted")


def _found(session: Session) -> tuple[list[dict[str, str | int]], int]:
    rows = session.scalars(select(Removal).order_by(Removal.number.desc()).limit(MOST_SHOWN))
    deleted: list[dict[str, str | int]] = [
        {
            "at": to_rfc3339(row.removed),
            "retention_class": row.retention_class,
            "what": row.what,
            "pieces": row.pieces,
        }
        for row in rows
    ]
    standing = select(func.count()).select_from(LegalHold).where(LegalHold.lifted.is_(None))
    return deleted, session.scalar(standing) or 0
