"""What owners are told of their copies: by message, each thing once, and by the doctor."""

import asyncio
from pathlib import Path

import pytest

from agent.owner.notify.messages import due, written
from agent.owner.operations.context import Nothing
from agent.owner.operations.doctor import Examine
from agent.owner.operations.own_copies.recovery import Sheet
from agent.owner.words import Words
from exchange.clock import DAY
from tests.journey.backups.keeping import handed_over, kept
from tests.journey.backups.test_integrity import flip
from tests.journey.home import ACTOR, Siege, owner_does


async def told(at: Siege, language: str = "en") -> list[str]:
    """The subjects and texts of all that is due about copies."""
    words = await asyncio.to_thread(Words, language)
    await asyncio.to_thread(words, "Copies")  # the catalogue is a file
    about = [each for each in await due(at.agent.services, "") if each.key.startswith(("cop", "backup"))]
    assert len({each.key for each in about}) == len(about)
    return [f"{written((each.subject,), words)}: {written(each.text, words)}" for each in about]


@pytest.fixture(autouse=True)
async def _loaded() -> None:
    """Babel's tables of dates are files, which are read once."""
    await asyncio.to_thread(lambda: [Words(language).moment(0) for language in ("en", "de")])


async def test_a_backup_that_fails_for_days_damage_and_deletions_are_told(tmp_path: Path) -> None:
    extra = (
        "requests: {keep_packages_days: 10}\n"
        "backups: {places: [{place: nas}, {place: gone}], tell_after: 2d, notice: 7d}"
    )
    async with kept(tmp_path, extra) as at:
        evidence_id = await handed_over(at)
        await at.agent.backups.run()
        assert await told(at) == []
        at.clock.forward(3 * DAY)
        (failing,) = await told(at)
        assert failing.startswith("Your copies need you: The backup to gone has not worked since Sat 21 Nov 2026")
        at.clock.forward(8 * DAY)
        await at.agent.backups.prune()
        going = (await told(at))[-1]
        assert "copies go whose time to be kept is over: 1." in going
        assert "Kopien werden gelöscht: Ab " in (await told(at, "de"))[-1]
        for path in (at.settings.package(evidence_id), next((tmp_path / "places/nas").rglob(f"{evidence_id}.zip.age"))):
            await asyncio.to_thread(flip, path)
        await at.agent.backups.check(everything=True)
        texts = await told(at)
        assert any("1 of your copies on this disk can't be relied on" in text for text in texts)
        assert any("Copies at nas are damaged" in text for text in texts)


async def test_the_doctor_looks_at_the_sheet_the_copies_and_the_second_place(tmp_path: Path) -> None:
    async def found(at: Siege, about: str) -> tuple[str, str]:
        findings = (await owner_does(at.agent, "doctor", Examine(), ACTOR))["findings"]
        return next(((each["state"], each["text"]) for each in findings if each["about"] == about), ("", ""))

    async with kept(tmp_path, "backups: {tell_after: 1h}") as at:
        assert (await found(at, "copies"))[0] == "note"  # on this disk only
        assert "never made" in (await found(at, "sheet"))[1]
        await owner_does(at.agent, "recovery-sheet", Sheet(), ACTOR)
        assert await found(at, "sheet") == ("", "")
        await owner_does(at.agent, "archive-key-new", Nothing(), ACTOR)
    async with kept(tmp_path / "other", "backups: {places: [{place: nas}]}") as at:
        assert (await found(at, "copies")) == ("good", "Your copies are kept at a second place too.")
