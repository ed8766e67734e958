"""What a camera signed is in what is fetched from a recorder over RTSP, byte for byte."""

from pathlib import Path
from typing import Literal

import av
import pytest

from exchange.clock import SECOND, Window
from tests.counterparts.files.signed_footage import sei_units, signed_footage
from tests.sources.counterpart.onvif_replay import replay_server
from tests.sources.counterpart.replaying import START, Film, lay, play


@pytest.mark.parametrize("codec", ["h264", "h265"])
async def test_replayed_pictures_bring_every_sei(tmp_path: Path, codec: Literal["h264", "h265"]) -> None:
    source = signed_footage(tmp_path, codec)
    with av.open(str(source)) as container:
        first = min(packet.pts for packet in container.demux(video=0) if packet.pts is not None)
        zero = START - round(first * container.streams.video[0].time_base * SECOND)
    name = lay(tmp_path, f"signed-{codec}", Film(source, zero))
    outcome = await play(replay_server().port, name, Window(START, START + 3 * SECOND), tmp_path / "into")
    kept = [unit for path in outcome.files for unit in sei_units(path)]
    assert kept == sei_units(source)
