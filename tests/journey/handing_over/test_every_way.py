"""What holds whichever way a package goes: only what was approved, whole or not at all, once, and written down."""

import subprocess
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from agent.deliveries.way import Means, SealedFor, Way
from agent.owner.operations.context import RequestNamed
from agent.owner.operations.handing_over.delivering import Deliver, ReceiptNoted
from agent.places.naming import is_unfinished
from exchange.clock import HOUR
from exchange.custody.log import read_line
from exchange.errors import DecisionRefused, InputInvalid, NotFound, PlaceUnreachable
from tests.counterparts.portals.hostile_portal import status
from tests.journey.handing_over.conftest import Goes, opens
from tests.journey.home import ACTOR, Siege, besieged, owner_does
from tests.journey.records.kept import ask
from tests.journey.review.test_noted import noted

REGISTER_SAYS = {
    "medium": "Written to a medium and read again there",
    "folder": "As files that the owner handed over",
    "sftp": "Uploaded by SFTP to a server",
    "s3": "Uploaded to storage",
    "addresses": "Uploaded to storage",
}


async def lines(at: Siege, kind: str) -> list[dict[str, Any]]:
    async with at.agent.services.store.transaction() as tx:
        rows = await tx.all("SELECT line FROM custody ORDER BY seq")
    events = [read_line(str(row["line"])) for row in rows]
    return [dict(event.details) for event in events if event.event.value == kind]


async def test_a_portals_request_goes_another_way_when_the_portal_cannot_be_used(goes: Goes, tmp_path: Path) -> None:
    async with besieged(tmp_path, case="x25519") as at:
        await goes.set_up(at)
        request_id = await at.asked()
        await at.say(request_id, yes=True)
        for method in ("PUT", "POST", "PATCH", "HEAD"):
            at.portal.fault(method, "/", status(503), times=1000)
        await at.walk()
        assert await at.state(request_id) == "sealed"
        await goes.choose(at, request_id)
        await at.walk(HOUR)
        assert await at.state(request_id) == "delivered", (await at.row(request_id)).trouble
        ((name, sealed),) = goes.packages.items()
        (package,) = await at.packages(request_id)
        assert sealed == at.settings.package(package.evidence_id).read_bytes()
        opens(sealed, at, tmp_path / "got")
        finished = await lines(at, "upload-finished")
        assert len(finished) == len(goes.files())
        assert finished[0]["sha256"] == package.ciphertext_sha256
        (delivered,) = await lines(at, "delivered")
        assert delivered["means"] == goes.way.means
        assert delivered["file_1"].startswith(str(package.ciphertext_sha256))
        (entry,) = (await ask(at, "register"))["entries"]
        assert REGISTER_SAYS[goes.kind] in " ".join(entry["fields"]["how"])
        assert at.portal.uploads == {}
        if goes.kind != "addresses":
            assert name.startswith("04-1234-26_Front-door_")
        taken = ReceiptNoted(request_id=request_id, taken_by="DC Okafor", how="signed the form")
        await owner_does(at.agent, "note-receipt", taken, ACTOR)
        await at.walk()
        assert await at.state(request_id) == "closed"


async def test_nothing_goes_before_the_owner_said_yes_whatever_was_chosen(goes: Goes, tmp_path: Path) -> None:
    async with besieged(tmp_path, case="x25519") as at:
        await goes.set_up(at)
        request_id = await at.asked()
        await goes.choose(at, request_id)
        await at.walk(HOUR)
        assert await at.state(request_id) == "asked"
        assert goes.files() == {} or goes.kind == "sftp"
        await at.say(request_id, yes=False)
        await at.walk(HOUR)
        assert goes.kind == "sftp" or goes.files() == {}
        assert await lines(at, "upload-started") == []


async def test_what_broke_off_has_no_final_name_and_is_gone_on_with(goes: Goes, tmp_path: Path) -> None:
    async with besieged(tmp_path, case="x25519") as at:
        await goes.set_up(at)
        request_id = await at.asked()
        await goes.choose(at, request_id)
        await at.say(request_id, yes=True)
        gone = PlaceUnreachable("It went away.")
        target = {
            "medium": "agent.places.folder.read_from_disk",
            "folder": "agent.places.folder.read_from_disk",
            "sftp": "asyncssh.SFTPClient.rename",
            "s3": "agent.places.object_http.ObjectHttp.send",
            "addresses": "agent.places.object_http.ObjectHttp.send",
        }[goes.kind]
        failure = OSError(5, "Input/output error") if goes.kind in ("medium", "folder") else gone
        with mock.patch(target, side_effect=failure):
            await at.walk()
        assert await at.state(request_id) == "sealed"
        assert (await at.row(request_id)).trouble
        assert goes.packages == {}
        assert len(await lines(at, "upload-interrupted")) == 1
        await at.walk(HOUR)
        assert await at.state(request_id) == "delivered", (await at.row(request_id)).trouble
        ((_, sealed),) = goes.packages.items()
        opens(sealed, at, tmp_path / "got")
        assert len(await lines(at, "upload-resumed")) == 1
        assert [name for name in goes.files() if is_unfinished(name)] == []


async def test_a_step_that_is_run_again_sends_nothing_twice(goes: Goes, tmp_path: Path) -> None:
    async with besieged(tmp_path, case="x25519") as at:
        await goes.set_up(at)
        request_id = await at.asked()
        await goes.choose(at, request_id)
        await at.say(request_id, yes=True)
        await at.walk()
        assert await at.state(request_id) == "delivered", (await at.row(request_id)).trouble
        before = goes.files()
        await at.execute("UPDATE requests SET state = 'sealed' WHERE request_id = ?", request_id)
        await at.execute("UPDATE packages SET delivered_at = NULL")
        await at.walk(HOUR)
        assert await at.state(request_id) == "delivered"
        assert goes.files() == before
        assert len(await lines(at, "upload-started")) == len(before)


async def test_a_noted_request_goes_sealed_with_a_passphrase_that_age_opens(goes: Goes, tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        await goes.set_up(at)
        request_id = await noted(at)
        await goes.choose(at, request_id, sealed_for=SealedFor.PASSPHRASE)
        shown = await owner_does(at.agent, "passphrase", RequestNamed(request_id=request_id), ACTOR)
        words = shown["passphrase"]
        assert len(words.split("-")) == 8
        await at.say(request_id, yes=True)
        await at.walk()
        assert await at.state(request_id) == "delivered", (await at.row(request_id)).trouble
        ((_, sealed),) = goes.packages.items()
        assert sealed.startswith(b"age-encryption.org/v1\n-> scrypt ")
        again = await owner_does(at.agent, "passphrase", RequestNamed(request_id=request_id), ACTOR)
        assert again == shown
        assert all(words.encode() not in content for content in goes.files().values())
        zipped = by_age(sealed, words, tmp_path)
        assert zipped.startswith(b"PK")
        assert words.encode() not in at.settings.database.read_bytes()
        assert not [line for line in await lines(at, "delivered") if words in str(line)]
        taken = ReceiptNoted(request_id=request_id, taken_by="PC Marsh", how="by mail")
        await owner_does(at.agent, "note-receipt", taken, ACTOR)
        await at.walk()
        with pytest.raises(NotFound, match="no passphrase"):
            await owner_does(at.agent, "passphrase", RequestNamed(request_id=request_id), ACTOR)
        assert not list((at.settings.keys / "handing-over").iterdir())


def by_age(sealed: bytes, passphrase: str, folder: Path) -> bytes:
    """Opened by the ``age`` command, which asks for a passphrase at a terminal."""
    (folder / "sealed.age").write_bytes(sealed)
    typed = f"age -d -o {folder}/opened.zip {folder}/sealed.age"
    ran = subprocess.run(
        ["script", "-q", "-e", "-c", typed, "/dev/null"], input=passphrase + "\n", text=True, capture_output=True
    )
    assert ran.returncode == 0, ran.stdout
    return (folder / "opened.zip").read_bytes()


async def test_what_an_officer_asked_for_by_the_portal_is_never_sent_unsealed(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        for way in (
            Way(means=Means.FOLDER, sealed_for=SealedFor.NOBODY),
            Way(means=Means.FOLDER, sealed_for=SealedFor.PASSPHRASE),
        ):
            with pytest.raises(InputInvalid, match="this case's key"):
                await owner_does(at.agent, "deliver", Deliver(request_id=request_id, way=way), ACTOR)


async def test_a_stick_that_was_taken_away_gets_nothing_in_the_bare_folder_that_it_was_mounted_at(
    tmp_path: Path,
) -> None:
    async with besieged(tmp_path, case="x25519") as at:
        there = tmp_path / "stick"
        there.mkdir()
        request_id = await at.asked()
        way = Way(means=Means.MEDIUM, folder=str(there))
        with pytest.raises(InputInvalid, match="no medium is mounted there"):
            await owner_does(at.agent, "deliver", Deliver(request_id=request_id, way=way), ACTOR)
        with mock.patch("agent.requests.on_the_way.choosing.medium_of", return_value=there):
            await owner_does(at.agent, "deliver", Deliver(request_id=request_id, way=way), ACTOR)
        await at.say(request_id, yes=True)
        await at.walk()
        row = await at.row(request_id)
        assert row.state == "sealed"
        assert "is not there, or was taken away" in str(row.trouble)
        assert list(there.iterdir()) == []


async def test_what_the_portal_has_is_not_handed_over_a_second_time(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        await at.say(request_id, yes=True)
        await at.walk()
        assert await at.state(request_id) == "delivered"
        with pytest.raises(DecisionRefused, match="handed over already"):
            await owner_does(at.agent, "deliver", Deliver(request_id=request_id, way=Way(means=Means.FOLDER)), ACTOR)


async def test_files_that_lay_ready_can_go_another_way_after_all(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        there = tmp_path / "share"
        there.mkdir()
        request_id = await noted(at)
        await at.say(request_id, yes=True)
        await at.walk()
        assert await at.state(request_id) == "delivered"
        way = Way(means=Means.FOLDER, folder=str(there), sealed_for=SealedFor.NOBODY)
        reply = await owner_does(at.agent, "deliver", Deliver(request_id=request_id, way=way), ACTOR)
        assert "not sealed" in reply["warning"]
        await at.walk()
        assert await at.state(request_id) == "delivered", (await at.row(request_id)).trouble
        (package,) = there.glob("*.zip")
        assert package.read_bytes().startswith(b"PK")


async def test_the_portal_hears_the_answer_later_when_it_was_away(tmp_path: Path) -> None:
    async with besieged(tmp_path, case="x25519") as at:
        there = tmp_path / "share"
        there.mkdir()
        request_id = await at.asked()
        at.portal.fault("PUT", "/", status(503), times=3)
        await owner_does(
            at.agent, "deliver", Deliver(request_id=request_id, way=Way(means=Means.FOLDER, folder=str(there))), ACTOR
        )
        await at.say(request_id, yes=True)
        await at.walk()
        assert await at.state(request_id) == "delivered", (await at.row(request_id)).trouble
        for _ in range(4):
            await at.walk(2 * HOUR)
        assert (await at.row(request_id)).answered_at is not None
