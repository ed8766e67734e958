"""What the portal says of all requests of the officer, asked seldom and shared by all pages.

Not for: what it means (``portal.officer.casework.standing``).
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from aiohttp import web

from exchange.clock import SECOND
from exchange.documents.api import Case
from exchange.documents.keeping.room import SCARCE
from exchange.documents.messages import Status
from exchange.documents.people import PersonCase, PersonRequest
from exchange.errors import HandoverError, NotFound, PortalRefused, VerificationFailed
from portal.officer.casework.seen import News, all_news, unseen
from portal.officer.casework.standing import CaseStanding, PersonStanding, Standing, by_case, refreshed, standing
from portal.officer.connection import NoSuchCall
from portal.officer.desk.site import SITE, Site
from portal.officer.feedback import OwnersReply, fetch_replies
from portal.officer.people.questions import bring_question, person_cases
from portal.officer.supervised.log import log_trouble
from portal.officer.teams.restoring import bring_request

SHORTEST = 15 * SECOND
"""Between two askings of the portal, however many pages are open."""
_PER_REQUEST = SECOND // 10
"""Who has many requests asks more seldom."""
_MOST_DETAILS = 20
"""Approved requests that are looked at anew in one asking."""
_AT_ONCE = 4
_APPROVED = (Status.APPROVED, Status.PARTLY_APPROVED)


@dataclass(frozen=True, slots=True)
class View:
    """How everything stood at ``at`` (microseconds UTC). ``trouble``: why it could not be asked anew since; ``log``:
    what is wrong with the portal's log of use; ``room``: that it is nearly full."""

    cases: Sequence[CaseStanding] = ()
    replies: Sequence[OwnersReply] = ()
    at: int = 0
    trouble: str = ""
    log: str = ""
    room: str = ""

    @property
    def standings(self) -> list[Standing]:
        return [each for case in self.cases for each in case.requests]

    @property
    def people(self) -> list[PersonStanding]:
        return [each for case in self.cases for each in case.people]

    def case(self, case_id: str) -> CaseStanding:
        """NotFound."""
        found = next((case for case in self.cases if case.case_id == case_id), None)
        if found is None:
            raise NotFound("There is no such case here.", do="Look at the list of cases.")
        return found

    def request(self, request_id: str) -> tuple[CaseStanding, Standing]:
        """NotFound."""
        for case in self.cases:
            for each in case.requests:
                if each.case.request_id == request_id:
                    return case, each
        raise NotFound("There is no such request here.", do="Look at the list of cases.")

    def person(self, request_id: str) -> tuple[CaseStanding, PersonStanding]:
        """As ``request``, of somebody without an agent."""
        for case in self.cases:
            for each in case.people:
                if each.case.request_id == request_id:
                    return case, each
        raise NotFound("There is no such request here.", do="Look at the list of cases.")

    @property
    def news(self) -> list[News]:
        """Every fact that could be news, seen or not."""
        return all_news(self.standings, self.replies, self.people)


@dataclass
class Watch:
    _view: View = field(default_factory=View)
    _asked: int | None = None
    """When the portal was asked last, by the clock that only goes forward."""
    _details: dict[str, tuple[int, Case]] = field(default_factory=dict)
    """With documents, and when they were fetched; by request."""
    _brought: set[str] = field(default_factory=set)
    _questions: dict[str, PersonRequest] = field(default_factory=dict)
    """To people without an agent, checked; by request."""
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def look(self, site: Site) -> View:
        """As the portal says, at most as old as it is gentle to ask; and as this machine's files say now."""
        async with self._lock:
            interval = max(SHORTEST, _PER_REQUEST * len(self._view.standings))
            now = site.tools.clock.monotonic()
            if self._asked is None or now - self._asked >= interval:
                self._view = await self._ask(site)
                self._asked = now
            else:
                self._view = await asyncio.to_thread(_read_again, site, self._view)
            return self._view

    def forget(self) -> None:
        """Something was just sent: the next look asks."""
        self._asked = None

    async def _ask(self, site: Site) -> View:
        try:
            found = (await site.client.all_cases()).cases
            await self._bring(site, found)
            await self._ask_more(site, found)
            whole = [self._whole(case) for case in found]
            standings = await asyncio.to_thread(_read, site, self._view, whole)
            people = [await self._person(site, case) for case in await person_cases(site.client)]
            replies = await fetch_replies(site.state, site.client)
            log = await log_trouble(site.state, site.client, site.now())
            room = await _room_trouble(site)
        except HandoverError as error:
            return replace(self._view, trouble=str(error))
        return View(by_case(standings, people), replies, site.now(), log=log or "", room=room)

    async def _person(self, site: Site, case: PersonCase) -> PersonStanding:
        """What does not hold becomes its trouble, so that one bad request hides no other."""
        before = self._questions.get(case.request_id)
        if before is None:
            try:
                before = await bring_question(site.state, site.client, case.request_id)
            except (NotFound, PortalRefused, VerificationFailed) as error:
                return PersonStanding(case, None, str(error))
            self._questions[case.request_id] = before
        return PersonStanding(case, before)

    async def _bring(self, site: Site, found: Sequence[Case]) -> None:
        """Have requests here that a colleague or another machine sent. Of one that can't be had, its standing tells."""
        for case in found:
            if case.request_id not in self._brought:
                with contextlib.suppress(NotFound, PortalRefused, VerificationFailed):
                    await bring_request(site.state, site.client, case.request_id)
                    self._brought.add(case.request_id)

    async def _ask_more(self, site: Site, found: Sequence[Case]) -> None:
        """Fetch the documents that lists leave out: of what was answered since; of what may still get a package, a few
        at a time, those first that were not looked at for longest."""
        now = site.tools.clock.monotonic()
        fresh = [case for case in found if _is_answered(case) and not self._is_known(case)]
        open_ones = [case for case in found if case.status in _APPROVED and case not in fresh]
        waiting = sorted(open_ones, key=lambda case: self._details[case.request_id][0])[:_MOST_DETAILS]
        at_once = asyncio.Semaphore(_AT_ONCE)

        async def fetch(request_id: str) -> None:
            async with at_once:
                self._details[request_id] = (now, await site.client.case(request_id))

        async with asyncio.TaskGroup() as group:
            for case in [*fresh, *waiting]:
                group.create_task(fetch(case.request_id))

    def _is_known(self, case: Case) -> bool:
        known = self._details.get(case.request_id)
        return known is not None and known[1].status == case.status

    def _whole(self, case: Case) -> Case:
        return self._details[case.request_id][1] if self._is_known(case) else case


async def _room_trouble(site: Site) -> str:
    try:
        percent = (await site.client.room()).percent
    except NoSuchCall:  # of an older portal
        return ""
    if percent is None or percent < SCARCE:
        return ""
    return (
        f"The portal is {percent} % full: when it is full, owners' programs wait with what they have for you. "
        "Open and receipt what came: verified packages go by themselves. Tell who runs the portal."
    )


def _is_answered(case: Case) -> bool:
    return case.refusal is not None or case.status not in (None, Status.EXPIRED)


def _read(site: Site, before: View, cases: Sequence[Case]) -> list[Standing]:
    """What did not change since ``before`` is not checked again."""
    known = {each.case.request_id: each for each in before.standings if not each.trouble}
    return [
        refreshed(site.state, known[case.request_id])
        if case.request_id in known and known[case.request_id].case == case
        else standing(site.state, case)
        for case in cases
    ]


def _read_again(site: Site, view: View) -> View:
    standings = [refreshed(site.state, each) for each in view.standings]
    return replace(view, cases=by_case(standings, view.people))


def news_of(site: Site, view: View) -> list[News]:
    """What the officer did not see yet. Reads files."""
    return unseen(site.state, view.news)


WATCH = web.AppKey("watch", Watch)


async def set_up(app: web.Application) -> None:
    app[WATCH] = Watch()


async def look(request: web.Request) -> View:
    """How everything stands, for a page."""
    return await request.config_dict[WATCH].look(request.config_dict[SITE])
