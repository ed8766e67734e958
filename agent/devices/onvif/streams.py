"""What a camera streams, from the answers of either media service, in one set of words.

Not for: where the streams are (``urls``). It runs in worker processes only.
"""

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


def from_media(profiles: Any) -> list[Stream]:
    """From zeep's answer to GetProfiles of the first Media service (ver10). Profiles without video are left out."""
    streams = []
    for profile in profiles or []:
        video, audio = profile.VideoEncoderConfiguration, profile.AudioEncoderConfiguration
        token = profile.token
        if video is None or not token:
            continue
        size, rate = video.Resolution, video.RateControl
        streams.append(
            Stream(
                str(token)[:128],
                str(profile.Name or ""),
                str((profile.VideoSourceConfiguration and profile.VideoSourceConfiguration.SourceToken) or ""),
                _word(video.Encoding),
                _integer(size and size.Width),
                _integer(size and size.Height),
                _number(rate and rate.FrameRateLimit),
                _integer(rate and rate.BitrateLimit, largest=1 << 31),
                _word(audio.Encoding if audio is not None else None),
            )
        )
    return streams


def from_media2(answer: Element) -> list[Stream]:
    """From the answer to GetProfiles of Media2 (ver20). Profiles without video are left out."""
    streams = []
    for profile in answer.children:
        video = profile.at("Configurations", "VideoEncoder")
        token = profile.attributes.get("token")
        if profile.name != "Profiles" or video is None or not token:
            continue
        streams.append(
            Stream(
                token[:128],
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
    return streams


def _word(reported: object) -> str:
    word = str(reported or "").strip().lower()[:128]
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
