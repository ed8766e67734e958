"""Footage that Frigate recorded: its list of segments, then their files as Frigate wrote them, or its clips.

Not for: the questions themselves (``session``).
"""

from agent.sources.device.kind import DeviceKind
from agent.sources.frigate.options import Options

SOURCE = DeviceKind(
    title="Frigate",
    options=Options,
    how_read="Frigate's HTTP API: its own recording files, or an MP4 to which it joined them without re-encoding",
    utc_from="the times of Frigate's recordings, whole seconds of its host's clock as compared with ours",
)
