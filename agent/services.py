"""What the steps of a request's journey work with, built once by the daemon.

Not for: anything a single step keeps for itself.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agent.host.clock import HostClock, host_clock
from agent.requests.states import State
from agent.settings.model import Settings
from agent.store.custody import Custody
from agent.store.database import Store, Transaction
from agent.store.keys import AgentKeys
from agent.workers.process import RunJob
from exchange.clock import Clock, to_rfc3339

if TYPE_CHECKING:
    from agent.portal.client import PortalClient
    from agent.sources.registry import Sources

Job = dict[str, Any]


@dataclass
class Progress:
    """How far the long steps are, for ``handover status``: request id to what is being done."""

    doing: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Parts:
    settings: Settings
    store: Store
    clock: Clock
    keys: AgentKeys
    custody: Custody
    footage: "Sources"
    run_job: RunJob
    """How a step has media worked on."""
    portal: "Callable[[], Awaitable[PortalClient]]"
    """The portal's client; PortalUnreachable or NotEnrolled when there is none."""
    progress: Progress = field(default_factory=Progress)
    host_clock: Callable[[], Awaitable[HostClock]] = host_clock
    """What this host says of its own clock, asked anew each time."""


Write = Callable[[Transaction], Awaitable[None]]


@dataclass(frozen=True)
class Move:
    """A step's outcome: the next state, and what is written in the same transaction."""

    to: State
    write: Write


class Later(Exception):
    """A step can't be taken yet, and nothing is wrong. ``at``: microseconds UTC."""

    def __init__(self, at: int, why: str) -> None:
        super().__init__(f"{why}; again at {to_rfc3339(at)}")
        self.at = at
        self.why = why
