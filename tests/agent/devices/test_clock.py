"""Comparing with a clock that tells whole seconds, to some hundredths of one, with few questions."""

import asyncio
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.devices.clock import (
    ENOUGH,
    LONGEST,
    MOST_QUESTIONS,
    ClockCheck,
    compare,
    intersected,
    narrow,
    narrow_async,
)
from exchange.clock import HOUR, SECOND

START = 1_795_000_000 * SECOND + 123_456


@dataclass
class Ticking:
    """A device whose clock is ``offset`` ahead and tells whole seconds, over a network that takes its time; and us."""

    offset: int
    travel: int = 4000
    uneven: random.Random = field(default_factory=lambda: random.Random(7))
    holds: int = SECOND
    """It tells the time as it was when this stretch began."""
    rounds: bool = False
    now: int = START
    asked: int = 0
    slept: int = 0
    silent_after: int = 1000

    def tell(self) -> int:
        return self.now

    def pause(self, seconds: float) -> None:
        self.slept += round(seconds * SECOND)
        self.now += round(seconds * SECOND)

    def check(self) -> ClockCheck | None:
        self.asked += 1
        if self.asked > self.silent_after:
            return None
        sent = self.now
        there = self.uneven.randint(0, self.travel)
        shown = sent + there + self.offset + (SECOND // 2 if self.rounds else 0)
        self.now += self.travel
        return compare(shown // self.holds * self.holds, sent=sent, received=self.now, method="m", zone="UTC0")

    def narrowed(self) -> ClockCheck:
        first = self.check()
        assert first is not None
        return narrow(first, self.check, self.tell, self.pause)


@given(
    offset=st.integers(-3 * HOUR, 3 * HOUR),
    travel=st.integers(1, 30_000),
    phase=st.integers(0, SECOND - 1),
    uneven=st.randoms(use_true_random=False),
)
def test_a_few_questions_find_a_clock_to_some_hundredths_of_a_second(
    offset: int, travel: int, phase: int, uneven: random.Random
) -> None:
    device = Ticking(offset, travel, uneven, now=START + phase)
    check = device.narrowed()
    assert abs(check.offset_us - offset) <= check.uncertainty_us <= max(ENOUGH, 20_000 + travel)
    assert device.asked <= MOST_QUESTIONS
    assert device.now - START - phase <= LONGEST
    assert check.offset_us == check.device_time - check.reference_time
    assert check.device_time % SECOND == 0
    assert check.at == check.reference_time <= device.now
    assert check.zone == "UTC0"


def test_how_often_it_was_asked_is_told_in_the_method() -> None:
    device = Ticking(2 * SECOND)
    assert device.narrowed().method == f"m, asked {device.asked} times around the turn of its second"


def test_a_device_that_is_slow_to_answer_is_not_asked_in_vain() -> None:
    device = Ticking(HOUR, travel=2 * SECOND)
    check = device.narrowed()
    assert device.asked == 2
    assert abs(check.offset_us - HOUR) <= check.uncertainty_us <= 2 * SECOND


@pytest.mark.parametrize("holds", [5 * SECOND, 2 * SECOND])
def test_a_device_that_tells_an_old_time_is_known_no_better_than_by_one_question(holds: int) -> None:
    for phase in range(0, 10 * SECOND, SECOND // 3):
        device = Ticking(0, holds=holds, now=START + phase)
        first = device.check()
        assert first is not None
        check = narrow(first, device.check, device.tell, device.pause)
        assert check == first or abs(check.offset_us) <= holds


def test_a_device_that_falls_silent_leaves_what_was_known() -> None:
    device = Ticking(-SECOND, silent_after=3)
    check = device.narrowed()
    assert 10_000 < check.uncertainty_us < SECOND // 2
    assert abs(check.offset_us + SECOND) <= check.uncertainty_us
    first = Ticking(-SECOND, silent_after=1).check()
    assert Ticking(-SECOND, silent_after=1).narrowed() == first


def test_a_clock_that_is_set_in_between_is_known_by_the_first_answer_alone() -> None:
    device = Ticking(0)
    first = device.check()
    assert first is not None

    def moved() -> ClockCheck | None:
        device.offset = 7 * SECOND
        return device.check()

    assert narrow(first, moved, device.tell, device.pause) == first


def test_answers_that_contradict_each_other_have_no_common_offset() -> None:
    one = compare(START, sent=START, received=START + 10, method="m")
    assert intersected([one, compare(START, sent=START + 3 * SECOND, received=START + 3 * SECOND, method="m")]) is None


async def test_questions_that_are_awaited_are_asked_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    device, same = Ticking(5 * SECOND), Ticking(5 * SECOND)

    async def pause(seconds: float) -> None:
        device.pause(seconds)

    async def check() -> ClockCheck | None:
        return device.check()

    monkeypatch.setattr(asyncio, "sleep", pause)
    first = device.check()
    assert first is not None
    assert await narrow_async(first, check, device.tell) == same.narrowed()
