"""A portal with a page for people without an agent, and the mail server of its messages."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.counterparts.portals.portal import Place
from tests.portal.conftest import Town
from tests.portal.people.letters import Letters, mail_server, settings_for
from tests.portal.people.visits import Visitor


@pytest.fixture
async def letters() -> AsyncIterator[Letters]:
    async with mail_server() as server:
        yield server


@pytest.fixture
def link_script() -> Path | None:
    """The folder of the link's script; none unless a test says so."""
    return None


@pytest.fixture
def place(place: Place, letters: Letters, link_script: Path | None) -> Place:
    people = settings_for(letters, link_script=link_script)
    return replace(place, settings=place.settings.model_copy(update={"people": people}))


@pytest.fixture
def visitor(town: Town, letters: Letters) -> Visitor:
    return Visitor(town, letters)
