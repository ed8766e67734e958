"""Gives times to the packets that libavformat could not date: those of the first picture or two, before what follows
them is known, and any that a camera sends without.

Not for: times that go back (``segment_writer``).
"""

from __future__ import annotations

from av.packet import Packet
from av.stream import Stream

from agent.recorder.stream import StreamLost

_MOST = 256
_USUAL = 3600


class MissingTimes:
    """Holds packets back until they can be dated. ``video`` is the index of the pictures' stream."""

    def __init__(self, video: int) -> None:
        self.video = video
        self._held: list[Packet[Stream]] = []

    @property
    def pictures(self) -> int:
        """How many pictures are held back."""
        return sum(packet.stream_index == self.video for packet in self._held)

    def complete(self, packet: Packet[Stream], last: dict[int, int]) -> list[Packet[Stream]]:
        """The packets that are dated by now, in the order they came; ``last``: by stream, the decode time before.

        StreamLost when none ever is.
        """
        index = packet.stream_index
        if packet.dts is not None and packet.pts is not None:
            if not self._held:
                return [packet]
            self._held.append(packet)
            if index != self.video:
                return []
            held, self._held = self._held, []
            return _dated(held, self.video)
        if index in last:
            packet.dts = last[index] + (packet.duration or 1) if packet.dts is None else packet.dts
            packet.pts = packet.dts if packet.pts is None else packet.pts
            return self.complete(packet, last)
        if index == self.video:
            self._held.append(packet)
        if len(self._held) > _MOST:
            raise StreamLost("The camera's stream tells no times.")
        return []


def _dated(held: list[Packet[Stream]], video: int) -> list[Packet[Stream]]:
    """Date the pictures before the last, which is dated, by counting back by the length of a picture."""
    *before, following = [packet for packet in held if packet.stream_index == video]
    step = following.duration or _USUAL
    shown = [packet.pts for packet in (*before, following) if packet.pts is not None]
    for back, packet in enumerate(reversed(before), start=1):
        assert following.dts is not None
        packet.dts = following.dts - back * step
        if packet.pts is None:
            packet.pts = max(min(shown) - step, packet.dts)
            shown.append(packet.pts)
    return held
