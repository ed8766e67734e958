"""What a package can't tell, and what plays its recordings, in sentences for READ-ME-FIRST.

Not for: notes of the agent on one recording, which are in the manifest (``Evidence.notes``).
"""

from exchange.documents.camera_signatures import SignatureVerdict
from exchange.documents.evidence import Evidence
from exchange.documents.footage_facts import Master
from exchange.documents.human_time import duration_text
from exchange.documents.messages import Request
from exchange.documents.noted import NotedRequest


def limits(evidence: Evidence, request: Request | NotedRequest) -> list[str]:
    """What nobody can know from this package, a sentence or two each."""
    clocks = evidence.clocks
    honest = (
        "Whether the camera showed what was there. The package proves that what was recorded was not changed after it "
        "was packed, not that nobody covered or turned the camera, or changed the recording before."
    )
    if all(_signed(master) for master in evidence.masters):
        honest += " What the camera itself signed was not changed after it left the camera."
    found = [
        honest,
        "Who or what is to be seen, and what happened before, after or outside of the pictures.",
    ]
    if clocks.camera is None:
        found.append("How wrong the camera’s clock was: it was never compared with another.")
    elif clocks.camera_range is not None:
        found.append("When, between two comparisons, the camera’s clock was set.")
    elif clocks.camera_other is None:
        found.append(
            "Whether the camera’s clock was set between the recording and the comparison: there is a comparison on one "
            "side of the recording only."
        )
    else:
        found.append(
            "Whether the camera’s clock was set and set back between two comparisons that agree with each other."
        )
    if not clocks.host_synchronised:
        found.append("Whether the clock that the camera’s was compared with was right.")
    if evidence.gaps:
        lost = sum(gap.end - gap.start for gap in evidence.gaps)
        found.append(f"What happened in the {duration_text(lost)} of the gaps.")
    if not evidence.sound.delivered:
        found.append("What was to be heard: there is no sound in this package.")
    if isinstance(request, NotedRequest):
        found.append("Whether the police asked: the owner wrote the request down, and no officer signed it.")
    return found


def _signed(master: Master) -> bool:
    """Whether the camera's own signature holds over it."""
    return any(each.verdict is SignatureVerdict.AUTHENTIC for each in master.camera_signatures or ())


def play_sentences(evidence: Evidence) -> list[str]:
    """What plays the recordings: none needs a program of the recorder's maker."""
    containers = {master.container.lower() for master in evidence.masters}
    codecs = {track.codec.lower() for master in evidence.masters for track in master.tracks}
    found = ["No program of the recorder’s or the camera’s maker is needed."]
    if containers <= {"mp4"}:
        found.append("The files are ordinary MP4. VLC plays them on every computer, and most other players do.")
    else:
        found.append(
            "The files are Matroska, because MP4 can’t hold the sound as it was recorded. VLC plays them on every "
            "computer; where a player doesn’t, use a working copy."
        )
    if any("265" in codec or "hevc" in codec for codec in codecs):
        found.append("They are coded as H.265, which some browsers and older players can’t decode; VLC can.")
    found.append(
        "Keep the files as they are, and work on copies: a file that a program saved again is no longer the evidence."
    )
    return found
