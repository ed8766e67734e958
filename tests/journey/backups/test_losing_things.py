"""What is lost with a disk, a machine, a key or a second place, what isn't, and how an owner goes on: each is tried.

docs/losing-things.md tells the same in words.
"""

import asyncio
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent import app
from agent.background import housekeeping
from agent.background.inbox import InboxPoll
from agent.membership import enrolment, registration
from agent.owner.operations.context import Nothing
from agent.owner.operations.own_copies.recovery import Sheet
from agent.owner.operations.records import Restored
from agent.records.backups.archive_words import words_of
from exchange.age.files import decrypt_file
from exchange.clock import DAY
from exchange.documents.messages import Delivery
from exchange.errors import InputInvalid, KeyDoesNotOpen, PortalRefused
from exchange.signing.documents import open_document
from portal.cli import main as portal_command
from tests.journey.backups.keeping import LostHome, custody, lost_home, second_place, sent
from tests.journey.home import ACTOR, Town, owner_does, settings_at


def key_file(at: Town, folder: Path, kind: str = "x25519") -> Path:
    """What the owner copied from the sheet. Blocks."""
    identity = next(each for each in at.agent.services.keys.archive if each.recipient.kind == kind)
    path = folder / f"{kind}.txt"
    path.write_text(f"{identity}\n")
    return path


async def receipted(at: Town, request_id: str) -> None:
    """The officer confirms what they have."""
    (delivered,) = (await at.officer.case(request_id)).deliveries
    delivery = open_document(delivered.signed, Delivery, at.agent.services.keys.device.public)
    await at.officer.receipt(delivery.delivery_id, at.receipt_for(request_id, delivery))


async def put_back(lost: LostHome, device: str, key: Path, *words: str) -> str:
    """The data is gone, and comes back from the second place; what was said."""
    done = await lost.handover("restore", str(lost.nas), "--key", str(key), "--device", device, *words)
    assert done.exit_code == 0, done.output
    return done.output


async def test_the_disk_is_lost_and_the_portal_knows_the_machine_again(tmp_path: Path) -> None:
    async with lost_home(tmp_path) as lost:
        async with lost.first() as at:
            request_id = await sent(at)
            await at.agent.backups.run()
            key = await asyncio.to_thread(key_file, at, tmp_path)
            device, (package,) = at.agent.services.keys.device.public.fingerprint, await at.packages(request_id)
            sealed = at.settings.package(package.evidence_id).read_bytes()
        await asyncio.to_thread(shutil.rmtree, lost.data)
        said = await put_back(lost, device, key)
        assert "1 of your copies was fetched." in said
        async with lost.second(at) as again:
            assert again.agent.services.keys.device.public.fingerprint == device
            assert again.settings.package(package.evidence_id).read_bytes() == sealed
            assert [
                each["camera_id"] for each in (await owner_does(again.agent, "cameras", Nothing(), ACTOR))["cameras"]
            ] == ["front-door"]
            (line,) = await custody(again, "records-restored")
            assert line["reason"].startswith(f"put back from the folder {lost.nas}, as it was at 2026-")
            await receipted(again, request_id)  # while it was away
            await again.fetch_and_walk()
            assert await again.state(request_id) == "closed"
            other = await sent(again)
            assert (await again.officer.case(other)).status.value == "approved"
            assert (await again.agent.backups.run()).put == {"nas": 1}
            assert (await again.agent.backups.check(everything=True)).damaged == 0


async def test_records_that_are_older_than_the_portals_are_noticed_and_nothing_is_told_twice(
    tmp_path: Path,
) -> None:
    async with lost_home(tmp_path) as lost:
        async with lost.first() as at:
            request_id = await at.asked()
            await at.agent.backups.run()  # the last night's state
            await at.say(request_id, yes=False)
            await at.walk()
            await housekeeping.send_checkpoints(at.agent.services)
            key = await asyncio.to_thread(key_file, at, tmp_path)
            device = at.agent.services.keys.device.public.fingerprint
        await asyncio.to_thread(shutil.rmtree, lost.data)
        await put_back(lost, device, key)
        async with lost.second(at) as again:
            await again.fetch_and_walk()
            trouble = (await owner_does(again.agent, "status", Nothing(), ACTOR))["records_trouble"]
            assert "1 request that waits here was answered already" in trouble
            assert (await owner_does(again.agent, "restored", Restored(what="the disk died"), ACTOR)) == {"ended": 1}
            assert (await again.officer.case(request_id)).status.value == "declined"
            await sent(again)


async def test_a_state_is_put_back_by_the_words_of_the_sheet_and_where_it_is_compared(tmp_path: Path) -> None:
    async with lost_home(tmp_path) as lost:
        async with lost.first("backups: {places: [{place: nas}], any_age: no}") as at:
            await at.agent.backups.run()
            identity = next(each for each in at.agent.services.keys.archive if each.recipient.kind == "hybrid")
            words = await asyncio.to_thread(words_of, identity)
            device = at.agent.services.keys.device.public.fingerprint
        await asyncio.to_thread(shutil.rmtree, lost.data)
        typed = " ".join(words[:12]) + "\n" + " ".join(words[12:]) + "\n\n"
        refused = await lost.handover("restore", str(lost.nas), typed=typed + "n\n")
        assert refused.exit_code == 17
        assert not (lost.data / "agent.db").exists()
        done = await lost.handover("restore", str(lost.nas), typed=typed + "y\n")
        assert done.exit_code == 0, done.output
        assert device in done.output
        assert words[0] not in done.output.replace(typed, "")
        again = await lost.handover("restore", str(lost.nas), typed=typed + "y\n")
        assert (again.exit_code, "records of its own" in again.output) == (17, True)


async def test_a_fresh_machine_restores_from_a_place_that_was_added_there_and_keeps_its_first_keys_aside(
    tmp_path: Path,
) -> None:
    async with lost_home(tmp_path) as lost:
        async with lost.first() as at:
            await at.agent.backups.run()
            key = await asyncio.to_thread(key_file, at, tmp_path)
            device = at.agent.services.keys.device.public.fingerprint
            text = at.settings.model_dump_json(exclude_unset=True)
        await asyncio.to_thread(shutil.rmtree, lost.data)
        await asyncio.to_thread(lost.config.write_text, text)
        async with app.build(at.settings, lost.clock) as fresh:  # as "places add-sftp" does
            assert fresh.services.keys.device.public.fingerprint != device
            await asyncio.to_thread(second_place, fresh, lost.nas, "there")
        done = await lost.handover("restore", "there", "--key", str(key), "--device", "SHA256:" + "A" * 43)
        assert (done.exit_code, "not the one of the sheet" in done.output) == (66, True)
        done = await lost.handover("restore", "there", "--key", str(key), "--device", device, "--without-copies")
        assert done.exit_code == 0, done.output
        async with lost.second(at) as again:
            assert again.agent.services.keys.device.public.fingerprint == device
        assert (lost.data / "keys/before-restore-device.key").exists()


async def test_the_device_key_is_lost_and_the_owner_joins_anew_with_all_they_had(tmp_path: Path) -> None:
    async with lost_home(tmp_path) as lost:
        async with lost.first() as at:
            request_id = await sent(at)
            (package,) = await at.packages(request_id)
            before = at.agent.services.keys.device.public.fingerprint
            lost.config.write_text(at.settings.model_dump_json(exclude_unset=True))
            at.settings.device_key.unlink()
        async with lost.second(at) as again:
            services = again.agent.services
            assert services.keys.device.public.fingerprint != before
            trouble = (await owner_does(again.agent, "status", Nothing(), ACTOR))["device_trouble"]
            assert "new device key" in trouble
            with pytest.raises(PortalRefused):
                await again.poll.fetch(0)
            client = await again.agent.open_portal(lost.origin)
            shown = await enrolment.introduce(services, client)
            await enrolment.enrol(services, client, shown.fingerprint, "robin")
            await registration.register(services, await services.portal())
            assert (await owner_does(again.agent, "status", Nothing(), ACTOR))["device_trouble"] is None
            # The old copies are the owner's as before: kept at the second place, checked, opened by the sheet.
            assert (await again.agent.backups.run()).put == {"nas": 1}
            plain = tmp_path / "package.zip"
            copy = next(lost.nas.rglob(f"{package.evidence_id}.zip.age"))
            await asyncio.to_thread(decrypt_file, copy, plain, services.keys.archive)
            await sent(again)


async def test_a_stolen_machine_is_replaced_by_a_new_device_that_the_thief_can_not_be(tmp_path: Path) -> None:
    async with lost_home(tmp_path) as lost:
        async with lost.first() as at:
            waiting = await at.asked()
            request_id = await sent(at)
            await at.agent.backups.run()
            key = await asyncio.to_thread(key_file, at, tmp_path)
            stolen = at.agent.services.keys.device.public.fingerprint
            (package,) = await at.packages(request_id)
        await asyncio.to_thread(shutil.move, lost.data, tmp_path / "thief")
        folder = str(lost.place.folder.path)
        line = ["device", "revoke", folder, stolen, "--reason", "stolen, said the owner"]
        shut_out = await asyncio.to_thread(CliRunner().invoke, portal_command, line)
        assert shut_out.exit_code == 0, shut_out.output
        async with app.build(settings_at(tmp_path / "thief", lost.origin), lost.clock) as thief:
            with pytest.raises(PortalRefused):
                await InboxPoll(thief.services, thief.journey).fetch(0)
            client = await thief.open_portal(lost.origin)
            shown = await enrolment.introduce(thief.services, client)
            with pytest.raises(PortalRefused, match="may be in other hands"):
                await enrolment.enrol(thief.services, client, shown.fingerprint, "a thief")
        said = await put_back(lost, stolen, key, "--new-device")
        assert "Change the passwords of your cameras" in said
        async with lost.second(at) as again:
            services = again.agent.services
            assert services.keys.device.public.fingerprint != stolen
            assert (await owner_does(again.agent, "status", Nothing(), ACTOR))["force"] is None
            await again.agent.journey.settle()
            assert await again.state(waiting) == "closed"
            assert again.settings.package(package.evidence_id).exists()
            client = await again.agent.open_portal(lost.origin)
            shown = await enrolment.introduce(services, client)
            await enrolment.enrol(services, client, shown.fingerprint, "robin")
            await registration.register(services, await services.portal())
            await sent(again)


async def test_what_a_thief_reads_on_an_unencrypted_disk_is_what_the_document_says(tmp_path: Path) -> None:
    """Everything but what is sealed; and the archive key that opens that lies beside it."""
    async with lost_home(tmp_path) as lost, lost.first() as at:
        request_id = await sent(at)
        await at.agent.backups.run()
        (package,) = await at.packages(request_id)
        with closing(sqlite3.connect(at.settings.database)) as database:
            (document,) = database.execute("SELECT document FROM requests").fetchone()
        assert "12 Mill Road" in document
        assert list(at.settings.recordings.directory.rglob("*.mp4"))
        assert "AGE-SECRET-KEY" in at.settings.archive_key.read_text()
        assert at.settings.device_key.exists()
        sealed = at.settings.package(package.evidence_id)
        assert b"ftyp" not in sealed.read_bytes()
        at.settings.archive_key.rename(tmp_path / "elsewhere")
        readable = subprocess.run(["grep", "-rl", "AGE-SECRET-KEY", str(lost.data)], capture_output=True, check=False)
        assert readable.stdout == b""


async def test_the_archive_key_is_lost_here_and_comes_back_from_the_sheet(tmp_path: Path) -> None:
    async with lost_home(tmp_path) as lost:
        async with lost.first() as at:
            request_id = await sent(at)
            (package,) = await at.packages(request_id)
            await owner_does(at.agent, "recovery-sheet", Sheet(), ACTOR)
            sheet = [f"{each}\n" for each in at.agent.services.keys.archive]
            lost.config.write_text(at.settings.model_dump_json(exclude_unset=True))
            at.settings.archive_key.unlink()
        async with lost.second(at) as again:
            status = await owner_does(again.agent, "status", Nothing(), ACTOR)
            assert "other archive key" in status["device_trouble"]
            sealed = again.settings.package(package.evidence_id)
            with pytest.raises(KeyDoesNotOpen):
                await asyncio.to_thread(decrypt_file, sealed, tmp_path / "x.zip", again.agent.services.keys.archive)
        words = " ".join(await asyncio.to_thread(words_of, at.agent.services.keys.archive[1])) + "\n\n"
        assert "don't say which" in await lost.program("archive-key", "put", typed=words, code=InputInvalid.exit_code)
        said = await lost.program("archive-key", "put", typed=sheet[0] + "\n")
        assert "Put back: the key for age 1.3 and newer." in said
        assert "Still missing of the sheet's: 1." in said
        said = await lost.program("archive-key", "put", typed=sheet[1] + "\n")
        assert "Put back: the key for any age program." in said
        assert "Still missing" not in said
        async with lost.second(at) as again:
            keys = again.agent.services.keys.archive
            await asyncio.to_thread(decrypt_file, sealed, tmp_path / "x.zip", keys)
            assert (await owner_does(again.agent, "status", Nothing(), ACTOR))["device_trouble"] is None


async def test_the_second_place_is_lost_and_another_is_filled(tmp_path: Path) -> None:
    async with lost_home(tmp_path) as lost, lost.first() as at:
        await sent(at)
        await at.agent.backups.run()
        await asyncio.to_thread(shutil.rmtree, lost.nas)
        await asyncio.to_thread(lost.nas.mkdir)
        at.clock.forward(91 * DAY)
        await at.agent.backups.run()
        assert (await at.agent.backups.check(everything=True)).damaged == 0
        assert len(list(lost.nas.rglob("*.zip.age"))) == 1
        assert len(list(lost.nas.rglob("*.tar.gz.age"))) == 1
