"""A recorder's channels, each added as a camera with one password: which, under what names, and when to stop.

Not for: asking the recorder anything itself (``agent.cameras``).
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol

from exchange.errors import CameraRefused, CameraUnreachable, HandoverError, InputInvalid

_MOST = 512

Json = dict[str, Any]


class Call(Protocol):
    """One operation, by whoever adds: at the terminal, or on the page."""

    async def __call__(self, operation: str, /, **arguments: Any) -> Json: ...


@dataclass(frozen=True, slots=True)
class Tried:
    """One channel: what adding it told (``reply``), or why it was not added. ``of``: how many there are to add."""

    number: int
    of: int
    camera_id: str
    label: str
    reply: Json | None = None
    error: HandoverError | None = None


def channel_numbers(text: str) -> list[int] | None:
    """``1-4,7`` as numbers; None for ``all``. InputInvalid for anything else, and beyond 512."""
    if text.strip().lower() == "all":
        return None
    found: dict[int, None] = {}
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not (first.isdecimal() and (last.isdecimal() if dash else not last) and len(first + last) <= 6):
            raise InputInvalid(f"The channels {text!r} can't be used.", do="Write them as 1-16, as 1,2,5, or as all.")
        found |= dict.fromkeys(range(int(first), int(last or first) + 1))
    if not found or not all(1 <= number <= _MOST for number in found):
        raise InputInvalid(f"The channels {text!r} can't be used: they are 1 to {_MOST}.", do="Such as 1-16, or all.")
    return sorted(found)


async def add_channels(call: Call, given: Json, wanted: list[int] | None) -> AsyncIterator[Tried]:
    """A camera a channel; ``given``: as for one camera, whose id and label get the channel's number and name.

    One that can't be added doesn't stop the others, unless they would fail for the same. HandoverError before any.
    """
    options = given.get("options", {})
    if wanted is None:
        asked = {"kind": given["source"], "address": given["address"], "options": options}
        asked |= {name: given[name] for name in ("user", "password") if name in given}
        reply = (await call("source-channels", **asked))["channels"]
        names = {int(number): str(name) for number, name in reply.items()}
    else:
        names = dict.fromkeys(wanted, "")
    for number, name in names.items():
        camera_id = f"{given['camera_id']}-{number}"
        label = f"{given['label']} {number}" + (f" {name}" if name else "")
        one = given | {"camera_id": camera_id, "label": label, "options": options | {"channel": str(number)}}
        try:
            added = await call("add-camera", **one)
        except HandoverError as error:
            yield Tried(number, len(names), camera_id, label, error=error)
            if isinstance(error, CameraRefused | CameraUnreachable):
                return  # the others would be refused for the same, and a recorder may lock a user out
        else:
            yield Tried(number, len(names), camera_id, label, added)
