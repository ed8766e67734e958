"""The recorder's own small file: which cameras, where from, how to log in. The daemon writes it, the recorder reads it.

Not for: the owner's settings (``agent.settings.model``). It holds passwords, so it is never readable by everybody.
"""

import json
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from agent.devices.address import Password, UserName
from agent.recordings import layout
from exchange.clock import MINUTE, SECOND
from exchange.complaints import complaint
from exchange.durable import durable_file
from exchange.errors import SettingsInvalid

MAX_BYTES = 1 << 20
MOST_CAMERAS = 256


@dataclass(frozen=True, slots=True)
class CameraSource:
    """A camera's stream. ``url`` has no user and no password in it; ``sound``: whether sound is asked for at all."""

    camera_id: str
    url: str
    user: str = ""
    password: str = field(default="", repr=False)
    sound: bool = True
    stream: str = "main"

    @property
    def url_with_login(self) -> str:
        """For the library that connects, and for nothing else: never logged, never shown.

        Where the address says ``{password}``, the camera wants its password at that place.
        """
        url = self.url.replace("{password}", quote(self.password, safe=""))
        if not self.user:
            return url
        parts = urlsplit(url)
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@"
        return urlunsplit(parts._replace(netloc=login + parts.netloc))


@dataclass(frozen=True, slots=True)
class UnusableCamera:
    """A camera of the file that can't be recorded as it stands there, and why; the others are."""

    camera_id: str
    why: str


@dataclass(frozen=True, slots=True)
class RecorderConfig:
    """What the recorder does. Times in microseconds, sizes in bytes.

    ``fragment``: how long a fragment of a segment is at most, once a frame ends it; ``sync``: how often what is
    written is put on the disk; the two together are what a power cut costs. ``stall``: no picture for this long is a
    frozen stream. ``reserve``: the recorder stops writing before its disk has less than this free. ``mount``: where
    the recordings' disk must be mounted before anything is written; "" where they are on the system's own.
    """

    root: Path
    cameras: tuple[CameraSource, ...]
    segment: int = MINUTE
    fragment: int = SECOND
    sync: int = SECOND * 3 // 4
    stall: int = 15 * SECOND
    reserve: int = 64 * 1024 * 1024
    mount: str = ""
    unusable: tuple[UnusableCamera, ...] = ()


class _Camera(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    id: Annotated[str, Field(max_length=64)]
    url: Annotated[str, Field(max_length=2000)]
    user: UserName = ""
    password: Password = ""
    sound: bool = True
    stream: Annotated[str, Field(max_length=64)] = "main"

    @field_validator("id")
    @classmethod
    def _names_a_folder(cls, value: str) -> str:
        if not layout.is_id(value):
            raise ValueError("must be letters, digits, - _ and . only, starting with a letter or digit")
        return value

    @field_validator("url")
    @classmethod
    def _is_rtsp(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("rtsp", "rtsps") or not parts.hostname:
            raise ValueError("must start with rtsp:// or rtsps:// and name a host")
        if "@" in parts.netloc:
            raise ValueError("must not hold the user or password: they have fields of their own")
        if any(ord(letter) < 33 for letter in value):
            raise ValueError("must not hold spaces or control characters")
        return value


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    version: Annotated[int, Field(ge=1, le=1)]
    root: str
    cameras: list[Any]
    """Each is read for itself: one that can't be used must not stop the others."""
    segment_us: Annotated[int, Field(ge=SECOND, le=10 * MINUTE)] = MINUTE
    fragment_us: Annotated[int, Field(ge=SECOND // 10, le=2 * SECOND)] = SECOND
    sync_us: Annotated[int, Field(ge=SECOND // 10, le=60 * SECOND)] = SECOND * 3 // 4
    stall_us: Annotated[int, Field(ge=SECOND, le=5 * MINUTE)] = 15 * SECOND
    reserve_bytes: Annotated[int, Field(ge=0)] = 64 * 1024 * 1024
    mount: Annotated[str, Field(max_length=4096)] = ""


def load(path: Path) -> RecorderConfig:
    """Read the recorder's file. SettingsInvalid says what is wrong, without a word of what the fields hold."""
    try:
        if stat.S_IMODE(path.stat().st_mode) & stat.S_IRWXO:
            raise SettingsInvalid(
                f"{path} can be read by every user of this machine.",
                meaning="It holds the cameras' passwords.",
                do=f"Run: chmod o= {path}",
            )
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SettingsInvalid(
            f"{path} cannot be read: {error.strerror}.", do="Start the daemon: it writes it."
        ) from None
    try:
        if len(content) > MAX_BYTES:
            raise ValueError("it is too large")
        read = _File.model_validate(json.loads(content))
        usable, unusable = _cameras(read.cameras)
    except ValidationError as error:
        raise _invalid(path, complaint(error, "the file")) from None
    except RecursionError:
        raise _invalid(path, "it is nested too deeply") from None
    except json.JSONDecodeError as error:  # its own text may quote what stands there
        raise _invalid(path, f"line {error.lineno} is not JSON") from None
    except ValueError as error:
        raise _invalid(path, str(error)) from None
    return RecorderConfig(
        root=Path(read.root),
        cameras=usable,
        unusable=unusable,
        segment=read.segment_us,
        fragment=read.fragment_us,
        sync=read.sync_us,
        stall=read.stall_us,
        reserve=read.reserve_bytes,
        mount=read.mount,
    )


def _cameras(entries: list[Any]) -> tuple[tuple[CameraSource, ...], tuple[UnusableCamera, ...]]:
    usable: dict[str, CameraSource] = {}
    unusable = []
    for number, entry in enumerate(entries, 1):
        reported = entry.get("id") if isinstance(entry, dict) else None
        name = reported if isinstance(reported, str) and layout.is_id(reported) else f"number {number}"
        try:
            each = _Camera.model_validate(entry)
        except ValidationError as error:
            unusable.append(UnusableCamera(name, complaint(error, "it")))
            continue
        if each.id in usable:
            unusable.append(UnusableCamera(f"number {number}", f"another camera is called {each.id}, too"))
        elif len(usable) == MOST_CAMERAS:
            unusable.append(UnusableCamera(name, f"one recorder records {MOST_CAMERAS} cameras at most"))
        else:
            usable[each.id] = CameraSource(each.id, each.url, each.user, each.password, each.sound, each.stream)
    return tuple(usable.values()), tuple(unusable)


def save(path: Path, config: RecorderConfig, *, mode: int = 0o640) -> None:
    """Write the recorder's file, whole and durable. Send the recorder SIGHUP to have it read. DiskFull, OSError."""
    plain: dict[str, Any] = {
        "version": 1,
        "root": str(config.root),
        "segment_us": config.segment,
        "fragment_us": config.fragment,
        "sync_us": config.sync,
        "stall_us": config.stall,
        "reserve_bytes": config.reserve,
        "mount": config.mount,
        "cameras": [
            {
                "id": each.camera_id,
                "url": each.url,
                "user": each.user,
                "password": each.password,
                "sound": each.sound,
                "stream": each.stream,
            }
            for each in config.cameras
        ],
    }
    with durable_file(path, mode=mode) as file:
        file.write(json.dumps(plain, indent=1).encode())


def _invalid(path: Path, why: str) -> SettingsInvalid:
    return SettingsInvalid(
        f"{path} cannot be used: {why}.",
        meaning="The recorder goes on as it was, or does not start.",
        do="See the daemon.",
    )
