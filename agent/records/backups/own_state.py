"""The agent's own state in one file that the archive key opens: records, keys, passwords, settings, and papers.

``age -d`` and ``tar`` take it apart anywhere. Not for: recordings and sealed packages, which are large and lie beside
it; or putting it back (``restore``).
"""

import hashlib
import io
import os
import sqlite3
import tarfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from agent.records.backups.filing import SEALED
from agent.settings.model import Settings
from exchange.age.files import Encryptor, Recipient
from exchange.clock import SECOND, to_rfc3339
from exchange.durable import durable_file
from exchange.errors import StoreDamaged

DATABASE = "agent.db"
SETTINGS = "handover.yaml"
LEFT_OUT = frozenset(
    {
        "recordings",
        "packages",
        "preserved",
        "sources",
        "brought",
        "outgoing",
        "working-copies",
        "work",
        "run",
        "recorder",
    }
)
"""Folders of the data that are not part of the state: footage, what is made anew, what lives as long as a process."""
_README = """This is the state of a Handover agent, as it was at {made}.

To put it back on a machine with Handover: handover restore PLACE
Without Handover: agent.db is an SQLite database; backups/filed has the papers of what was handed over, and a note for
each copy; keys/archive.key opens the copies (age -d -i keys/archive.key -o package.zip FILE.zip.age).
"""


@dataclass(frozen=True)
class Made:
    """A state file. ``size`` in bytes, ``sha256`` of it as it lies there."""

    sha256: str
    size: int


def make_state(
    settings: Settings, config: Path | None, recipients: tuple[Recipient, ...], now: int, target: Path
) -> Made:
    """Write the state to ``target``, durably. Blocks for seconds. StoreDamaged when the database isn't sound; DiskFull.

    ``config``: the settings' file, where it is known. ``now``: microseconds UTC.
    """
    snapshot = target.with_name(f".{target.name}.db")
    try:
        _snapshot(settings.database, snapshot)
        with durable_file(target) as file:
            hashed = _Hashed(file)
            with Encryptor(hashed, recipients) as sealed, tarfile.open(fileobj=sealed, mode="w|gz") as tar:  # type: ignore[call-overload]
                _add_text(tar, "README.txt", _README.format(made=to_rfc3339(now)), now)
                _add_text(tar, SETTINGS, _settings_text(settings, config), now)
                _add_file(tar, snapshot, DATABASE)
                for path in _small_files(settings):
                    _add_file(tar, path, path.relative_to(settings.data).as_posix())
        return Made(hashed.digest.hexdigest(), hashed.size)
    finally:
        snapshot.unlink(missing_ok=True)


class _Hashed:
    """Passes on what is written, and hashes it."""

    def __init__(self, file: io.RawIOBase | object) -> None:
        self._write = file.write  # type: ignore[union-attr]
        self.digest, self.size = hashlib.sha256(), 0

    def write(self, buffer: memoryview) -> int:
        self._write(buffer)
        self.digest.update(buffer)
        self.size += len(buffer)
        return len(buffer)


def _snapshot(database: Path, target: Path) -> None:
    """The database as it stands, by SQLite's own backup, while it goes on being written."""
    os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
    with (
        closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=30)) as source,
        closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
        (sound,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    if sound != "ok":
        raise StoreDamaged(
            f"The agent's database {database} is damaged: {sound}.",
            meaning="It was not backed up, so that the good copies of it stay.",
            do="Put back the newest one: handover restore, on a new folder for the data.",
        )


def _small_files(settings: Settings) -> list[Path]:
    """Everything under the data that is neither large, nor the database, nor half-made."""
    found = []
    for folder, below, names in os.walk(settings.data):
        at = Path(folder)
        if at == settings.data:
            below[:] = [name for name in below if name not in LEFT_OUT]
            names = [name for name in names if not name.startswith(DATABASE)]
        if at == settings.backups_dir:
            below[:] = [name for name in below if name == settings.filed_dir.name]
            names = []
        below[:] = [name for name in below if not name.startswith(".") and at / name != settings.recordings.directory]
        found += [at / name for name in names if not name.startswith(".") and not name.endswith(SEALED)]
    return sorted(path for path in found if path.is_file() and not path.is_symlink())


def _settings_text(settings: Settings, config: Path | None) -> str:
    """The file as the owner wrote it; the settings themselves (JSON is YAML) where nobody knows the file."""
    if config is not None:
        try:
            return config.read_text()
        except OSError:
            pass
    return settings.model_dump_json(indent=2, exclude_unset=True) + "\n"


def _add_text(tar: tarfile.TarFile, name: str, text: str, now: int) -> None:
    data = text.encode()
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = len(data), 0o600, now // SECOND
    tar.addfile(entry, io.BytesIO(data))


def _add_file(tar: tarfile.TarFile, path: Path, name: str) -> None:
    try:
        file = path.open("rb")
    except FileNotFoundError:  # gone since it was listed
        return
    with file:
        facts = os.fstat(file.fileno())
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode, entry.mtime = facts.st_size, 0o600, int(facts.st_mtime)
        tar.addfile(entry, file)
