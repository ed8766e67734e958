"""The kinds of values in ``handover.yaml``: words, paths, addresses; what is accepted, and what is said when it is not.

Not for: which settings there are (``agent.settings.model``), durations and sizes (``agent.settings.units``).
"""

import ipaddress
import os
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

SOCKET = Path("run", "agent.sock")
"""Below the data."""
_LONGEST_SOCKET_PATH = 107
"""Bytes of ``sun_path`` without its final zero (unix(7))."""


class Preserve(StrEnum):
    """Whether a requested window is kept from being overwritten while the owner decides."""

    YES = "yes"
    ASK = "ask"
    NO = "no"


class Trim(StrEnum):
    """Which key frame a copy starts at: the last one before the window, or the first one inside it."""

    BEFORE = "before"
    INSIDE = "inside"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def is_plain(path: Path) -> bool:
    return path.is_absolute() and ".." not in path.parts and str(path).isprintable()


def _absolute(path: Path) -> Path:
    if not is_plain(path):
        raise PydanticCustomError("path", "an absolute path, such as /var/lib/handover")
    return path


def _room_for_socket(path: Path) -> Path:
    if len(os.fsencode(path / SOCKET)) > _LONGEST_SOCKET_PATH:
        raise PydanticCustomError("path", "a shorter path: no Unix socket below it can have this name")
    return path


def _origin(url: str) -> str:
    """An http(s) origin without user, query or fragment; plain http only towards this machine."""
    parts = urlsplit(url)
    try:
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    if parts.scheme not in ("http", "https") or not host or re.search(r"[\s\x00-\x1f]", url):
        raise PydanticCustomError("url", "a URL such as https://portal.example.org")
    if "@" in parts.netloc:
        raise PydanticCustomError("url", "a URL without a user name or password in it")
    if parts.query or parts.fragment:
        raise PydanticCustomError("url", "a URL without '?' and '#'")
    return url.rstrip("/")


def _https(url: str) -> str:
    url = _origin(url)
    host = urlsplit(url).hostname or ""
    if urlsplit(url).scheme == "http" and not _loopback(host):
        raise PydanticCustomError("url", "https:// (plain http:// only for a portal on this very machine)")
    return url


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _word_not_boolean(value: object) -> object:
    """``yes`` stays the word, however a YAML reader saw it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return {"true": "yes", "on": "yes", "false": "no", "off": "no"}.get(value.lower(), value.lower())
    return value


def _interface(name: str) -> str:
    if not re.fullmatch(r"[^\s/:]{1,15}", name):
        raise PydanticCustomError("interface", "the name of a network interface, such as eth0")
    return name


def _host(text: str) -> str:
    bare = text.removeprefix("[").removesuffix("]")
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        label = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
        if len(text) > 253 or not re.fullmatch(rf"{label}(\.{label})*", text) or re.fullmatch(r"[\d.]+", text):
            raise PydanticCustomError("host", "an IP address or host name, such as 192.168.1.64") from None
    return text


def _user(name: str) -> str:
    if not re.fullmatch(r"[a-z_][a-z0-9_.-]{0,31}\$?", name):
        raise PydanticCustomError("user", "the name of a user of this machine, such as anna")
    return name


def _quiet(text: str) -> str:
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)-([01]?\d|2[0-3]):([0-5]\d)", text.strip())
    if found is None or (found[1], found[2]) == (found[3], found[4]):
        raise PydanticCustomError("quiet", "two times of day, such as 22:00-07:00, or null")
    return text.strip()


def _jurisdiction(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,15}", text):
        raise PydanticCustomError("jurisdiction", "uk, eu, or the name of a file of your own, such as ie")
    return text


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
HttpsUrl = Annotated[str, Field(max_length=500), AfterValidator(_https)]
HttpUrl = Annotated[str, Field(max_length=500), AfterValidator(_origin)]
Interfaces = Literal["all"] | Annotated[tuple[Annotated[str, AfterValidator(_interface)], ...], Field(max_length=64)]
PreserveWord = Annotated[
    Preserve,
    BeforeValidator(_word_not_boolean),
    # An editor that reads YAML 1.1 sees "yes" as true.
    WithJsonSchema({"enum": ["yes", "ask", "no", True, False]}),
]
QuietWord = Annotated[str, AfterValidator(_quiet)]
"""Hours of the day, such as ``22:00-07:00``."""
Jurisdiction = Annotated[str, Field(max_length=16), AfterValidator(_jurisdiction)]
DataPath = Annotated[AbsolutePath, AfterValidator(_room_for_socket)]
Host = Annotated[str, AfterValidator(_host)]
User = Annotated[str, AfterValidator(_user)]
