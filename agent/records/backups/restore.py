"""Puts a lost agent back onto a fresh machine: its state from a second place, then its copies, with its device key.

Not for: opening the state file (``state_file``), or what is done about records that went back by it
(``agent.requests.restored_records``, at the first contact with the portal).
"""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

from agent.places.place import Place
from agent.records.backups.filing import SEALED
from agent.records.backups.own_state import DATABASE, SETTINGS
from agent.records.backups.second_places import ROOT
from agent.records.backups.state_file import Opened
from agent.requests.restored import doubts
from agent.requests.states import UNSENT, State
from agent.settings.folders import make_folders
from agent.settings.model import Settings, settings_from_text
from agent.settings.yaml_file import parse
from agent.store.custody import Custody
from agent.store.database import Store
from agent.store.keys import load_or_create_keys
from exchange.clock import Clock, to_rfc3339
from exchange.custody.log import CustodyKind
from exchange.durable import durable_file, sync_folder
from exchange.errors import DocumentInvalid, HandoverError, InputInvalid

Show = Callable[[str], None]
_ASIDE = "before-restore"


def settings_of(opened: Opened, config: Path, data: Path | None) -> tuple[str, Settings]:
    """The settings of a state, as text and parsed; with another folder for the data where one is named."""
    text = (opened.folder / SETTINGS).read_text("utf-8", "replace")
    if data is not None:
        file = parse(text)
        if ("data",) in file.scalars:
            start, end = file.scalars["data",]
            text = f"{text[:start]}{data}{text[end:]}"
        elif text.lstrip().startswith("{"):
            text = text.replace("{", f'{{"data": "{data}",', 1)
        else:
            text = f"data: {data}\n{text}"
    return text, settings_from_text(text, config)


def refuse_if_used(settings: Settings) -> None:
    """InputInvalid where an agent with records of its own lives already. Blocks."""
    if not settings.database.exists():
        return
    with closing(sqlite3.connect(f"{settings.database.as_uri()}?mode=ro", uri=True)) as database:
        try:
            used = any(database.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in _TELLING)  # noqa: S608
        except sqlite3.DatabaseError:
            used = True
    if used:
        raise InputInvalid(
            f"An agent with records of its own is in {settings.data} already.",
            meaning="Nothing was put back, and nothing was changed.",
            do="Name another folder with --data, or move that one aside yourself.",
        )


_TELLING = ("requests", "cameras", "force")


def put_state(opened: Opened, settings: Settings, *, new_device: bool) -> None:
    """Lay the state where a daemon finds it: the database last, so that a broken try is begun anew. Blocks.

    ``new_device``: without the device key, of a machine that was stolen; a new one is made.
    """
    make_folders(settings)
    _move_aside(settings)
    for path in sorted(opened.folder.rglob("*")):
        name = path.relative_to(opened.folder)
        if not path.is_file() or str(name) in (DATABASE, SETTINGS, "README.txt"):
            continue
        if new_device and settings.data / name == settings.device_key:
            continue
        target = settings.data / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("rb") as source, durable_file(target) as file:
            while block := source.read(1 << 20):
                file.write(block)
    with (opened.folder / DATABASE).open("rb") as source, durable_file(settings.database) as file:
        while block := source.read(1 << 20):
            file.write(block)


def _move_aside(settings: Settings) -> None:
    """What a first start made here: it was never used, and is kept all the same."""
    made = [path for path in (settings.device_key, settings.archive_key, settings.database) if path.exists()]
    for path in made:
        aside = settings.keys / f"{_ASIDE}-{path.name}"
        os.replace(path, aside)
    for ending in ("-wal", "-shm"):
        settings.database.with_name(DATABASE + ending).unlink(missing_ok=True)
    if made:
        sync_folder(settings.keys)


def write_settings(text: str, config: Path) -> Path | None:
    """The settings' file, and where the one that was there is now. Blocks."""
    aside = None
    if config.exists() and config.read_text() != text:
        aside = config.with_name(f"{config.name}.{_ASIDE}")
        os.replace(config, aside)
    config.parent.mkdir(parents=True, exist_ok=True)
    with durable_file(config, mode=0o644) as file:
        file.write(text.encode())
    config.chmod(0o644)
    return aside


@asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[Store]:
    store = await Store.open(settings.database)
    try:
        yield store
    finally:
        await store.close()


async def tell_records(opened: Opened, settings: Settings, clock: Clock, place: str, *, new_device: bool) -> None:
    """What the records must know of it: that they were put back, and that nobody's session goes on."""
    keys = await asyncio.to_thread(load_or_create_keys, settings.device_key, settings.archive_key)
    custody = Custody(clock, keys.device)
    async with _store(settings) as store, store.transaction() as tx:
        for table in ("sessions", "invitations", "backup_runs"):
            await tx.execute(f"DELETE FROM {table}")  # noqa: S608 names above
        await tx.execute("UPDATE own_copies SET checked_at = NULL, damage = NULL")
        details: dict[str, str | int | bool] = {"made": to_rfc3339(opened.made_at), "new_device_key": new_device}
        reason = f"put back from {place}, as it was at {to_rfc3339(opened.made_at)}"[:4000]
        await custody.record(tx, CustodyKind.RECORDS_RESTORED, "agent", details=details, reason=reason)
        if not new_device:
            return await doubts.begin(tx)
        # Nothing of the old device goes on: its requests name its key, and its portal must not trust it any more.
        marks = ", ".join("?" * len(UNSENT))
        await tx.execute(
            f"UPDATE requests SET state = ?, state_at = ?, retry_at = 0 WHERE state IN ({marks})",  # noqa: S608
            [State.WITHDRAWN, clock.now(), *UNSENT],
        )
        await tx.execute("UPDATE requests SET answered_at = ? WHERE answered_at IS NULL", [clock.now()])
        for table in ("force", "registrations", "checkpoints"):
            await tx.execute(f"DELETE FROM {table}")  # noqa: S608 names above
        await tx.execute("UPDATE cameras SET registered = 0")
        await tx.set_note("inbox-cursor", "0")


async def fetch_copies(settings: Settings, place: Place, show: Show) -> tuple[int, int]:
    """Bring back the copies that the records know and that lie at the place; fetched, and not found there.

    Those that are here already, whole, are not fetched again.
    """
    async with _store(settings) as store, store.transaction() as tx:
        rows = await tx.all(
            "SELECT copy_id, ciphertext_sha256, size, group_concat(DISTINCT second_copies.name) AS names "
            "FROM sealed_files JOIN second_copies USING (copy_id) "
            "WHERE path IS NOT NULL AND ciphertext_sha256 IS NOT NULL GROUP BY copy_id"
        )
        for table in ("packages", "former_sendings"):
            await tx.execute(
                f"UPDATE {table} SET path = ? || evidence_id || "  # noqa: S608 names above
                "CASE edition WHEN 1 THEN '' ELSE '-' || edition END || ? WHERE path IS NOT NULL",
                [f"{settings.packages_dir}/", SEALED],
            )
    there = {stored.name for stored in await place.names(f"{ROOT}/")}
    fetched = missing = 0
    for number, row in enumerate(rows, 1):
        target = settings.package(row["copy_id"])
        if await asyncio.to_thread(_is_here, target, int(row["size"])):
            continue
        name = next((each + SEALED for each in str(row["names"]).split(",") if each + SEALED in there), None)
        if name is None:
            missing += 1
            continue
        size = max(1, int(row["size"]))

        def told(at: int, number: int = number, size: int = size) -> None:
            show(f"copy {number} of {len(rows)}, {min(100, at * 100 // size)} %")

        try:
            await place.get(name, target, row["ciphertext_sha256"], told)
            fetched += 1
        except HandoverError as error:
            show(f"copy {number} of {len(rows)}: {error.what}")
            missing += 1
    return fetched, missing


def _is_here(path: Path, size: int) -> bool:
    return path.exists() and path.stat().st_size == size


def give_to(owner: os.stat_result, *paths: Path) -> None:
    """Everything below ``paths`` to whom the data belongs: root put it there, the daemon is another user. Blocks."""
    for path in paths:
        for folder, _, names in os.walk(path):
            os.chown(folder, owner.st_uid, owner.st_gid)
            for name in names:
                os.chown(Path(folder) / name, owner.st_uid, owner.st_gid, follow_symlinks=False)


def room_for(opened: Opened, data: Path) -> None:
    """InputInvalid where the state does not fit. Blocks."""
    size = sum(path.stat().st_size for path in opened.folder.rglob("*") if path.is_file())
    place = data
    while not place.exists():
        place = place.parent
    if shutil.disk_usage(place).free < size + (64 << 20):
        raise InputInvalid(f"There is not enough room at {data}.", do="Name a folder on another disk with --data.")


def compare_device(opened: Opened, confirmed: str) -> None:
    """DocumentInvalid when a state holds another device key than the one on the sheet."""
    if opened.device != confirmed:
        raise DocumentInvalid(
            f"The state holds the device key {opened.device or '(none)'}, and not the one of the sheet.",
            meaning="Somebody may have put it there. Nothing was put back.",
            do="Compare the sheet once more; take an older state with --state, or another place.",
        )
