"""What runs beside a portal ends with it, also where a library forgets that it was told to; what fails fills no log."""

import asyncio
import logging

import pytest

from exchange.errors import StoreUnavailable
from portal.wakeups import background
from portal.wakeups.background import beside, for_ever


async def test_what_forgets_that_it_was_cancelled_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "AGAIN_SECONDS", 0.01)
    forgotten: list[int] = []

    async def forgetful() -> None:
        for number in range(3):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                forgotten.append(number)
        await asyncio.Event().wait()

    async with asyncio.timeout(60), beside(forgetful()):
        await asyncio.sleep(0)
    assert forgotten == [0, 1, 2]


async def test_what_failed_beside_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async def failing() -> None:
        raise LookupError("nothing there")

    with caplog.at_level(logging.ERROR, "handover.portal"):
        async with beside(failing()):
            await asyncio.sleep(0)
    assert "nothing there" in caplog.text


async def test_what_fails_again_and_again_is_told_once_and_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    away = StoreUnavailable("The portal's database does not answer.", do="Is PostgreSQL up?")
    ends: list[Exception | None] = [away, away, away, LookupError("nothing there"), LookupError("nothing there"), None]
    done = asyncio.Event()

    async def swept() -> None:
        if not ends:
            done.set()
        elif (error := ends.pop(0)) is not None:
            raise error

    async with asyncio.timeout(60), beside(for_ever(swept, 0, 0)):
        await done.wait()
    told = [record.getMessage() for record in caplog.records]
    assert [record.exc_info is not None for record in caplog.records] == [False, True, False]
    assert told[0].endswith(str(away))
    assert "every 0 seconds" in told[1]
    assert told[2] == "what goes by itself (swept) is done again"
