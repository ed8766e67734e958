"""Two forces whose portals move into one database, and whose keys are destroyed: neither loses anything of its own."""

import asyncio
import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from exchange.documents import api
from exchange.errors import StoreDamaged
from exchange.signing.documents import SigningKey
from portal import erasing, sweep
from portal.cli import main
from portal.keystore import KeyStore
from tests.counterparts.portals.portal import Place
from tests.counterparts.storage.postgres_server import PostgresServer
from tests.portal.conftest import BOTH, on_a_file
from tests.portal.county.two_forces import FILM, NAMES, Two, hand_over, served
from tests.portal.wire import SetClock

ENGINES = BOTH


@on_a_file
async def test_two_forces_move_from_their_files_into_one_database_and_go_on_apart(
    places: dict[str, Place], clock: SetClock, postgres: PostgresServer, for_forces: str
) -> None:
    """What numbers the database gives goes on behind those of the one that has had more."""
    name = postgres.create(for_forces, postgres.plain())
    async with served(places, clock) as two:
        agents = {force: await hand_over(two, force) for force in NAMES}
        await two.officer("kent").search(lat=53.7632, lon=-2.7031, radius_m=50)
        heads = {force: (await two.officer(force).call("GET", api.USES_HEAD)).json for force in NAMES}
    folder, moved = places["kent"].folder.path.parent.parent, {}
    for force in NAMES:
        command = ["move", str(folder), "--force", force, "--database", postgres.plain_url(name), "--json"]
        told = await asyncio.to_thread(CliRunner().invoke, main, command, catch_exceptions=False)
        said = json.loads(told.stdout)
        assert (said["log_lines"], said["log_root"]) == (heads[force]["size"], heads[force]["root"])
        settings = await asyncio.to_thread(places[force].folder.load)
        moved[force] = replace(places[force], settings=settings)
    assert {place.settings.database for place in moved.values()} == {postgres.plain_url(name)}
    async with served(moved, clock) as two:
        for force in NAMES:
            officer = two.officer(force)
            content = await officer.call("GET", api.CONTENT.format(delivery_id="r-1-del"))
            assert content.content == FILM
            await officer.search(lat=53.7632, lon=-2.7031, radius_m=50)
            asked = await officer.call("GET", api.OFFICER_REQUESTS)
            assert [case["device"] for case in asked.json["cases"]] == [agents[force].name]
            assert (await replace(agents[force], session=two.session).inbox()).items == ()
    postgres.drop(name)


async def test_one_force_erases_and_destroys_keys_and_the_others_owners_stay_readable(two: Two) -> None:
    """Also of an owner who is in both, with one key: each force has keys of its own, in a folder of its own."""
    key = SigningKey.generate()
    both = {force: replace(two.agent(force), key=key) for force in NAMES}
    for force, agent in both.items():
        await agent.join(two.places[force])
    stores = {force: two.places[force].folder.keys for force in NAMES}
    names = {force: await asyncio.to_thread(store.names) for force, store in stores.items()}
    assert [len(found) for found in names.values()] == [1, 1]
    assert names["kent"] != names["essex"]
    copy = {force: await asyncio.to_thread(key_files, store) for force, store in stores.items()}
    assert (await both["kent"].withdraw()).status == 204
    for portal in two.running.portals:
        await sweep.sweep(portal.db, portal.uploads, portal.settings, two.clock.now())
        assert not await erasing.keyless(portal.db, stores[str(portal.settings.short_name)])
    assert await asyncio.to_thread(stores["kent"].names) == set()
    assert await asyncio.to_thread(key_files, stores["essex"]) == copy["essex"]
    found = await two.officer("essex").search(lat=53.7632, lon=-2.7031, radius_m=500)
    assert {camera.device for camera in found.cameras} == {both["essex"].name}
    signed = await two.officer("essex").ask(both["essex"])
    assert (await both["essex"].decide(signed)).status == 204
    assert (await two.officer("essex").case()).decision is not None


async def test_a_force_whose_keys_are_lost_starts_no_more_and_is_erased_alone(
    places: dict[str, Place], clock: SetClock
) -> None:
    async with served(places, clock) as two:
        agents = {force: await hand_over(two, force) for force in NAMES}
    lost = places["kent"].folder.keys
    for name in await asyncio.to_thread(lost.names):
        await asyncio.to_thread(lost.destroy, name)
    with pytest.raises(StoreDamaged, match="keys of 1 device and 0 people"):
        async with served(places, clock):
            pass
    folder = str(places["kent"].folder.path.parent.parent)
    for force, gone in (("essex", 0), ("kent", 1)):
        command = ["keys", "check", folder, "--force", force, "--erase", "--json"]
        told = await asyncio.to_thread(CliRunner().invoke, main, command, catch_exceptions=False)
        assert json.loads(told.stdout)["devices"] == gone
    async with served(places, clock) as two:
        assert (await replace(agents["essex"], session=two.session).inbox()).items == ()
        assert (await two.officer("essex").case()).decision is not None
        left = await replace(agents["kent"], session=two.session).call("GET", api.INBOX, query={"after": 0, "wait": 0})
        assert left.status == 401


def key_files(store: KeyStore) -> dict[str, bytes]:
    return {name: (store.folder / name[:2] / name).read_bytes() for name in store.names()}
