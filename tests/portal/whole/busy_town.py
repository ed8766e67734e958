"""A town in which everything has happened once: a request that was answered, a team, a person's file, a signed log.

Not for: tests themselves.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from exchange.custody.checkpoint import sign_checkpoint
from exchange.custody.restored import Head, LogRestored, SignedRestored
from exchange.custody.uses import LogHead, SignedHead, UseReport
from exchange.documents import api
from exchange.documents.feedback import Question
from exchange.documents.messages import Role, Signed
from exchange.documents.people import PersonWord
from exchange.documents.people.appeals import Contributions, Mark, MarkOf
from exchange.signing.documents import sign_document
from tests.exchange.teams.unit import Unitary
from tests.portal.conftest import NOON, Town
from tests.portal.people.visits import Visitor, an_appeal, case, question
from tests.portal.supervision.supervisors import known
from tests.portal.teams.test_teams import Station
from tests.portal.wire import Agent, Officer

SEALED = b"sealed for the case" * 50
APPEAL = "abcdefgh23"
NOWHERE = {
    "request_id": "no-1", "delivery_id": "no-1-del", "feedback_id": "f-1", "case_id": "no-case", "version": 2,
    "file_id": "00000000-0000-4000-8000-000000000000", "appeal_id": "zzzzzzzzzz", "contribution_id": "no-2",
    "asked_id": "no-3", "hold_id": "no-4",
}  # fmt: skip
"""Ids of what is not there."""


@dataclass
class BusyTown:
    """``officer``, whose things they are; ``other``, who has none; ``auditor``."""

    town: Town
    station: Station
    officer: Officer
    member: Officer
    """On the team of the case."""
    other: Officer
    auditor: Officer
    agent: Agent
    asked: Signed
    person: str
    ids: dict[str, Any]

    def path(self, template: str, ids: dict[str, Any]) -> str:
        about_people = template.startswith(api.PERSON_REQUESTS)
        more = {"request_id": "p-1"} if about_people and ids is self.ids else {}
        if template == api.CONTRIBUTION_FILE and ids is self.ids:
            more = {"file_id": self.ids["sent_file"]}
        return template.format(**{**ids, **more})

    def query(self, template: str) -> dict[str, Any]:
        """A search wants one."""
        if template == api.USES_ABOUT:
            return {"crime_reference": "EX/26/004711"}
        if template not in (api.SEARCH, api.PEOPLE_NEARBY):
            return {}
        times = {"from": "2026-11-21T10:00:00Z", "to": "2026-11-21T11:00:00Z"}
        return {"lat": 53.7632, "lon": -2.7031, "radius_m": 50, "crime_reference": "C-1", **times}

    def body(self, method: str, template: str, who: Officer) -> Any:
        """What ``who`` would send about the officer's things, properly signed; None where nothing is sent."""
        made: dict[tuple[str, str], Callable[[], Any]] = {
            ("POST", api.OFFICER_REQUESTS): lambda: self.asked,
            ("PUT", api.RECEIPT): lambda: who.receipt(SEALED),
            ("PUT", api.OFFICER_SAYS): lambda: who.feedback(self.agent.name, SEALED, Question, feedback_id="f-1"),
            ("PUT", api.TEAM_VERSION): lambda: self.station.version(
                self.station.unit.member("9"), version=2, previous_sha256="0" * 64
            ),
            ("POST", api.USES): lambda: UseReport(request_id="r-1", deed="opened"),
            ("POST", api.USES_HEAD): lambda: SignedHead(
                note=sign_checkpoint(0, bytes(32), who.key), credential=_of(who)
            ),
            ("POST", api.USES_RESTORED): lambda: SignedRestored(statement=_statement(who), credential=_of(who)),
            ("POST", api.PERSON_REQUESTS): lambda: question(self.officer, self.person, "p-2"),
            ("POST", api.PERSON_WORD): PersonWord,
            ("POST", api.APPEALS): lambda: an_appeal(self.officer, appeal_id="abcdefgh24"),
            ("PUT", api.CONTRIBUTION_MARK): lambda: MarkOf(mark=Mark.DUPLICATE),
        }
        make = made.get((method, template))
        return None if make is None else make()


def _of(who: Officer) -> Signed:
    assert who.credential is not None
    return who.credential


def _statement(who: Officer) -> Signed:
    now = who.clock.now()
    said = LogRestored(
        force=who.force, auditor=who.key.public.fingerprint, restored=now, kept=Head(size=0, root="0" * 64), lost=1,
        reason="None.", issued=now,
    )  # fmt: skip
    return sign_document(said, who.key)


async def busy_town(town: Town, visitor: Visitor) -> BusyTown:
    agent = await town.agent().join(town.place)
    officer = town.officer
    asked = await officer.ask(agent)
    assert (await agent.decide(asked)).status == 204
    assert (await agent.deliver(asked, SEALED, await agent.upload(SEALED))).status == 204
    station = Station(town, Unitary(town.place.force.key, town.place.force.name, NOON), agent)
    member, at_team = await station.officer("4712")
    made = station.version(member)
    named = {"case_id": "case-1", "version": 1}
    assert (await at_team.call("PUT", api.TEAM_VERSION.format(**named), made)).status == 204
    person = await visitor.register()
    _, code = await visitor.asked(person)
    upload = await visitor.upload(code, SEALED)
    assert (await visitor.answer(code, upload.headers["Location"])).status == 200
    (file,) = (await case(officer, "p-1")).files
    assert (await officer.call("POST", api.APPEALS, an_appeal(officer))).status == 201
    begun = await officer.call("POST", api.BEGIN_CONTRIBUTION.format(appeal_id=APPEAL), token=None)
    sent = await visitor.upload(begun.json["code"], SEALED)
    assert (await visitor.answer(begun.json["code"], sent.headers["Location"])).status == 200
    queue = await officer.call("GET", api.CONTRIBUTIONS.format(appeal_id=APPEAL))
    (contribution,) = Contributions.model_validate_json(queue.content).contributions
    auditor = await known(town, Role.AUDITOR, collar_number="9")
    head = LogHead.model_validate_json((await officer.call("GET", api.USES_HEAD)).content)
    note = sign_checkpoint(head.size, bytes.fromhex(head.root), auditor.key)
    signed = SignedHead(note=note, credential=_of(auditor))
    assert (await auditor.call("POST", api.USES_HEAD, signed)).status == 204
    ids = {
        "request_id": "r-1", "delivery_id": "r-1-del", "feedback_id": "f-1", "case_id": "case-1", "version": 1,
        "file_id": file.file_id, "appeal_id": APPEAL, "contribution_id": contribution.contribution_id,
        "asked_id": "no-3", "hold_id": "no-4", "sent_file": contribution.files[0].file_id,
    }  # fmt: skip
    other = await known(town, Role.OFFICER, collar_number="99", name="Bo Marsh")
    return BusyTown(town, station, officer, at_team, other, auditor, agent, asked, person, ids)
