"""Copies go when their time is over, in two steps, here and at second places, and never what is still needed."""

import asyncio
import logging
from pathlib import Path
from unittest import mock

import pytest

from agent.owner.operations.context import Nothing, RequestNamed
from agent.owner.operations.own_copies.backups import Hold, Prune
from agent.records.backups import retention
from exchange.clock import DAY
from exchange.documents.messages import Incident, Stretch
from exchange.errors import InputInvalid, NotFound
from tests.journey.backups.keeping import custody, files_in, handed_over, kept
from tests.journey.home import ACTOR, Siege, owner_does

KEEP = """
requests: {keep_packages_days: 30}
backups: {places: [{place: nas}], notice: 7d, keep: [{kind: Burglary, days: 60}]}
"""


class Crash(Exception):
    """The process ends here."""


async def later(at: Siege, days: int) -> tuple[int, int]:
    """(announced, deleted) after so many days, and a round of everything."""
    at.clock.forward(days * DAY)
    await at.agent.backups.run()
    announced, deleted = await at.agent.backups.prune()
    await at.agent.backups.run(asked=True)
    return len(announced), len(deleted)


async def test_a_copy_is_announced_then_deleted_everywhere_and_logged(tmp_path: Path) -> None:
    async with kept(tmp_path, KEEP) as at:
        evidence_id = await handed_over(at)
        assert await later(at, 0) == (0, 0)
        assert await later(at, 59) == (0, 0)
        assert await later(at, 2) == (1, 0)
        assert await later(at, 6) == (0, 0)
        shown = await owner_does(at.agent, "backups", Nothing(), ACTOR)
        assert shown["copies"][0]["goes"] is not None
        assert await later(at, 2) == (0, 1)
        everywhere = [
            *await asyncio.to_thread(files_in, at.settings.packages_dir),
            *await asyncio.to_thread(files_in, at.settings.filed_dir),
            *[name for name in await asyncio.to_thread(files_in, tmp_path / "places/nas") if "/state/" not in name],
        ]
        assert everywhere == []
        reasons = [line["reason"] for line in await custody(at, "deleted")]
        assert reasons == ["the time to keep it is over", "the copy at nas"]
        assert {line["details"]["evidence_id"] for line in await custody(at, "deleted")} == {evidence_id}
        listed = (await owner_does(at.agent, "records", Nothing(), ACTOR))["packages"]
        assert [(row["evidence_id"], row["path"]) for row in listed] == [(evidence_id, None)]
        assert await later(at, 400) == (0, 0)


async def test_each_kind_of_incident_has_its_own_time(tmp_path: Path) -> None:
    async with kept(tmp_path, KEEP) as at:
        await handed_over(at)
        happened = Stretch.of(at.window)
        theft = Incident(kind="Bicycle theft", place="12 Mill Road", happened=happened, description="A bicycle.")
        other = await handed_over(at, incident=theft)
        await later(at, 31)
        await later(at, 8)
        shown = await owner_does(at.agent, "backups", Nothing(), ACTOR)
        assert [each["kind"] for each in shown["copies"]] == ["Burglary"]
        assert not at.settings.package(other).exists()


async def test_what_has_no_receipt_stays_until_none_is_awaited_any_more(tmp_path: Path) -> None:
    async with kept(tmp_path, KEEP) as at:
        evidence_id = await handed_over(at, receipt=False)
        assert await later(at, 80) == (0, 0)
        await at.walk(20 * DAY)  # nobody waits for it any longer
        assert [row.state for row in await at.rows()] == ["closed"]
        assert await later(at, 50) == (0, 0)
        assert await later(at, 20) == (1, 0)
        assert at.settings.package(evidence_id).exists()


async def test_what_is_held_stays_until_the_hold_ends(tmp_path: Path) -> None:
    async with kept(tmp_path, KEEP) as at:
        evidence_id = await handed_over(at)
        (row,) = await at.rows()
        assert await later(at, 61) == (1, 0)
        await owner_does(at.agent, "hold", Hold(request_id=row.request_id, reason="an appeal"), ACTOR)
        with pytest.raises(InputInvalid, match="held already"):
            await owner_does(at.agent, "hold", Hold(request_id=row.request_id, reason="again"), ACTOR)
        assert await later(at, 1000) == (0, 0)
        pruned = await owner_does(at.agent, "backups-prune", Prune(at_once=True), ACTOR)
        assert pruned == {"deleted": [], "announced": []}
        shown = await owner_does(at.agent, "backups", Nothing(), ACTOR)
        assert (shown["holds"][0]["reason"], shown["copies"][0]["kept"]) == ("an appeal", "held: an appeal")
        await owner_does(at.agent, "end-hold", RequestNamed(request_id=row.request_id), ACTOR)
        with pytest.raises(NotFound):
            await owner_does(at.agent, "end-hold", RequestNamed(request_id=row.request_id), ACTOR)
        assert await later(at, 0) == (1, 0)  # announced anew
        assert at.settings.package(evidence_id).exists()
        assert [len(await custody(at, kind)) for kind in ("held", "hold-ended")] == [1, 1]
        with pytest.raises(NotFound):
            await owner_does(at.agent, "hold", Hold(request_id="nothing", reason="x"), ACTOR)
        open_request = await at.take(at.request())  # of footage that is overwritten by now
        before = len(await at.events())
        with pytest.raises(InputInvalid, match="no copy to hold"):
            await owner_does(at.agent, "hold", Hold(request_id=open_request, reason="x"), ACTOR)
        assert len(await at.events()) == before  # whose length would tell that somebody looked


async def test_a_dry_run_says_what_would_go_and_changes_nothing(tmp_path: Path) -> None:
    async with kept(tmp_path, KEEP) as at:
        evidence_id = await handed_over(at)
        at.clock.forward(61 * DAY)
        await at.agent.backups.run()
        would = await owner_does(at.agent, "backups-prune", Prune(dry_run=True), ACTOR)
        assert [len(would[each]) for each in ("deleted", "announced")] == [0, 1]
        would = await owner_does(at.agent, "backups-prune", Prune(dry_run=True, at_once=True), ACTOR)
        assert [each["evidence_id"] for each in would["deleted"]] == [evidence_id]
        assert at.settings.package(evidence_id).exists()
        did = await owner_does(at.agent, "backups-prune", Prune(at_once=True), ACTOR)
        assert did["deleted"] == would["deleted"]
        assert not at.settings.package(evidence_id).exists()


async def test_a_place_that_is_away_when_a_copy_goes_loses_it_when_it_is_back(tmp_path: Path) -> None:
    async with kept(tmp_path, KEEP) as at:
        await handed_over(at)
        await at.agent.backups.run()
        (tmp_path / "places/nas").rename(tmp_path / "away")
        at.clock.forward(61 * DAY)
        await at.agent.backups.prune(at_once=True)
        await at.agent.backups.run(asked=True)
        assert [line["reason"] for line in await custody(at, "deleted")] == ["the time to keep it is over"]
        (tmp_path / "away").rename(tmp_path / "places/nas")
        await at.agent.backups.run(asked=True)
        names = await asyncio.to_thread(files_in, tmp_path / "places/nas")
        assert [name for name in names if "/state/" not in name] == []


async def test_a_crash_between_the_row_and_the_file_leaves_no_file(tmp_path: Path) -> None:
    async with kept(tmp_path, KEEP) as at:
        evidence_id = await handed_over(at)
        await at.agent.backups.run()
        at.clock.forward(61 * DAY)
        with mock.patch.object(retention, "clear_deleted", side_effect=Crash), pytest.raises(Crash):
            await at.agent.backups.prune(at_once=True)
        assert at.settings.package(evidence_id).exists()
        await at.agent.backups.run()
        assert not at.settings.package(evidence_id).exists()
        assert await asyncio.to_thread(files_in, at.settings.filed_dir) == []
        assert len([line for line in await custody(at, "deleted") if "time" in line["reason"]]) == 1


async def test_a_clock_set_far_ahead_deletes_no_copy(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    async with kept(tmp_path, KEEP) as at:
        evidence_id = await handed_over(at)
        await at.agent.backups.prune()
        at.clock.step(4000 * DAY)
        assert await at.agent.backups.prune() == ([], [])
        assert at.settings.package(evidence_id).exists()


async def test_copies_stay_until_the_force_said_how_the_case_ended_or_long_enough(tmp_path: Path) -> None:
    async with kept(tmp_path, KEEP.replace("notice: 7d", "notice: 0s, until_outcome: 400d")) as at:
        await handed_over(at)
        await handed_over(at)
        first, _ = await at.rows()
        assert await later(at, 61) == (0, 0)
        now = at.clock.now()
        await at.execute(
            "INSERT INTO feedback (feedback_id, request_id, kind, origin, document, signature, arrived_at) "
            "VALUES ('f-1', ?, 'outcome', 'noted', '{}', '', ?)", first.request_id, now,
        )  # fmt: skip
        assert await later(at, 1) == (1, 0)
        assert await later(at, 1) == (0, 1)
        assert await later(at, 400) == (1, 0)
        (deed,) = [row for row in await deeds_of(at) if row["deed"] == "copy-deleted"]
        assert deed["about"] == first.request_id


async def deeds_of(at: Siege) -> list[dict[str, object]]:
    async with at.agent.services.store.transaction() as tx:
        return [dict(row) for row in await tx.all("SELECT * FROM deeds")]
