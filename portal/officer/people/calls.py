"""The calls about people without an agent and about public appeals: a part of the officer's client.

Not for: how a call is made (``portal.officer.connection``).
"""

from pathlib import Path

from exchange.clock import to_rfc3339
from exchange.documents import api
from exchange.documents.feedback import CaseResult
from exchange.documents.messages import Signed
from exchange.documents.people import PeopleNearby, PersonCase, PersonCases, PersonFile, PersonWord
from exchange.documents.people.appeals import (
    Appeal,
    AppealCase,
    AppealCases,
    Contribution,
    Contributions,
    Mark,
    MarkOf,
)
from exchange.signing.documents import read_unverified
from portal.officer.connection import Connection
from portal.registry.search_query import SearchQuery


class PeopleCalls(Connection):
    async def people_nearby(self, query: SearchQuery) -> PeopleNearby:
        """Cameras of people without an agent. NoSuchCall where the portal knows none."""
        return await self._read("GET", api.PEOPLE_NEARBY, PeopleNearby, query=query.as_sent)

    async def ask_person(self, request: Signed) -> PersonCase:
        """Send a signed request to somebody without an agent; sent again, it changes nothing."""
        return await self._read("POST", api.PERSON_REQUESTS, PersonCase, body=request)

    async def person_case(self, request_id: str) -> PersonCase:
        return await self._read("GET", api.PERSON_REQUEST.format(request_id=request_id), PersonCase)

    async def person_document(self, request_id: str) -> Signed:
        """The request as its officer signed it: the officer's own, or a team's."""
        return await self._read("GET", api.PERSON_DOCUMENT.format(request_id=request_id), Signed)

    async def all_person_cases(self) -> list[PersonCase]:
        """What the officer and their teams asked people without an agent, newest first."""
        found: list[PersonCase] = []
        more = True
        while more:
            query = {"before": to_rfc3339(found[-1].issued), "after": found[-1].request_id} if found else None
            told = await self._read("GET", api.PERSON_REQUESTS, PersonCases, query=query)
            found += told.cases
            more = told.more and bool(told.cases)
        return found

    async def fetch_person_file(self, request_id: str, file: PersonFile, target: Path) -> None:
        """As ``fetch``; size and hash are the portal's own word, as no device signed for it."""
        path = api.PERSON_FILE.format(request_id=request_id, file_id=file.file_id)
        await self._fetch(path, file.size, file.ciphertext_sha256, target)

    async def tell_person(self, request_id: str, result: CaseResult | None) -> None:
        """Have the portal tell them that it was opened, or what became of it. NoSuchCall where it can't."""
        await self._call("POST", api.PERSON_WORD.format(request_id=request_id), body=PersonWord(result=result))

    async def make_appeal(self, appeal: Signed) -> AppealCase:
        """Send a signed appeal; sent again, it changes nothing."""
        return await self._read("POST", api.APPEALS, AppealCase, body=appeal)

    async def all_appeals(self) -> list[AppealCase]:
        """Of the officer and their teams, newest first. NoSuchCall where the portal has none."""
        found: list[AppealCase] = []
        more = True
        while more:
            query = None
            if found:
                last = read_unverified(found[-1].signed, Appeal)
                query = {"before": to_rfc3339(last.issued), "after": last.appeal_id}
            told = await self._read("GET", api.APPEALS, AppealCases, query=query)
            found += told.appeals
            more = told.more and bool(told.appeals)
        return found

    async def appeal(self, appeal_id: str) -> AppealCase:
        return await self._read("GET", api.APPEAL.format(appeal_id=appeal_id), AppealCase)

    async def close_appeal(self, appeal_id: str) -> None:
        await self._call("PUT", api.APPEAL_CLOSED.format(appeal_id=appeal_id))

    async def contributions(self, appeal_id: str) -> list[Contribution]:
        """All that came in answer, oldest first."""
        found: list[Contribution] = []
        more = True
        while more:
            query = {"after": found[-1].contribution_id} if found else None
            path = api.CONTRIBUTIONS.format(appeal_id=appeal_id)
            told = await self._read("GET", path, Contributions, query=query)
            found += told.contributions
            more = told.more and bool(told.contributions)
        return found

    async def mark_contribution(self, appeal_id: str, contribution_id: str, mark: Mark | None) -> None:
        path = api.CONTRIBUTION_MARK.format(appeal_id=appeal_id, contribution_id=contribution_id)
        await self._call("PUT", path, body=MarkOf(mark=mark))

    async def fetch_contribution_file(
        self, appeal_id: str, contribution_id: str, file: PersonFile, target: Path
    ) -> None:
        """As ``fetch_person_file``."""
        path = api.CONTRIBUTION_FILE.format(appeal_id=appeal_id, contribution_id=contribution_id, file_id=file.file_id)
        await self._fetch(path, file.size, file.ciphertext_sha256, target)
