"""A window replayed by a real server equals the source: every picture's and sound's payload, and when it was."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.media.containers import segment
from agent.rtsp.playback import Ending
from exchange.clock import SECOND, Window
from tests.sources.counterpart.onvif_replay import replay_server
from tests.sources.counterpart.replaying import GOP, START, film, lay, pictures, play, sounds, zero_in


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield tmp_path_factory.mktemp("films")
    film.cache_clear()


FRAME = SECOND // 25
WINDOW = Window(START + 2_300_000, START + 5_500_000)


@pytest.mark.parametrize("sound", ["aac", "pcm_alaw", "pcm_mulaw"])
@pytest.mark.parametrize("codec", ["h264", "h265"])
async def test_what_is_fetched_is_the_source_payload_for_payload(
    films: Path, tmp_path: Path, codec: str, sound: str
) -> None:
    source = film(films, codec, sound)
    outcome = await play(replay_server().port, lay(tmp_path, "whole", source), WINDOW, tmp_path / "into")
    (file,) = outcome.files
    read = segment.read(file)
    assert (read.whole, read.container) == (True, "mp4" if sound == "aac" else "matroska")
    zero = zero_in(file, outcome.assembler.files[0].start)
    came, truth = pictures(file, zero), pictures(source.path, source.zero)
    first, last = 2 * GOP, 2 * GOP + len(came)  # from the key frame before the window on
    assert [slices for _, slices in came] == [slices for _, slices in truth[first:last]]
    assert came[-1][0] >= WINDOW.end - 2 * FRAME
    exact = 1 if sound == "aac" else 1000  # Matroska counts milliseconds
    assert all(abs(at - true) <= exact for (at, _), (true, _) in zip(came, truth[first:last], strict=True))
    heard = [each for each in sounds(source.path, source.zero) if START + 2 * SECOND <= each[0] < WINDOW.end]
    _assert_heard(sounds(file, zero), heard, sound, exact)


def _assert_heard(came: list[tuple[int, bytes]], truth: list[tuple[int, bytes]], sound: str, exact: int) -> None:
    if sound == "aac":
        known = {content: at for at, content in truth}
        assert len(came) >= len(truth) - 2
        assert all(content in known or at >= WINDOW.end - SECOND // 2 for at, content in came)
        assert all(abs(at - known[content]) <= 25 for at, content in came if content in known)
        return
    samples = b"".join(content for _, content in truth)
    heard = b"".join(content for _, content in came)
    begins = (came[0][0] - truth[0][0]) * 8000 / SECOND
    offset = samples.find(heard[:400])
    assert offset >= 0
    assert abs(offset - begins) <= exact * 8000 / SECOND + 8, "the sound lies at another time"
    common = min(len(samples) - offset, len(heard))
    assert heard[:common] == samples[offset : offset + common]
    assert common >= len(samples) - 2 * 8000 // 5


@pytest.mark.parametrize("codec", ["h264", "h265"])
async def test_pictures_that_are_sent_out_of_order_are_shown_in_theirs(films: Path, tmp_path: Path, codec: str) -> None:
    source = film(films, codec, "", 2)
    outcome = await play(replay_server().port, lay(tmp_path, "b", source), WINDOW, tmp_path / "into")
    (file,) = outcome.files
    zero = zero_in(file, outcome.assembler.files[0].start)
    came = pictures(file, zero)
    known = {tuple(slices): at for at, slices in pictures(source.path, source.zero)}
    shown = {at for at, _ in came}
    wanted = [at for at in known.values() if START + 2 * SECOND <= at < WINDOW.end - 4 * FRAME]
    assert len(wanted) > 3 * GOP
    assert all(any(abs(at - each) <= 12 for each in shown) for at in wanted)
    assert all(abs(at - known[tuple(slices)]) <= 12 for at, slices in came)
    assert came != sorted(came), "there were no B-frames in it"


async def test_small_units_that_share_a_packet_are_taken_apart(films: Path, tmp_path: Path) -> None:
    for codec in ("h264", "h265"):
        source = film(films, codec)
        path = lay(tmp_path, codec, source, aggregate="zero-latency")
        outcome = await play(replay_server().port, path, WINDOW, tmp_path / codec)
        (file,) = outcome.files
        came = pictures(file, zero_in(file, outcome.assembler.files[0].start))
        assert [slices for _, slices in came] == [
            slices for _, slices in pictures(source.path, source.zero)[2 * GOP : 2 * GOP + len(came)]
        ]
        assert len(came) > 3 * GOP


async def test_a_replay_is_many_times_faster_than_real_time_and_ends_by_its_mark(films: Path, tmp_path: Path) -> None:
    path = lay(tmp_path, "fast", film(films))
    outcome = await play(replay_server().port, path, WINDOW, tmp_path / "into")
    assert outcome.played is not None
    assert outcome.played.ending == Ending.TERMINAL
    assert not outcome.played.notes
    assert outcome.played.uncertain == 0
