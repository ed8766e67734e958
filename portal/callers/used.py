"""The tokens that this process took, until they could not be used any more.

Not for: what other replicas took, or what is remembered after a restart (``portal.tokens.take_devices``).
"""

from portal.problems import ProblemError, too_many, unauthenticated
from portal.tokens import Claims, last_second

SPAN = 16
"""Seconds: tokens that end within the same span are forgotten together."""
MOST_OF_ONE = 1000
"""Tokens of one device that can still be used: some twelve calls a second."""
MOST = 1_000_000
"""Of all; some 150 bytes each. Beyond, none is taken rather than one forgotten."""


class UsedTokens:
    """Lives on the event loop."""

    def __init__(self) -> None:
        self._spans: dict[int, dict[str, set[str]]] = {}
        self._count = 0
        self._forgot_in: int | None = None
        """The span in which those were forgotten that can't be used any more: one look a span."""

    def take(self, claims: Claims, now: int) -> None:
        """Take a token that was checked; ``now`` in seconds. ProblemError 401 when it was taken before, 429 when its
        device has taken too many, 503 when all have."""
        self._forget(now)
        span = self._spans.setdefault(last_second(claims) // SPAN, {})
        taken = span.setdefault(claims.iss, set())
        if claims.jti in taken:
            raise unauthenticated()
        if self._of_one(claims.iss) >= MOST_OF_ONE:
            raise too_many("Too many calls of this device.", "Try again in a minute.", 60)
        if self._count >= MOST:
            raise ProblemError(503, "Too many calls.", "Try again in a minute.", {"Retry-After": "60"})
        taken.add(claims.jti)
        self._count += 1

    def _of_one(self, device: str) -> int:
        count = 0
        for span in self._spans.values():
            if (taken := span.get(device)) is not None:
                count += len(taken)
        return count

    def __len__(self) -> int:
        return self._count

    def _forget(self, now: int) -> None:
        if now // SPAN == self._forgot_in:
            return
        self._forgot_in = now // SPAN
        for number in [number for number in self._spans if (number + 1) * SPAN <= now]:
            self._count -= sum(map(len, self._spans.pop(number).values()))
