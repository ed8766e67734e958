"""The officer's client of the portal: search, send, look, fetch, receipt. Every answer is read within limits.

Not for: how a call is made (``portal.officer.connection``), keys and files of the officer (``portal.officer.state``),
or what is shown (``portal.officer.show``).
"""

from pathlib import Path
from typing import Literal

from exchange.clock import to_rfc3339
from exchange.custody.restored import LogRestorations, SignedRestored
from exchange.custody.uses import LogHead, SignedHead, UseReport, Uses
from exchange.documents import api
from exchange.documents.messages import Signed
from exchange.documents.offer import Offers
from exchange.documents.supervision import (
    AskedAuthorisations,
    Quotas,
    RulesQuestion,
    StandingAuthorisation,
    SupervisionRules,
    SupervisorsWord,
)
from exchange.documents.teams import TeamBrief, Teams, TeamVersion
from portal.officer.keeping.calls import KeepingCalls
from portal.registry.search_query import SearchQuery


class OfficerClient(KeepingCalls):
    """All calls of one officer at one portal, those about people, holds and disclosure among them."""

    async def force(self) -> api.ForceInfo:
        """Who runs the portal, as it says itself."""
        return await self._read("GET", api.FORCE, api.ForceInfo, token=False)

    async def search(self, query: SearchQuery) -> api.SearchResult:
        return await self._read("GET", api.SEARCH, api.SearchResult, query=query.as_sent)

    async def send(self, request: Signed) -> api.Case:
        """Send a signed request; sent again, it changes nothing."""
        return await self._read("POST", api.OFFICER_REQUESTS, api.Case, body=request)

    async def cases(self, last: api.Case | None = None) -> api.Cases:
        """The newest requests, or those that follow the ``last`` one of a list."""
        query = None if last is None else {"before": to_rfc3339(last.issued), "after": last.request_id}
        return await self._read("GET", api.OFFICER_REQUESTS, api.Cases, query=query)

    async def all_cases(self) -> api.Cases:
        """Every request of this officer, newest first."""
        found = await self.cases()
        cases = list(found.cases)
        while found.more and found.cases:
            found = await self.cases(found.cases[-1])
            cases += found.cases
        return api.Cases(cases=tuple(cases))

    async def all_teams(self, crime_reference: str | None = None) -> list[TeamBrief]:
        """The cases whose team the officer is on. NoSuchCall where the portal has no teams."""
        found: list[TeamBrief] = []
        more = True
        while more:
            query = {"after": found[-1].case_id} if found else {}
            if crime_reference is not None:
                query["crime_reference"] = crime_reference
            told = await self._read("GET", api.TEAMS, Teams, query=query)
            found += told.teams
            more = told.more and bool(told.teams)
        return found

    async def team(self, case_id: str) -> TeamVersion:
        """A case's team as it stands, with its sealed keys."""
        return await self._read("GET", api.TEAM.format(case_id=case_id), TeamVersion)

    async def team_version(self, case_id: str, version: int) -> Signed:
        return await self._read("GET", api.TEAM_VERSION.format(case_id=case_id, version=version), Signed)

    async def put_team(self, case_id: str, version: int, body: TeamVersion) -> None:
        """Send a version; sent again, it changes nothing. PortalRefused when another one came first."""
        await self._call("PUT", api.TEAM_VERSION.format(case_id=case_id, version=version), body=body)

    async def request_document(self, request_id: str) -> Signed:
        """A request as its officer signed it: the officer's own, or a team's."""
        return await self._read("GET", api.OFFICER_DOCUMENT.format(request_id=request_id), Signed)

    async def offers(self) -> Offers:
        """What owners offer unasked."""
        return await self._read("GET", api.OFFICER_OFFERS, Offers)

    async def case(self, request_id: str) -> api.Case:
        return await self._read("GET", api.OFFICER_REQUEST.format(request_id=request_id), api.Case)

    async def say_used(self, request_id: str, deed: Literal["opened", "printed"]) -> None:
        """Say what was done with what came, for the log of use. NoSuchCall where the portal keeps none."""
        await self._call("POST", api.USES, body=UseReport(request_id=request_id, deed=deed))

    async def log_head(self, since: int) -> LogHead:
        """How long the log of use is, and that it begins with the ``since`` lines before. NoSuchCall."""
        return await self._read("GET", api.USES_HEAD, LogHead, query={"since": str(since)})

    async def uses(self, after: int) -> Uses:
        """Lines of the log of use behind so many, a few hundred at once, for an auditor."""
        return await self._read("GET", api.USES, Uses, query={"after": str(after)})

    async def sign_log(self, head: SignedHead) -> None:
        await self._call("POST", api.USES_HEAD, body=head)

    async def supervision_rules(self, question: RulesQuestion) -> SupervisionRules:
        """The force's limits, and which cameras are indoors. NoSuchCall where the portal doesn't tell."""
        return await self._read("POST", api.SUPERVISION, SupervisionRules, body=question)

    async def ask_supervisors(self, asked: Signed) -> None:
        await self._call("POST", api.AUTHORISATIONS, body=asked)

    async def asked_authorisations(self) -> tuple[StandingAuthorisation, ...]:
        """What the officer asked of supervisors; for a supervisor also what waits in their unit, newest first."""
        return (await self._read("GET", api.AUTHORISATIONS, AskedAuthorisations)).items

    async def give_word(self, asked_id: str, word: SupervisorsWord) -> None:
        await self._call("PUT", api.AUTHORISATION.format(asked_id=asked_id), body=word)

    async def quotas(self) -> Quotas:
        """How much officers may do: the caller, or for an auditor all. NoSuchCall where the portal doesn't tell."""
        return await self._read("GET", api.QUOTAS, Quotas)

    async def log_restorations(self) -> LogRestorations:
        """What auditors signed of a log of use that was put back. NoSuchCall."""
        return await self._read("GET", api.USES_RESTORED, LogRestorations)

    async def say_restored(self, signed: SignedRestored) -> None:
        await self._call("POST", api.USES_RESTORED, body=signed)

    async def receipt(self, delivery_id: str, receipt: Signed) -> None:
        await self._call("PUT", api.RECEIPT.format(delivery_id=delivery_id), body=receipt)

    async def feedback(self, request_id: str, feedback_id: str, signed: Signed) -> None:
        """Tell an owner something of their package; sent again, it changes nothing."""
        await self._call("PUT", api.OFFICER_SAYS.format(request_id=request_id, feedback_id=feedback_id), body=signed)

    async def all_owners_words(self, request_id: str | None = None) -> list[api.OwnersWord]:
        """What owners answered and rated, oldest first. NoSuchCall where the portal carries none."""
        found: list[api.OwnersWord] = []
        more = True
        while more:
            query = {"after": str(found[-1].number if found else 0)}
            if request_id is not None:
                query["request_id"] = request_id
            told = await self._read("GET", api.OFFICER_FEEDBACK, api.OwnersFeedback, query=query)
            found += told.items
            more = told.more and bool(told.items)
        return found

    async def fetch(self, delivery_id: str, size: int, sha256: str, target: Path) -> None:
        """Bring the ciphertext to ``target``, resumed where it broke off; there only once size and SHA-256 are right.

        ``size`` and ``sha256`` are those of the device-signed delivery. EvidenceMismatch when the bytes are others.
        """
        await self._fetch(api.CONTENT.format(delivery_id=delivery_id), size, sha256, target)
