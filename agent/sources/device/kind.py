"""What a device source is: its options as an owner types them, and what its module says of itself.

Not for: running its jobs (``footage``). Light: workers import it too.
"""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from agent.footage.source import ClockQuality
from agent.workers.process import MIB, Limits

LOOK = Limits(memory=192 * MIB, cpu=60, wall=120, output=16 * MIB)
"""What is there: a search, some clock readings."""
FETCH = Limits(memory=256 * MIB, cpu=3600, wall=12 * 3600, output=4 * MIB, open_files=256, nice=10)
"""Bring a span. Low priority: the machine may be recording at the same time."""


class DeviceOptions(BaseModel):
    """Options of every device source. A brand's own model adds to them; values typed as text are understood."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    fetches: int = Field(1, ge=1, le=8)
    """How many fetches this recorder takes at a time."""
    timeout: float = Field(20.0, ge=1, le=300)
    """Seconds without a byte after which it counts as gone."""
    margin: float = Field(15.0, ge=0, le=600)
    """Seconds before and after a window that are fetched with it, as a copy can start only at a key frame."""
    certificate: str | None = Field(None, pattern=r"^[0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2}){31}$")
    """SHA-256 of its TLS certificate, once you compared it; unset where this system trusts it anyway."""


@dataclass(frozen=True, slots=True)
class DeviceKind:
    """What a source's module says of itself; the jobs are found beside it, by name.

    ``how_read`` and ``utc_from`` go into the evidence manifest, word for word, and must be true of every file that
    the source brings. ``clock``: what its times usually rest on.
    """

    title: str
    options: type[DeviceOptions]
    how_read: str
    utc_from: str
    clock: ClockQuality = ClockQuality.RECORDER
    address: bool = True
    """Whether it is somewhere on a network; a folder is not."""
    look: Limits = LOOK
    fetch: Limits = FETCH
