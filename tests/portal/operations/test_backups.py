"""A portal put aside while it runs, and put back: it answers as before, and nothing that it had is missing."""

import asyncio
import errno
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner

from exchange.clock import DAY
from exchange.documents import api
from exchange.errors import NotFound, SettingsInvalid, StoreDamaged, StoreUnavailable
from portal import backups, key_copies
from portal.cli import main
from portal.settings import PortalFolder
from tests.counterparts.portals.portal import Place, in_process
from tests.portal.conftest import Town
from tests.portal.wire import Agent, Officer, SetClock

PACKAGE = b"sealed for the case" * 1000


async def handed_over(town: Town) -> Agent:
    """An agent that delivered a package, has begun another upload, and was asked again."""
    agent = await town.agent().join(town.place)
    await town.officer.ask(agent, "r-2")
    request = await town.officer.ask(agent)
    assert (await agent.decide(request)).status == 204
    url = await agent.upload(PACKAGE)
    assert (await agent.deliver(request, PACKAGE, url)).status == 204
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "10"}
    begun = await agent.call("POST", api.UPLOADS, headers=headers)
    assert (await agent.patch(begun.headers["Location"], 0, b"half")).status == 204
    return agent


async def put_aside(town: Town, into: Path, keep_days: int | None = None) -> backups.Backup:
    await asyncio.to_thread(key_copies.put_aside, town.place.folder.keys, into.parent / "keys-of", town.clock.now())
    return await asyncio.to_thread(backups.back_up, town.place.folder, into, town.clock.now(), keep_days)


async def put_back(backup: Path, folder: PortalFolder) -> int:
    keys = next(iter(backup.parent.parent.glob("keys-of/keys-*.json")), None)
    return await asyncio.to_thread(backups.restore, backup, folder, keys)


@pytest.mark.parametrize("on_another_disk", [False, True])
async def test_a_portal_that_was_put_back_answers_as_before(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_another_disk: bool
) -> None:
    if on_another_disk:
        monkeypatch.setattr(os, "link", _no_link)
    agent = await handed_over(town)
    case = await town.officer.case()
    made = await put_aside(town, town.place.folder.path.parent / "backups")
    assert made.uploads == 1
    again = PortalFolder(tmp_path / "again")
    assert await put_back(made.path, again) == 1
    place = replace(town.place, folder=again, settings=await asyncio.to_thread(again.load))
    town.clock.forward(DAY)
    assert not any(path.name.startswith(".") for path in made.path.parent.iterdir())
    async with aiohttp.ClientSession() as session, in_process(place, town.clock) as running:
        origin = running.portal.origin
        officer = Officer(session, origin, town.clock, place.officer, place.credential, place.force.name)
        found = await officer.case()
        assert found.deliveries == case.deliveries
        content = await officer.call("GET", api.CONTENT.format(delivery_id=found.deliveries[0].delivery_id))
        assert content.content == PACKAGE
        there = Agent(session, origin, town.clock, agent.key)
        assert [item.kind for item in (await there.inbox()).items] == [api.InboxKind.REQUEST]


def _no_link(*_: object) -> None:
    raise OSError(errno.EXDEV, "another disk")


async def test_an_upload_that_goes_meanwhile_goes_from_the_backup_too(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = await handed_over(town)
    link, loop = os.link, asyncio.get_running_loop()

    def leave_first(source: Path, target: Path) -> None:
        monkeypatch.setattr(os, "link", link)
        asyncio.run_coroutine_threadsafe(agent.withdraw(), loop).result()
        link(source, target)

    monkeypatch.setattr(os, "link", leave_first)
    made = await put_aside(town, town.place.folder.path.parent / "backups")
    assert made.uploads == 0
    assert list((made.path / "uploads").iterdir()) == []


async def test_backups_whose_time_is_over_are_removed_and_nothing_else(town: Town, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    old = await put_aside(town, tmp_path, keep_days=7)
    town.clock.forward(7 * DAY)
    kept = await put_aside(town, tmp_path, keep_days=7)
    assert (kept.removed, old.path.exists()) == (0, True)
    town.clock.forward(DAY)
    last = await put_aside(town, tmp_path, keep_days=7)
    assert last.removed == 1
    assert {path.name for path in tmp_path.iterdir()} == {"notes", kept.path.name, last.path.name}
    with pytest.raises(SettingsInvalid, match="already"):
        await put_aside(town, tmp_path)


async def test_a_backup_that_is_not_whole_is_not_put_back(town: Town, tmp_path: Path) -> None:
    await handed_over(town)
    made = await put_aside(town, tmp_path / "backups")
    [upload] = (made.path / "uploads").iterdir()
    again = PortalFolder(tmp_path / "again")
    for harm in (lambda: upload.write_bytes(b"other"), upload.unlink, (made.path / "portal.db").unlink):
        harm()
        with pytest.raises(StoreDamaged, match="not what was put aside"):
            await put_back(made.path, again)
        assert not again.settings_file.exists()
        shutil.rmtree(again.path)
    (made.path / backups.LIST).write_text('{"uploads": {"../../etc/passwd": "0"}}')
    with pytest.raises(StoreDamaged, match="can't be read"):
        await put_back(made.path, again)
    with pytest.raises(NotFound, match="no backup"):
        await put_back(tmp_path / "nowhere", again)


async def test_nothing_is_put_back_over_a_portal_nor_put_aside_of_damaged_files(town: Town, tmp_path: Path) -> None:
    await handed_over(town)
    made = await put_aside(town, tmp_path)
    with pytest.raises(SettingsInvalid, match="already"):
        await put_back(made.path, town.place.folder)
    for path in town.place.folder.uploads.iterdir():
        path.write_bytes(b"rotten")
    town.clock.forward(DAY)
    with pytest.raises(StoreDamaged, match="not what was uploaded"):
        await put_aside(town, tmp_path)
    for path in town.place.folder.uploads.iterdir():
        path.unlink()
    with pytest.raises(StoreDamaged, match="missing"):
        await put_aside(town, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [made.path.name]


def test_the_commands_say_where_the_backup_is_and_that_another_database_is_not_theirs(
    place: Place, clock: SetClock, tmp_path: Path
) -> None:
    run = CliRunner()
    made = run.invoke(main, ["backup", str(place.folder.path), str(tmp_path / "b"), "--keep", "7", "--json"])
    assert made.exit_code == 0, made.output
    told = json.loads(made.output)
    assert (told["uploads"], told["removed"]) == (0, 0)
    put_back = run.invoke(main, ["restore", told["backup"], str(tmp_path / "again")])
    assert put_back.exit_code == 0, put_back.output
    assert PortalFolder(tmp_path / "again").load() == place.folder.load()
    (tmp_path / "far").mkdir()
    elsewhere = PortalFolder(tmp_path / "far")
    elsewhere.save(place.settings.model_copy(update={"database": "postgresql://handover@/handover?host=/nowhere"}))
    refused = run.invoke(main, ["backup", str(elsewhere.path), str(tmp_path / "c")])
    assert refused.exit_code == StoreUnavailable.exit_code
    assert list((tmp_path / "c").iterdir()) == []
    refused = run.invoke(main, ["restore", told["backup"], str(tmp_path / "x"), "--database", "postgresql://h@/h"])
    assert "of a portal on a file" in refused.output
