"""What the police may have already can't be taken back, and the owner's copy of it stays; what never went is tidied."""

from pathlib import Path

import pytest

from agent.deliveries.way import Means, Way
from agent.owner.operations.context import Nothing, RequestNamed
from agent.owner.operations.handing_over.delivering import Deliver
from agent.owner.operations.requests import Pause
from agent.records.backups.retention import clear_deleted
from agent.requests.on_the_way import stop
from exchange.clock import HOUR
from exchange.documents import api
from exchange.errors import DecisionRefused
from tests.counterparts.portals.hostile_portal import status, unanswered
from tests.journey.feedback.test_sending_again import send_again, unplayable
from tests.journey.home import ACTOR, Siege, besieged, owner_does

FOLDER = Way(means=Means.FOLDER)


async def choose(at: Siege, request_id: str, way: Way = FOLDER) -> None:
    await owner_does(at.agent, "deliver", Deliver(request_id=request_id, way=way), ACTOR)


async def take_back(at: Siege, request_id: str) -> None:
    await owner_does(at.agent, "stop", RequestNamed(request_id=request_id), ACTOR)


async def paused(at: Siege, request_id: str) -> bool:
    async with at.agent.services.store.transaction() as tx:
        return await stop.is_paused(tx, request_id)


async def keeps_its_copy(at: Siege, request_id: str) -> None:
    """Whoever leaves now has the request closed, and their copy still, which counts as handed over."""
    await owner_does(at.agent, "withdraw", Nothing(), ACTOR)
    await at.walk(later=HOUR)
    assert await at.state(request_id) == "closed"
    (package,) = await at.packages(request_id)
    assert package.delivered_at is not None
    assert package.path is not None
    assert at.settings.package(package.evidence_id, package.edition).exists()
    assert "deleted" not in await at.events()


async def approved(at: Siege) -> str:
    request_id = await at.asked()
    await at.say(request_id, yes=True)
    return request_id


async def announced(at: Siege) -> str:
    """The portal took it, and its answer was lost."""
    request_id = await approved(at)
    at.portal.fault("PUT", f"/v1/requests/{request_id}/deliveries", unanswered(at.portal), times=99)
    await at.walk()
    assert await at.state(request_id) == "sealed"
    return request_id


async def test_what_was_announced_is_not_taken_back_when_the_answer_was_lost(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await announced(at)
        with pytest.raises(DecisionRefused, match="the police may have it"):
            await take_back(at, request_id)
        with pytest.raises(DecisionRefused, match="the police may have it"):
            await choose(at, request_id)
        assert not await paused(at, request_id)
        assert await at.state(request_id) == "sealed"
        await keeps_its_copy(at, request_id)


async def test_what_the_portal_certainly_refused_can_go_another_way(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await approved(at)
        at.portal.fault("PUT", f"/v1/requests/{request_id}/deliveries", status(403), times=99)
        await at.walk()
        assert await at.state(request_id) == "sealed"
        await choose(at, request_id)
        assert at.portal.said()[-1] == f"DELETE {api.UPLOADS}/upload-1"
        await at.walk(later=HOUR)
        assert await at.state(request_id) == "delivered"


async def test_what_goes_again_is_not_turned_back_once_it_was_announced(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id, _ = await unplayable(at)
        at.portal.fault("PUT", f"/v1/requests/{request_id}/deliveries", unanswered(at.portal), times=99)
        await send_again(at, request_id)
        await at.walk()
        with pytest.raises(DecisionRefused, match="the police may have it"):
            await take_back(at, request_id)
        (package,) = await at.packages(request_id)
        assert package.sending == 2
        await keeps_its_copy(at, request_id)


async def test_what_lies_at_the_polices_can_go_another_way_too_but_not_be_taken_back(tmp_path: Path) -> None:
    async with besieged(tmp_path, case="x25519") as at:
        there = tmp_path / "there"
        there.mkdir()
        request_id = await at.asked()
        await choose(at, request_id, Way(means=Means.FOLDER, folder=str(there)))
        await at.say(request_id, yes=True)
        await at.walk()
        assert await at.state(request_id) == "delivered"
        await choose(at, request_id)
        assert await at.state(request_id) == "sealed"
        with pytest.raises(DecisionRefused, match="handed over already"):
            await take_back(at, request_id)
        await keeps_its_copy(at, request_id)


async def test_files_that_only_lay_ready_here_are_taken_back(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        await choose(at, request_id)
        await at.say(request_id, yes=True)
        await at.walk()
        assert await at.state(request_id) == "delivered"
        await choose(at, request_id)
        await take_back(at, request_id)
        await at.walk()
        assert await at.state(request_id) == "closed"
        assert list(at.settings.packages_dir.iterdir()) == []


async def test_a_pause_ends_with_what_it_paused(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await announced(at)
        await owner_does(at.agent, "pause", Pause(request_id=request_id), ACTOR)
        with pytest.raises(DecisionRefused):
            await take_back(at, request_id)
        assert await paused(at, request_id)  # the owner's own
        await keeps_its_copy(at, request_id)
        assert not await paused(at, request_id)


async def test_a_stop_that_is_refused_at_the_last_moment_leaves_no_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with besieged(tmp_path) as at:
        request_id = await announced(at)

        async def not_yet(*_: object) -> None:
            """It was announced while the step was broken off."""

        monkeypatch.setattr(stop, "refuse_if_handed_over", not_yet)
        with pytest.raises(DecisionRefused):
            await take_back(at, request_id)
        assert not await paused(at, request_id)
        at.portal.faults.clear()
        await at.walk(later=HOUR)
        assert await at.state(request_id) == "delivered"


@pytest.mark.parametrize("how", ["stop", "another way", "not again"])
async def test_what_was_brought_to_the_portal_and_does_not_go_is_ended_there(tmp_path: Path, how: str) -> None:
    async with besieged(tmp_path) as at:
        request_id = (await unplayable(at))[0] if how == "not again" else await approved(at)
        at.portal.fault("PATCH", api.UPLOADS, status(403), times=99)
        if how == "not again":
            await send_again(at, request_id)
        await at.walk()
        assert await at.state(request_id) == "sealed"
        newest = f"DELETE {api.UPLOADS}/upload-{len(at.portal.uploads)}"
        assert newest not in at.portal.said()
        await (choose(at, request_id) if how == "another way" else take_back(at, request_id))
        await at.walk()
        assert at.portal.said().count(newest) == 1


async def test_second_copies_of_what_is_deleted_here_leave_too(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await approved(at)
        await at.walk()
        (package,) = await at.packages(request_id)
        columns = "(copy_id, place, name, put_at) VALUES (?, 'nas', 'a', 1)"
        await at.execute(f"INSERT INTO second_copies {columns}", package.evidence_id)
        columns = "(copy_id, evidence_id, filed_as) VALUES (?1, ?1, 'a')"
        await at.execute(f"INSERT INTO own_copies {columns}", package.evidence_id)
        await at.execute("UPDATE packages SET path = NULL")
        assert await clear_deleted(at.agent.services) == 1
        async with at.agent.services.store.transaction() as tx:
            (row,) = await tx.all("SELECT leaving FROM second_copies")
        assert row["leaving"] == 1
