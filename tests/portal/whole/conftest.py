"""A portal that has everything: also a page for people without an agent, and the mail server of its messages."""

import hashlib
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
def place(place: Place, letters: Letters, room: Path) -> Place:
    folder = room / "link-script"
    folder.mkdir()
    content = b"// none"
    (folder / "answer.js").write_bytes(content)
    (folder / "answer.js.sha256").write_text(f"{hashlib.sha256(content).hexdigest()}  answer.js\n")
    return replace(
        place, settings=place.settings.model_copy(update={"people": settings_for(letters, link_script=folder)})
    )


@pytest.fixture
def visitor(town: Town, letters: Letters) -> Visitor:
    return Visitor(town, letters)
