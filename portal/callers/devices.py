"""Which device calls: by keys that are kept here, and without a word to the database when the key is known.

Not for: officers, who are few, and whose every call is looked up (``portal.tokens.take_officers``).
"""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import func, select

from exchange.clock import SECOND, Clock
from exchange.signing.documents import PublicKey
from portal import tokens
from portal.callers.contacts import Contacts
from portal.callers.used import UsedTokens
from portal.problems import unauthenticated
from portal.storage.database import Database
from portal.storage.gathered import Gathered
from portal.storage.models import ShutOut
from portal.tokens import Caller, Token

KEPT = 600 * SECOND
"""How long a key is kept before it is looked up again, should word of its end have got lost."""
MOST_KEYS = 200_000
WATCH_SECONDS = 1
"""How soon a device that a command shut out is refused."""
_COUNT_SHUT_OUT = select(func.count()).select_from(ShutOut)


@dataclass(frozen=True, slots=True)
class _Known:
    caller: Caller
    verifier: Ed25519PublicKey
    until: int
    """Monotonic microseconds."""


class Devices:
    """Lives on the event loop."""

    def __init__(self, db: Database, audience: str, clock: Clock) -> None:
        """Tokens are for ``audience``, the portal's origin. Those that were made before now are refused: a process
        that ran before may have taken them."""
        self._db = db
        self._keys = Gathered(db, tokens.devices_keys)
        self._audience = audience
        self._clock = clock
        self._started = clock.monotonic()
        self._known: dict[str, _Known] = {}
        self._forgotten = 0
        self._used = UsedTokens()
        self._shut_out: int | None = None
        self.contacts = Contacts()

    async def check(self, token: Token) -> Caller:
        """Whose token this is; it is taken, by this process. ProblemError 401 otherwise."""
        known = await self._find(token.claims.iss)
        now = self._clock.now()
        tokens.check(token, known.verifier, self._audience, now)
        if token.claims.iat < self._start_by(now):
            raise unauthenticated()
        self._used.take(token.claims, now // SECOND)
        return known.caller

    def _start_by(self, now: int) -> int:
        """When this process began by the clock as it is set now, in seconds: it may have been set back since."""
        return (now - (self._clock.monotonic() - self._started)) // SECOND

    def forget(self, device: str) -> None:
        """Its owner may have left."""
        self._forgotten += 1
        self._known.pop(device, None)

    def forget_all(self) -> None:
        self._forgotten += 1
        self._known.clear()

    @property
    def keys_known(self) -> int:
        return len(self._known)

    @property
    def tokens_remembered(self) -> int:
        return len(self._used)

    async def look_for_shut_out(self) -> None:
        """See whether a command shut a device out."""
        count = await self._db.read(lambda session: session.scalar(_COUNT_SHUT_OUT))
        if self._shut_out not in (None, count):
            self.forget_all()
        self._shut_out = count

    async def _find(self, device: str) -> _Known:
        known = self._known.get(device)
        if known is not None and self._clock.monotonic() < known.until:
            return known
        before = self._forgotten
        line = await self._keys.ask(device)
        if line is None:
            raise unauthenticated()
        key = PublicKey.parse(line)
        known = _Known(Caller(device, key), tokens.verifier(key), self._clock.monotonic() + KEPT)
        if before == self._forgotten:
            self._known.pop(device, None)
            self._known[device] = known
            if len(self._known) > MOST_KEYS:
                self._known.pop(next(iter(self._known)))
        return known
