"""The queue of messages: sent by and by, tried again with longer and longer waits, given up in words.

A message's link is made when it is sent, so that no code lies in the database. Not for: its words
(``portal.people.messages``), or mail servers (``portal.people.smtp``).
"""

import asyncio
import logging
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange.clock import DAY, HOUR, MINUTE, Clock
from exchange.documents.feedback import RESULT_WORDS, CaseResult
from exchange.documents.messages import Credential
from exchange.documents.people import MessageState, PersonRequest
from exchange.errors import NotDelivered
from exchange.signing.documents import read_unverified
from portal.people import links
from portal.people.addresses import is_number
from portal.people.links import LinkFor
from portal.people.messages import (
    AddressRefused,
    Carrier,
    Message,
    that_it_was_opened,
    to_answer,
    to_change,
    to_confirm,
    what_became_of_it,
)
from portal.people.quiet_hours import quiet_until
from portal.settings import PortalSettings
from portal.storage.database import Database
from portal.storage.people_tables import Person, QueuedMessage, StoredPersonRequest

log = logging.getLogger("handover.portal")
AT_ONCE = 20
LINK_DAYS = 2
"""How long links to a person's own entry work."""
LEASE = 10 * MINUTE
"""How long one process has a message to itself."""
WAITS = (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 4 * HOUR, 12 * HOUR, DAY)
"""After each try that failed; after the last it is given up."""
LOOK_SECONDS = 30
_EXPIRED = "The request expired before its message could be sent."


@dataclass(frozen=True)
class Outbox:
    """What sends: one a process. ``wake`` it when something was queued."""

    db: Database
    carrier: Carrier
    settings: PortalSettings
    origin: str
    clock: Clock
    queued: asyncio.Event

    def wake(self) -> None:
        self.queued.set()

    async def run(self) -> None:
        """For ever."""
        while True:
            self.queued.clear()
            try:
                while await self.send_due():
                    pass
            except Exception:  # the database may be away for a while
                log.exception("messages could not be sent; it is tried again")
            try:
                await asyncio.wait_for(self.queued.wait(), LOOK_SECONDS)
            except TimeoutError:
                continue

    async def send_due(self) -> int:
        """Try every message whose time has come, at most ``AT_ONCE``; how many there were."""
        due = await self.db.write(lambda session: _take(session, self.settings, self.origin, self.clock.now()))
        for number, message in due:
            trouble: NotDelivered | None = None
            try:
                await self.carrier.send(message)
            except NotDelivered as error:
                trouble = error
            await self._note(number, trouble)
        return len(due)

    async def _note(self, number: int, trouble: NotDelivered | None) -> None:
        now = self.clock.now()
        await self.db.write(lambda session: _note(session, number, trouble, now))


def _take(session: Session, settings: PortalSettings, origin: str, now: int) -> list[tuple[int, Message]]:
    """What is due, from now on another process's only once the lease is over."""
    due = select(QueuedMessage).where(QueuedMessage.next_try <= now).order_by(QueuedMessage.next_try).limit(AT_ONCE)
    found = []
    for queued in session.scalars(due).all():
        if (later := _later(session, queued, settings, now)) is not None:
            queued.next_try = later
            continue
        queued.tries += 1
        queued.next_try = now + LEASE
        message = _message(session, queued, settings, origin, now)
        if message is None:
            queued.next_try = None
        else:
            found.append((queued.number, message))
    return found


def _later(session: Session, queued: QueuedMessage, settings: PortalSettings, now: int) -> int | None:
    """When a text may be sent that its receiver did not ask for just now; None: at once."""
    person = session.get(Person, queued.person_id)
    assert settings.people is not None
    if queued.request_id is None or person is None or not is_number(person.address):
        return None
    return quiet_until(settings.people.quiet, ZoneInfo(settings.people.zone), now)


def _message(
    session: Session, queued: QueuedMessage, settings: PortalSettings, origin: str, now: int
) -> Message | None:
    """The message with a link of its own; None when there is no use in it any more."""
    person = session.get(Person, queued.person_id)
    assert person is not None
    assert settings.people is not None
    link_for = LinkFor(queued.link_for)
    if link_for in (LinkFor.OPENED, LinkFor.OUTCOME):
        return _word(session, queued, person, settings)
    code = links.new_code()
    link = links.address(origin, code)
    if link_for is LinkFor.ANSWER:
        stored = session.get(StoredPersonRequest, queued.request_id)
        if stored is None or stored.answer is not None:
            return None
        if stored.expires <= now:
            stored.message_state, stored.message_trouble = MessageState.FAILED, _EXPIRED
            return None
        links.add(session, code, link_for, person.person_id, stored.request_id, stored.expires)
        request = PersonRequest.model_validate_json(stored.document)
        officer = read_unverified(request.credential, Credential)
        return to_answer(person.address, request, officer, ZoneInfo(settings.people.zone), link)
    links.add(session, code, link_for, person.person_id, None, now + LINK_DAYS * DAY)
    words = to_confirm if link_for is LinkFor.CONFIRM else to_change
    return words(person.address, settings.force, link)


def _word(session: Session, queued: QueuedMessage, person: Person, settings: PortalSettings) -> Message | None:
    stored = session.get(StoredPersonRequest, queued.request_id)
    if stored is None:
        return None
    if queued.result is None:
        return that_it_was_opened(person.address, settings.force, stored.crime_reference)
    words = RESULT_WORDS[CaseResult(queued.result)]
    return what_became_of_it(person.address, settings.force, stored.crime_reference, words)


def _note(session: Session, number: int, trouble: NotDelivered | None, now: int) -> None:
    queued = session.get(QueuedMessage, number)
    if queued is None:  # its person left meanwhile
        return
    again = trouble is not None and not isinstance(trouble, AddressRefused) and queued.tries <= len(WAITS)
    queued.next_try = now + WAITS[queued.tries - 1] if again else None
    stored = session.get(StoredPersonRequest, queued.request_id) if queued.request_id is not None else None
    if stored is None or queued.link_for != LinkFor.ANSWER:
        return
    if trouble is None:
        stored.message_state, stored.message_trouble = MessageState.SENT, None
    else:
        stored.message_state = MessageState.WAITING if again else MessageState.FAILED
        stored.message_trouble = trouble.what[:200]
