"""Footage from UniFi Protect, by its export: a camera's time, in milliseconds since 1970.

Not for: the questions themselves (``session``).
"""

from agent.sources.device.kind import DeviceKind
from agent.sources.unifi.options import Options

SOURCE = DeviceKind(
    title="UniFi Protect",
    options=Options,
    how_read="UniFi Protect's video export, which it writes into MP4",
    utc_from="the times that the export was asked for, by Protect's clock as compared with ours; exports may begin some"
    " seconds off, as the uncertainty tells",
)
