"""A playable copy whose pictures are the master's own, copied: only the container and the sound change.

Not for: pictures that players can't take, which are encoded anew (``moving``).
"""

from __future__ import annotations

from fractions import Fraction

import av

from agent.media.working import reading
from agent.media.working.encoding import SOUND_BIT_RATE, Sound
from agent.media.working.order import Made, MasterFile, Order, Progress, Value, finished, no_room

_LOOK = 256


def remuxed(order: Order, master: MasterFile, progress: Progress) -> Made:
    """MP4 with the master's own pictures, packet by packet, and its sound as AAC."""
    target = order.target(master.first_us, ".mp4")
    with finished(target) as unfinished:
        options = {"movflags": "+faststart", "fflags": "+bitexact"}
        with (
            av.open(str(master.path), "r", format=master.container) as opened,
            av.open(str(unfinished), "w", format="mp4", options=options) as file,
        ):
            video = opened.streams.video[0]
            reading.read_only(opened, video)
            file.metadata["comment"] = f"Working copy (playable), not the evidence. Made from {master.file}."
            copied = file.add_stream_from_template(video)
            heard = reading.sound(master, master.first_us, master.end_us) if master.sound else None
            sound = None if heard is None else Sound(file, heard)
            base = video.time_base or Fraction(1, 1000)
            for number, packet in enumerate(opened.demux(video)):
                if not packet.size:
                    continue
                if sound is not None and packet.pts is not None:
                    sound.write(round(packet.pts * base * 1_000_000))
                packet.stream = copied
                file.mux(packet)
                progress()
                if number % _LOOK == 0 and unfinished.stat().st_size > order.room:
                    raise no_room()
            if sound is not None:
                sound.finish()
    parameters: dict[str, Value] = {"container": "mp4", "pictures": "copied"}
    if master.sound:
        parameters |= {"sound_encoder": "aac", "sound_bit_rate": SOUND_BIT_RATE, "sound_rate": reading.RATE}
    what = "The same pictures, copied; the sound encoded anew as AAC, as players of MP4 want it. Not the evidence."
    return Made(
        target, what, parameters, made_from=master.file, first_us=master.first_us, end_us=master.end_us,
        frames=master.frames, container="mp4", codec="h264", width=master.width, height=master.height,
        sound=master.sound, real_times=True, caption=False,
    )  # fmt: skip
