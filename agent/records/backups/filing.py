"""The owner's own copies as files that a person finds: by month and kind of incident, with their papers beside them.

Hard links to the sealed packages: they take no room, and the bytes are those that were sent. Not for: second places
(``second_places``), or how long anything is kept (``retention``).
"""

import asyncio
import json
import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agent.records.backups.handed_over import HandedOver, handed_over
from agent.services import Services
from agent.store.database import Transaction
from exchange.age.another_header import another_header
from exchange.age.files import Identity
from exchange.clock import SECOND
from exchange.documents.human_time import time_text
from exchange.documents.letters import harmless
from exchange.documents.messages import Signed
from exchange.durable import durable_file, sync_folder

SEALED = ".zip.age"
NOTE = ".txt"
OLDER_AGE = ".older-age"
"""Endings of what lies together under one name."""
_SIGNED = ("request", "decision", "receipt")


@dataclass(frozen=True)
class Filed:
    """One own copy. ``name``: below the folder of what is filed, without an ending."""

    copy: HandedOver
    name: str


async def file_new(services: Services) -> list[Filed]:
    """File what was handed over and is not filed yet, and bring the papers of what is up to date; all that is filed."""
    async with services.store.transaction() as tx:
        found = [await _named(tx, each) for each in await handed_over(services, tx)]
    for each in found:
        await asyncio.to_thread(_lay_out, services, each)
    return found


async def filed(services: Services, tx: Transaction) -> list[Filed]:
    """All that is filed, the oldest first."""
    names = {row["copy_id"]: row["filed_as"] for row in await tx.all("SELECT * FROM own_copies")}
    return [Filed(each, names[each.copy_id]) for each in await handed_over(services, tx) if each.copy_id in names]


async def _named(tx: Transaction, copy: HandedOver) -> Filed:
    """Its name, given once: a change of the host's time zone moves nothing."""
    row = await tx.one("SELECT filed_as FROM own_copies WHERE copy_id = ?", [copy.copy_id])
    if row is not None:
        return Filed(copy, str(row["filed_as"]))
    name = telling_name(copy)
    await tx.insert("own_copies", copy_id=copy.copy_id, evidence_id=copy.evidence_id, filed_as=name)
    return Filed(copy, name)


def telling_name(copy: HandedOver) -> str:
    """``2026/05/burglary/2026-05-03_04-1234-26_front-door_5f2c81aa``: the day of the host's zone when it happened."""
    day = datetime.fromtimestamp(copy.happened / SECOND, UTC).astimezone()
    edition = "" if copy.edition == 1 else f"-{copy.edition}"
    parts = (f"{day:%Y-%m-%d}", _plain(copy.crime_reference), _plain(copy.camera), copy.evidence_id[:8] + edition)
    return f"{day:%Y}/{day:%m}/{kind_name(copy.kind)}/{'_'.join(parts)}"


def kind_name(kind: str) -> str:
    """A kind of incident as a folder is called: ``Criminal damage`` to ``criminal-damage``."""
    return _plain(kind).lower()


def _plain(text: str) -> str:
    """Letters, digits and dashes of ASCII, at most 40: what every place can keep."""
    ascii_only = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", ascii_only).strip("-")[:40].strip("-") or "other"


def _lay_out(services: Services, each: Filed) -> None:
    """The link, the note, the signed papers; each only if it isn't there. A copy that is gone is not linked."""
    settings = services.settings
    base = settings.filed_dir / each.name
    base.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    link, package = path_of(base, SEALED), settings.package(each.copy.evidence_id, each.copy.edition)
    if not link.exists() and package.exists():
        os.link(package, link)
        sync_folder(link.parent)
    older = path_of(base, OLDER_AGE)
    if not services.settings.backups.any_age:
        older.unlink(missing_ok=True)
    elif each.copy.hybrid and not older.exists() and package.exists():
        _write(older, header_for_older_age(package, services.keys.archive))
    if not (note := path_of(base, NOTE)).exists():
        _write(note, note_text(each, older=older.exists()).encode())
    for what, signed in each.copy.papers():
        if not (paper := path_of(base, f".{what}.json")).exists():
            _write(path_of(base, f".{what}.json.sig"), signed.signature.encode())
            _write(paper, signed.document.encode())


def header_for_older_age(package: Path, archive: tuple[Identity, ...]) -> bytes:
    """What an age program that knows only X25519 reads in the place of the package's own header."""
    older = [identity.recipient for identity in archive if identity.recipient.kind == "x25519"]
    with package.open("rb") as source:
        return another_header(source, archive, older[:1])


def path_of(base: Path, ending: str) -> Path:
    """``base`` with an ending behind its whole name."""
    return base.with_name(base.name + ending)


def files_of(base: Path) -> Iterator[Path]:
    """All that lies under one name."""
    yield from (path for path in sorted(base.parent.glob(f"{base.name}.*")) if not path.name.startswith("."))


def unfile(filed_dir: Path, name: str) -> None:
    """Remove what lies under a name, and folders that are empty by that. The package itself stays."""
    base = filed_dir / name
    for path in files_of(base):
        path.unlink(missing_ok=True)
    for folder in base.parents:
        if folder == filed_dir or filed_dir not in folder.parents or not folder.is_dir() or any(folder.iterdir()):
            return
        folder.rmdir()


def note_text(each: Filed, *, older: bool) -> str:
    """What a copy is, for whoever finds it: no names of people, no address, nothing of what was said."""
    copy, base = each.copy, each.name.rpartition("/")[2]
    lines = [
        f"What:          recordings that were handed over to the police ({harmless(copy.kind, 80)})",
        f"Case:          {harmless(copy.crime_reference, 80)}",
        f"When it was:   {time_text(copy.happened)}",
        f"Camera:        {harmless(copy.camera, 80)}",
        f"Handed over:   {time_text(copy.delivered_at)}",
        f"Size:          {copy.size} bytes",
        f"SHA-256:       {copy.sha256}",
        f"Evidence id:   {copy.evidence_id}" + ("" if copy.edition == 1 else f", edition {copy.edition}"),
        "",
        f"To open it: age -d -i archive.key -o package.zip {base}{SEALED}",
    ]
    if copy.hybrid:
        lines.append("(with age 1.3 or newer; the key is on the recovery sheet)")
    else:
        lines.append("(with any age 1.x; the key is on the recovery sheet)")
    if older:
        lines.append("With an older age: " + older_age_command(base))
    return "\n".join(lines) + "\n"


def older_age_command(base: str) -> str:
    """What is typed where age is older than 1.3."""
    payload = f"LC_ALL=C sed '1,/^--- /d' {base}{SEALED}"
    return f"(cat {base}{OLDER_AGE}; {payload}) | age -d -i archive.key -o package.zip"


def signed_of(text: str | None) -> Signed | None:
    """A signed document as a row keeps it."""
    return None if text is None else Signed(**json.loads(text))


def _write(path: Path, content: bytes) -> None:
    with durable_file(path) as file:
        file.write(content)
