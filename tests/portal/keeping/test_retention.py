"""Each record goes when the class of its crime says so, not before; what went is counted without who and where."""

import asyncio
import json

import pytest
import yaml
from click.testing import CliRunner
from sqlalchemy import select

from exchange.clock import DAY
from exchange.documents import api
from exchange.documents.keeping.holds import Retention, RetentionClass
from exchange.documents.messages import Incident, Role, Signed, Status
from exchange.errors import SettingsInvalid
from portal import cli
from portal.settings import KEPT, PortalFolder
from portal.storage.models import StoredRequest
from portal.storage.personal.keeping_tables import Removal
from tests.portal.conftest import BOTH, Town
from tests.portal.keeping.holders import bring, placed, renewed, sweep_now
from tests.portal.supervision.supervisors import known
from tests.portal.wire import Agent

ENGINES = BOTH
FILM = b"sealed film " * 100


@pytest.fixture(autouse=True)
def _no_blocking() -> None:
    """A test of files looks into them itself."""


async def handed_over(town: Town, kind: str, request_id: str) -> tuple[Agent, Signed]:
    agent = await town.agent().join(town.place)
    usual = town.officer.request(agent.name)
    incident = Incident.model_validate(json.loads(usual.document)["incident"] | {"kind": kind})
    request = await town.officer.ask(agent, request_id, incident=incident)
    await agent.decide(request)
    assert (await agent.deliver(request, FILM, await agent.upload(FILM))).status == 204
    return agent, request


async def removals(town: Town) -> list[tuple[str, str, int]]:
    return await town.running.portal.db.read(
        lambda session: [
            (row.retention_class, row.what, row.pieces)
            for row in session.scalars(select(Removal).order_by(Removal.number))
        ]
    )


async def test_each_class_keeps_its_records_as_long_as_it_says(town: Town) -> None:
    await handed_over(town, "Burglary", "r-1")
    await handed_over(town, "Street robbery", "r-2")
    town.clock.forward(2190 * DAY)
    await sweep_now(town)
    assert await removals(town) == []
    town.clock.forward(40 * DAY)
    await sweep_now(town)
    officer = await renewed(town, town.officer)
    assert (await officer.call("GET", api.OFFICER_REQUEST.format(request_id="r-1"))).status == 404
    assert (await officer.case("r-2")).status == Status.APPROVED
    assert await removals(town) == [("standard", "records", 1)]
    assert len(list(town.place.folder.uploads.iterdir())) == 1


async def test_an_owner_who_left_long_ago_leaves_nothing_once_the_time_is_over(town: Town) -> None:
    agent, _ = await handed_over(town, "Burglary", "r-1")
    assert (await town.officer.call("GET", api.CONTENT.format(delivery_id="r-1-del"))).status == 200
    assert (await agent.withdraw()).status == 204
    town.clock.forward(2240 * DAY)
    await sweep_now(town)
    rows = await town.running.portal.db.read(lambda session: session.scalars(select(StoredRequest.request_id)).all())
    assert list(rows) == []
    assert list(town.place.folder.uploads.iterdir()) == []


async def test_a_held_record_stays_however_old(town: Town) -> None:
    await handed_over(town, "Burglary", "r-1")
    supervisor = await known(town, Role.SUPERVISOR)
    assert (await bring(supervisor, placed(supervisor))).status == 200
    town.clock.forward(20_000 * DAY)
    await sweep_now(town)
    assert (await (await renewed(town, town.officer)).case()).request_id == "r-1"
    assert await removals(town) == []


async def test_the_log_of_use_and_the_counts_stay_and_hold_no_owner(town: Town) -> None:
    agent, _ = await handed_over(town, "Burglary", "r-1")
    town.clock.forward(2240 * DAY)
    await sweep_now(town)
    auditor = await known(town, Role.AUDITOR)
    lines = (await auditor.call("GET", api.USES)).content.decode()
    assert "r-1" in lines
    assert agent.name not in lines
    counted = (await auditor.call("GET", api.COUNTS, token=None)).json
    assert [month["month"] for month in counted["months"]][-1] == "2026-11"


async def test_officers_learn_how_long_what_is_kept(town: Town) -> None:
    answer = await town.officer.call("GET", api.RETENTION)
    assert Retention.model_validate_json(answer.content) == KEPT


@pytest.mark.parametrize(
    ("kind", "name"),
    [("Burglary", "standard"), ("attempted MURDER", "public-protection"), ("Theft of a robe", "standard"),
     ("Robbery", "serious"), ("robbery, then murder", "public-protection")],
)  # fmt: skip
def test_a_class_is_found_by_whole_words_and_the_longest_counts(kind: str, name: str) -> None:
    assert KEPT.of_kind(kind).name == name


def test_a_class_that_was_dropped_is_kept_as_the_longest() -> None:
    assert KEPT.named("no-more").name == "public-protection"
    with pytest.raises(ValueError, match="name of its own"):
        Retention(classes=(RetentionClass(name="a", record_days=30),), otherwise="b")


async def test_a_force_sets_its_own_classes_and_sees_what_was_deleted(town: Town) -> None:
    folder = town.place.folder
    plain = yaml.safe_load(folder.settings_file.read_text())
    plain["retention"] = {"classes": [{"name": "all", "record_days": 90, "package_days": 10}], "otherwise": "all"}
    folder.settings_file.write_text(yaml.safe_dump(plain))
    assert folder.load().retention.of_kind("anything").record_days == 90
    await handed_over(town, "Burglary", "r-1")
    town.clock.forward(2240 * DAY)
    await sweep_now(town)
    shown = await asyncio.to_thread(CliRunner().invoke, cli.main, ["retention", str(folder.path), "--json"])
    assert shown.exit_code == 0, shown.output
    told = json.loads(shown.output)
    assert [each["name"] for each in told["classes"]] == ["all"]
    assert [(each["what"], each["pieces"]) for each in told["deleted"]] == [("records", 1)]
    assert told["holds"] == 0
    plain["retention"]["otherwise"] = "none"
    folder.settings_file.write_text(yaml.safe_dump(plain))
    with pytest.raises(SettingsInvalid, match="otherwise"):
        PortalFolder(folder.path).load()
