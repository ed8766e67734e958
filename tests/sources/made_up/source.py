"""The recorder that nobody makes, as a footage source.

Not for: how it is asked (``session``).
"""

from agent.sources.device.kind import DeviceKind, DeviceOptions

SOURCE = DeviceKind(
    title="The recorder that nobody makes",
    options=DeviceOptions,
    how_read="HTTP: the recorder's own files, whole",
    utc_from="the times of its list, by its clock as compared with ours",
)
