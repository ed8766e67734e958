"""Footage from Dahua's recorders and cameras, and Amcrest, Lorex and other names they are sold under, over their CGI.

Not for: how it is asked (``session``).
"""

from agent.sources.dahua.options import Options
from agent.sources.device.kind import DeviceKind

SOURCE = DeviceKind(
    title="Dahua's recorders and cameras, Amcrest and Lorex",
    options=Options,
    how_read=(
        "CGI over HTTP: the recorder's own .dav files (RPC_Loadfile), or, where it brings none or is set so, its "
        "download of a stretch of time (loadfile.cgi)"
    ),
    utc_from="the local times that the recorder writes into every frame, by its clock as compared with ours and its "
    "time zone",
)
