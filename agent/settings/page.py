"""The owner's page in a browser: a part of ``handover.yaml``.

Not for: the page (``agent.owner.web``).
"""

from pydantic import Field

from agent.settings.section import Section
from agent.settings.values import Host


class PageSettings(Section):
    enabled: bool = True
    """Whether the owner's page is served."""
    address: Host = "127.0.0.1"
    """Where it listens: 127.0.0.1 for this machine only; 0.0.0.0, or an address of your network, opens it to that, over
    HTTPS."""
    port: int = Field(8480, ge=1024, le=65535)
    """The port that it listens on."""
    names: tuple[Host, ...] = Field((), max_length=16)
    """Other names and addresses that the page may be called by, such as camera-pi.local."""
