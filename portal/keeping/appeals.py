"""Public appeals whose class's time is over, with all that came in answer; and files in it that end before.

An appeal names no kind of crime: its class is found by its own words, and it stays as long as what was asked of owners
or people about the same crime is in a class that keeps longer. Each function is part of the sweep's transaction.
"""

from collections.abc import Sequence

from sqlalchemy import Select, and_, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from exchange.clock import DAY
from exchange.documents.keeping.holds import Retention
from exchange.documents.people.appeals import Appeal
from portal.keeping.cases import forget_empty
from portal.keeping.classes import AT_ONCE, end_uploads, in_class, note
from portal.keeping.holds import held_crimes
from portal.settings import Limits
from portal.storage.appeal_tables import ContributionFile, StoredAppeal, StoredContribution
from portal.storage.models import StoredRequest
from portal.storage.people_tables import StoredPersonRequest

APPEALS_AT_ONCE = 20
"""Of a class in one sweep: each has what thousands of people may have sent."""


def assign_appeals(session: Session, retention: Retention) -> None:
    """Put appeals that are in no class into theirs, by their title and description."""
    for row in session.scalars(select(StoredAppeal).where(StoredAppeal.retention_class.is_(None)).limit(AT_ONCE)):
        appeal = Appeal.model_validate_json(row.document)  # was verified when it was stored
        row.retention_class = retention.of_kind(f"{appeal.title} {appeal.description}").name


def drop_contributed(session: Session, retention: Retention, limits: Limits, now: int) -> list[str]:
    """Uploads to be removed, some days after they were sent; of these contributions their names and words go too."""
    gone: list[str] = []
    row, file = StoredContribution, ContributionFile
    for each in retention.classes:
        before = now - (each.package_days or limits.person_file_days) * DAY
        appeals = select(StoredAppeal.appeal_id).where(
            in_class(StoredAppeal, each, retention), StoredAppeal.crime_reference.not_in(held_crimes())
        )
        old = select(row.contribution_id).where(row.sent <= before, row.appeal_id.in_(appeals))
        lying = select(file.upload).where(file.upload.is_not(None), file.contribution_id.in_(old))
        gone += note(session, each.name, "files", session.scalars(lying).all(), now)
        forget_contents(session, old)
    end_uploads(session, gone, now)
    return gone


def forget_contents(session: Session, contributions: Select[str]) -> None:
    """That they came, their marks, sizes and hashes stay."""
    row, file = StoredContribution, ContributionFile
    ended = {"upload": None, "sealed_name": ""}
    session.execute(update(file).where(file.contribution_id.in_(contributions), file.upload.is_not(None)).values(ended))
    session.execute(
        update(row)
        .where(row.contribution_id.in_(contributions), row.sealed_note.is_not(None))
        .values(sealed_note=None)
        .execution_options(synchronize_session=False)
    )


def drop_appeals(session: Session, retention: Retention, now: int) -> list[str]:
    """Whole appeals, with every contribution; uploads to be removed."""
    gone: list[str] = []
    row = StoredContribution
    for each in retention.classes:
        before = now - each.record_days * DAY
        longer = [other.name for other in retention.classes if other.record_days > each.record_days]
        lately = exists().where(
            row.appeal_id == StoredAppeal.appeal_id,
            or_(row.begun >= before, row.sent >= before, row.marked >= before),
        )
        due = select(StoredAppeal.appeal_id).where(
            in_class(StoredAppeal, each, retention),
            StoredAppeal.expires < before,
            func.coalesce(StoredAppeal.closed, 0) < before,
            StoredAppeal.crime_reference.not_in(held_crimes()),
            ~lately,
            *(
                ~exists().where(
                    and_(asked.crime_reference == StoredAppeal.crime_reference, asked.retention_class.in_(longer))
                )
                for asked in (StoredRequest, StoredPersonRequest)
            ),
        )
        found = session.scalars(due.limit(APPEALS_AT_ONCE)).all()
        if note(session, each.name, "appeals", found, now):
            gone += _drop(session, found, now)
    return gone


def _drop(session: Session, appeals: Sequence[str], now: int) -> list[str]:
    row, file = StoredContribution, ContributionFile
    sent = select(row.contribution_id).where(row.appeal_id.in_(appeals))
    lying = select(file.upload).where(file.contribution_id.in_(sent), file.upload.is_not(None))
    gone = [upload for upload in session.scalars(lying) if upload is not None]
    end_uploads(session, gone, now)
    of_teams = select(StoredAppeal.case_id).where(StoredAppeal.appeal_id.in_(appeals)).distinct()
    cases = [case for case in session.scalars(of_teams) if case is not None]
    session.execute(delete(file).where(file.contribution_id.in_(sent)))
    session.execute(delete(row).where(row.appeal_id.in_(appeals)))
    session.execute(delete(StoredAppeal).where(StoredAppeal.appeal_id.in_(appeals)))
    forget_empty(session, cases)
    return gone
