"""``handover stamps``, typed at a terminal."""

import asyncio
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agent.cli.main import main
from agent.store.database import Store
from exchange.clock import DAY
from tests.journey.home import NOON, settings_at


async def three_stamps(database: Path) -> None:
    """A package with a stamp in it, one that came later, and one that is still asked for."""
    store = await Store.open(database)
    async with store.transaction() as tx:
        request: dict[str, Any] = {
            row["name"]: b"" if row["type"] == "BLOB" else 0 if row["type"] == "INTEGER" else ""
            for row in await tx.all("SELECT * FROM pragma_table_info('requests')")
            if row["notnull"] and row["dflt_value"] is None
        }
        await tx.insert("requests", **{**request, "request_id": "req-1", "state": "delivered"})
        await tx.insert("packages", evidence_id="ev-1", request_id="req-1", position=0, clip="{}", sealed_at=NOON)
        each = {"evidence_id": "ev-1"}
        await tx.insert("stamps", **each, url="http://one.example/tsa", response=b"one", position=0, stamped_at=NOON,
                        file="data/evidence.json.tsr")  # fmt: skip
        await tx.insert("stamps", **each, url="http://two.example/tsa", response=b"two", stamped_at=NOON + DAY,
                        file="evidence.json.2.tsr")  # fmt: skip
        await tx.insert("stamps", **each, url="http://three.example/tsa", due_at=NOON + DAY, trouble="It sleeps.")
    await store.close()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    settings = settings_at(tmp_path / "agent", "http://127.0.0.1:9")
    settings.keys.mkdir(parents=True, exist_ok=True)
    asyncio.run(three_stamps(settings.database))
    path = tmp_path / "handover.yaml"
    path.write_text(
        f"data: {settings.data}\nowner: {{kind: household, name: Robin Example, contact: 01632 960001}}\n"
        "page: {enabled: false}\ndiscovery: {enabled: false}\n"
    )
    return path


def handover(config: Path, *words: str) -> Any:
    return CliRunner().invoke(main, ["--config", str(config), *words], prog_name="handover")


def test_each_stamp_is_told_with_what_became_of_it(config: Path) -> None:
    said = handover(config, "stamps").output
    assert "request req-1, package ev-1" in said
    assert "http://one.example, " in said
    assert "in the package" in said
    assert "came later: " in said
    assert "missing: http://three.example; asked again" in said
    (package,) = json.loads(handover(config, "stamps", "--json").output)["packages"]
    states = [stamp["state"] for stamp in package["stamps"]]
    assert states == ["in the package", "late", "missing"]


def test_stamps_that_came_later_are_written_out_once_to_be_handed_over(config: Path, tmp_path: Path) -> None:
    into = tmp_path / "for the officer"
    into.mkdir()
    said = handover(config, "stamps", "req-1", "--into", str(into)).output
    (written,) = into.iterdir()
    assert (written.name, written.read_bytes()) == ("ev-1.evidence.json.2.tsr", b"two")
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert "handover-verify PACKAGE --late-stamp FILE" in said
    assert handover(config, "stamps", "req-1", "--into", str(into)).exit_code == 17
    assert "No time stamp came later" in handover(config, "stamps", "req-2", "--into", str(into)).output
    assert handover(config, "stamps", "req-1").exit_code == 2
