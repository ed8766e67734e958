"""Footage that MediaMTX recorded, from its playback server: its list, then span by span.

Not for: the questions themselves (``session``).
"""

from agent.sources.device.kind import DeviceKind
from agent.sources.mediamtx.options import Options

SOURCE = DeviceKind(
    title="MediaMTX",
    options=Options,
    how_read="MediaMTX's playback server: its own recording, copied into fragmented MP4 by it, not re-encoded",
    utc_from="the times of MediaMTX's recording, by its host's clock as compared with ours",
)
