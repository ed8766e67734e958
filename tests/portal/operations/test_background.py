"""What runs beside a portal ends with it, also where a library forgets that it was told to."""

import asyncio
import logging

import pytest

from portal.wakeups import background
from portal.wakeups.background import beside


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
