"""What a camera streams, from the answers of either media service, in one set of words.

Not for: where the streams are (``urls``). It runs in worker processes only.
"""

import re
from dataclasses import asdict, dataclass
from typing import Any

from exchange.bounded_xml import Element

_WORDS = {
    "mpv4-es": "mpeg4",
    "mp4v-es": "mpeg4",
    "hevc": "h265",
    "mp4a-latm": "aac",
    "mpeg4-generic": "aac",
    "pcmu": "g711",
    "pcma": "g711",
}
_LARGEST = 65535


@dataclass(slots=True)
class Stream:
    """One media profile; see ``catalogue.Profile`` for units. ``uri`` is as the camera gave it."""

    token: str
    name: str
    source: str = ""
    codec: str = ""
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    bitrate_kbps: int | None = None
    audio: str = ""
    uri: str | None = None

    def facts(self) -> dict[str, Any]:
        """For ``catalogue.Profile``, but the stream's address."""
        reported = asdict(self)
        del reported["uri"]
        return reported


def from_media(answer: Element) -> list[Stream]:
    """From the answer to GetProfiles of the first Media service (ver10). Profiles without video are left out."""
    streams = []
    for profile in answer.children:
        video = profile.at("VideoEncoderConfiguration")
        token = _token(profile)
        if profile.name != "Profiles" or video is None or not token:
            continue
        streams.append(
            Stream(
                token,
                profile.text_at("Name") or "",
                profile.text_at("VideoSourceConfiguration", "SourceToken") or "",
                _word(video.text_at("Encoding")),
                _integer(video.text_at("Resolution", "Width")),
                _integer(video.text_at("Resolution", "Height")),
                _number(video.text_at("RateControl", "FrameRateLimit")),
                _integer(video.text_at("RateControl", "BitrateLimit"), largest=1 << 31),
                _word(profile.text_at("AudioEncoderConfiguration", "Encoding")),
            )
        )
    return _each_once(streams)


def from_media2(answer: Element) -> list[Stream]:
    """From the answer to GetProfiles of Media2 (ver20). Profiles without video are left out."""
    streams = []
    for profile in answer.children:
        video = profile.at("Configurations", "VideoEncoder")
        token = _token(profile)
        if profile.name != "Profiles" or video is None or not token:
            continue
        streams.append(
            Stream(
                token,
                profile.text_at("Name") or "",
                profile.text_at("Configurations", "VideoSource", "SourceToken") or "",
                _word(video.text_at("Encoding")),
                _integer(video.text_at("Resolution", "Width")),
                _integer(video.text_at("Resolution", "Height")),
                _number(video.text_at("RateControl", "FrameRateLimit")),
                _integer(video.text_at("RateControl", "BitrateLimit"), largest=1 << 31),
                _word(profile.text_at("Configurations", "AudioEncoder", "Encoding")),
            )
        )
    return _each_once(streams)


def _token(profile: Element) -> str:
    return (profile.attributes.get("token") or profile.text_at("token") or "").strip()[:128]


def _each_once(streams: list[Stream]) -> list[Stream]:
    """Some list a profile twice; the first one stands."""
    return list({stream.token: stream for stream in reversed(streams)}.values())[::-1]


def _word(reported: object) -> str:
    word = str(reported or "").strip().lower()[:128]
    if re.fullmatch(r"(?:video/)?h[.-]?26[45][a-z+]*", word):  # with a point, or with the name of a profile
        return "h265" if "265" in word else "h264"
    return _WORDS.get(word, word)


def _number(reported: object) -> float | None:
    try:
        number = float(str(reported))
    except ValueError:
        return None
    return number if 0 <= number <= 1000 else None


def _integer(reported: object, *, largest: int = _LARGEST) -> int | None:
    try:
        number = int(float(str(reported)))
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number <= largest else None
