"""Many officers at once on two replicas: what each did has its place in the log of use before they hear of it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from exchange.custody.uses import Deed, Use, UsesReader
from portal import sweep
from portal.audit import uses
from portal.audit.logged import LoggedDatabase
from portal.server import Running
from portal.storage.use_tables import UseLine, UseNode, UseWaiting
from tests.counterparts.portals.portal import in_process
from tests.portal.conftest import BOTH, NOON, Town

ENGINES = ("postgres",)
PLACE = {"lat": 53.7632, "lon": -2.7031, "radius_m": 50}


@pytest.fixture
async def twin(town: Town) -> AsyncIterator[Running]:
    """The other replica."""
    async with in_process(town.place, town.clock) as running:
        yield running


async def log(town: Town) -> list[Use]:
    """The log as it is, checked from its first line, and its tree with it."""
    lines, nodes, head = await town.running.portal.db.read(
        lambda session: (
            session.scalars(select(UseLine.line).order_by(UseLine.seq)).all(),
            session.scalar(select(func.count()).select_from(UseNode)),
            uses.head(session, 0),
        )
    )
    reader = UsesReader()
    found, size = reader.take(lines), reader.position
    assert nodes == sum(size >> level for level in range(size.bit_length()))
    assert (head.size, head.root) == (size, reader.root().hex())
    return found


async def waiting(town: Town) -> int:
    return await town.running.portal.db.read(
        lambda session: session.scalar(select(func.count()).select_from(UseWaiting)) or 0
    )


async def test_of_many_at_once_each_has_its_line_before_it_is_answered(town: Town, twin: Running) -> None:
    there = replace(town.officer, origin=twin.portal.origin)

    async def search(number: int) -> int:
        who = town.officer if number % 2 else there
        await who.search(**PLACE, crime_reference=f"C-{number}")
        return sum(use.crime_reference == f"C-{number}" for use in await log(town))

    assert await asyncio.gather(*(search(number) for number in range(16))) == [1] * 16
    assert {use.crime_reference for use in await log(town)} == {f"C-{number}" for number in range(16)}
    assert await waiting(town) == 0


@pytest.mark.parametrize("engine", BOTH, indirect=True)
async def test_a_deed_whose_replica_ended_gets_its_place_later_and_only_once(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uses, "MOST_AT_ONCE", 2)
    portal, officer = town.running.portal, town.officer.key.public.fingerprint
    assert isinstance(portal.db, LoggedDatabase)
    for number in range(5):
        await portal.db._db.write(
            lambda session, number=number: uses.record(session, officer, Deed.SEARCHED, f"C-{number}", NOON + number)
        )
    assert await waiting(town) == (5 if portal.db.shared else 0)
    for _ in range(2):
        await sweep.sweep(portal.db, portal.uploads, portal.settings, NOON)
    assert sorted(use.crime_reference for use in await log(town)) == [f"C-{number}" for number in range(5)]
    assert await waiting(town) == 0


async def test_what_was_not_done_is_not_in_the_log(town: Town) -> None:
    officer = town.officer.key.public.fingerprint

    def half(session: object) -> None:
        uses.record(session, officer, Deed.SEARCHED, "C-1", NOON)  # type: ignore[arg-type]
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        await town.running.portal.db.write(half)
    await town.officer.search(**PLACE, crime_reference="C-2")
    assert [use.crime_reference for use in await log(town)] == ["C-2"]
