"""MP4 sample entries (ISO/IEC 14496-12, 8.5.2): what codec a track has, its parameters, and their bytes.

Not for: decoding what the configuration records say; they are compared and copied.
"""

from agent.media.containers.boxes import BadBox, box, child, full_box, number
from agent.media.containers.tables import Track

_VIDEO = {b"avc1": "h264", b"avc3": "h264", b"hvc1": "hevc", b"hev1": "hevc"}
_VIDEO_CONFIG = {"h264": b"avcC", "hevc": b"hvcC"}
_MPEG4_AUDIO = {0x40: "aac", 0x66: "aac", 0x67: "aac", 0x68: "aac", 0x69: "mp3", 0x6B: "mp3"}
_TAG = {b"avc3": b"avc1", b"hev1": b"hvc1"}
_REFERENCE = bytes(6) + b"\0\1"
MP4_VIDEO = frozenset(_VIDEO_CONFIG)
MP4_AUDIO = frozenset({"aac", "opus"})


def track(kind: str, timescale: int, entry: bytes) -> Track:
    """An empty Track for this entry. H.264 is tagged avc1 and H.265 hvc1: some players play no other. BadBox."""
    content = memoryview(entry)[8:]
    fourcc = entry[4:8]
    if kind == "video":
        codec = _VIDEO.get(fourcc)
        if codec is None:
            raise BadBox(f"its video is of a kind that is not supported ({fourcc.decode('latin-1')!r})")
        config = bytes(child(content, _VIDEO_CONFIG[codec], 78))
        width, height = number(content, 24, 2), number(content, 26, 2)
        return Track(kind, codec, timescale, config, tagged(entry), width=width, height=height)
    codec, config = _sound(fourcc, content)
    rate, channels = number(content, 24, 2), number(content, 16, 2)
    return Track(kind, codec, timescale, config, entry, rate=rate or timescale, channels=channels)


def tagged(entry: bytes) -> bytes:
    """The entry with the tag that every player takes: avc1, hvc1. Parameter sets in the packets stay where they are."""
    return entry[:4] + _TAG.get(entry[4:8], entry[4:8]) + entry[8:]


def video(codec: str, width: int, height: int, config: bytes) -> bytes:
    """An entry made of a configuration record (avcC, hvcC); empty when MP4 cannot carry the codec."""
    tag = {"h264": b"avc1", "hevc": b"hvc1"}.get(codec)
    if tag is None or not config or config[0] != 1 or not (0 < width < 1 << 16 and 0 < height < 1 << 16):
        return b""
    size = width.to_bytes(2, "big") + height.to_bytes(2, "big")
    resolution = (b"\0\x48\0\0") * 2
    fixed = _REFERENCE + bytes(16) + size + resolution + bytes(4) + b"\0\1" + bytes(32) + b"\0\x18\xff\xff"
    return box(tag, fixed, box(_VIDEO_CONFIG[codec], config))


def sound(codec: str, rate: int, channels: int, config: bytes) -> bytes:
    """An entry made of an AudioSpecificConfig; empty for other sound, which stays in the container it is in."""
    if codec != "aac" or not 2 <= len(config) <= 64 or not 0 < rate < 1 << 16:
        return b""
    fixed = (
        _REFERENCE + bytes(8) + channels.to_bytes(2, "big") + b"\0\x10" + bytes(4) + rate.to_bytes(2, "big") + b"\0\0"
    )
    decoder = b"\x40\x15" + bytes(11) + b"\5" + bytes((len(config),)) + config
    stream = b"\0\1\0" + b"\4" + bytes((len(decoder),)) + decoder + b"\6\1\2"
    return box(b"mp4a", fixed, full_box(b"esds", 0, 0, b"\3" + bytes((len(stream),)) + stream))


def _sound(fourcc: bytes, content: memoryview) -> tuple[str, bytes]:
    """FFmpeg's name of a sound entry's codec, and its configuration; by its four characters when not known here."""
    if fourcc == b"mp4a":
        return _elementary_stream(child(content, b"esds", 28))
    if fourcc == b"Opus":
        return "opus", bytes(child(content, b"dOps", 28))
    name = fourcc.decode("latin-1").strip().lower()
    return {"alaw": "pcm_alaw", "ulaw": "pcm_mulaw"}.get(name, name), bytes(content[28:])


def _elementary_stream(esds: memoryview) -> tuple[str, bytes]:
    """Codec and AudioSpecificConfig from an ES descriptor (ISO/IEC 14496-1, 7.2.6); bit rates are no parameters."""
    inside, _ = _descriptor(esds[4:], 0x03)
    flags = number(inside, 2, 1)
    at = 3 + (2 if flags & 0x80 else 0)
    if flags & 0x40:
        at += 1 + number(inside, at, 1)
    if flags & 0x20:
        at += 2
    decoder, _ = _descriptor(inside[at:], 0x04)
    codec = _MPEG4_AUDIO.get(number(decoder, 0, 1), "mp4a")
    if len(decoder) <= 13:
        return codec, b""
    specific, _ = _descriptor(decoder[13:], 0x05)
    return codec, bytes(specific)


def _descriptor(content: memoryview, tag: int) -> tuple[memoryview, memoryview]:
    """The content of the descriptor that starts here, which must have this tag, and what follows it."""
    if number(content, 0, 1) != tag:
        raise BadBox("its sound has no readable parameters")
    length, at = 0, 1
    for at in range(1, 5):
        byte = number(content, at, 1)
        length = length << 7 | byte & 0x7F
        if not byte & 0x80:
            break
    start = at + 1
    if start + length > len(content):
        raise BadBox("its sound's parameters are cut short")
    return content[start : start + length], content[start + length :]
