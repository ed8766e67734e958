"""Footage from Reolink's cameras, recorders and hubs, over their HTTP API: a search, then a download.

Not for: the questions themselves (``session``), or the device's time zone (``time``).
"""

from agent.sources.device.kind import DeviceKind
from agent.sources.reolink.options import Options

SOURCE = DeviceKind(
    title="Reolink's cameras, recorders and hubs",
    options=Options,
    how_read="Reolink's HTTP API: the device's own recording files, or the part of one that its recorder cut out",
    utc_from="the device's own times, whole seconds of its clock as compared with ours, and its time zone",
)
