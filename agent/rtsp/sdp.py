"""Reads what a recorder says of a recording's tracks (SDP, RFC 8866): codec, clock rate, parameter sets, control URL.

Not for: the packets themselves (``depacketise``). Whatever cannot be used is left out, never guessed.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

MOST_BYTES = 64 * 1024
_MOST_MEDIA = 32
_START = b"\0\0\0\1"
_STATIC = {0: ("PCMU", 8000, 1), 8: ("PCMA", 8000, 1)}
_VIDEO = {"H264": "h264", "H265": "hevc"}
_SOUND = {"PCMA": "pcm_alaw", "PCMU": "pcm_mulaw", "MPEG4-GENERIC": "aac", "MP4A-LATM": "aac"}


class SdpRefused(ValueError):
    """The description cannot be used; the text says why, free of what the device wrote."""


@dataclass(frozen=True, slots=True)
class MediaTrack:
    """One track that can be fetched. ``config``: parameter sets in Annex B form, or the AudioSpecificConfig.

    ``packing``: "nal", "au" (RFC 3640), "latm" (RFC 6416) or "raw". ``rate``: ticks of the RTP clock a second.
    ``sizes``: bits of an AU header's size and index fields.
    """

    kind: str
    codec: str
    payload_type: int
    rate: int
    channels: int
    control: str
    packing: str
    config: bytes = b""
    sizes: tuple[int, int] = (13, 3)


@dataclass(frozen=True, slots=True)
class Described:
    """What a recording holds: its first usable tracks of pictures and of sound, and where both are controlled."""

    control: str
    video: MediaTrack
    audio: MediaTrack | None
    notes: tuple[str, ...]


def read(content: bytes, base: str) -> Described:
    """Read a session description. ``base``: the URL that relative control URLs are of (RFC 2326, C.1.1).

    Raises SdpRefused when it is no SDP, or has no H.264 or H.265 in it.
    """
    if len(content) > MOST_BYTES:
        raise SdpRefused("its description of the recording is too long")
    text = content.decode("utf-8", "replace")
    session, *sections = re.split(r"^(?=m=)", text.replace("\r\n", "\n"), flags=re.MULTILINE)
    if not session.startswith("v=") or len(sections) > _MOST_MEDIA:
        raise SdpRefused("its description of the recording is no SDP")
    control = control_url(_attributes(session).get("control"), base)
    video = audio = None
    notes: list[str] = []
    for section in sections:
        kind = section[2:].split(" ", 1)[0]
        if (kind == "video" and video is None) or (kind == "audio" and audio is None):
            try:
                track = _track(kind, section, control)
            except SdpRefused as why:
                notes.append(str(why))
                continue
            video, audio = (track, audio) if kind == "video" else (video, track)
    if video is None:
        raise SdpRefused(notes[0] if notes else "the recording has no pictures")
    return Described(control, video, audio, tuple(notes))


def _attributes(section: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in section.split("\n")[:200]:
        if line.startswith("a="):
            name, _, value = line[2:].strip().partition(":")
            found.setdefault(name.lower(), value)
    return found


def control_url(value: str | None, base: str) -> str:
    """A control URL on the host that was reached, whatever host it names."""
    if value is None or value.strip() == "*":
        return base
    if "://" in value:
        reported, reached = urlsplit(value.strip()), urlsplit(base)
        return reported._replace(scheme=reached.scheme, netloc=reached.netloc).geturl()
    return urljoin(base if base.endswith("/") or "?" in base else base + "/", value.strip())


def _track(kind: str, section: str, control: str) -> MediaTrack:
    attributes = _attributes(section)
    words = section.split("\n", 1)[0].split()
    if len(words) < 4 or not words[3].isdecimal() or int(words[3]) > 127:
        raise SdpRefused(f"its {kind} has no payload type")
    payload_type = int(words[3])
    name, rate, channels = _rtpmap(attributes.get("rtpmap", ""), payload_type)
    options = _options(attributes.get("fmtp", ""))
    where = control_url(attributes.get("control"), control)
    codec = (_VIDEO if kind == "video" else _SOUND).get(name)
    if codec is None or not 1000 <= rate <= 1_000_000 or not 1 <= channels <= 8:
        what = "pictures" if kind == "video" else "sound"
        raise SdpRefused(f"its {what} ({name[:20] or 'of an unnamed kind'}) cannot be fetched by replay")
    if kind == "video":
        if options.get("packetization-mode") == "2" or int(_number(options, "sprop-max-don-diff", 0)) > 0:
            raise SdpRefused("its pictures are sent interleaved, which is not understood")
        return MediaTrack(kind, codec, payload_type, rate, 0, where, "nal", _sprop(options))
    if codec != "aac":
        return MediaTrack(kind, codec, payload_type, rate, channels, where, "raw")
    if name == "MPEG4-GENERIC":
        if options.get("mode", "aac-hbr").lower() not in ("aac-hbr", "aac-lbr"):
            raise SdpRefused("its sound is sent in a way that is not understood")
        sizes = (_number(options, "sizelength", 13), _number(options, "indexlength", 3))
        return MediaTrack(kind, codec, payload_type, rate, channels, where, "au", _hex(options.get("config")), sizes)
    return MediaTrack(kind, codec, payload_type, rate, channels, where, "latm", _latm(options))


def _rtpmap(value: str, payload_type: int) -> tuple[str, int, int]:
    found = re.match(r"(\d+)\s+([A-Za-z0-9.-]+)/(\d{1,9})(?:/(\d{1,2}))?", value)
    if found and int(found[1]) == payload_type:
        return found[2].upper(), int(found[3]), int(found[4] or 1)
    return _STATIC.get(payload_type, ("", 0, 0))


def _options(value: str) -> dict[str, str]:
    """A format's parameters; names in lower case."""
    found: dict[str, str] = {}
    for part in value.partition(" ")[2].split(";")[:64]:
        name, _, reported = part.strip().partition("=")
        found.setdefault(name.lower(), reported.strip())
    return found


def _number(options: dict[str, str], name: str, usual: int) -> int:
    value = options.get(name, "")
    return int(value) if value.isdecimal() and len(value) <= 4 else usual


def _sprop(options: dict[str, str]) -> bytes:
    """Parameter sets out of band (RFC 6184, 8.1; RFC 7798, 7.1), each after a start code."""
    listed = ",".join(options.get(name, "") for name in ("sprop-vps", "sprop-sps", "sprop-pps", "sprop-parameter-sets"))
    found = b""
    for word in listed.split(","):
        try:
            unit = base64.b64decode(word.strip() + "=" * (-len(word.strip()) % 4), validate=True)
        except (binascii.Error, ValueError):
            continue
        if unit:
            found += _START + unit
    return found


def _hex(value: str | None) -> bytes:
    try:
        config = bytes.fromhex(value or "")
    except ValueError:
        config = b""
    if not 2 <= len(config) <= 64:
        raise SdpRefused("its sound is not described well enough to be fetched")
    return config


def _latm(options: dict[str, str]) -> bytes:
    """The AudioSpecificConfig in a StreamMuxConfig of version 0 (ISO/IEC 14496-3, 1.7.3): one program, one layer."""
    config = _hex(options.get("config"))
    bits = int.from_bytes(config, "big")
    length = len(config) * 8
    head = bits >> max(length - 15, 0) if length >= 31 else -1
    # Version 0, one time framing for all, and no sub-frames, further programs or layers.
    if options.get("cpresent", "1") != "0" or head != 1 << 13:
        raise SdpRefused("its sound is sent in a way that is not understood")
    specific = (bits >> (length - 31)) & 0xFFFF
    if specific >> 11 != 2 or (specific >> 7) & 15 == 15:
        raise SdpRefused("its sound is of a kind of AAC that is not understood")
    return specific.to_bytes(2, "big")
