"""A camera's picture: what is measured of it, and what hours of it tell."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.cameras import health
from agent.cameras.health import EVERY, WORDS, Look, judge, look_at_cameras, troubles
from agent.media.health import Grey, alike, job, measure
from agent.owner.notify.messages import due, written
from agent.owner.words import Words
from agent.store.database import CameraRow
from exchange.clock import DAY, HOUR, MINUTE
from tests.agent.media.recordings import record
from tests.journey.home import CAMERA, Siege, besieged

GOOD = Look(at=0, light=110, contrast=50, sharp=800, still=3.0, alike=0.9)


def days(count: int, look: Look = GOOD, start: int = 0) -> list[Look]:
    return [replace(look, at=start + number * EVERY) for number in range(count)]


def after(good: int, bad: Look, count: int) -> list[Look]:
    return [*days(good), *days(count, bad, good * EVERY)]


@pytest.mark.parametrize(
    ("looks", "found"),
    [
        (days(100), None),
        (days(3, replace(GOOD, contrast=1)), None),  # too few to tell
        (after(50, replace(GOOD, contrast=2), 6), "covered"),
        (after(50, replace(GOOD, contrast=2), 2), None),  # a lorry
        (after(50, replace(GOOD, sharp=100), 7), "blurred"),
        (after(50, replace(GOOD, sharp=300), 7), None),  # some fog
        (after(50, replace(GOOD, alike=0.05), 7), "turned"),
        (after(50, replace(GOOD, still=0.0), 7), "frozen"),
        (after(50, replace(GOOD, still=None), 7), None),
        (after(50, replace(GOOD, light=4, contrast=3, sharp=5, alike=0.0), 40), None),  # a night
        (after(10, replace(GOOD, light=4, contrast=3), 80), "dark"),
        (after(50, replace(GOOD, light=30, sharp=50, alike=0.1), 7), None),  # dusk
    ],
)
def test_what_lasts_is_told_and_what_passes_is_not(looks: list[Look], found: str | None) -> None:
    assert judge(looks) == found
    assert found is None or found in WORDS


def test_a_look_after_a_long_pause_says_nothing() -> None:
    assert judge([*days(50), replace(GOOD, at=50 * EVERY + 5 * HOUR, contrast=1)]) is None


def scene(seed: int = 1) -> Grey:
    """A street with some walls and windows."""
    rest = np.random.default_rng(seed)
    picture = np.full((360, 640), 120, np.uint8)
    for _ in range(40):
        x, y, w, h = (int(value) for value in rest.integers([0, 0, 20, 20], [600, 330, 160, 120]))
        cv2.rectangle(picture, (x, y), (x + w, y + h), int(rest.integers(20, 235)), -1)
    return picture


def small(picture: Grey) -> Grey:
    return np.asarray(cv2.resize(picture, (96, 54), interpolation=cv2.INTER_AREA), np.uint8)


def test_light_changes_little_of_where_a_camera_looks_and_turning_it_much() -> None:
    day = small(scene())
    dusk = np.asarray(day * 0.4 + 10, np.uint8)
    turned = small(np.roll(scene(), 150, axis=1))
    assert alike(day, day) > 0.99
    assert alike(dusk, day) > 0.8
    assert alike(turned, day) < 0.4
    assert alike(small(scene(2)), day) < 0.4
    assert alike(np.zeros_like(day), day) == 0.0


def test_a_recording_is_measured_and_a_broken_one_is_not(tmp_path: Path) -> None:
    recording = record(tmp_path / "camera", "h264-aac")
    files = [file.path for file in recording.files]
    measured = measure(files, None)
    assert measured is not None
    assert 20 < measured["light"] < 230
    assert measured["contrast"] > 20
    assert measured["still"] > 0.5
    assert measured["alike"] is None
    same = measure([files[0], files[0]], None)
    assert same is not None
    assert same["still"] == 0.0
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"\0" * 1000)
    assert measure([broken], None) is None
    made = job({"files": [str(path) for path in files], "reference": None}, lambda _: None)
    again = job({"files": [str(path) for path in files], "reference": made["reference"]}, lambda _: None)
    assert again["measured"]["alike"] > 0.95


async def test_a_camera_that_was_covered_is_told_of_once(tmp_path: Path) -> None:
    async with besieged(tmp_path, workers=True) as at:
        services = at.agent.services
        assert await look_at_cameras(services) == 1
        async with services.store.transaction() as tx:
            (row,) = await tx.all("SELECT * FROM health_looks")
            assert json.loads(row["measured"]).keys() == {"light", "contrast", "sharp", "still", "alike"}
            assert await troubles(tx) == {}
            for number in range(8):
                measured = {"light": 90, "contrast": 1, "sharp": 1, "still": 1.0, "alike": 0.0}
                at_ = services.clock.now() + number * EVERY
                await tx.insert("health_looks", camera_id=CAMERA, at=at_ + MINUTE, measured=json.dumps(measured))
            assert await troubles(tx) == {CAMERA: "covered"}
        (message,) = [each for each in await due(services, "") if each.key.startswith("health")]
        assert written(message.text, Words()) == "Front door seems to be covered: its picture is all one tone."
        (camera,) = await at.agent.inventory.summaries(await _cameras(at))
        assert camera["health"] == WORDS["covered"]
        at.clock.forward(4 * DAY)
        assert health.EVERY < HOUR


async def _cameras(at: Siege) -> list[CameraRow]:
    async with at.agent.services.store.transaction() as tx:
        return list(await tx.cameras())
