"""What the owner looks at: the same pictures as would be sent, in a file that a browser plays and can seek in."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from agent.media.preview import small
from agent.requests.review import viewing
from agent.requests.review.narrowing import narrow
from agent.requests.review.viewing import Viewing, Viewings
from exchange.clock import SECOND, Window
from exchange.documents.messages import Stretch
from exchange.errors import HandoverError, NotFound
from tests.journey.home import Siege, besieged


def probe(path: Path, *words: str) -> dict[str, Any]:
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_streams", "-count_packets", *words, str(path)]
    found = subprocess.run(command, capture_output=True, check=True, text=True)
    assert found.stderr == ""
    return dict(json.loads(found.stdout))


async def whole(viewing: Viewing, number: int = 0, step: int = 100_000) -> bytes:
    """All of the file, as a browser that reads on and on gets it."""
    content = bytearray()
    while len(content) < viewing.playable[number].size:
        piece = await viewing.read(number, len(content), step)
        assert piece
        content += piece
    return bytes(content)


def packets_sha256(path: Path, kind: str) -> str:
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", f"0:{kind}", "-c", "copy", "-f", "streamhash", "-"]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


async def shown(at: Siege) -> tuple[Viewings, Viewing, str]:
    request_id = await at.asked()
    viewings = Viewings(at.agent.services)
    return viewings, await viewings.open(request_id, 0), request_id


async def test_footage_that_a_browser_plays_is_laid_out_and_not_copied(tmp_path: Path) -> None:
    async with besieged(tmp_path, workers=True) as at:
        viewings, looked, request_id = await shown(at)
        (playable,) = looked.playable
        assert (playable.kind, playable.sound) == ("copied", True)
        target = tmp_path / "seen.mp4"
        target.write_bytes(await whole(looked))
        streams = probe(target)["streams"]
        camera = (await at.shown(request_id))["plan"]["cameras"][0]
        assert [stream["codec_name"] for stream in streams] == ["h264", "aac"]
        assert int(streams[0]["nb_read_packets"]) == camera["frames"]
        left = sum(path.stat().st_size for path in looked.folder.iterdir())
        assert left < 100_000 < target.stat().st_size
        await viewings.close()
        assert list(at.settings.work_dir.glob("watch-*")) == []


async def test_h265_is_watched_as_a_small_h264_that_is_made_on_the_way(tmp_path: Path) -> None:
    async with besieged(tmp_path, workers=True, kind="h265") as at:
        viewings, looked, _ = await shown(at)
        (playable,) = looked.playable
        assert playable.kind == "small"
        assert sum(small.SLOTS) == viewing.PIECE_BYTES
        last = await looked.read(0, playable.size - 10, 100)  # a seek to the end, before anything else was made
        assert len(last) == 10
        target = tmp_path / "seen.mp4"
        target.write_bytes(await whole(looked))
        (stream,) = probe(target)["streams"]
        assert (stream["codec_name"], stream["width"]) == ("h264", 192)
        assert int(stream["nb_read_packets"]) == small.PICTURES * playable.pieces
        decoded = subprocess.run(
            ["ffmpeg", "-v", "error", "-i", str(target), "-f", "null", "-"], capture_output=True, text=True, check=True
        )
        assert decoded.stderr == ""
        await viewings.close()


async def test_the_whole_window_stays_there_to_look_at_when_it_was_shortened(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        viewings, looked, request_id = await shown(at)
        asked = looked.camera.requested.window
        before = looked.playable[0].size
        shorter = Stretch.of(Window(asked.start + 2 * SECOND, asked.end))
        await narrow(at.agent.services, request_id, await at.plan_sha256(request_id), 0, shorter)
        await viewings.close()
        again = await viewings.open(request_id, 0)
        assert again.playable[0].size == before
        await viewings.close()


async def test_any_frame_and_the_curve_of_changes(tmp_path: Path) -> None:
    async with besieged(tmp_path, workers=True) as at:
        viewings, looked, _ = await shown(at)
        start = looked.playable[0].first_us
        first, jpeg = await looked.still(start, -1)
        assert (first["at"], first["first"], jpeg[:2]) == (start, True, b"\xff\xd8")
        second, other = await looked.still(start, 1)
        assert 0 < second["at"] - start < SECOND
        assert other != jpeg
        last, _ = await looked.still(looked.playable[0].end_us + SECOND, 5)
        assert last["last"] is True
        both = await asyncio.gather(looked.overview(), looked.overview())
        assert both[0] == both[1]
        curve = both[0]["curve"]
        assert curve[0] == [start, 0.0]
        assert all(0 <= change <= 1 for _, change in curve)
        assert any(change > 0.05 for _, change in curve[1:])
        assert (await looked.strip())[:2] == b"\xff\xd8"
        await viewings.close()


async def test_what_nobody_looks_at_is_closed_and_too_many_close_the_oldest(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        viewings, looked, request_id = await shown(at)
        assert await viewings.open(request_id, 0) is looked
        assert await viewings.close_idle() == 0
        at.clock.forward(viewing.IDLE + 1)
        assert await viewings.close_idle() == 1
        assert not looked.folder.exists()
        with pytest.raises(NotFound):
            await viewings.open("nothing", 0)
        with pytest.raises(NotFound):
            await viewings.open(request_id, 7)


async def test_footage_that_is_broken_by_now_is_an_error_in_words(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        for segment in at.segments:
            segment.write_bytes(b"\0" * 1000)
        viewings = Viewings(at.agent.services)
        with pytest.raises(HandoverError):
            await viewings.open(request_id, 0)
        assert list(at.settings.work_dir.glob("watch-*")) == []


async def test_two_who_watch_different_places_both_get_there(tmp_path: Path) -> None:
    async with besieged(tmp_path, workers=True, kind="h265") as at:
        viewings, looked, _ = await shown(at)
        (playable,) = looked.playable
        ends = [len(playable.head), playable.size - viewing.PIECE_BYTES]
        async with asyncio.timeout(60):
            found = await asyncio.gather(*(looked.read(0, at_, 10) for at_ in ends * 5))
        assert {len(piece) for piece in found} == {10}
        await viewings.close()


async def test_whoever_leaves_a_place_does_not_hold_up_the_next(tmp_path: Path) -> None:
    async with besieged(tmp_path, workers=True, kind="h265") as at:
        viewings, looked, _ = await shown(at)
        (playable,) = looked.playable
        for number in range(6):
            left = asyncio.create_task(looked.read(0, len(playable.head) + number * viewing.PIECE_BYTES, 10))
            await asyncio.sleep(0.02)
            left.cancel()
        async with asyncio.timeout(30):
            assert len(await looked.read(0, playable.size - 10, 10)) == 10
        await viewings.close()


async def test_all_of_it_at_a_glance_is_made_once(tmp_path: Path) -> None:
    async with besieged(tmp_path, workers=True) as at:
        viewings, looked, _ = await shown(at)
        both = await asyncio.gather(looked.sheet(), looked.sheet())
        assert both[0] == both[1]
        assert both[0][:2] == b"\xff\xd8"
        await viewings.close()


async def test_matroska_that_holds_h264_is_played_from_where_it_lies(tmp_path: Path) -> None:
    async with besieged(tmp_path, workers=True, kind="h264-g711") as at:
        viewings, looked, request_id = await shown(at)
        (playable,) = looked.playable
        assert playable.kind == "copied"
        target = tmp_path / "seen.mp4"
        target.write_bytes(await whole(looked))
        camera = (await at.shown(request_id))["plan"]["cameras"][0]
        (stream,) = probe(target)["streams"]
        assert (stream["codec_name"], int(stream["nb_read_packets"])) == ("h264", camera["frames"])
        decoded = subprocess.run(
            ["ffmpeg", "-v", "error", "-i", str(target), "-f", "null", "-"], capture_output=True, text=True, check=True
        )
        assert decoded.stderr == ""
        await viewings.close()


async def test_sound_that_no_browser_plays_is_heard_as_wav(tmp_path: Path) -> None:
    async with besieged(tmp_path, workers=True, kind="h264-g711") as at:
        viewings, looked, request_id = await shown(at)
        camera = (await at.shown(request_id))["plan"]["cameras"][0]
        assert camera["sound_codec"].startswith("pcm_")
        assert not looked.playable[0].sound
        path = await looked.sound()
        (stream,) = probe(path)["streams"]
        assert (stream["codec_name"], stream["sample_rate"]) == ("pcm_s16le", "16000")
        planned = sum(end - start for start, end in camera["stretches_at"]) / SECOND
        assert abs(float(stream["duration"]) - planned) < 0.5
        loud = subprocess.run(
            ["ffmpeg", "-i", str(path), "-af", "volumedetect", "-f", "null", "-"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert "mean_volume: -91" not in loud.stderr
        await viewings.close()
