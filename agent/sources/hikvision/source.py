"""Footage from Hikvision's recorders and cameras, and their many rebrands, over ISAPI: a search, then whole files.

Not for: how it is asked (``session``).
"""

from agent.sources.device.kind import DeviceKind
from agent.sources.hikvision.options import Options

SOURCE = DeviceKind(
    title="Hikvision's recorders and cameras, and their rebrands",
    options=Options,
    how_read="ISAPI over HTTP: the recorder's own files, whole; where a file's note says so, its RTSP playback, in real"
    " time, its packets copied without re-encoding",
    utc_from="the recorder's own times, by its clock as compared with ours and its time zone",
)
