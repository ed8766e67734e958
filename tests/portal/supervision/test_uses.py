"""The log of what officers did: complete, for auditors only, and never cut back unseen."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import ColumnElement, case, delete
from sqlalchemy.orm import Session

from exchange.custody.checkpoint import sign_checkpoint
from exchange.custody.merkle import EMPTY_ROOT, consistent
from exchange.custody.uses import LogHead, SignedHead, UseReport, Uses, UsesReader
from exchange.documents import api
from exchange.documents.messages import Role
from exchange.errors import CustodyBroken
from exchange.signing.documents import SigningKey
from portal.officer.client import OfficerClient
from portal.officer.connection import NoSuchCall
from portal.storage.use_tables import UseHead, UseLine, UseNode
from tests.portal.conftest import BOTH, Town
from tests.portal.supervision.machines import Machine
from tests.portal.supervision.supervisors import known
from tests.portal.wire import Officer

CONTENT = b"sealed" * 100
ENGINES = BOTH
BROKEN = CustodyBroken.exit_code
PLACE = {"lat": 53.7632, "lon": -2.7031, "radius_m": 50}


@pytest.fixture
async def auditor(town: Town, tmp_path: Path) -> Machine:
    return Machine(town, tmp_path / "auditor", await known(town, Role.AUDITOR, name="Kim Patel", collar_number="9"))


async def some_use(town: Town) -> None:
    """A search, a request, its package fetched and opened: four lines."""
    agent = await town.agent().join(town.place)
    await town.officer.search(**PLACE)
    request = await town.officer.ask(agent)
    await agent.decide(request)
    await agent.deliver(request, CONTENT, await agent.upload(CONTENT))
    got = await town.officer.call("GET", api.CONTENT.format(delivery_id="r-1-del"))
    assert got.content == CONTENT
    assert (await town.officer.call("POST", api.USES, UseReport(request_id="r-1", deed="opened"))).status == 204


async def head(who: Officer, since: int = 0) -> LogHead:
    answer = await who.call("GET", api.USES_HEAD, query={"since": since})
    assert answer.status == 200, answer.content
    return LogHead.model_validate_json(answer.content)


async def tamper(town: Town, size: int) -> None:
    """Whoever runs the portal cuts the log back to so many lines, tree and all, and goes on from there."""

    def work(session: Session) -> None:
        session.execute(delete(UseLine).where(UseLine.seq >= size))
        session.execute(delete(UseNode).where((UseNode.position + 1) * _width(UseNode.level) > size))

    await town.running.portal.db.write(work)


def _width(level: Any) -> ColumnElement[int]:
    return case({number: 1 << number for number in range(20)}, value=level)


async def test_every_deed_is_a_line_with_its_officer_and_crime_and_no_place(town: Town, auditor: Machine) -> None:
    await some_use(town)
    answer = await auditor.who.call("GET", api.USES)
    lines = Uses.model_validate_json(answer.content).lines
    reader = UsesReader()
    uses = reader.take(lines)
    assert [(use.deed, use.crime_reference, use.request_id) for use in uses] == [
        ("searched", "C-1", None),
        ("asked", "EX/26/004711", "r-1"),
        ("fetched", "EX/26/004711", "r-1"),
        ("opened", "EX/26/004711", "r-1"),
    ]
    assert {(use.name, use.officer) for use in uses} == {("Ada Okafor", town.officer.key.public.fingerprint)}
    assert "53.76" not in "".join(lines)
    found = await head(town.officer)
    assert (found.size, found.root) == (4, reader.root().hex())


async def test_the_stored_tree_grows_as_the_one_in_memory(town: Town) -> None:
    heads = [(0, EMPTY_ROOT)]
    for _ in range(9):
        await town.officer.search(**PLACE)
        for size, root in heads:
            found = await head(town.officer, size)
            steps = [bytes.fromhex(step) for step in found.proof]
            assert consistent(size, root, found.size, bytes.fromhex(found.root), steps)
        heads.append((found.size, bytes.fromhex(found.root)))
    assert [size for size, _ in heads] == list(range(10))


async def test_only_auditors_read_it_and_only_of_their_own_requests_officers_say_anything(town: Town) -> None:
    await some_use(town)
    assert (await town.officer.call("GET", api.USES)).status == 403
    other = await known(town, Role.OFFICER)
    assert (await other.call("POST", api.USES, UseReport(request_id="r-1", deed="opened"))).status == 404
    assert (await head(other)).size == 4


async def test_long_logs_come_in_pieces(town: Town, auditor: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.audit.uses.MOST_LINES", 3)
    await some_use(town)
    first = Uses.model_validate_json((await auditor.who.call("GET", api.USES)).content)
    assert (len(first.lines), first.more) == (3, True)
    assert (await auditor.run("audit", "log"))["lines"] == 4


async def test_an_auditor_reads_what_was_done_about_a_crime_and_signs_it(
    town: Town, officer: Machine, auditor: Machine
) -> None:
    await some_use(town)
    told = await auditor.run("audit", "log", "--crime", "C-1")
    assert ([use["deed"] for use in told["uses"]], told["lines"]) == (["searched"], 4)
    shown = await auditor.result("audit", "log", "--tz", "Europe/London")
    assert "Ada Okafor (4711)" in shown.output
    assert "4 of 4 lines" in shown.output
    assert (await auditor.run("audit", "sign"))["lines"] == 4
    assert (await officer.run("inbox"))["log_trouble"] is None
    assert officer.state.log_head()[0] == 4
    refused = await officer.run("audit", "log", code=31)
    assert "the role 'auditor'" in refused["error"]


async def test_an_officer_finds_that_the_log_was_cut_back(town: Town, officer: Machine) -> None:
    await some_use(town)
    assert (await officer.run("inbox"))["log_trouble"] is None
    await tamper(town, 2)
    assert "had 4 lines" in (await officer.run("inbox"))["log_trouble"]
    for _ in range(5):
        await town.officer.search(**PLACE)
    assert "don't begin with them" in (await officer.run("inbox"))["log_trouble"]
    assert "PLEASE NOTE: The portal's log of use" in (await officer.result("inbox")).output
    assert officer.state.log_head()[0] == 4, "what was seen is kept"


async def test_a_new_officer_finds_that_it_is_not_what_an_auditor_signed(
    town: Town, officer: Machine, auditor: Machine
) -> None:
    await some_use(town)
    await auditor.run("audit", "sign")
    await tamper(town, 2)
    for _ in range(5):
        await town.officer.search(**PLACE)
    assert "that Kim Patel signed" in (await officer.run("inbox"))["log_trouble"]
    await auditor.run("audit", "log", code=BROKEN)


async def test_a_line_that_was_changed_is_found_by_the_auditor(town: Town, auditor: Machine) -> None:
    await some_use(town)

    def work(session: Session) -> None:
        row = session.get(UseLine, 0)
        assert row is not None
        row.line = row.line.replace("C-1", "C-2")

    await town.running.portal.db.write(work)
    error = await auditor.run("audit", "log", code=BROKEN)
    assert "does not follow" in error["error"]


async def test_only_an_auditors_head_of_this_very_log_is_kept(town: Town, auditor: Machine) -> None:
    await some_use(town)
    found, key = await head(town.officer), auditor.who.key
    credential = auditor.who.credential
    assert credential is not None

    async def given(who: Officer, note: str) -> int:
        return (await who.call("POST", api.USES_HEAD, SignedHead(note=note, credential=credential))).status

    true = sign_checkpoint(found.size, bytes.fromhex(found.root), key)
    assert await given(town.officer, true) == 403
    assert await given(auditor.who, sign_checkpoint(9, bytes.fromhex(found.root), key)) == 409
    assert await given(auditor.who, sign_checkpoint(2, bytes.fromhex(found.root), key)) == 409
    assert await given(auditor.who, sign_checkpoint(4, bytes.fromhex(found.root), SigningKey.generate())) == 422
    assert await given(auditor.who, true) == 204
    assert (await head(town.officer)).signed == SignedHead(note=true, credential=credential)


async def test_a_portal_that_stops_showing_its_log_is_told_of(
    town: Town, officer: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none(self: OfficerClient, since: int) -> LogHead:
        raise NoSuchCall("There is no such thing.")

    with monkeypatch.context() as without:
        without.setattr(OfficerClient, "log_head", none)
        assert (await officer.run("inbox"))["log_trouble"] is None, "an older portal has none"
    await some_use(town)
    await officer.run("inbox")
    monkeypatch.setattr(OfficerClient, "log_head", none)
    assert "shows none any more" in (await officer.run("inbox"))["log_trouble"]


async def test_no_head_by_somebody_who_is_no_auditor_is_believed(town: Town, officer: Machine) -> None:
    await some_use(town)
    found, impostor = await head(town.officer), await known(town, Role.OFFICER)
    note = sign_checkpoint(found.size, bytes.fromhex(found.root), impostor.key)
    credential = impostor.credential
    assert credential is not None

    def work(session: Session) -> None:
        row = UseHead(size=4, note=note, document=credential.document, signature=credential.signature)
        session.add(row)

    await town.running.portal.db.write(work)
    assert "no auditor" in (await officer.run("inbox"))["log_trouble"]


def test_a_line_that_is_none_is_refused() -> None:
    for lines in (["{}"], [json.dumps({"seq": 0})], ["\ud800"]):
        with pytest.raises(CustodyBroken):
            UsesReader().take(lines)
