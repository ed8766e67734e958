"""What a plan and a manifest say of clocks: this host's, and the camera's around a window.

Not for: asking the host (``agent/host_clock.py``) or a camera (``agent/cameras``).
"""

from agent.host_clock import NOTHING, HostClock
from exchange.evidence import HostClock as HostSaid


def host_said(host: HostClock, at: int) -> HostSaid:
    """What this host said of its own clock, within the manifest's limits."""
    source = "".join(letter for letter in host.source if letter.isprintable())[:200] or NOTHING
    return HostSaid(source=source, offset_us=host.offset_us, uncertainty_us=host.uncertainty_us, at=at)
