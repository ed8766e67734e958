"""What is looked at in a cut that stands, and what becomes of what can't be."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from agent.requests.copies.looks import CONTACT_SHEET, look_at
from agent.services import Job, Services
from exchange.errors import ClipFailed

SHEET, SIGNING = "agent.media.pictures:contact_sheet_job", "agent.media.signing:job"
RESULT: Job = {"masters": [{"file": "master/one.mp4"}, {"file": "master/two.mp4"}]}


def services(asked: dict[str, list[str]], failing: frozenset[str]) -> Services:
    async def run_job(function: str, job: Job, **_: Any) -> Job:
        asked[function] = job["masters"]
        if function in failing:
            raise ClipFailed("The library fell over.")
        return {"file": job["target"]} if function == SHEET else {"masters": [{} for _ in job["masters"]]}

    return cast(Services, SimpleNamespace(run_job=run_job))


@pytest.mark.parametrize("failing", [(), (SHEET,), (SIGNING,), (SHEET, SIGNING)])
async def test_both_are_tried_and_what_fails_is_told_and_holds_nothing_up(
    tmp_path: Path, failing: tuple[str, ...]
) -> None:
    asked: dict[str, list[str]] = {}
    signing, sheet = await look_at(services(asked, frozenset(failing)), tmp_path, RESULT)
    masters = [str(tmp_path / "master/one.mp4"), str(tmp_path / "master/two.mp4")]
    assert asked == {SHEET: masters, SIGNING: masters}
    assert signing == ([{"why": "The library fell over."}] * 2 if SIGNING in failing else [{}, {}])
    assert sheet == (None if SHEET in failing else CONTACT_SHEET)
