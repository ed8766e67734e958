"""Who may come in: whoever has the one-time code that the program showed, and then this session's cookie.

Not for: what a browser sends with it (``portal.officer.desk.gate``). All is kept in memory, and gone with the program.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from exchange.clock import HOUR, MINUTE

CODE_LIVES = 10 * MINUTE
UNSEEN = 2 * HOUR
"""A session that nobody used for so long has ended."""
LONGEST = 14 * HOUR
_MOST = 16
"""Sessions at once; the oldest makes room."""


@dataclass
class _Session:
    begun: int
    seen: int


class Door:
    """``now``: microseconds of a clock that only goes forward."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._code: tuple[str, int] | None = None
        self._sessions: dict[str, _Session] = {}

    def new_code(self) -> str:
        """A code that opens once; the one before it opens nothing more."""
        code = secrets.token_urlsafe(32)
        self._code = (_digest(code), self._now() + CODE_LIVES)
        return code

    def enter(self, code: str) -> str | None:
        """A new session's token for a code that is good; the code is then used up."""
        if self._code is None:
            return None
        digest, until = self._code
        if not secrets.compare_digest(digest, _digest(code)) or self._now() >= until:
            return None
        self._code = None
        token = secrets.token_urlsafe(32)
        while len(self._sessions) >= _MOST:
            self._sessions.pop(next(iter(self._sessions)))
        self._sessions[_digest(token)] = _Session(self._now(), self._now())
        return token

    def is_in(self, token: str) -> bool:
        digest, now = _digest(token), self._now()
        session = self._sessions.get(digest)
        if session is None:
            return False
        if now - session.seen >= UNSEEN or now - session.begun >= LONGEST:
            del self._sessions[digest]
            return False
        session.seen = now
        return True

    def leave(self, token: str) -> None:
        self._sessions.pop(_digest(token), None)

    @property
    def code_is_open(self) -> bool:
        """Whether there is a code that nobody used yet."""
        return self._code is not None and self._now() < self._code[1]


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
