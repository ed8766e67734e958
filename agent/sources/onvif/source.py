"""Recorders with ONVIF Profile G as a footage source: searched over SOAP, replayed over RTSP, copied into files.

Not for: brands that are better asked in their own way.
"""

from agent.sources.device.kind import DeviceKind
from agent.sources.onvif.options import Options

SOURCE = DeviceKind(
    title="Recorders with ONVIF Profile G",
    options=Options,
    how_read="ONVIF replay: the recorder's own RTP packets (RTSP over TCP), copied without re-encoding",
    utc_from="the time in the recorder's RTP packets, and the recorder's clock as compared with ours",
)
