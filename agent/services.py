"""What every part of the running agent works with, built once by the daemon: settings, store, clock, keys, sources.

Not for: anything that a single step or operation keeps for itself.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.host.clock import HostClock, host_clock
from agent.places.pace import Limit
from agent.portal.client import PortalClient
from agent.settings.model import Settings
from agent.sources.registry import Sources
from agent.store.custody import Custody
from agent.store.database import Store
from agent.store.keys import AgentKeys
from agent.workers.process import RunJob
from exchange.clock import Clock

Job = dict[str, Any]


@dataclass
class Progress:
    """How far the long steps are, for ``handover status``: request id to what is being done."""

    doing: dict[str, str] = field(default_factory=dict)
    begin_anew: Callable[[], None] | None = None
    """Ends the daemon's run so that it begins again with the settings as they are in the file now."""
    config: Path | None = None
    """That file."""
    copies: dict[str, asyncio.Task[list[str]]] = field(default_factory=dict)
    """Working copies that the owner wants of what was handed over, while they are made: by evidence id."""
    troubles: dict[str, str] = field(default_factory=dict)
    """What hinders a part of the agent: its name to what is wrong, in words."""


@dataclass(frozen=True)
class Services:
    settings: Settings
    store: Store
    clock: Clock
    keys: AgentKeys
    custody: Custody
    footage: Sources
    run_job: RunJob
    """How a step has media worked on."""
    portal: Callable[[], Awaitable[PortalClient]]
    """The portal's client; PortalUnreachable or NotEnrolled when there is none."""
    progress: Progress = field(default_factory=Progress)
    limit: Limit = field(default_factory=lambda: Limit(None))
    """What all uploads together may take of the line."""
    host_clock: Callable[[], Awaitable[HostClock]] = host_clock
    """What this host says of its own clock, asked anew each time."""
