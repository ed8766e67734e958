"""Of which hours agents said that they have recordings. Not for: what an officer is told of it (``cameras``)."""

from collections.abc import Iterable

from sqlalchemy import delete, select, tuple_
from sqlalchemy.orm import Session

from exchange.clock import DAY, Window
from exchange.documents.hours import RecordedHours, days_of, recorded_in
from exchange.documents.messages import Signed
from exchange.signing.documents import open_document
from portal.problems import invalid
from portal.storage.models import Camera, DayHours
from portal.tokens import Caller

KEPT_DAYS = 90
"""Days for which hours are kept; recordings are seldom kept for longer."""
AHEAD = DAY // 24
"""How far a device's clock may be ahead."""


def keep(session: Session, caller: Caller, signed: Signed, now: int) -> None:
    """Keep what a device says of its registered cameras' day, in the place of what it said before."""
    told = open_document(signed, RecordedHours, caller.key)
    if told.device != caller.fingerprint:
        raise invalid("The document names another device.", "A device speaks for itself only.")
    if not now - KEPT_DAYS * DAY <= told.day <= now + AHEAD - DAY:
        raise invalid(
            "The day is not over, or lies too far back.", f"Tell only of the last {KEPT_DAYS} days that are over."
        )
    registered = set(session.scalars(select(Camera.camera_id).where(Camera.device == caller.fingerprint)))
    session.execute(delete(DayHours).where(DayHours.device == caller.fingerprint, DayHours.day == told.day))
    session.add_all(
        DayHours(device=caller.fingerprint, camera_id=each.camera_id, day=told.day, hours=each.hours)
        for each in told.cameras
        if each.camera_id in registered
    )


def recorded(session: Session, cameras: Iterable[tuple[str, str]], window: Window) -> dict[tuple[str, str], bool]:
    """Of each (device, camera id) whether all of the window was recorded, or nothing of it, where it is known."""
    days: dict[tuple[str, str], dict[int, str]] = {}
    rows = session.scalars(
        select(DayHours).where(
            tuple_(DayHours.device, DayHours.camera_id).in_(list(cameras)), DayHours.day.in_(list(days_of(window)))
        )
    )
    for row in rows:
        days.setdefault((row.device, row.camera_id), {})[row.day] = row.hours
    found = {camera: recorded_in(window, of_days) for camera, of_days in days.items()}
    return {camera: said for camera, said in found.items() if said is not None}


def forget_old(session: Session, now: int) -> None:
    session.execute(delete(DayHours).where(DayHours.day < now - KEPT_DAYS * DAY))
