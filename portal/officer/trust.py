"""Devices that an officer knows: a camera stays with the device key it was first asked under.

Not for: what a device's key signs; that is checked under the fingerprint that the officer's own request names.
"""

from collections.abc import Iterable

from exchange.api import FoundCamera
from exchange.errors import DeviceKeyChanged
from portal.officer.state import OfficerState


def camera_name(camera: FoundCamera) -> str:
    """A camera as an officer knows it: its name, and its place to about a metre."""
    return f"{camera.camera_id}@{camera.place.latitude:.5f},{camera.place.longitude:.5f}"


def check_known(state: OfficerState, cameras: Iterable[FoundCamera], *, accept_changed: bool) -> None:
    """Remember under which device's key each camera is asked. DeviceKeyChanged when it was another one before,
    unless the officer says that the change is right."""
    known = state.known_devices()
    for camera in cameras:
        before = known.setdefault(camera_name(camera), camera.device)
        if before != camera.device and not accept_changed:
            raise DeviceKeyChanged(
                f"The camera {camera.label} ({camera.camera_id}) is offered under another device key than before.",
                meaning=f"It was {before}, and is {camera.device}. The owner may have a new recorder, or somebody "
                "else pretends to have this camera.",
                do="Ask the owner; if it is right, send the request again with --accept-changed-device.",
            )
        known[camera_name(camera)] = camera.device
    state.save_devices(known)
