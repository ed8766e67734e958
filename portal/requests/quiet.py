"""Inboxes in which nothing is that their device doesn't have, so that a poll can be held without a look.

Not for: what is in them (``portal.requests.inbox``).
"""

from portal.wakeups.bell import Bell

MOST = 200_000


class Quiet:
    """Lives on the event loop. Whatever comes for a device rings its bell, and ends what is known of it."""

    def __init__(self, bell: Bell) -> None:
        self._known: dict[str, object] = {}
        bell.on_ring(self._forget, self._known.clear)

    def holds(self, device: str, asked: object) -> bool:
        """Whether the answer to what the device asked, cursor and kinds, is known to be empty."""
        return self._known.get(device) == asked

    def note(self, device: str, asked: object) -> None:
        """A look that was begun after the device's bell was listened to, and during which it did not ring, found
        nothing."""
        self._known.pop(device, None)
        self._known[device] = asked
        if len(self._known) > MOST:
            self._known.pop(next(iter(self._known)))

    def _forget(self, device: str) -> None:
        self._known.pop(device, None)
