"""What every operation is given: the parts of the agent that an owner acts on, and who acts.

Not for: any operation (``requests``, ``cameras``, ``sources``, ``portal``, ``records``, ``status``).
"""

from dataclasses import dataclass
from typing import Any, Protocol

from agent.cameras.inventory import Inventory
from agent.membership.enrolment import OpenPortal
from agent.owner.people.roles import Role
from agent.records.backups.backups import Backups
from agent.requests.journey import Journey
from agent.services import Services
from exchange.documents.messages import Id, Part

Json = dict[str, Any]


class Owned(Protocol):
    """A running agent, as far as its owner acts on it."""

    @property
    def services(self) -> Services: ...
    @property
    def journey(self) -> Journey: ...
    @property
    def inventory(self) -> Inventory: ...
    @property
    def backups(self) -> Backups: ...
    @property
    def open_portal(self) -> OpenPortal: ...


@dataclass(frozen=True)
class Actor:
    """Who is at the other end, as the operating system vouches, or as they proved on the page.

    ``person``: their id, where it is known who they are. ``cameras``: those that they may hand over; None for all.
    """

    name: str
    method: str
    role: Role
    person: str | None = None
    cameras: frozenset[str] | None = None


class Nothing(Part):
    """An operation without arguments."""


class RequestNamed(Part):
    request_id: Id


class CameraNamed(Part):
    camera_id: Id
