"""Devices that an officer knows: a camera stays with the device key that it was first asked under.

Not for: what a device's key signs; that is checked under the fingerprint that the officer's own request names.
"""

from exchange.documents.api import FoundCamera, SearchResult
from exchange.documents.messages import Request
from exchange.errors import DeviceKeyChanged
from portal.officer.state import OfficerState

MOST_SIGHTINGS = 20_000


def remember(state: OfficerState, result: SearchResult) -> None:
    """Which camera, where, each device offers: so that a later request knows what it asks."""
    sightings = state.sightings()
    for camera in result.cameras:
        key = _key(camera.device, camera.camera_id)
        sightings.pop(key, None)
        sightings[key] = _name(camera)
    newest = list(sightings.items())[-MOST_SIGHTINGS:]
    state.save_sightings(dict(newest))


def check_known(state: OfficerState, *requests: Request, accept_changed: bool) -> None:
    """Remember under which device's key each camera is asked. DeviceKeyChanged when it was another one before,
    unless the officer says that the change is right. A camera that no search here has found is not held to a place."""
    known, sightings = state.known_devices(), state.sightings()
    for request, asked in ((each, asked) for each in requests for asked in each.asked):
        name = sightings.get(_key(request.device, asked.camera_id))
        if name is None:
            continue
        before = known.get(name, request.device)
        if before != request.device and not accept_changed:
            raise DeviceKeyChanged(
                f"The camera {asked.camera_id} is offered under another device key than before.",
                meaning=f"It was {before}, and is {request.device}. The owner may have a new recorder, or somebody "
                "else pretends to have this camera.",
                do="Ask the owner; if it is right, send the request again with --accept-changed-device.",
            )
        known[name] = request.device
    state.save_devices(known)


def _name(camera: FoundCamera) -> str:
    """A camera as an officer knows it: its name, and its place to about a metre."""
    return f"{camera.camera_id}@{camera.place.latitude:.5f},{camera.place.longitude:.5f}"


def _key(device: str, camera_id: str) -> str:
    return f"{device} {camera_id}"
