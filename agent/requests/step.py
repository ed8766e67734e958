"""What a step of a request's journey answers: where the request moves, or when to try again.

Not for: the moves that are allowed (``states``), or the steps themselves.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from agent.requests.states import State
from agent.store.database import Transaction
from exchange.clock import to_rfc3339

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
