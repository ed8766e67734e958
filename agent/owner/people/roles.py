"""What each person may do: look, decide, or change things.

Not for: who a person is (``register``), or which operation needs what (``agent.owner.operations.table``).
"""

from enum import StrEnum


class Role(StrEnum):
    """Each may do what those before it may."""

    ANYONE = "anyone"
    """Any user who may open the daemon's socket: how it is, and no crime."""
    VIEWER = "viewer"
    APPROVER = "approver"
    ADMINISTRATOR = "administrator"


_ORDER = tuple(Role)
GIVEN = (Role.VIEWER, Role.APPROVER, Role.ADMINISTRATOR)
"""The roles that a person can be given."""

WORDS = {
    Role.VIEWER: "may look at requests and recordings",
    Role.APPROVER: "may look, and say yes or no",
    Role.ADMINISTRATOR: "may look, say yes or no, and change people, cameras and settings",
}


def allows(role: Role, needed: Role) -> bool:
    """Whether whoever has ``role`` may do what needs ``needed``."""
    return _ORDER.index(role) >= _ORDER.index(needed)
