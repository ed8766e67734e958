"""What is under a legal hold is deleted by nobody, whichever replica sweeps; its record says who held it, and why."""

import asyncio
import threading

import pytest
from sqlalchemy.orm import Session

from exchange.clock import DAY
from exchange.documents import api
from exchange.documents.keeping.holds import HoldPlaced, Holds, HoldStands
from exchange.documents.messages import Role, Signed
from exchange.signing.documents import document_sha256
from portal.keeping import classes, holds
from portal.storage.models import StoredUpload
from portal.tokens import Caller
from tests.portal.conftest import BOTH, Town
from tests.portal.keeping.holders import CRIME, bring, lifted, placed, renewed, sweep_now
from tests.portal.supervision.supervisors import known
from tests.portal.wire import Officer

ENGINES = BOTH
FILM = b"sealed film " * 1000
CONTENT = api.CONTENT.format(delivery_id="r-1-del")
RECEIPT = api.RECEIPT.format(delivery_id="r-1-del")


@pytest.fixture
async def discloser(town: Town) -> Officer:
    return await known(town, Role.DISCLOSURE)


@pytest.fixture
async def verified(town: Town) -> Signed:
    """A package that its officer has and verified: after 30 days it goes."""
    agent = await town.agent().join(town.place)
    request = await town.officer.ask(agent)
    await agent.decide(request)
    assert (await agent.deliver(request, FILM, await agent.upload(FILM))).status == 204
    assert (await town.officer.call("PUT", RECEIPT, town.officer.receipt(FILM))).status == 204
    return request


async def listed(officer: Officer, **query: str) -> Holds:
    answer = await officer.call("GET", api.HOLDS, query=query)
    assert answer.status == 200, answer.content
    return Holds.model_validate_json(answer.content)


async def test_what_is_held_stays_and_goes_once_the_hold_is_lifted(
    town: Town, discloser: Officer, verified: Signed
) -> None:
    hold = placed(discloser)
    stands = await bring(discloser, hold)
    assert HoldStands.model_validate_json(stands.content) == HoldStands(packages=1, files=0)
    assert (await bring(discloser, hold)).content == stands.content
    town.clock.forward(60 * DAY)
    discloser = await renewed(town, discloser, Role.DISCLOSURE)
    await sweep_now(town)
    assert (await town.officer.call("GET", CONTENT)).status == 200
    assert (await bring(discloser, lifted(discloser, hold))).status == 204
    await sweep_now(town)
    assert (await town.officer.call("GET", CONTENT)).status == 410
    assert list(town.place.folder.uploads.iterdir()) == []


async def test_of_two_holds_one_is_enough(town: Town, discloser: Officer, verified: Signed) -> None:
    first, second = placed(discloser, "h-1"), placed(await known(town, Role.SUPERVISOR), "h-2")
    for hold in (first, second):
        assert (await bring(await known(town, Role.SUPERVISOR), hold)).status == 422  # another's word
    assert (await bring(discloser, first)).status == 200
    again = placed(discloser, "h-2", reason="An appeal.")
    assert (await bring(discloser, again)).status == 200
    assert (await bring(discloser, lifted(discloser, first))).status == 204
    town.clock.forward(60 * DAY)
    await sweep_now(town)
    assert (await town.officer.call("GET", CONTENT)).status == 200


async def test_who_may_not_hold_is_refused(town: Town, verified: Signed) -> None:
    for who in (town.officer, await known(town, Role.AUDITOR)):
        assert (await bring(who, placed(who))).status == 403
    assert (await listed(town.officer)).holds == ()


async def test_a_word_on_a_hold_that_does_not_fit_is_refused(town: Town, discloser: Officer, verified: Signed) -> None:
    hold = placed(discloser)
    assert (await bring(discloser, lifted(discloser, hold))).status == 404
    assert (await discloser.call("PUT", api.HOLD.format(hold_id="h-9"), hold)).status == 422
    assert (await bring(discloser, placed(discloser, issued=town.clock.now() - 2 * DAY))).status == 422
    assert (await bring(discloser, hold)).status == 200
    assert (await bring(discloser, placed(discloser, reason="Another."))).status == 409
    assert (await bring(discloser, lifted(discloser, hold, placed_sha256="0" * 64))).status == 422
    assert (await bring(discloser, lifted(discloser, hold, crime_reference="EX/1"))).status == 422
    ended = lifted(discloser, hold)
    assert [(await bring(discloser, ended)).status for _ in range(2)] == [204, 204]
    assert (await bring(discloser, lifted(discloser, hold, reason="Once more."))).status == 409


async def test_the_record_of_holds_is_whole_and_only_for_who_may_see_it(
    town: Town, discloser: Officer, verified: Signed
) -> None:
    ours, others = placed(discloser), placed(discloser, "h-2", crime_reference="EX/26/000001")
    for hold in (ours, others):
        assert (await bring(discloser, hold)).status == 200
    assert [each.placed for each in (await listed(discloser)).holds] == [ours, others]
    assert [each.placed for each in (await listed(await known(town, Role.AUDITOR), after="1")).holds] == [others]
    assert [each.placed for each in (await listed(town.officer)).holds] == [ours]
    assert (await listed(town.officer, crime_reference="EX/26/000001")).holds == ()
    ended = lifted(discloser, ours)
    await bring(discloser, ended)
    found = (await listed(town.officer)).holds[0]
    assert found.lifted == ended
    assert document_sha256(found.placed) == document_sha256(ours)


async def test_a_hold_that_comes_while_a_sweep_deletes_never_counts_what_goes(
    town: Town, discloser: Officer, verified: Signed
) -> None:
    """Whichever is first: what the hold's answer counted is there afterwards."""
    town.clock.forward(31 * DAY)
    discloser = await renewed(town, discloser, Role.DISCLOSURE)
    portal, now = town.running.portal, town.clock.now()
    looked, may_go_on = threading.Event(), threading.Event()

    def sweeping(session: Session) -> list[str]:
        gone = classes.drop_packages(session, portal.settings.retention, portal.settings.limits, now)
        session.flush()
        looked.set()
        may_go_on.wait(20)
        return gone

    word = placed(discloser, issued=now)
    caller = Caller(discloser.key.public.fingerprint, discloser.key.public)

    def holding(session: Session) -> HoldStands:
        return holds.place(session, caller, "h-1", word, portal.settings, now)

    classes_first = asyncio.create_task(
        portal.db.write(lambda session: classes.assign(session, portal.settings.retention))
    )
    await classes_first
    sweeper = asyncio.create_task(portal.db.write(sweeping))
    await asyncio.to_thread(looked.wait, 20)
    holder = asyncio.create_task(portal.db.write(holding))
    if portal.db.shared:  # beside the sweep; on a file it waits for it
        stands = await holder
        may_go_on.set()
    else:
        may_go_on.set()
        stands = await holder
    gone = await sweeper
    left = await portal.db.read(lambda session: session.query(StoredUpload).filter(~StoredUpload.gone).count())
    assert left == stands.packages
    assert len(gone) == 1 - left
    assert HoldPlaced.model_validate_json(word.document).crime_reference == CRIME
