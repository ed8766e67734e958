"""Appeals as an officer types them: made, looked through from the oldest on, marked, closed."""

from pathlib import Path

import pytest

from exchange.clock import HOUR, to_rfc3339
from exchange.documents.people.appeals import Appeal
from exchange.signing.documents import parse_strictly
from portal.console import INTERRUPTED
from portal.officer import cli
from tests.portal.conftest import Town
from tests.portal.people.test_appeals import link_script as link_script
from tests.portal.people.test_desk_pages import contribute
from tests.portal.people.visits import Visitor
from tests.portal.test_officer import Desk


@pytest.fixture(autouse=True)
def _no_blocking() -> None:
    """A command waits for nobody else: it may block."""


@pytest.fixture
async def desk(town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(cli, "SystemClock", lambda: town.clock)
    desk = Desk(town, tmp_path)
    await desk.set_up()
    return desk


async def publish(desk: Desk) -> Appeal:
    now = desk.town.clock.now()
    times = ("--from", to_rfc3339(now - 2 * HOUR), "--to", to_rfc3339(now - HOUR))
    words = ("--title", "Did you see a red van?", "--area", "Market Street", "--description", "A shop was broken into.")
    made = await desk.run("appeal", "new", "--crime", "EX/26/004711", *words, *times)
    assert made["address"] == f"{desk.town.origin}/a/{made['appeal_id']}"
    (listed,) = await desk.run("appeal", "list")
    return parse_strictly(listed["signed"]["document"].encode(), Appeal)


async def test_the_queue_is_looked_through_from_the_oldest_on(
    town: Town, visitor: Visitor, desk: Desk, tmp_path: Path
) -> None:
    appeal = await publish(desk)
    name = appeal.appeal_id
    first = await contribute(visitor, appeal, b"one", "one.mp4", text="At four\nI think", contact="07700 900123")
    town.clock.forward(1000)
    second = await contribute(visitor, appeal, b"two", "\u202etwo")
    queue = await desk.run("appeal", "queue", name)
    assert [(each["contribution_id"], each["files"]) for each in queue] == [(first, 1), (second, 1)]
    assert (queue[0]["text"], queue[0]["contact"], queue[1]["text"]) == ("At four\nI think", "07700 900123", None)
    found = await desk.run("appeal", "open", name)
    (file,) = found["files"]
    assert (found["contribution_id"], Path(file["opened"]).read_bytes()) == (first, b"one")
    assert (file["scanned"], file["name_by_the_sender"]) == (False, "one.mp4")
    await desk.run("appeal", "mark", name, first, "relevant")
    (left,) = await desk.run("appeal", "queue", name, "--unmarked")
    assert left["contribution_id"] == second
    said = (await desk.result("appeal", "open", name)).output
    assert "called by its sender: \u201ctwo\u201d" in said
    assert "nobody looked for malware in it" in said.replace("\n", " ")
    await desk.run("appeal", "mark", name, second, "not-relevant")
    assert await desk.run("appeal", "open", name) == {}
    await desk.run("appeal", "mark", name, second, "none")
    said = (await desk.result("appeal", "queue", name)).output
    for words in ("> At four", "> I think", "contact: \u201c07700 900123\u201d", "[relevant]", "  1 file, "):
        assert words in said
    await desk.run("appeal", "poster", name, "--out", str(tmp_path / "code.svg"))
    assert (tmp_path / "code.svg").read_text().startswith("<svg")
    kept = await desk.result("appeal", "close", name, typed="n\n")
    assert (kept.exit_code, "This can't be taken back." in kept.output) == (INTERRUPTED, True)
    assert (await visitor.get(f"/a/{name}")).status == 200
    assert "Closed:" in (await desk.result("appeal", "close", name, typed="y\n")).output
    assert "closed" in (await desk.result("appeal", "list")).output
    assert (await desk.run("appeal", "queue", "NoName", code=17))["exit_code"] == 17
    assert (await desk.run("appeal", "queue", "zzzzzzzzzz", code=31))["exit_code"] == 31
    assert (await visitor.get(f"/a/{name}")).status == 404
