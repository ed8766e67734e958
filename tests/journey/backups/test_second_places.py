"""The owner's own copies are filed where a person finds them, and kept at second places by rule."""

import asyncio
import hashlib
import subprocess
from pathlib import Path

import pytest

from agent.owner.operations.context import Nothing
from agent.records.backups.own_state import LEFT_OUT
from exchange.age.files import decrypt_file
from exchange.clock import DAY, HOUR, MINUTE
from exchange.errors import AlreadyRunning
from tests.journey.backups.keeping import RULE, custody, files_in, handed_over, kept, second_place
from tests.journey.home import ACTOR, owner_does

TELLING = "backups: {places: [{place: nas, names: telling}]}"


async def test_a_copy_is_filed_by_date_and_kind_of_incident_with_its_papers_beside_it(tmp_path: Path) -> None:
    async with kept(tmp_path) as at:
        evidence_id = await handed_over(at)
        await at.agent.backups.run()
        base = f"2026/11/burglary/2026-11-21_04-1234-26_front-door_{evidence_id[:8]}"
        endings = (".decision.json", ".decision.json.sig", ".older-age", ".receipt.json", ".receipt.json.sig")
        more = (".request.json", ".request.json.sig", ".txt", ".zip.age")
        assert await asyncio.to_thread(files_in, at.settings.filed_dir) == [base + each for each in (*endings, *more)]
        link = at.settings.filed_dir / f"{base}.zip.age"
        assert link.stat().st_ino == at.settings.package(evidence_id).stat().st_ino
        note = (at.settings.filed_dir / f"{base}.txt").read_text()
        assert "04/1234/26" in note
        assert at.place.officer.public.line not in note


@pytest.mark.parametrize("case", ["hybrid", "x25519"])
async def test_what_lies_at_a_second_place_is_what_was_sent_under_a_name_that_tells_nothing(
    tmp_path: Path, case: str
) -> None:
    async with kept(tmp_path, case=case) as at:
        evidence_id = await handed_over(at)
        done = await at.agent.backups.run()
        assert (done.put, done.failures) == ({"nas": 1}, {})
        names = await asyncio.to_thread(files_in, tmp_path / "places/nas")
        (state,) = [name for name in names if name.startswith("handover/state/")]
        beside = [f"handover/2026/11/{evidence_id}.older-age"] if case == "hybrid" else []
        assert names == sorted([state, *beside, f"handover/2026/11/{evidence_id}.zip.age"])
        there = (tmp_path / f"places/nas/handover/2026/11/{evidence_id}.zip.age").read_bytes()
        (package,) = await at.packages(next(row.request_id for row in await at.rows()))
        assert hashlib.sha256(there).hexdigest() == package.ciphertext_sha256
        secrets = [b"04/1234/26", b"Burglary", b"burglary", b"front-door", b"Robin"]
        everything = b"".join(path.read_bytes() for path in (tmp_path / "places/nas").rglob("*") if path.is_file())
        assert [word for word in secrets if word in everything or word.decode() in "".join(names)] == []
        (line,) = await custody(at, "copied")
        assert line["details"] == {"evidence_id": evidence_id, "sha256": package.ciphertext_sha256}
        assert (await at.agent.backups.run()).put == {"nas": 0}


async def test_with_telling_names_a_place_is_laid_out_as_the_copies_here_are(tmp_path: Path) -> None:
    async with kept(tmp_path, TELLING) as at:
        await handed_over(at)
        await at.agent.backups.run()
        names = await asyncio.to_thread(files_in, tmp_path / "places/nas/handover")
        assert [name.partition("_")[2].partition(".")[2] for name in names if "burglary" in name] == [
            "older-age",
            "txt",
            "zip.age",
        ]
        note = next((tmp_path / "places/nas").rglob("*.txt")).read_text()
        assert "12 Mill Road" not in note  # where it was is nobody's business there
        assert "Okafor" not in note


async def test_a_state_of_each_day_is_kept_there_and_older_ones_go(tmp_path: Path) -> None:
    async with kept(tmp_path, "backups: {places: [{place: nas, keep_states: 2}]}") as at:
        for hours in (0, 1, 24, 24, 24):
            at.clock.forward(hours * HOUR)
            await at.agent.backups.run()
        names = await asyncio.to_thread(files_in, tmp_path / "places/nas/handover/state")
        assert [name[9:19] for name in names] == ["2026-11-23", "2026-11-24"]


async def test_a_receipt_that_comes_later_is_in_the_next_state(tmp_path: Path) -> None:
    async with kept(tmp_path) as at:
        await handed_over(at, receipt=False)
        await at.agent.backups.run()
        await handed_over(at)
        await at.agent.backups.run()
        assert len(await asyncio.to_thread(files_in, tmp_path / "places/nas/handover/state")) == 1  # of one day


async def test_a_state_holds_records_keys_and_settings_and_no_footage(tmp_path: Path) -> None:
    async with kept(tmp_path) as at:
        await handed_over(at)
        await at.agent.backups.run()
        (state,) = (tmp_path / "places/nas/handover/state").iterdir()
        plain = tmp_path / "state.tar.gz"
        await asyncio.to_thread(decrypt_file, state, plain, at.agent.services.keys.archive)
        listed = await asyncio.to_thread(subprocess.check_output, ["tar", "tzf", str(plain)], text=True)
        names = set(listed.split())
        assert {"agent.db", "handover.yaml", "keys/device.key", "keys/archive.key", "keys/places.json"} <= names
        assert any(name.endswith("receipt.json") for name in names)
        assert [name for name in names if name.endswith((".zip.age", ".mp4", ".db-wal")) or "recordings" in name] == []


async def test_every_folder_of_the_data_is_in_the_state_or_left_out_by_name(tmp_path: Path) -> None:
    """Whoever adds one says which it is: what is left out is footage, or is made anew."""
    in_it = {"keys", "receipts", "records", "feedback", "stamps", "backups"}
    async with kept(tmp_path) as at:
        folders = {
            path.relative_to(at.settings.data).parts[0]
            for name, each in vars(type(at.settings)).items()
            if isinstance(each, property) and isinstance(path := getattr(at.settings, name), Path)
        }
    assert folders - LEFT_OUT - in_it == {"agent.db"}


async def test_nothing_is_put_anywhere_that_the_owner_did_not_say_yes_to(tmp_path: Path) -> None:
    async with kept(tmp_path) as at:
        evidence_id = await handed_over(at)
        declined = await at.asked()
        await at.say(declined, yes=False)
        await at.walk()
        # Somebody with the database in hand puts the no in the place of the yes.
        await at.execute(
            "UPDATE decisions SET document = (SELECT document FROM decisions WHERE request_id = ?1), "
            "signature = (SELECT signature FROM decisions WHERE request_id = ?1) WHERE request_id <> ?1",
            declined,
        )
        assert (await at.agent.backups.run()).put == {"nas": 0}
        names = await asyncio.to_thread(files_in, tmp_path / "places/nas")
        assert [name for name in names if evidence_id in name] == []


async def test_a_place_that_is_away_hinders_no_other_and_is_tried_again(tmp_path: Path) -> None:
    extra = "backups: {places: [{place: nas}, {place: usb}]}"
    async with kept(tmp_path, extra, "nas", "usb") as at:
        evidence_id = await handed_over(at)
        away = tmp_path / "places/nas"
        away.rename(tmp_path / "unplugged")
        done = await at.agent.backups.run()
        assert done.put == {"usb": 1}
        assert list(done.failures) == ["nas"]
        assert list((await at.agent.backups.run()).failures) == []  # not again at once
        (tmp_path / "unplugged").rename(away)
        at.clock.forward(20 * MINUTE)
        assert (await at.agent.backups.run()).put == {"nas": 1, "usb": 0}
        assert list(away.rglob(f"{evidence_id}.zip.age"))


async def test_what_does_not_work_for_days_is_told_and_no_sooner(tmp_path: Path) -> None:
    async with kept(tmp_path, "backups: {places: [{place: gone}], tell_after: 3d}", "nas") as at:
        for _ in range(3):
            await at.agent.backups.run()
            assert (await owner_does(at.agent, "status", Nothing(), ACTOR))["backups_trouble"] is None
            at.clock.forward(DAY)
        await at.agent.backups.run()
        told = (await owner_does(at.agent, "status", Nothing(), ACTOR))["backups_trouble"]
        assert told.startswith("The backup to gone has not worked for 3 days: There is no place gone.")
        await asyncio.to_thread(second_place, at, tmp_path / "places/gone", "gone")
        at.clock.forward(DAY)
        await at.agent.backups.run()
        assert (await owner_does(at.agent, "status", Nothing(), ACTOR))["backups_trouble"] is None


async def test_outside_its_hours_a_place_waits_unless_somebody_asks(tmp_path: Path) -> None:
    async with kept(tmp_path, 'backups: {places: [{place: nas, hours: "01:00-02:00"}]}') as at:
        await handed_over(at)
        assert (await at.agent.backups.run()).put == {}
        assert (await at.agent.backups.run(asked=True)).put == {"nas": 1}


async def test_two_runs_at_once_are_one(tmp_path: Path) -> None:
    async with kept(tmp_path) as at:
        await handed_over(at)
        first = asyncio.create_task(at.agent.backups.run())
        await asyncio.sleep(0)
        with pytest.raises(AlreadyRunning):
            await at.agent.backups.run()
        assert (await first).put == {"nas": 1}


async def test_a_copy_at_a_second_place_opens_as_a_package_does(tmp_path: Path) -> None:
    async with kept(tmp_path, RULE) as at:
        evidence_id = await handed_over(at)
        await at.agent.backups.run()
        sealed = next((tmp_path / "places/nas").rglob(f"{evidence_id}.zip.age"))
        plain = tmp_path / "package.zip"
        await asyncio.to_thread(decrypt_file, sealed, plain, at.agent.services.keys.archive)
        listed = await asyncio.to_thread(subprocess.check_output, ["unzip", "-Z1", str(plain)], text=True)
        assert any(name.endswith("data/READ-ME-FIRST.html") for name in listed.split())
