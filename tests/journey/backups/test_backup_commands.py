"""``handover backups``, ``hold`` and ``archive-key`` as they are typed, on the state of an agent that doesn't run."""

import asyncio
import json
from pathlib import Path

from exchange.clock import DAY
from tests.journey.backups.keeping import LostHome, handed_over, kept, lost_home, sent
from tests.journey.home import Town

SHORT = "requests: {keep_packages_days: 0}\nbackups: {places: [{place: nas}], notice: 0s}"


async def at_rest(lost: LostHome, at: Town) -> None:
    """Its settings in a file, as a command reads them. Blocks nothing."""
    await asyncio.to_thread(lost.config.write_text, at.settings.model_dump_json(exclude_unset=True))


async def test_copies_are_shown_brought_and_checked_by_commands(tmp_path: Path) -> None:
    async with lost_home(tmp_path) as lost:
        async with lost.first() as at:
            request_id = await sent(at)
            await at_rest(lost, at)
        shown = await lost.program("backups")
        assert "1 copy, " in shown
        assert "nas: 0 copies" in shown
        assert "nas: 1 copy put there." in await lost.program("backups", "run")
        assert "2 copies checked, 0 damaged." in await lost.program("backups", "check")
        await lost.program("hold", request_id, "--reason", "an appeal")
        told = json.loads(await lost.program("backups", "--json"))
        assert [each["reason"] for each in told["holds"]] == ["an appeal"]
        assert (told["places"][0]["copies"], told["places"][0]["missing"]) == (1, 0)
        await lost.program("hold", request_id, "--end")
        assert "No copy's time is over." in await lost.program("backups", "prune", "--dry-run")
        await lost.program("archive-key", "new", "--yes")
        assert lost.data.joinpath("keys/archive.key").read_text().count("\nAGE-SECRET-KEY") == 4


async def test_what_is_over_is_shown_before_it_is_deleted(tmp_path: Path) -> None:
    async with kept(tmp_path, SHORT) as at:
        evidence_id = await handed_over(at)
        await at.agent.backups.run()
        at.clock.forward(DAY)
        package = at.settings.package(evidence_id)
        config = tmp_path / "handover.yaml"
        await asyncio.to_thread(config.write_text, at.settings.model_dump_json(exclude_unset=True))
    lost = LostHome(tmp_path, None, "", None, at.clock)  # type: ignore[arg-type]
    assert "will be deleted" not in await lost.program("backups", "prune", "--dry-run")
    assert "would be deleted" in await lost.program("backups", "prune", "--dry-run", "--now")
    said = await lost.program("backups", "prune", "--now", typed="y\n")
    assert "will be deleted" in said
    assert "This can't be undone." in said
    assert not package.exists()
