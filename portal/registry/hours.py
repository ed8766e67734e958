"""Of which hours agents said that they have recordings. Not for: what an officer is told of it (``cameras``)."""

import json
from collections.abc import Iterable

from sqlalchemy import bindparam, delete, select, text
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
_SAID = {
    "sqlite": text(
        "SELECT said.device, said.camera_id, said.day, said.hours FROM json_each(:wanted) AS wanted"
        " CROSS JOIN day_hours AS said WHERE said.device = json_extract(wanted.value, '$[0]')"
        " AND said.camera_id = json_extract(wanted.value, '$[1]') AND said.day IN :days"
    ).bindparams(bindparam("days", expanding=True)),
    "postgresql": text(
        "SELECT said.device, said.camera_id, said.day, said.hours"
        " FROM json_array_elements(CAST(:wanted AS json)) AS wanted (pair) JOIN day_hours AS said"
        " ON said.device = wanted.pair->>0 AND said.camera_id = wanted.pair->>1 WHERE said.day IN :days"
    ).bindparams(bindparam("days", expanding=True)),
}
"""Each of hundreds of cameras is looked up by its key: given a list of pairs, SQLite reads the whole table."""


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
    """Of each (device, camera id) whether all of the window was recorded, or nothing of it, where it is known. Most
    cameras were recorded at the same hours: that is judged once for all of them."""
    days: dict[tuple[str, str], dict[int, str]] = {}
    asked = {"wanted": json.dumps(list(cameras)), "days": list(days_of(window))}
    for device, camera_id, day, said in session.execute(_SAID[session.get_bind().dialect.name], asked).all():
        days.setdefault((device, camera_id), {})[day] = said
    judged: dict[tuple[tuple[int, str], ...], bool | None] = {}
    found = {}
    for camera, of_days in days.items():
        same = tuple(sorted(of_days.items()))
        if same not in judged:
            judged[same] = recorded_in(window, of_days)
        if (known := judged[same]) is not None:
            found[camera] = known
    return found


def forget_old(session: Session, now: int) -> None:
    session.execute(delete(DayHours).where(DayHours.day < now - KEPT_DAYS * DAY))
