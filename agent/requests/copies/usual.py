"""Which working copies go beside a recording unless the owner chooses others: by the settings and the officer's wish.

Not for: making them (``making``), or the owner's choice itself (``agent.requests.decision``).
"""

from collections.abc import Sequence

from agent.media.facts import H264_PROFILES
from agent.requests.plan import PlannedCamera
from agent.settings.model import CopySettings
from exchange.documents.copies import CHOSEN_KINDS, ChosenCopy, CopyKind, WantedCopies
from exchange.documents.messages import Request
from exchange.documents.noted import NotedRequest

_CAPTIONED = (CopyKind.AVI, CopyKind.ENHANCED, CopyKind.TIGHT)


def plays_as_it_is(camera: PlannedCamera, *, sound: bool) -> bool:
    """Whether the masters will be MP4 with H.264 and AAC, which every player takes."""
    return all(
        stretch["codec"] == "h264"
        and stretch.get("profile") in H264_PROFILES
        and (not sound or stretch["sound"] is None or stretch["sound"]["codec"] == "aac")
        for stretch in camera.stretches
    )


def usual_copies(
    camera: PlannedCamera, request: Request | NotedRequest, settings: CopySettings, *, sound: bool
) -> tuple[ChosenCopy, ...]:
    """What is suggested to the owner, and goes where they say nothing of copies."""
    wanted = request.copies or WantedCopies()
    by_settings = {
        CopyKind.PLAYABLE: settings.playable,
        CopyKind.AVI: settings.avi,
        CopyKind.ENHANCED: settings.enhanced,
        CopyKind.TIGHT: settings.tight,
        CopyKind.QUALITY: settings.quality,
    }
    kinds = [kind for kind in CHOSEN_KINDS if by_settings.get(kind, False) or kind in wanted.kinds]
    if plays_as_it_is(camera, sound=sound):
        kinds = [kind for kind in kinds if kind is not CopyKind.PLAYABLE]
    return tuple(
        ChosenCopy(
            kind=kind,
            most_bytes=wanted.most_bytes if kind is CopyKind.SMALLER else None,
            caption=False if kind in _CAPTIONED and not settings.caption else None,
        )
        for kind in kinds
    )


def in_order(copies: Sequence[ChosenCopy]) -> tuple[ChosenCopy, ...]:
    """As the kinds are listed, whatever the order in which they were chosen."""
    return tuple(sorted(copies, key=lambda copy: CHOSEN_KINDS.index(copy.kind)))
