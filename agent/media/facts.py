"""What is known of recorded footage: segments, stretches, gaps, and what a copy would hold; to JSON and back.

Not for: how any of it is found out (``inspect``), or the copy itself (``cut``).
"""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

JsonObject = dict[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


H264_PROFILES = frozenset({66, 77, 100})
"""profile_idc (ITU-T H.264, A.2) of Baseline, Main and High: what every player takes."""


class Trim(StrEnum):
    """Where a copy starts, as it can start only at a key frame."""

    BEFORE = "before"
    """The last key frame at or before the window's start: nothing asked for is missing, some extra is there."""
    INSIDE = "inside"
    """The first key frame inside the window: nothing extra, some of what was asked for is missing."""


@dataclass(frozen=True, slots=True)
class SourceRef:
    """A recorded segment as the segment store names it.

    ``start_us`` is the UTC of its first key frame; ``end_us`` is where the store believes that it ends, None when it
    is not known (still growing). Microseconds.
    """

    path: Path
    start_us: int
    end_us: int | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A segment pinned to what was seen of it.

    ``placed_us`` is the UTC that its first key frame has on the stretch's timeline: ``start_us``, unless the segment
    joins the one before it within a fraction of a frame, where the camera's own time goes on. ``size`` is the number
    of bytes that hold whole fragments; ``whole`` says that the file has no more than that.
    """

    path: Path
    start_us: int
    placed_us: int
    size: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound track: FFmpeg's name of the codec, samples a second (0: not known), channels (0: not known)."""

    codec: str
    rate: int
    channels: int


@dataclass(frozen=True, slots=True)
class Gops:
    """How far apart key frames are: in frames, and the longest in microseconds."""

    count: int
    shortest: int
    longest: int
    longest_us: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """Unbroken footage of one codec and parameter set, as a copy would hold it: one master file.

    ``first_us`` and ``last_us`` are the presentation times of the first and last frame, ``end_us`` is when the last
    frame stops being shown (never after the window's end); ``video_bytes`` and ``sound_bytes`` are sums of packets.
    """

    sources: tuple[Source, ...]
    first_us: int
    last_us: int
    end_us: int
    frames: int
    codec: str
    width: int
    height: int
    fps: float
    video_bytes: int
    sound: Sound | None
    sound_packets: int
    sound_bytes: int
    gops: Gops
    profile: int | None = None
    """H.264's profile_idc; None: another codec, or not known."""


class Missing(StrEnum):
    """Where footage is missing."""

    START = "start"
    BETWEEN = "between"
    WITHIN = "within"
    END = "end"


@dataclass(frozen=True, slots=True)
class Gap:
    """Time inside the window with no footage, UTC microseconds, half-open; ``kind`` says where.

    ``within`` is a hole in the camera's own timestamps inside one stretch; ``between`` separates two stretches.
    """

    start_us: int
    end_us: int
    kind: Missing


@dataclass(frozen=True, slots=True)
class Trimmed:
    """What a copy in one trimming mode would hold; no stretch at all means that there is no footage."""

    mode: Trim
    stretches: tuple[Stretch, ...]

    @property
    def first_us(self) -> int | None:
        return self.stretches[0].first_us if self.stretches else None

    @property
    def last_us(self) -> int | None:
        return self.stretches[-1].last_us if self.stretches else None

    @property
    def frames(self) -> int:
        return sum(stretch.frames for stretch in self.stretches)

    @property
    def video_bytes(self) -> int:
        return sum(stretch.video_bytes for stretch in self.stretches)

    @property
    def sound_bytes(self) -> int:
        return sum(stretch.sound_bytes for stretch in self.stretches)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file among the segments that could not be used, and why, in words for a person."""

    path: Path
    why: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """What there is of a window, UTC microseconds, half-open."""

    start_us: int
    end_us: int
    before: Trimmed
    inside: Trimmed
    gaps: tuple[Gap, ...]
    unreadable: tuple[Unreadable, ...]

    def trimmed(self, mode: Trim) -> Trimmed:
        return self.before if mode is Trim.BEFORE else self.inside


@dataclass(frozen=True, slots=True)
class CutPlan:
    """What the owner approved: these stretches to the frame, with or without their sound.

    ``name`` starts each file's name (the UTC of the first frame ends it): letters, digits, ``-`` and ``_`` only.
    """

    stretches: tuple[Stretch, ...]
    sound: bool
    name: str = "master"


@dataclass(frozen=True, slots=True)
class TrackCopy:
    """One track of a finished file: how many packets, their bytes, and the SHA-256 over their payloads.

    ``before`` is of the source's packets, ``after`` of the finished file's, which was read again and held against them;
    they are equal, and are what FFmpeg's streamhash muxer prints for either.
    """

    kind: str
    codec: str
    packets: int
    bytes: int
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class SourceCopy:
    """A segment that was copied from: SHA-256 of its first ``size`` bytes, which are all when ``whole``."""

    path: Path
    start_us: int
    size: int
    whole: bool
    sha256: str


@dataclass(frozen=True, slots=True)
class Master:
    """One finished master; ``file`` is relative to the folder that was cut into.

    ``crc32``, when it was taken in the same reading as ``sha256``, spares the sealing a second hashing.

    ``placed_us`` in step with ``sources``: the UTC of each one's first key frame on the master's timeline. The
    frame at time t of the file was taken at ``first_us`` + t. ``duration_us`` runs to the last frame's end.
    """

    file: str
    sha256: str
    size: int
    container: str
    codec: str
    width: int
    height: int
    frames: int
    first_us: int
    last_us: int
    duration_us: int
    tracks: tuple[TrackCopy, ...]
    sources: tuple[SourceCopy, ...]
    placed_us: tuple[int, ...]
    operation: str
    crc32: int | None = None


@dataclass(frozen=True, slots=True)
class CutResult:
    """All masters of a plan in the order of time, and what they were made with (name to version)."""

    masters: tuple[Master, ...]
    tools: dict[str, str]


def file_name(name: str, first_us: int, suffix: str) -> str:
    """``name`` and the UTC of the first frame: ``gate-20261121T100000.040000Z.mp4``."""
    first = _EPOCH + timedelta(microseconds=first_us)
    return f"{name}-{first:%Y%m%dT%H%M%S}.{first.microsecond:06d}Z{suffix}"


def first_of(file: str) -> int:
    """The UTC of the first frame, microseconds, out of a file's name. ValueError when it isn't one of ours."""
    moment = file.rpartition("-")[2].rpartition("Z.")[0]
    return (datetime.strptime(f"{moment}+0000", "%Y%m%dT%H%M%S.%f%z") - _EPOCH) // timedelta(microseconds=1)


def to_json(facts: Any) -> JsonObject:
    """Any of the above as what JSON can carry: paths become strings."""
    plain: JsonObject = _plain(asdict(facts))
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return str(value) if isinstance(value, Path | StrEnum) else value


def source_ref(plain: JsonObject) -> SourceRef:
    return SourceRef(Path(plain["path"]), plain["start_us"], plain.get("end_us"))


def stretch(plain: JsonObject) -> Stretch:
    sources = tuple(Source(**{**source, "path": Path(source["path"])}) for source in plain["sources"])
    sound = Sound(**plain["sound"]) if plain["sound"] else None
    return Stretch(**{**plain, "sources": sources, "sound": sound, "gops": Gops(**plain["gops"])})


def cut_plan(plain: JsonObject) -> CutPlan:
    return CutPlan(tuple(map(stretch, plain["stretches"])), plain["sound"], plain.get("name", "master"))


def inspection(plain: JsonObject) -> Inspection:
    return Inspection(
        plain["start_us"],
        plain["end_us"],
        _trimmed(plain["before"]),
        _trimmed(plain["inside"]),
        tuple(Gap(gap["start_us"], gap["end_us"], Missing(gap["kind"])) for gap in plain["gaps"]),
        tuple(Unreadable(Path(entry["path"]), entry["why"]) for entry in plain["unreadable"]),
    )


def _trimmed(plain: JsonObject) -> Trimmed:
    return Trimmed(Trim(plain["mode"]), tuple(map(stretch, plain["stretches"])))


def cut_result(plain: JsonObject) -> CutResult:
    return CutResult(tuple(map(_master, plain["masters"])), dict(plain["tools"]))


def _master(plain: JsonObject) -> Master:
    tracks = tuple(TrackCopy(**track) for track in plain["tracks"])
    sources = tuple(SourceCopy(**{**source, "path": Path(source["path"])}) for source in plain["sources"])
    plain = {name: value for name, value in plain.items() if name != "working"}  # as it was cut by an older agent
    return Master(**{**plain, "tracks": tracks, "sources": sources, "placed_us": tuple(plain["placed_us"])})
