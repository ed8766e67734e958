"""Copies are read again by and by; what the disk lost is put right from a good copy, and told where there is none."""

import asyncio
from pathlib import Path

import pytest

from agent.owner.operations.context import Nothing
from exchange.clock import DAY
from tests.journey.backups.keeping import RULE, custody, handed_over, kept
from tests.journey.home import ACTOR, Siege, owner_does


def flip(path: Path, at: int = 5000) -> None:
    """One bit of a file, as a disk loses it."""
    with path.open("r+b") as file:
        file.seek(at)
        (byte,) = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ 1]))


async def trouble(at: Siege) -> str | None:
    found: str | None = (await owner_does(at.agent, "status", Nothing(), ACTOR))["backups_trouble"]
    return found


@pytest.mark.parametrize("how", ["flipped", "gone", "cut short"])
async def test_a_damaged_copy_is_put_right_from_a_second_place_under_both_its_names(tmp_path: Path, how: str) -> None:
    async with kept(tmp_path) as at:
        evidence_id = await handed_over(at)
        await at.agent.backups.run()
        package, before = at.settings.package(evidence_id), at.settings.package(evidence_id).read_bytes()
        link = next(at.settings.filed_dir.rglob("*.zip.age"))
        match how:
            case "flipped":
                flip(package)
            case "cut short":
                package.write_bytes(before[:-1])
            case _:
                package.unlink()
        at.clock.forward(31 * DAY)
        done = await at.agent.backups.check()
        assert (done.checked, done.damaged) == (1, 0)
        assert package.read_bytes() == before
        assert link.read_bytes() == before
        assert link.stat().st_ino == package.stat().st_ino
        (line,) = await custody(at, "damaged")
        assert line["details"] == {"evidence_id": evidence_id, "where": "here"}
        assert [line["reason"] for line in await custody(at, "repaired")] == ["nas"]
        assert await trouble(at) is None


async def test_a_copy_that_is_damaged_everywhere_is_told_until_it_is_mended(tmp_path: Path) -> None:
    async with kept(tmp_path) as at:
        evidence_id = await handed_over(at)
        await at.agent.backups.run()
        good = at.settings.package(evidence_id).read_bytes()
        there = next((tmp_path / "places/nas").rglob(f"{evidence_id}.zip.age"))
        for path in (at.settings.package(evidence_id), there):
            flip(path)
        for _ in range(2):
            assert (await at.agent.backups.check(everything=True)).damaged == 2
        assert "can't be relied on" in (await trouble(at) or "")
        assert len(await custody(at, "damaged")) == 2  # each once
        there.write_bytes(good)
        assert (await at.agent.backups.check(everything=True)).damaged == 0
        assert await trouble(at) is None


async def test_a_copy_that_rots_at_a_second_place_is_put_there_anew_from_the_good_one_here(tmp_path: Path) -> None:
    async with kept(tmp_path, "backups: {places: [{place: nas, check_every: 30d}]}") as at:
        evidence_id = await handed_over(at)
        await at.agent.backups.run()
        there = next((tmp_path / "places/nas").rglob(f"{evidence_id}.zip.age"))
        good = there.read_bytes()
        flip(there)
        at.clock.forward(29 * DAY)
        await at.agent.backups.run()
        assert there.read_bytes() != good  # its time has not come
        at.clock.forward(2 * DAY)
        assert (await at.agent.backups.run()).damaged == 0
        assert there.read_bytes() == good
        assert [line["reason"] for line in await custody(at, "repaired")] == ["at nas"]


async def test_a_bad_copy_here_never_replaces_one_at_a_second_place(tmp_path: Path) -> None:
    async with kept(tmp_path) as at:
        evidence_id = await handed_over(at)
        await at.agent.backups.run()
        there = next((tmp_path / "places/nas").rglob(f"{evidence_id}.zip.age"))
        good = there.read_bytes()
        flip(at.settings.package(evidence_id))
        await at.execute("DELETE FROM second_copies")
        assert (await at.agent.backups.run(asked=True)).put == {"nas": 1}  # what lies there is good
        assert there.read_bytes() == good
        there.unlink()
        await at.execute("DELETE FROM second_copies")
        done = await at.agent.backups.run(asked=True)
        assert "not what was sealed" in str(done.failures["nas"])
        assert not there.exists()


async def test_a_check_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    async with kept(tmp_path, RULE) as at:
        first = await handed_over(at)
        await at.agent.backups.check()
        at.clock.forward(20 * DAY)
        second = await handed_over(at)
        assert (await at.agent.backups.check()).checked == 1  # the new one
        at.clock.forward(11 * DAY)
        assert (await at.agent.backups.check()).checked == 1
        shown = await owner_does(at.agent, "backups", Nothing(), ACTOR)
        assert (shown["own"]["unchecked"], shown["own"]["copies"]) == (0, 2)
        assert {first, second} == {each["evidence_id"] for each in shown["copies"]}


async def test_a_check_reads_the_disk_and_is_in_nobodys_way(tmp_path: Path) -> None:
    """By a worker at the lowest priority: what it reads does not push out of memory what others need."""
    from agent.records.backups.second_places import hash_gently
    from agent.workers.process import run_job

    async with kept(tmp_path, workers=True) as at:
        path = tmp_path / "large"
        await asyncio.to_thread(path.write_bytes, b"x" * (70 << 20))
        seen: list[int] = []
        assert at.agent.services.run_job is run_job
        digest = await hash_gently(at.agent.services, path, seen.append)
        assert digest is not None
        assert len(digest) == 64
        assert seen == [64 << 20]
        assert await hash_gently(at.agent.services, tmp_path / "none") is None
