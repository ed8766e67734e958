"""An upgrade in two steps while replicas serve: the newer portal's first step adds, and its next one takes away."""

import asyncio
import contextlib
import shutil
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import aiohttp
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from exchange.documents import api
from exchange.errors import StoreDamaged
from portal.storage import schema
from portal.storage.database import upgrade
from tests.counterparts.portals.portal import in_process
from tests.portal.conftest import Town
from tests.portal.wire import Agent

ENGINES = ("postgres",)
_STEP = """
from alembic import op
import sqlalchemy as sa
revision, down_revision, branch_labels, depends_on = {revision!r}, {before!r}, None, None
MUST_KNOW = {must_know!r}
def upgrade():
    {work}
"""
ADDS = 'op.add_column("devices", sa.Column("shoe_size", sa.Integer))'
TAKES_AWAY = 'op.drop_column("devices", "shoe_size")'


class Newer:
    """A later portal's steps, beside those that there are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "migrations"
        shutil.copytree(str(files("portal.storage") / "migrations"), self.folder)
        self.head = ScriptDirectory(str(self.folder), recursive_version_locations=True).get_current_head()

    def add(self, revision: str, before: str | None, must_know: str | None, work: str) -> None:
        said = {"revision": revision, "before": before, "must_know": must_know, "work": work}
        (self.folder / "versions" / f"step_{revision}.py").write_text(_STEP.format(**said))

    @contextlib.contextmanager
    def installed(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """This process is the later portal meanwhile."""

        def configuration(connection: Connection | None) -> Config:
            config = Config()
            config.set_main_option("script_location", str(self.folder))
            config.set_main_option("recursive_version_locations", "true")
            config.attributes["connection"] = connection
            return config

        with monkeypatch.context() as patched:
            patched.setattr(schema, "configuration", configuration)
            patched.setattr(schema, "_scripts", lambda: ScriptDirectory.from_config(configuration(None)))
            yield


async def walks_through(town: Town, agent: Agent, request_id: str) -> bool:
    """Whether a request comes to the agent and its answer to the officer."""
    signed = await town.officer.ask(agent, request_id)
    items = (await agent.inbox(after=0)).items
    assert (await agent.decide(signed)).status == 204
    return signed in [item.signed for item in items] and (await town.officer.case(request_id)).decision is not None


async def test_an_old_replica_serves_while_a_newer_one_adds_and_until_it_takes_away(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = await town.agent().join(town.place)
    where, newer = str(town.place.settings.database), Newer(tmp_path)
    newer.add("9001", newer.head, newer.head, ADDS)
    with newer.installed(monkeypatch):
        assert (await asyncio.to_thread(upgrade, where))[1] == "9001"
    assert await walks_through(town, agent, "r-1")
    async with in_process(town.place, town.clock) as again, aiohttp.ClientSession() as session:
        assert await walks_through(Town(town.place, town.clock, again, session), agent_at(agent, again), "r-2")
    newer.add("9002", "9001", "9001", TAKES_AWAY)
    with newer.installed(monkeypatch):
        assert (await asyncio.to_thread(upgrade, where))[1] == "9002"
    assert await walks_through(town, agent, "r-3")
    with pytest.raises(StoreDamaged, match="newer"):
        async with in_process(town.place, town.clock):
            pass
    columns = "SELECT count(*) FROM information_schema.columns WHERE column_name = 'shoe_size'"
    assert await town.running.portal.db.read(lambda session: session.scalar(text(columns))) == 0


def agent_at(agent: Agent, running: object) -> Agent:
    origin: str = running.portal.origin  # type: ignore[attr-defined]
    return Agent(agent.session, origin, agent.clock, agent.key)


async def test_a_step_that_fails_changes_nothing_and_the_old_replica_serves_on(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = await town.agent().join(town.place)
    newer = Newer(tmp_path)
    newer.add("9001", newer.head, newer.head, f"{ADDS}; raise RuntimeError('half')")
    with newer.installed(monkeypatch), pytest.raises(RuntimeError, match="half"):
        await asyncio.to_thread(upgrade, str(town.place.settings.database))
    assert (await agent.call("GET", api.INBOX)).status == 200
    assert (await asyncio.to_thread(upgrade, str(town.place.settings.database))) == (newer.head, newer.head)
