"""Looking for malware in what strangers sent, by a clamd on this machine: nothing is shown before it was looked at.

``scanner.yaml`` in the officer's folder says where clamd listens; without the file nothing is looked at, and that is
said wherever such a file is shown. Not for: what is sealed, which nobody can look into on its way.
"""

import contextlib
import re
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import AfterValidator, Field, ValidationError

from exchange.documents.letters import harmless
from exchange.documents.messages import Part
from exchange.errors import SettingsInvalid, VerificationFailed
from portal.officer.state import OfficerState

SECONDS = 120
"""How long clamd may take for each step."""
_PIECE = 256 * 1024
_MOST_REPLY = 4096
_LOOPBACK = re.compile(r"tcp:(127\.0\.0\.1|\[::1\]|localhost):([0-9]{1,5})")


class ScannerFailed(VerificationFailed):
    """A file could not be looked at for malware, so it is not shown."""


def _place(text: str) -> str:
    if _LOOPBACK.fullmatch(text) or (text.startswith("unix:/") and len(text) < 108):
        return text
    raise ValueError("it is unix:/path of a socket, or tcp:127.0.0.1:port: what was unsealed leaves no machine")


class _Settings(Part):
    clamd: Annotated[str, Field(max_length=200), AfterValidator(_place)]


@dataclass(frozen=True, slots=True)
class Scanner:
    """``place``: as ``scanner.yaml`` says it."""

    place: str

    def look_at(self, path: Path) -> str | None:
        """The name of what was found in a file; None where it is clean. Blocks. ScannerFailed."""
        try:
            with contextlib.closing(self._connected()) as connection:
                connection.sendall(b"zINSTREAM\0")
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the reply says why it stopped
                    for piece in _pieces(path):
                        connection.sendall(struct.pack(">I", len(piece)) + piece)
                reply = _reply(connection)
        except OSError as error:
            raise _failed(f"clamd at {self.place} can't be reached ({error.strerror or error}).") from None
        if reply == "stream: OK":
            return None
        if reply.startswith("stream: ") and reply.endswith(" FOUND"):
            return harmless(reply.removeprefix("stream: ").removesuffix(" FOUND"), 200) or "something without a name"
        if "size limit exceeded" in reply:
            raise _failed("The file is larger than clamd takes: raise StreamMaxLength and MaxFileSize in clamd.conf.")
        raise _failed(f"clamd did not look at the file: {harmless(reply, 200) or 'it said nothing'}.")

    def _connected(self) -> socket.socket:
        loopback = _LOOPBACK.fullmatch(self.place)
        if loopback is not None:
            return socket.create_connection((loopback[1].strip("[]"), int(loopback[2])), timeout=SECONDS)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(SECONDS)
        try:
            connection.connect(self.place.removeprefix("unix:"))
        except BaseException:
            connection.close()
            raise
        return connection


def read_scanner(state: OfficerState) -> Scanner | None:
    """What ``scanner.yaml`` sets; None where there is none. SettingsInvalid when it can't be used."""
    path = state.folder / "scanner.yaml"
    if not path.exists():
        return None
    try:
        return Scanner(_Settings.model_validate(yaml.safe_load(path.read_bytes()[:65536])).clamd)
    except (OSError, ValidationError, yaml.YAMLError, UnicodeDecodeError):
        raise SettingsInvalid(
            f"{path} can't be used.",
            meaning="Nothing that strangers sent is opened while nobody looks for malware in it.",
            do="Write 'clamd: unix:/run/clamav/clamd.ctl', or 'clamd: tcp:127.0.0.1:3310'; or delete the file.",
        ) from None


def _pieces(path: Path) -> Iterator[bytes]:
    """The file, and the empty piece that ends it."""
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
    yield b""


def _reply(connection: socket.socket) -> str:
    found = b""
    while b"\0" not in found and len(found) < _MOST_REPLY:
        try:
            more = connection.recv(_MOST_REPLY)
        except ConnectionResetError:
            break
        if not more:
            break
        found += more
    return found.partition(b"\0")[0].decode("utf-8", "replace").strip()


def _failed(what: str) -> ScannerFailed:
    return ScannerFailed(
        what,
        meaning="What a stranger sent is not opened before it was looked at for malware. The sealed file is kept.",
        do="Start clamd, or correct what is named, and open it again.",
    )
