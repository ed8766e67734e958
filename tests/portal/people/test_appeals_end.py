"""An appeal ends when the class of its crime says so, with all that came in answer; a hold keeps all of it."""

import json
from pathlib import Path

import pytest
from sqlalchemy import func, select

from exchange.clock import DAY
from exchange.documents.messages import Incident, Role
from portal.settings import Limits
from portal.storage.appeal_tables import ContributionFile, StoredAppeal, StoredContribution
from portal.storage.models import StoredUpload
from portal.storage.personal.keeping_tables import Removal
from tests.portal.conftest import BOTH, Town
from tests.portal.keeping.holders import bring, lifted, placed, renewed, sweep_now
from tests.portal.people.test_appeals import a_script, begin, contribute, make
from tests.portal.people.visits import Visitor
from tests.portal.supervision.supervisors import known

ENGINES = BOTH
TABLES = (StoredAppeal, StoredContribution, ContributionFile)


@pytest.fixture(autouse=True)
def _no_blocking() -> None:
    """A test of files looks into them itself."""


@pytest.fixture
def link_script(room: Path) -> Path:
    return a_script(room)


async def left(town: Town) -> tuple[list[int], int, list[tuple[str, str, int]]]:
    """Rows of appeals and of what came, files in the store, and what was counted as deleted."""
    db = town.running.portal.db
    rows = await db.read(
        lambda session: [session.scalar(select(func.count()).select_from(table)) or 0 for table in TABLES]
    )
    removed = await db.read(
        lambda session: [
            (row.retention_class, row.what, row.pieces)
            for row in session.scalars(select(Removal).order_by(Removal.number))
        ]
    )
    return rows, len(await town.running.portal.uploads.names()), removed


async def years_pass(town: Town, days: int) -> None:
    town.clock.forward(days * DAY)
    await sweep_now(town)


@pytest.mark.parametrize("limits", [Limits(person_file_days=36_000)])
async def test_an_appeal_goes_with_all_that_came_and_not_before(town: Town, visitor: Visitor) -> None:
    await make(town.officer, title="Witnesses wanted", description="A bicycle was stolen.")
    await contribute(visitor)
    await contribute(visitor)
    assert (await begin(visitor)).status == 201
    await years_pass(town, 2190)
    assert await left(town) == ([1, 2, 2], 2, [])
    await years_pass(town, 20)
    assert await left(town) == ([0, 0, 0], 0, [("standard", "appeals", 1)])
    gone = await town.running.portal.db.read(lambda session: session.scalars(select(StoredUpload.gone)).all())
    assert all(gone)


async def test_its_files_go_before_it_and_what_its_words_say_is_kept_longer(town: Town, visitor: Visitor) -> None:
    await make(town.officer, title="Murder in Market Street", description="Please help.")
    await contribute(visitor, note="c2VhbGVk")
    await years_pass(town, 89)
    assert await left(town) == ([1, 1, 1], 1, [])
    await years_pass(town, 2)
    assert await left(town) == ([1, 1, 1], 0, [("public-protection", "files", 1)])
    await years_pass(town, 20_000)
    assert (await left(town))[0] == [1, 1, 1]


async def test_it_stays_as_long_as_what_owners_were_asked_about_the_same_crime(town: Town, visitor: Visitor) -> None:
    await make(town.officer, crime_reference="EX/26/004711", description="A bicycle was stolen.")
    agent = await town.agent().join(town.place)
    usual = json.loads(town.officer.request(agent.name).document)["incident"]
    robbery = Incident.model_validate(usual | {"kind": "Robbery"})
    await town.officer.ask(agent, incident=robbery)
    await years_pass(town, 3_000)
    assert (await left(town))[0][0] == 1
    await years_pass(town, 3_700)
    _, _, removed = await left(town)
    assert removed == [("serious", "records", 1), ("standard", "appeals", 1)]


async def test_a_hold_keeps_it_and_its_files_and_once_it_is_lifted_they_go(town: Town, visitor: Visitor) -> None:
    await make(town.officer, crime_reference="EX/26/004711", description="A bicycle was stolen.")
    await contribute(visitor)
    supervisor = await known(town, Role.SUPERVISOR)
    hold = placed(supervisor)
    assert (await bring(supervisor, hold)).status == 200
    await years_pass(town, 300)
    assert await left(town) == ([1, 1, 1], 1, [])
    supervisor = await renewed(town, supervisor, Role.SUPERVISOR)
    assert (await bring(supervisor, lifted(supervisor, hold))).status in (200, 204)
    await years_pass(town, 6_000)
    rows, files, _ = await left(town)
    assert (rows, files) == ([0, 0, 0], 0)
