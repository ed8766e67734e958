"""An agent whose store was put back to an earlier state notices it, and does nothing twice."""

from pathlib import Path
from typing import Any

import pytest

from agent.background import housekeeping
from agent.cli.requests import refuse_unless_open
from agent.owner.operations.context import Nothing
from agent.owner.operations.records import Restored
from agent.requests import restored_records as went_back
from agent.requests.decision import Verdict, decide, load_approval
from exchange.custody.checkpoint import sign_checkpoint
from exchange.custody.log import read_line
from exchange.documents import api
from exchange.documents.api import Witnessed
from exchange.documents.messages import Status
from exchange.errors import DecisionRefused, NotFound
from exchange.signing.documents import SigningKey
from tests.counterparts.portals.hostile_portal import Handler, text
from tests.counterparts.portals.hostile_portal import status as fault_status
from tests.journey.home import ACTOR, OWNER, Home, Town, besieged, home, owner_does

NOT_KNOWN = fault_status(404)
Tables = dict[str, list[dict[str, Any]]]


async def backup(at: Home) -> Tables:
    async with at.agent.services.store.transaction() as tx:
        names = await tx.all("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        return {row["name"]: [dict(each) for each in await tx.all(f"SELECT * FROM {row['name']}")] for row in names}


async def restore(at: Home, tables: Tables) -> None:
    async with at.agent.services.store.transaction() as tx:
        await tx.execute("PRAGMA defer_foreign_keys = ON")
        for name, rows in tables.items():
            await tx.execute(f"DELETE FROM {name}")
            for row in rows:
                await tx.insert(name, **row)


async def lines(at: Home) -> list[Any]:
    async with at.agent.services.store.transaction() as tx:
        return [read_line(row["line"]) for row in await tx.all("SELECT line FROM custody ORDER BY seq")]


async def status(at: Home) -> dict[str, Any]:
    return await owner_does(at.agent, "status", Nothing(), ACTOR)


async def put_back(at: Town, *, yes: bool) -> str:
    """A request that was answered, of which the store knows nothing any more."""
    request_id = await at.asked()
    before = await backup(at)
    await at.say(request_id, yes=yes)
    await at.walk()
    await housekeeping.send_checkpoints(at.agent.services)
    await restore(at, before)
    assert await at.state(request_id) == "asked"
    return request_id


@pytest.mark.parametrize("yes", [False, True])
async def test_what_was_answered_before_a_backup_came_back_cannot_be_answered_again(tmp_path: Path, yes: bool) -> None:
    async with home(tmp_path) as at:
        request_id = await put_back(at, yes=yes)
        before = (await at.officer.case(request_id)).status
        assert before is (Status.APPROVED if yes else Status.DECLINED)
        await at.fetch_and_walk()
        trouble = (await status(at))["records_trouble"]
        assert "went back to an earlier state" in trouble
        assert "1 request that waits here was answered already" in trouble
        assert "handover restored" in trouble
        shown = await at.shown(request_id)
        with pytest.raises(DecisionRefused, match="went back"):
            refuse_unless_open(shown)  # before the owner is asked anything
        for word in (True, False):
            with pytest.raises(DecisionRefused, match="went back"):
                await at.say(request_id, yes=word)
        assert (await owner_does(at.agent, "restored", Restored(what="Sunday's backup"), ACTOR)) == {"ended": 1}
        await at.walk()
        assert (await at.listed(request_id))["outcome"] == before.value
        with pytest.raises(DecisionRefused, match="can't be decided any more"):
            await decide(at.agent.services, request_id, Verdict(plan_sha256="any"), OWNER)
        with pytest.raises(DecisionRefused):
            await load_approval(at.agent.services, request_id)
        assert (await status(at))["records_trouble"] is None
        said = next(line for line in await lines(at) if line.event == "records-restored")
        assert (said.reason, said.actor) == ("Sunday's backup", ACTOR.name)
        assert said.details["witnessed_lines"] > said.details["lines"]
        # The portal goes on holding the longer log: that is accounted for.
        await at.fetch_and_walk()
        assert (await status(at))["records_trouble"] is None
        assert (await at.officer.case(request_id)).status is before


async def test_after_the_owners_word_new_requests_go_their_way(tmp_path: Path) -> None:
    async with home(tmp_path) as at:
        await put_back(at, yes=False)
        await at.fetch_and_walk()
        await owner_does(at.agent, "restored", Restored(what="an older card"), ACTOR)
        request_id = await at.asked()
        await at.say(request_id, yes=True)
        await at.walk()
        assert await at.state(request_id) == "delivered"


async def test_a_log_that_went_back_is_noticed_though_no_request_is_open(tmp_path: Path) -> None:
    async with home(tmp_path) as at:
        before = await backup(at)
        request_id = await at.asked()
        await at.say(request_id, yes=False)
        await at.walk()
        await housekeeping.send_checkpoints(at.agent.services)
        await restore(at, before)
        await at.fetch_and_walk()
        assert "this agent signed a log of " in (await status(at))["records_trouble"]
        assert (await owner_does(at.agent, "restored", Restored(what="a backup"), ACTOR)) == {"ended": 0}


async def test_while_it_is_unclear_an_earlier_yes_is_neither_cut_nor_sent(tmp_path: Path) -> None:
    async with home(tmp_path) as at:
        request_id = await at.asked()
        await at.say(request_id, yes=True)
        note = sign_checkpoint(10_000, b"x" * 32, at.agent.services.keys.device)
        assert await went_back.compare(at.agent.services, Witnessed(note=note))
        await at.walk()
        assert await at.state(request_id) == "approved"
        assert "went back" in (await at.row(request_id)).trouble
        await owner_does(at.agent, "restored", Restored(what="a test"), ACTOR)
        await at.walk(60_000_000)
        assert await at.state(request_id) == "delivered"


async def test_a_start_in_the_middle_of_anything_is_no_going_back(tmp_path: Path) -> None:
    async with home(tmp_path) as at:
        request_id = await at.asked()
        await at.fetch_and_walk()
        await at.say(request_id, yes=True)
        await at.fetch_and_walk()
        await housekeeping.send_checkpoints(at.agent.services)
        await at.fetch_and_walk()
        assert (await status(at))["records_trouble"] is None
        with pytest.raises(NotFound):
            await owner_does(at.agent, "restored", Restored(what="nothing"), ACTOR)


@pytest.mark.parametrize("answer", [fault_status(504), fault_status(403), text("<html>log in</html>"), NOT_KNOWN])
async def test_a_portal_that_does_not_tell_holds_up_no_request(tmp_path: Path, answer: Handler) -> None:
    async with besieged(tmp_path) as at:
        at.portal.fault("GET", api.CHECKPOINTS, answer, times=1)
        at.portal.put(at.request())
        poll = at.poll
        assert await poll.fetch(0) == 1
        asked = [call for call in at.portal.calls if str(call) == f"GET {api.CHECKPOINTS}"]
        await poll.fetch(0)
        again = [call for call in at.portal.calls if str(call) == f"GET {api.CHECKPOINTS}"]
        assert (len(asked), len(again)) == (1, 1 if answer is NOT_KNOWN else 2)


async def test_what_the_device_did_not_sign_shows_nothing(tmp_path: Path) -> None:
    async with home(tmp_path) as at:
        note = sign_checkpoint(10_000, b"x" * 32, SigningKey.generate())
        assert not await went_back.compare(at.agent.services, Witnessed(note=note))
        assert (await status(at))["records_trouble"] is None
