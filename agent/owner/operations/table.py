"""The table of what an owner can do: an operation a line, by the name that a command, a page or a script calls.

Not for: who may call (``agent.owner.control``), or the operations themselves (the modules beside this one).
"""

from collections.abc import Awaitable, Callable
from typing import Any

from agent.cameras.footage_sources import AskChannels, SetSource, SetStart, TestSources
from agent.cameras.stored import NewCamera
from agent.owner.operations import cameras, portal, records, requests, sources, status
from agent.owner.operations.context import Actor, CameraNamed, Json, Nothing, Owned, RequestNamed
from exchange.documents.messages import Part

Operation = Callable[[Owned, Any, Actor], Awaitable[Json]]

OPERATIONS: dict[str, tuple[type[Part], Operation]] = {
    "status": (Nothing, status.status),
    "requests": (Nothing, requests.list_requests),
    "show": (RequestNamed, requests.show),
    "pictures": (RequestNamed, requests.pictures),
    "decide": (requests.Decide, requests.decide),
    "keep": (RequestNamed, requests.keep_footage),
    "look-again": (RequestNamed, requests.look_for_footage_again),
    "records": (Nothing, records.list_packages),
    "restored": (records.Restored, records.explain_restored),
    "cameras": (Nothing, cameras.list_cameras),
    "discover": (cameras.Discover, cameras.discover),
    "add-camera": (NewCamera, cameras.add),
    "check-camera": (CameraNamed, cameras.check),
    "remove-camera": (CameraNamed, cameras.remove),
    "sources": (Nothing, sources.list_sources),
    "source-channels": (AskChannels, sources.channels),
    "camera-source": (SetSource, sources.set_source),
    "source-start": (SetStart, sources.set_start),
    "test-sources": (TestSources, sources.test),
    "introduce": (portal.PortalAt, portal.introduce),
    "enrol": (portal.Enrol, portal.enrol),
    "withdraw": (Nothing, portal.withdraw),
}
"""By name: what its arguments are, and what is called."""
