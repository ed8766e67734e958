"""A whole portal put aside while it runs, and put back: its settings, its database, and every upload that is whole.

Of several forces each by itself, also where they share a database. Not for: what a bucket holds.
"""

import asyncio
import contextlib
import errno
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange.clock import DAY, SECOND, SystemClock
from exchange.documents.messages import Part
from exchange.durable import durable_file, sync_folder
from exchange.errors import NotFound, SettingsInvalid, StoreDamaged
from portal import erasing, key_copies
from portal.settings import PortalFolder, PortalSettings
from portal.storage.database import Database, open_database, upgrade
from portal.storage.models import StoredUpload
from portal.uploads.opening import open_store

STAMP = "%Y%m%dT%H%M%SZ"
LIST = key_copies.BACKUP
FILE, DUMP = "portal.db", "portal.dump"
"""The database: a file, or what PostgreSQL's own program wrote."""
ATTEMPTS = 5
"""An upload may go while it is put aside, with its row: then the database is read again."""
STEP = 2000
"""Pages of the database that are copied at once; between steps its writer has its turn."""
BLOCK = 4 * 1024 * 1024
MOST_LIST = 256 * 1024 * 1024
_FOUND = (
    "DELETE FROM cameras WHERE device IN (SELECT fingerprint FROM devices WHERE key_id IS NOT NULL)",
    "DELETE FROM day_hours WHERE device IN (SELECT fingerprint FROM devices WHERE key_id IS NOT NULL)",
    "DELETE FROM people_cameras WHERE person_id IN (SELECT person_id FROM people WHERE entry IS NOT NULL)",
)
"""What officers search lies in the clear: a backup has it not, and it is made anew of what is sealed."""
MADE_ANEW = ("cameras", "day_hours", "people_cameras")
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
UploadName = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class Contents(Part):
    """``backup.json``: what the backup holds, and the SHA-256 of each file."""

    made: int
    """Microseconds UTC."""
    settings: Sha256
    database: Sha256
    uploads: dict[UploadName, Sha256]
    dumped: bool = False
    """Whether the database is PostgreSQL's."""
    sealed: bool = False
    """Of one that is: whether there were keys for what is personal."""


@dataclass(frozen=True, slots=True)
class To:
    """A database on PostgreSQL."""

    address: str
    password_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Backup:
    path: Path
    uploads: int
    removed: int
    """Older backups whose time was over."""


def back_up(folder: PortalFolder, into: Path, now: int, keep_days: int | None = None) -> Backup:
    """Make ``into``/<time>, whole or not at all, then remove those older than ``keep_days``. ``now`` in microseconds.

    What a bucket keeps is not in it. SettingsInvalid when there is no portal, or keys lie there; StoreDamaged when an
    upload is not what the database says; StoreUnavailable when PostgreSQL can't be had. Blocks.
    """
    key_copies.apart(into, key_copies.COPIES, "copies of a portal's keys")
    portal = folder.load()
    folder.require_outside(into)
    name = datetime.fromtimestamp(now // SECOND, UTC).strftime(STAMP)
    partial, whole = into / f".{name}.partial", into / name
    if whole.exists():
        raise SettingsInvalid(f"There is a backup {whole} already.", do="Wait a second, and try again.")
    shutil.rmtree(partial, ignore_errors=True)
    (partial / "uploads").mkdir(mode=0o700, parents=True)
    try:
        settings = _copy(folder.settings_file, partial / "portal.yaml")
        if dumped := portal.database is not None:
            uploads = _put_dump_aside(folder, portal, partial)
        else:
            uploads = _put_aside(folder, partial, in_folder=portal.bucket is None)
        contents = Contents(
            made=now,
            settings=settings,
            database=_hash(partial / (DUMP if dumped else FILE)),
            uploads=uploads,
            dumped=dumped,
            sealed=dumped and folder.keys.is_there,
        )
        with durable_file(partial / LIST) as file:
            file.write(contents.model_dump_json().encode())
        sync_folder(partial / "uploads")
        partial.rename(whole)
        sync_folder(into)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return Backup(whole, len(uploads), 0 if keep_days is None else _remove_old(into, now - keep_days * DAY))


def restore(backup: Path, folder: PortalFolder, keys: Path | None = None, database: To | None = None) -> int:
    """Make a portal of a backup, checking every file; how many uploads it has. Nothing is a portal until all is there.

    ``keys``: the newest copy of the keys, unless they lie in the folder already. Whoever's key is gone has left since,
    and is erased. ``database``: of a portal on PostgreSQL, the one that it goes to, empty or of other forces, unless
    that is the one that its settings name.

    SettingsInvalid when a portal is there; NotFound or StoreDamaged when the backup is none, or not whole;
    StoreUnavailable when PostgreSQL can't be had. Blocks.
    """
    if folder.settings_file.exists() or folder.database.exists():
        raise SettingsInvalid(f"There is a portal in {folder.path} already.", do="Choose an empty folder.")
    contents = _read_list(backup)
    folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if keys is not None:
        key_copies.bring_back(keys, folder.keys)
    folder.uploads.mkdir(mode=0o700, exist_ok=True)
    for name, sha256 in contents.uploads.items():
        _bring(backup / "uploads" / name, folder.uploads / name, sha256)
    sync_folder(folder.uploads)
    if database is not None and not contents.dumped:
        raise SettingsInvalid("This backup is of a portal on a file.", do="Leave --database out, and move it then.")
    if contents.dumped:
        _put_dump_back(backup, folder, contents, database)
    else:
        _put_file_back(backup, folder, contents)
    if folder.keys.is_there:
        settings = folder.load()
        db = open_database(folder.where(settings), settings.database_password_file, settings.short_name)
        try:
            asyncio.run(_settle(db, folder))
        finally:
            db.close()
    return len(contents.uploads)


def _put_file_back(backup: Path, folder: PortalFolder, contents: Contents) -> None:
    _bring(backup / FILE, folder.database, contents.database)
    if not folder.keys.is_there and _is_sealed(folder.database):
        folder.database.unlink()
        raise _keyless()
    upgrade(folder.database)
    _bring(backup / "portal.yaml", folder.settings_file, contents.settings)


def _put_dump_back(backup: Path, folder: PortalFolder, contents: Contents, database: To | None) -> None:
    from portal.dumps import put_back
    from portal.storage.server import Server

    if contents.sealed and not folder.keys.is_there:
        raise _keyless()
    dumped, said = folder.path / DUMP, folder.path / "portal.yaml.new"
    _bring(backup / DUMP, dumped, contents.database)
    _bring(backup / "portal.yaml", said, contents.settings)
    settings = _settings(said, database)
    assert settings.database is not None, "it was dumped from there"
    server = Server.parse(settings.database, settings.database_password_file)
    put_back(server, settings.short_name, dumped)
    said.rename(folder.settings_file)  # what breaks off before finds its rows there, and goes on
    dumped.unlink()
    sync_folder(folder.path)
    upgrade(settings.database, settings.database_password_file, settings.short_name)


def _settings(said: Path, database: To | None) -> PortalSettings:
    """What the file sets; written into it, where it is to name another database. SettingsInvalid."""
    content = yaml.safe_load(said.read_text())
    if database is not None:
        content |= {"database": database.address, "database_password_file": None}
        if database.password_file is not None:
            content["database_password_file"] = str(database.password_file.resolve())
        with durable_file(said) as file:
            file.write(yaml.safe_dump(content, sort_keys=False).encode())
    try:
        return PortalSettings.model_validate(content)
    except ValidationError:
        raise SettingsInvalid(
            "The database's address can't be used.", do="Write it so: postgresql://user@host:5432/name"
        ) from None


def _keyless() -> SettingsInvalid:
    return SettingsInvalid(
        "What is personal in this backup lies under keys that aren't here.",
        do="Name their newest copy: --keys keys-….json; or put the folder 'keys' of the portal there first.",
    )


async def _settle(db: Database, folder: PortalFolder) -> None:
    """Erase whoever left since, and make what officers search anew."""
    db.use_keys(folder.keys)
    found = await erasing.keyless(db, folder.keys)
    gone = await erasing.erase_keyless(db, found, SystemClock().now())
    await erasing.rebuild(db)
    if gone:
        async with open_store(folder, folder.load()) as store:
            await store.remove(gone)


def _put_dump_aside(folder: PortalFolder, portal: PortalSettings, partial: Path) -> dict[str, str]:
    """The rows, and every upload that is whole before or after they were dumped: one that none of them speaks of goes
    when the portal starts."""
    from portal.dumps import dump
    from portal.storage.server import Server

    assert portal.database is not None
    found: dict[str, str] = {}
    db = open_database(portal.database, portal.database_password_file, portal.short_name)
    try:
        for dumped in (False, True):
            if dumped:
                server = Server.parse(portal.database, portal.database_password_file)
                dump(server, portal.short_name, partial / DUMP, MADE_ANEW if folder.keys.is_there else ())
            for name, size, sha256 in [] if portal.bucket is not None else db.read_now(_whole):
                if name not in found and _keep_if_there(db, folder, partial, (name, size, sha256)):
                    found[name] = sha256
    finally:
        db.close()
    return found


def _keep_if_there(db: Database, folder: PortalFolder, partial: Path, upload: tuple[str, int, str]) -> bool:
    name, size, sha256 = upload
    try:
        _keep(folder.uploads / name, partial / "uploads" / name, size, sha256)
    except FileNotFoundError:
        if upload in db.read_now(_whole):
            raise _lost(folder) from None
        return False
    return True


def _whole(session: Session) -> list[tuple[str, int, str]]:
    found = select(StoredUpload.upload_id, StoredUpload.size, StoredUpload.sha256).where(~StoredUpload.gone)
    return [(name, size, sha256) for name, size, sha256 in session.execute(found) if sha256 is not None]


def _put_aside(folder: PortalFolder, partial: Path, *, in_folder: bool) -> dict[str, str]:
    """The database as it is at one moment, then every upload that is whole in it: name and SHA-256."""
    for _ in range(ATTEMPTS):
        whole = _copy_database(folder.database, partial / FILE)
        if not in_folder:
            return {}
        try:
            for name, (size, sha256) in whole.items():
                _keep(folder.uploads / name, partial / "uploads" / name, size, sha256)
        except FileNotFoundError:
            continue
        for left in {path.name for path in (partial / "uploads").iterdir()} - set(whole):
            (partial / "uploads" / left).unlink()
        return {name: sha256 for name, (_, sha256) in whole.items()}
    raise _lost(folder)


def _lost(folder: PortalFolder) -> StoreDamaged:
    return StoreDamaged(
        f"A whole upload is missing in {folder.uploads}.",
        meaning="The database has a row of it, time after time.",
        do="Find out who removes files there; restore the portal from an earlier backup if it was lost.",
    )


def _copy_database(source: Path, target: Path) -> dict[str, tuple[int, str]]:
    """Also of a portal that runs. What is not whole is left out: its sender begins it anew. Size and SHA-256 of the
    uploads that are."""
    target.unlink(missing_ok=True)
    with _open(source) as live, _open(target) as copy:
        live.backup(copy, pages=STEP, sleep=0.01)
        copy.execute("PRAGMA journal_mode=DELETE").fetchall()
        copy.execute("PRAGMA secure_delete=ON").fetchall()
        with copy:
            copy.execute("DELETE FROM uploads WHERE sha256 IS NULL AND NOT gone")
            for statement in _FOUND if _has_keys(copy) else ():
                copy.execute(statement)
        rows = copy.execute("SELECT upload_id, size, sha256 FROM uploads WHERE NOT gone").fetchall()
    return {name: (size, sha256) for name, size, sha256 in rows}


def _is_sealed(path: Path) -> bool:
    with _open(path) as database:
        if not _has_keys(database):
            return False
        row = "SELECT 1 FROM {} WHERE key_id IS NOT NULL LIMIT 1"
        return any(database.execute(row.format(table)).fetchone() for table in ("devices", "people"))


def _has_keys(database: sqlite3.Connection) -> bool:
    """Whether its schema knows of keys: a portal that was never served by this version has an older one."""
    return any(column[1] == "key_id" for column in database.execute("PRAGMA table_info(devices)"))


@contextlib.contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path)
    try:
        yield connection
    except sqlite3.DatabaseError as error:
        raise StoreDamaged(f"The portal's database {path} can't be read: {error}.") from None
    finally:
        connection.close()


def _keep(source: Path, target: Path, size: int, sha256: str) -> None:
    """A second name for the same bytes, which nobody changes any more; a copy where the backup is on another disk."""
    if target.exists():
        return
    try:
        os.link(source, target)
        same = target.stat().st_size == size
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP):
            raise
        same = _copy(source, target) == sha256
    if not same:
        raise StoreDamaged(f"{source} is not what was uploaded.", do="Restore it from an earlier backup.")


def _copy(source: Path, target: Path) -> str:
    """Durably; the SHA-256 of what was copied."""
    digest = hashlib.sha256()
    with source.open("rb") as read, durable_file(target) as file:
        while block := read.read(BLOCK):
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return hashlib.file_digest(file, "sha256").hexdigest()


def _bring(source: Path, target: Path, sha256: str) -> None:
    try:
        same = _copy(source, target) == sha256
    except FileNotFoundError:
        same = False
    if not same:
        target.unlink(missing_ok=True)
        raise StoreDamaged(
            f"{source} is missing, or not what was put aside.",
            meaning="The backup is not whole; no portal was made of it.",
            do="Take another backup.",
        )


def _read_list(backup: Path) -> Contents:
    try:
        with (backup / LIST).open("rb") as file:
            return Contents.model_validate_json(file.read(MOST_LIST))
    except OSError as error:
        raise NotFound(f"There is no backup in {backup} ({error.strerror}).", do="Name one folder of those.") from None
    except ValidationError:
        raise StoreDamaged(f"{backup / LIST} can't be read.", do="Take another backup.") from None


def _remove_old(into: Path, before: int) -> int:
    removed = 0
    for path in into.iterdir():
        try:
            made = datetime.strptime(path.name, STAMP).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
        if made * SECOND < before:
            shutil.rmtree(path)
            removed += 1
    return removed
