"""What the owner sets of their own copies: second places, checks, how long they are kept.

Not for: doing any of it (``agent.records.backups``), or how a place is reached (``agent.places.named``).
"""

from typing import Annotated, Literal

from pydantic import Field

from agent.settings.section import Section
from agent.settings.units import Duration, between
from agent.settings.values import QuietWord
from exchange.clock import DAY
from exchange.documents.messages import Id, Line


class SecondPlace(Section):
    place: Id
    """The name of a place that you added, such as with handover places add-folder."""
    names: Literal["sealed", "telling"] = "sealed"
    """sealed: files there are named by their month and a number that says nothing; telling: by day, kind of incident,
    crime reference and camera, with a note beside each, for a place that nobody else reads."""
    packages: bool = True
    """Whether your copies of what you handed over go there."""
    state: bool = True
    """Whether the agent's own state goes there too, encrypted: records, keys, passwords, settings. A lost machine is
    put back from it."""
    keep_states: int = Field(14, ge=2, le=1000)
    """How many of those are kept there."""
    hours: QuietWord | None = None
    """The hours in which anything is sent there, such as 22:00-07:00; null for any."""
    check_every: Annotated[Duration, between("1d", "3650d")] | None = 90 * DAY
    """How often each copy there is read again and compared: its whole size over the line, perhaps; null for never."""


class KeptDays(Section):
    kind: Line
    """Of incident, such as burglary."""
    days: int = Field(ge=0, le=36500)
    """That copies of such are kept, from their receipt on."""


class BackupSettings(Section):
    places: tuple[SecondPlace, ...] = Field((), max_length=8)
    """Where else your copies are kept; [] for nowhere."""
    any_age: bool = True
    """Whether an age program older than 1.3, as Debian has it, can open your copies too. They are then sealed in a way
    that a future quantum computer could open; with no, you need age 1.3 or newer."""
    check_every: Annotated[Duration, between("1d", "3650d")] = 30 * DAY
    """How often each copy on this disk is read again and compared."""
    keep: tuple[KeptDays, ...] = Field((), max_length=100)
    """How long copies are kept by kind of incident; all others: requests.keep_packages_days."""
    until_outcome: Annotated[Duration, between("1d", "36500d")] | None = None
    """Copies stay until the force said how the case ended, but no longer than this after its request was closed, such
    as 1825d; null: whatever became of it doesn't matter."""
    notice: Annotated[Duration, between("0s", "365d")] = 7 * DAY
    """How long before copies are deleted you are told of it."""
    tell_after: Annotated[Duration, between("1h", "365d")] = 3 * DAY
    """How long a backup may fail before you are told."""
