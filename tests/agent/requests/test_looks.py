"""What is looked at in a cut while it is still being proven, and what of it counts."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from agent.requests.copies.looks import CONTACT_SHEET, looks
from agent.services import Job, Services
from exchange.errors import ClipFailed

SHEET, SIGNING = "agent.media.pictures:contact_sheet_job", "agent.media.signing:job"
RESULT: Job = {"masters": [{"file": "master/one.mp4"}]}

Answer = Callable[[str, Job], Job]


def both_done(function: str, job: Job) -> Job:
    return {"file": job["target"]} if function == SHEET else {"masters": [{} for _ in job["masters"]]}


class Workers:
    """Does jobs as the test says, and keeps what was asked of it."""

    def __init__(self, answer: Answer = both_done) -> None:
        self.asked: list[tuple[str, list[str]]] = []
        self.answer = answer
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.broken_off = 0

    async def run_job(self, function: str, job: Job, **_: Any) -> Job:
        self.asked.append((function, job["masters"]))
        self.begun.set()
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.broken_off += 1
            raise
        return self.answer(function, job)

    @property
    def services(self) -> Services:
        return cast(Services, SimpleNamespace(run_job=self.run_job))


async def test_what_was_seen_while_the_cut_was_proven_is_not_looked_at_again(tmp_path: Path) -> None:
    workers = Workers()
    workers.may_end.set()
    async with looks(workers.services, tmp_path) as at:
        at.report({"copied": ["/w/.unproven/one.mp4"]})
        at.report({"bytes": 1, "total": 2})
        look = await at.at(RESULT)
    assert (look.signing, look.sheet) == ([{}], CONTACT_SHEET)
    assert workers.asked == [(SHEET, ["/w/.unproven/one.mp4"]), (SIGNING, ["/w/.unproven/one.mp4"])]


@pytest.mark.parametrize("missed", [SHEET, SIGNING])
async def test_a_file_that_had_its_last_name_before_it_was_opened_is_looked_at_there(
    tmp_path: Path, missed: str
) -> None:
    def answer(function: str, job: Job) -> Job:
        if function == missed and ".unproven" in job["masters"][0]:
            raise ClipFailed("There is no such file.")
        return both_done(function, job)

    workers = Workers(answer)
    workers.may_end.set()
    async with looks(workers.services, tmp_path) as at:
        at.report({"copied": ["/w/.unproven/one.mp4"]})
        look = await at.at(RESULT)
    assert look.is_whole
    assert {function for function, masters in workers.asked if masters == [str(tmp_path / "master/one.mp4")]} == {
        SHEET, SIGNING,
    }  # fmt: skip


async def test_a_small_cut_is_looked_at_when_it_stands(tmp_path: Path) -> None:
    workers = Workers()
    workers.may_end.set()
    async with looks(workers.services, tmp_path) as at:
        at.report({"bytes": 1, "total": 2})
        assert not workers.asked
        look = await at.at(RESULT)
    assert look.is_whole
    assert len(workers.asked) == 2


async def test_nothing_of_it_goes_on_when_the_cut_fails(tmp_path: Path) -> None:
    workers = Workers()

    async def failing() -> None:
        async with looks(workers.services, tmp_path) as at:
            at.report({"copied": ["/w/.unproven/one.mp4"]})
            await workers.begun.wait()
            raise ClipFailed("The copy was not what it should be.")

    with pytest.raises(ClipFailed):
        await failing()
    assert workers.broken_off == 1
    assert [function for function, _ in workers.asked] == [SHEET]


async def test_what_can_not_be_made_or_looked_at_is_told_and_holds_nothing_up(tmp_path: Path) -> None:
    def answer(function: str, job: Job) -> Job:
        raise ClipFailed("The library fell over.")

    workers = Workers(answer)
    workers.may_end.set()
    async with looks(workers.services, tmp_path) as at:
        look = await at.at(RESULT)
    assert (look.signing, look.sheet) == ([{"why": "The library fell over."}], None)
