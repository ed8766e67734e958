"""Which class of retention a request is in, and sealed files whose class's time is over while the record stays.

Not for: whole records (``portal.keeping.records``). Each function is part of the sweep's transaction.
"""

import json
from collections.abc import Sequence

from sqlalchemy import ColumnElement, exists, or_, select, update
from sqlalchemy.orm import Session, aliased

from exchange.clock import DAY
from exchange.documents.keeping.holds import Retention, RetentionClass
from portal.keeping.holds import held_crimes
from portal.settings import Limits
from portal.storage.appeal_tables import StoredAppeal
from portal.storage.models import StoredDelivery, StoredRequest, StoredUpload
from portal.storage.people_tables import StoredPersonFile, StoredPersonRequest
from portal.storage.personal.keeping_tables import Removal

Classed = StoredRequest | StoredPersonRequest | StoredAppeal
AT_ONCE = 500
"""Requests of an older portal that are put into their class at once."""


def assign(session: Session, retention: Retention) -> None:
    """Put requests that are in no class into theirs, by what their officer called the crime."""
    asked = select(StoredRequest).where(StoredRequest.retention_class.is_(None)).limit(AT_ONCE)
    people = select(StoredPersonRequest).where(StoredPersonRequest.retention_class.is_(None)).limit(AT_ONCE)
    for row in (*session.scalars(asked), *session.scalars(people)):
        row.retention_class = retention.of_kind(json.loads(row.document)["incident"]["kind"]).name


def in_class(table: type[Classed], each: RetentionClass, retention: Retention) -> ColumnElement[bool]:
    """That they are in the class; in the longest also those of classes that the settings have no more."""
    inside = table.retention_class == each.name
    if each is retention.named(""):
        names = [known.name for known in retention.classes]
        return or_(inside, table.retention_class.is_not(None) & table.retention_class.not_in(names))
    return inside


def drop_packages(session: Session, retention: Retention, limits: Limits, now: int) -> list[str]:
    """Uploads to be removed: packages that were verified long enough ago, and what a verified one took the place of."""
    gone: list[str] = []
    for each in retention.classes:
        before = now - (each.package_days or limits.content_days_after_receipt) * DAY
        free = in_class(StoredRequest, each, retention) & StoredRequest.crime_reference.not_in(held_crimes())
        newer = aliased(StoredDelivery)
        replaced = exists().where(
            newer.request_id == StoredDelivery.request_id,
            newer.evidence_id == StoredDelivery.evidence_id,
            newer.received > StoredDelivery.received,
            newer.verified.is_(True),
            newer.receipted <= before,
        )
        verified = StoredDelivery.verified.is_(True) & (StoredDelivery.receipted <= before)
        lying = (
            select(StoredDelivery.upload)
            .join(StoredRequest, StoredRequest.request_id == StoredDelivery.request_id)
            .where(StoredDelivery.upload.is_not(None), free, or_(verified, replaced))
        )
        gone += note(session, each.name, "packages", session.scalars(lying).all(), now)
    session.execute(update(StoredDelivery).where(StoredDelivery.upload.in_(gone)).values(upload=None))
    end_uploads(session, gone, now)
    return gone


def drop_files(session: Session, retention: Retention, limits: Limits, now: int) -> list[str]:
    """The same of files that came by a link, some days after the answer."""
    gone: list[str] = []
    for each in retention.classes:
        days = each.package_days or limits.person_file_days
        free = in_class(StoredPersonRequest, each, retention)
        old = (
            select(StoredPersonFile.upload)
            .join(StoredPersonRequest, StoredPersonRequest.request_id == StoredPersonFile.request_id)
            .where(
                StoredPersonFile.upload.is_not(None),
                StoredPersonRequest.answered <= now - days * DAY,
                StoredPersonRequest.crime_reference.not_in(held_crimes()),
                free,
            )
        )
        gone += note(session, each.name, "files", session.scalars(old).all(), now)
    session.execute(update(StoredPersonFile).where(StoredPersonFile.upload.in_(gone)).values(upload=None))
    end_uploads(session, gone, now)
    return gone


def note(session: Session, name: str, what: str, found: Sequence[str | None], now: int) -> list[str]:
    """Count what goes, and say no more of it."""
    gone = [one for one in found if one is not None]
    if gone:
        session.add(Removal(removed=now, retention_class=name, what=what, pieces=len(gone)))
    return gone


def end_uploads(session: Session, gone: list[str], now: int) -> None:
    session.execute(update(StoredUpload).where(StoredUpload.upload_id.in_(gone)).values(gone=True, expires=now))
