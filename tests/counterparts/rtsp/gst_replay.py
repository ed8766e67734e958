"""A real ONVIF replay server (gst-rtsp-server) in a process of its own, playing tapes made of the tests' own footage.

Not for: the SOAP side (``soap_recorder``), or misbehaving (``replay_proxy`` stands before it for that).
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av

_PROGRAM = Path(__file__).with_name("gst_replay_program.py")
_MICRO = 1_000_000
_TO_ANNEX_B = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}
_SOUND = {"aac": "aac", "pcm_alaw": "alaw", "pcm_mulaw": "mulaw"}


def tape(folder: Path, files: Sequence[tuple[Path, int]], *, aggregate: str = "none") -> dict[str, Any]:
    """Footage as ``GstReplay.lay`` takes it: files of one codec, each with the UTC (microseconds) of its time zero."""
    tracks: dict[str, dict[str, Any]] = {}
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "tape.bin"
    with data.open("wb") as out:
        for path, zero in files:
            with av.open(path, options={"advanced_editlist": "0"}) as container:
                filters = {
                    stream.index: av.bitstream.BitStreamFilterContext(_TO_ANNEX_B[stream.codec_context.name], stream)
                    for stream in container.streams.video
                }
                for packet in container.demux(*container.streams.video[:1], *container.streams.audio[:1]):
                    if packet.size:
                        told = tracks.setdefault(packet.stream.type, _track(packet.stream))
                        facts = _facts(packet, zero)
                        filtered = filters.get(packet.stream_index)
                        content = b"".join(map(bytes, filtered.filter(packet) if filtered else [packet]))
                        told["frames"].append([*facts, out.tell(), len(content)])
                        out.write(content)
    ordered = [tracks[kind] for kind in ("video", "audio") if kind in tracks]
    return {"data": str(data), "aggregate": aggregate, "tracks": ordered}


def _facts(packet: Any, zero: int) -> list[int]:
    base = packet.time_base
    times = [zero + round(value * base * _MICRO) for value in (packet.pts, packet.dts)]
    return [*times, round((packet.duration or 0) * base * _MICRO), int(packet.is_keyframe)]


def _track(stream: Any) -> dict[str, Any]:
    name = stream.codec_context.name
    if stream.type == "video":
        codec = "h265" if name == "hevc" else name
        caps = f"video/x-{codec},stream-format=byte-stream,alignment=au"
    elif name == "aac":
        context = stream.codec_context
        config = bytes(context.extradata).hex()
        codec = "aac"
        caps = (
            f"audio/mpeg,mpegversion=4,stream-format=raw,framed=true,rate={context.sample_rate},"
            f"channels={context.layout.nb_channels},codec_data=(buffer){config}"
        )
    else:
        codec = _SOUND[name]
        caps = f"audio/x-{codec},rate=8000,channels=1"
    return {"codec": codec, "caps": caps, "frames": []}


@dataclass
class GstReplay:
    """``with GstReplay(users) as server: server.lay({"/replay/r1": tape(…)})``."""

    users: dict[str, str] = field(default_factory=dict)
    playback: bool = False
    """Not ONVIF's replay, but as Hikvision's recorders play: a tape then says whether it ``heeds_end``."""
    port: int = 0

    def __enter__(self) -> Self:
        environment = {**os.environ, "GST_DEBUG": os.environ.get("GST_DEBUG", "0"), "no_proxy": "*"}
        environment.pop("PYTHONPATH", None)
        self.process = subprocess.Popen(
            ["/usr/bin/python3", "-I", str(_PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.port = self._ask({"users": self.users, "playback": self.playback})["port"]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()

    def lay(self, recordings: dict[str, dict[str, Any]]) -> None:
        """Have these recordings, by path, and no others."""
        self._ask(recordings)

    def _ask(self, order: dict[str, Any]) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer
