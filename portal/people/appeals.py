"""Public appeals as officers make and close them, and the queue of what came in answer, in the order of its coming.

Not for: what the public sees and sends (``portal.people.contributing``). Each function is the work of one transaction.
"""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exchange.age.files import parse_recipient
from exchange.clock import DAY, MINUTE, SECOND, Instant
from exchange.counted import counted
from exchange.custody.uses import Deed
from exchange.documents.messages import Id, Part, Role, Signed
from exchange.documents.people.appeals import (
    Appeal,
    AppealCase,
    AppealCases,
    AppealName,
    Contribution,
    Contributions,
    Mark,
)
from exchange.signing.credentials import open_by_officer
from exchange.signing.documents import document_sha256
from portal.audit import uses
from portal.people.received import file_shown, upload_of
from portal.problems import conflict, invalid, too_many, unknown
from portal.settings import Limits, PortalSettings
from portal.storage import locks
from portal.storage.appeal_tables import ContributionFile, StoredAppeal, StoredContribution
from portal.teams import access, versions
from portal.tokens import Caller

SKEW = 5 * MINUTE
OLDEST = DAY
MOST_APPEALS = 50
MOST_CONTRIBUTIONS = 50
APPEAL_PATH = "/a/{appeal_id}"


class AppealsQuery(Part):
    """``before``, ``after``: the ``issued`` and ``appeal_id`` of the last one of a list; older ones follow it."""

    before: Instant | None = None
    after: AppealName | None = None


class QueueQuery(Part):
    after: Id | None = None
    """The ``contribution_id`` of the last one of the answer before."""


def accept(session: Session, caller: Caller, signed: Signed, settings: PortalSettings, now: int) -> tuple[str, bool]:
    """Take an appeal: its name, and whether it is new. The same bytes again change nothing."""
    appeal, credential = open_by_officer(signed, Appeal, settings.key, now)
    if credential.public_key != caller.key.line or not credential.may(Role.OFFICER):
        raise invalid("The appeal is another officer's.", "An officer sends their own appeals.")
    before = session.get(StoredAppeal, appeal.appeal_id)
    if before is not None:
        if before.officer == caller.fingerprint and before.sha256 == document_sha256(signed):
            return before.appeal_id, False
        raise conflict("There is another appeal with this name.", "Give the appeal a new name, and sign it again.")
    if settings.people is None or settings.people.link_script is None:
        raise invalid("This portal takes no files from the public.", "Whoever runs it can set that up: see its guide.")
    _check(session, caller, appeal, settings, now)
    session.add(
        StoredAppeal(
            appeal_id=appeal.appeal_id,
            officer=caller.fingerprint,
            case_id=versions.admit(session, appeal, caller, settings),
            crime_reference=appeal.crime_reference,
            issued=appeal.issued,
            expires=appeal.expires,
            sha256=document_sha256(signed),
            document=signed.document,
            signature=signed.signature,
            closed=None,
            retention_class=None,
        )
    )
    uses.record(session, caller.fingerprint, Deed.ASKED, appeal.crime_reference, now, appeal.appeal_id)
    return appeal.appeal_id, True


def case(session: Session, caller: Caller, appeal_id: str, origin: str) -> AppealCase:
    """The officer's own, or their team's. ProblemError 404 for another's too."""
    return _case(_seen(session, caller, appeal_id), origin)


def cases(session: Session, caller: Caller, query: AppealsQuery, origin: str) -> AppealCases:
    row = StoredAppeal
    wanted = select(row).where(access.of_people_seen_by(caller, row))
    if query.before is not None:
        same = (row.issued == query.before) & (row.appeal_id < (query.after or ""))
        wanted = wanted.where((row.issued < query.before) | same)
    found = session.scalars(wanted.order_by(row.issued.desc(), row.appeal_id.desc()).limit(MOST_APPEALS + 1)).all()
    return AppealCases(
        appeals=tuple(_case(each, origin) for each in found[:MOST_APPEALS]), more=len(found) > MOST_APPEALS
    )


def close(session: Session, caller: Caller, appeal_id: str, now: int) -> None:
    """Nothing more is taken from now on. Closed again, it stays as it was."""
    stored = _seen(session, caller, appeal_id)
    stored.closed = stored.closed or now


def queue(session: Session, caller: Caller, appeal_id: str, query: QueueQuery) -> Contributions:
    """What came whole, in the order in which it came."""
    _seen(session, caller, appeal_id)
    row = StoredContribution
    wanted = select(row).where(row.appeal_id == appeal_id, row.sent.is_not(None))
    if query.after is not None:
        last = _contribution(session, appeal_id, query.after)
        wanted = wanted.where(
            (row.sent > last.sent) | ((row.sent == last.sent) & (row.contribution_id > last.contribution_id))
        )
    found = session.scalars(wanted.order_by(row.sent, row.contribution_id).limit(MOST_CONTRIBUTIONS + 1)).all()
    shown = tuple(_shown(session, each) for each in found[:MOST_CONTRIBUTIONS])
    return Contributions(contributions=shown, more=len(found) > MOST_CONTRIBUTIONS)


def mark(session: Session, caller: Caller, named: tuple[str, str], what: Mark | None, now: int) -> None:
    """``named``: the appeal and the contribution. What is marked as not relevant goes by itself after a time, until
    which the mark can be changed."""
    _seen(session, caller, named[0])
    contribution = _contribution(session, *named)
    if contribution.mark != what:
        contribution.mark, contribution.marked = what, None if what is None else now


def begin_fetch(session: Session, caller: Caller, named: tuple[str, str, str], now: int) -> tuple[str, int]:
    """The upload that holds a file, and its bytes, with a line in the log of use. ProblemError 404, or 410 when it is
    gone."""
    stored = _seen(session, caller, named[0])
    contribution = _contribution(session, *named[:2])
    uses.record(session, caller.fingerprint, Deed.FETCHED, stored.crime_reference, now, stored.appeal_id)
    found = session.get(ContributionFile, (contribution.contribution_id, named[2]))
    return upload_of(found)


def record_use(session: Session, caller: Caller, appeal_id: str, deed: Deed, now: int) -> bool:
    """What an officer's program says was done with what came; False when there is no such appeal for this officer."""
    stored = session.get(StoredAppeal, appeal_id)
    if stored is None or not access.may_see_of_people(session, caller, stored):
        return False
    uses.record(session, caller.fingerprint, deed, stored.crime_reference, now, appeal_id)
    return True


def _check(session: Session, caller: Caller, appeal: Appeal, settings: PortalSettings, now: int) -> None:
    limits: Limits = settings.limits
    if appeal.force != settings.force:
        raise invalid("The appeal names another force.", f"This portal serves {settings.force}.")
    if not now - OLDEST <= appeal.issued <= now + SKEW:
        raise invalid("The appeal was not issued just now.", "Sign it anew, on a machine whose clock is right.")
    if not now < appeal.expires <= now + limits.appeal_days * DAY:
        raise invalid("The appeal's end can't be.", f"At most {counted(limits.appeal_days, 'day')} from now.")
    try:
        parse_recipient(appeal.recipient)
    except Exception:  # whatever is wrong with it, it is the officer's to correct
        raise invalid("The case's recipient is no age recipient.", "Make the case's key again.") from None
    locks.hold(session, "appeals", caller.fingerprint)
    row = StoredAppeal
    today = select(func.count()).select_from(row).where(row.officer == caller.fingerprint, row.issued > now - DAY)
    if (session.scalar(today) or 0) >= limits.appeals_per_officer_per_day:
        raise too_many("An officer may make so many appeals a day.", "Make one for the whole case.", DAY // SECOND)


def _seen(session: Session, caller: Caller, appeal_id: str) -> StoredAppeal:
    stored = session.get(StoredAppeal, appeal_id)
    if stored is None or not access.may_see_of_people(session, caller, stored):
        raise unknown("appeal")
    return stored


def _contribution(session: Session, appeal_id: str, contribution_id: str) -> StoredContribution:
    row = StoredContribution
    found = session.scalar(
        select(row).where(row.contribution_id == contribution_id, row.appeal_id == appeal_id, row.sent.is_not(None))
    )
    if found is None:
        raise unknown("contribution")
    return found


def _case(stored: StoredAppeal, origin: str) -> AppealCase:
    address = origin + APPEAL_PATH.format(appeal_id=stored.appeal_id)
    return AppealCase(signed=stored.signed, address=address, closed=stored.closed)


def _shown(session: Session, contribution: StoredContribution) -> Contribution:
    row = ContributionFile
    files = session.scalars(
        select(row).where(row.contribution_id == contribution.contribution_id).order_by(row.file_id)
    )
    assert contribution.sent is not None
    return Contribution(
        contribution_id=contribution.contribution_id,
        sent=contribution.sent,
        sealed_note=contribution.sealed_note,
        mark=Mark(contribution.mark) if contribution.mark is not None else None,
        files=tuple(map(file_shown, files)),
    )
