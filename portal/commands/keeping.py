"""``handover-portal retention`` and ``room``: how long what is kept, what was deleted, how much lies there.

Not for: deleting it (``portal.sweep``)."""

from pathlib import Path

import click
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exchange.clock import to_rfc3339
from exchange.counted import counted
from portal.commands.opened import opened
from portal.console import json_option, one_line, portal_folder
from portal.storage.models import StoredDelivery, StoredUpload
from portal.storage.personal.keeping_tables import LegalHold, Removal
from portal.uploads import room

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
        click.echo(
            f"{each.name}: records {counted(each.record_days, 'day')}, verified packages "
            f"{counted(days, 'day')} ({words})"
        )
    click.echo(f"{counted(holds, 'legal hold stands', 'legal holds stand')}.")
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


@click.command("room")
@portal_folder
@json_option
def room_command(folder: Path, as_json: bool) -> None:
    """How much of the room that there is for packages they take, and how much of it goes by itself soon."""
    with opened(folder) as (db, settings):
        found = db.read_now(_room)
        if db.read_now(room.difference):
            db.write_now(room.mend)
            click.echo("The total that is kept beside the uploads was another, and was put right.", err=True)
    most = settings.limits.storage_bytes
    if as_json:
        one_line({**found, "most_bytes": most})
        return
    taken = found["whole_bytes"] + found["on_their_way_bytes"]
    click.echo(f"{counted(found['whole'], 'package takes', 'packages take')} {found['whole_bytes'] / 1e9:.1f} GB.")
    click.echo(
        f"{counted(found['on_their_way'], 'is on its way', 'are on their way')}, and will take "
        f"{found['on_their_way_bytes'] / 1e9:.1f} GB."
    )
    click.echo(f"Of these, {found['verified_bytes'] / 1e9:.1f} GB are verified, and go as retention says.")
    if most is None:
        click.echo("There is no limit (limits.storage_bytes) but the disk's, or the bucket's own.")
    else:
        click.echo(f"That is {taken * 100 // most} % of limits.storage_bytes ({most / 1e9:.1f} GB).")


def _room(session: Session) -> dict[str, int]:
    size, here = StoredUpload.size, ~StoredUpload.gone
    whole = select(func.count(), func.coalesce(func.sum(size), 0)).where(here, StoredUpload.sha256.is_not(None))
    begun = select(func.count(), func.coalesce(func.sum(size), 0)).where(here, StoredUpload.sha256.is_(None))
    verified = (
        select(func.coalesce(func.sum(size), 0))
        .join(StoredDelivery, StoredDelivery.upload == StoredUpload.upload_id)
        .where(here, StoredDelivery.verified.is_(True))
    )
    (count, held), (coming, promised) = session.execute(whole).one(), session.execute(begun).one()
    return {
        "whole": count,
        "whole_bytes": int(held),
        "on_their_way": coming,
        "on_their_way_bytes": int(promised),
        "verified_bytes": int(session.scalar(verified) or 0),
    }
