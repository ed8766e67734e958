"""A folder of recordings as a footage source: files from anything, exported doorbell clips too.

Not for: how it is looked through (``session``).
"""

from agent.footage.source import ClockQuality
from agent.sources.device.kind import DeviceKind
from agent.sources.folder.options import Options

SOURCE = DeviceKind(
    title="A folder of recordings",
    options=Options,
    how_read="Files out of a folder of the owner's machine, copied as they lie there",
    utc_from="the files' names or what the files say of themselves, as each file's note tells; no clock was compared",
    clock=ClockQuality.NAME,
    address=False,
)
