"""Footage that Handover can't fetch: a cloud doorbell's, a neighbour's phone's; its owner brings the file.

Not for: how the files are read, which is as those of any folder.
"""

from agent.footage.source import ClockQuality
from agent.sources.by_hand.options import Options
from agent.sources.device.kind import DeviceKind

SOURCE = DeviceKind(
    title="Brought by hand",
    options=Options,
    how_read="Exported by the owner from another system and brought by hand; copied as it was brought",
    utc_from="the owner's word, the file's name or the file itself, as each file's note tells; no clock was compared",
    clock=ClockQuality.BY_HAND,
    address=False,
)
