"""An officer's secret files: as they are, for this user only; or, once there is a passphrase, sealed under it.

One age identity, sealed with the passphrase (``safe.age``), opens all the others (``….age``): so that the passphrase is
asked for once, and changing it changes one file. Not for: what is in the files (``portal.officer.state``), or what was
on the disk before there was a passphrase, which a disk may keep.
"""

import getpass
import io
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from exchange.age.files import Decryptor, Encryptor, Identity, Opener, Passphrase, Wrapper, generate_identity
from exchange.age.keys import parse_identity
from exchange.durable import durable_file, sync_folder
from exchange.errors import InputInvalid, KeyDoesNotOpen, KeyFileUnusable

Ask = Callable[[str], str]
"""Gets a secret from a person, or from where they keep it; the argument says what is asked for."""
SHORTEST = 12
"""Characters of a passphrase at least."""
WORK_FACTOR = 18
"""log2 of scrypt's N: 256 MiB and about a second for each guess."""
MAX_SECRET = 1 << 20


def ask_at_terminal(words: str) -> str:
    """Typed, and not shown. KeyFileUnusable where there is no terminal to ask at."""
    if not sys.stdin.isatty():
        raise KeyFileUnusable(
            "What opens the officer's keys is wanted, and there is no terminal to ask at.",
            do="Type the command at a terminal, or name a file: handover-officer --passphrase-file, or --pin-file",
        )
    return getpass.getpass(f"{words}: ")


def from_file(path: Path) -> Ask:
    """The first line of a file. KeyFileUnusable when it can't be read."""

    def read(words: str) -> str:
        try:
            with path.open() as file:
                return file.readline(10_000).rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            raise KeyFileUnusable(
                f"The file {path} can't be read.", do="What it is for stands on its first line."
            ) from None

    return read


class Safe:
    """The secret files of one folder. What was unlocked stays so for as long as the program runs."""

    def __init__(self, folder: Path, ask: Ask) -> None:
        self._file = folder / "safe.age"
        self._ask = ask
        self._opened: Identity | None = None
        self._one_question = threading.Lock()

    @property
    def is_locked(self) -> bool:
        """Whether there is a passphrase."""
        return self._file.exists()

    def exists(self, path: Path) -> bool:
        return path.exists() or _sealed(path).exists()

    def read(self, path: Path) -> bytes | None:
        """What a file holds; None when it lies there as it is, for its own reader to look at. KeyFileUnusable."""
        sealed = _sealed(path)
        if not sealed.exists():
            return None
        return _open(sealed.read_bytes(), self._identity())

    def write(self, path: Path, content: bytes) -> None:
        """Keep it, sealed if there is a passphrase."""
        target = _sealed(path) if self.is_locked else path
        with durable_file(target) as file:
            file.write(_seal(content, self._identity().recipient) if self.is_locked else content)
        if target != path:
            _remove(path)

    def remove(self, path: Path) -> None:
        for each in (path, _sealed(path)):
            _remove(each)

    def set_passphrase(self, passphrase: str, secrets: Iterable[Path]) -> None:
        """From now on; ``secrets`` are those that may lie there as they are. InputInvalid when it is too short."""
        if len(passphrase) < SHORTEST:
            raise InputInvalid(
                f"The passphrase has fewer than {SHORTEST} characters.",
                do="Take several words that do not belong together.",
            )
        identity = self._identity() if self.is_locked else generate_identity("hybrid")
        with durable_file(self._file) as file:
            file.write(_seal(f"{identity}\n".encode(), Passphrase(passphrase, WORK_FACTOR)))
        self._opened = identity
        for path in secrets:
            if path.exists():
                self.write(path, path.read_bytes())

    def check(self, passphrase: str) -> None:
        """KeyFileUnusable unless it is the one."""
        self._unlock(passphrase)

    def _identity(self) -> Identity:
        with self._one_question:
            if self._opened is None:
                self._opened = self._unlock(self._ask("Passphrase of your keys"))
            return self._opened

    def _unlock(self, passphrase: str) -> Identity:
        try:
            content = _open(self._file.read_bytes(), Passphrase(passphrase))
            return parse_identity(content.decode().strip())
        except KeyDoesNotOpen:
            raise KeyFileUnusable(
                "The passphrase is not the one of these keys.", meaning="Nothing was opened.", do="Type it again."
            ) from None
        except (OSError, ValueError):
            raise KeyFileUnusable(f"The file {self._file} can't be used.", do="Restore it from a copy.") from None


def _sealed(path: Path) -> Path:
    return path.with_name(path.name + ".age")


def _seal(content: bytes, recipient: Wrapper) -> bytes:
    out = io.BytesIO()
    with Encryptor(out, [recipient]) as encryptor:
        encryptor.write(content)
    return out.getvalue()


def _open(sealed: bytes, opener: Opener) -> bytes:
    found = bytearray()
    for piece in Decryptor(io.BytesIO(sealed[: 2 * MAX_SECRET]), [opener]):
        found += piece
    return bytes(found)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    sync_folder(path.parent)
