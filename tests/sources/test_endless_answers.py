"""Answers that never end, from recorders that answer JSON over HTTP: given up at a bound, whatever the brand."""

from pathlib import Path

import pytest

from agent.footage.source import narrowed
from exchange.clock import MINUTE, SECOND, Window, from_rfc3339
from exchange.errors import CameraAnswerInvalid
from tests.counterparts.http.nvr_stand_in import Question
from tests.sources.counterpart.frigate import FrigateUnderTest
from tests.sources.counterpart.mediamtx import MediaMtxUnderTest
from tests.sources.counterpart.pieces import ShiftedClock, piece
from tests.sources.counterpart.reolink import ReolinkUnderTest
from tests.sources.counterpart.under_test import CAMERA, DeviceUnderTest
from tests.sources.counterpart.unifi import UnifiUnderTest

T = from_rfc3339("2026-06-10T10:00:00Z")


def endless(question: Question) -> None:
    question.begin(200, Content_Type="application/json")
    question.close_connection = True
    try:
        while not question.server_of.over.is_set():
            question.wfile.write(b" " * 65536)
    except OSError:
        pass


@pytest.mark.parametrize(
    "brand", [MediaMtxUnderTest, FrigateUnderTest, ReolinkUnderTest, UnifiUnderTest], ids=lambda each: each.name
)
async def test_an_answer_that_never_ends_is_given_up(
    brand: type[MediaMtxUnderTest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    under = brand(tmp_path, ShiftedClock(T + 10 * MINUTE))
    monkeypatch.setattr(under.stand_in, "answer", endless)
    monkeypatch.setattr(under.stand_in, "assert_only_read", lambda: None)
    async with under.source() as source:
        with pytest.raises(CameraAnswerInvalid, match="more than"):
            await source.coverage(CAMERA, Window(T, T + SECOND))


@pytest.mark.parametrize(
    "brand", [MediaMtxUnderTest, FrigateUnderTest, ReolinkUnderTest, UnifiUnderTest], ids=lambda each: each.name
)
async def test_more_footage_than_was_allowed_is_given_up_and_not_kept(
    brand: type[MediaMtxUnderTest], tmp_path: Path
) -> None:
    under: DeviceUnderTest = brand(tmp_path, ShiftedClock(T + 10 * MINUTE))
    there = piece(T)
    await under.lay(there)
    async with under.source() as source:
        source.devices.most_bytes = 2000
        span = (await source.coverage(CAMERA, there.window)).spans[0]
        with pytest.raises(CameraAnswerInvalid, match="more than"):
            await source.fetch(narrowed(span, there.window), tmp_path / "into")
    assert all(each.suffix == ".part" and each.stat().st_size <= 2000 for each in (tmp_path / "into").iterdir())
