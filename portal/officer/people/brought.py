"""What strangers sent, sealed in their browsers: fetched, unsealed, looked at for malware, and only then to be seen.

Files as they chose them, without any proof of the cut. Not for: asking (``portal.officer.people.questions``), or what
an officer types.
"""

import asyncio
import base64
import hashlib
import io
import json
import os
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from exchange.age.files import Decryptor, Identity, decrypt_file
from exchange.clock import to_rfc3339
from exchange.documents.letters import harmless
from exchange.documents.people import FileName, PersonAnswer, PersonCase, PersonFile
from exchange.durable import durable_file
from exchange.errors import HandoverError, NotFound
from exchange.signing.documents import parse_strictly
from portal.officer.client import OfficerClient
from portal.officer.people.questions import bring_question
from portal.officer.people.scanning import Scanner, read_scanner
from portal.officer.state import OfficerState

BROUGHT = "brought by hand by somebody without an agent: no proof of the cut"
"""What such a file is called wherever it is shown."""
MAX_NAME = 16 * 1024
Fetch = Callable[[PersonFile, Path], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Sender:
    """Where files came from. ``about``: the request or appeal; ``who``: the person or contribution, by its id."""

    about: str
    who: str
    crime_reference: str
    sent: int | None


@dataclass(frozen=True, slots=True)
class BroughtFile:
    """A file that was opened: its hashes, and what its sender's browser said it was called.

    ``path`` is None where ``malware`` was found: then only the sealed file is here. ``scanned``: whether it was
    looked at.
    """

    file_id: str
    path: Path | None
    sha256: str
    ciphertext_sha256: str
    sender_name: str
    scanned: bool
    malware: str | None = None

    @property
    def safety(self) -> str:
        """In words, for whoever is about to open it."""
        if self.malware is not None:
            return f"MALWARE was found in it ({self.malware}): it was not kept unsealed"
        return "no malware was found in it" if self.scanned else "nobody looked for malware in it"


async def open_brought(state: OfficerState, client: OfficerClient, request_id: str) -> list[BroughtFile]:
    """Open every file of a person's answer into the case's folder, with a note of where each comes from beside it.

    NotFound when no file was sent; ScannerFailed, KeyDoesNotOpen, SealDamaged or EvidenceMismatch when one is not what
    it should be.
    """
    request = await bring_question(state, client, request_id)
    case = await client.person_case(request_id)
    check_sent(case)
    folder = await asyncio.to_thread(brought_folder, state, request.crime_reference)

    async def fetch(file: PersonFile, sealed: Path) -> None:
        await client.fetch_person_file(request_id, file, sealed)

    sender = Sender(request_id, request.person, request.crime_reference, case.answered)
    return await open_files(state, case.files, sender, folder, fetch)


def check_sent(case: PersonCase) -> None:
    """NotFound, in words, when no file was sent."""
    if case.answer is not PersonAnswer.FILES:
        words = {None: "There is no answer.", PersonAnswer.DECLINED: "They won't hand anything over.",
                 PersonAnswer.NOTHING_THERE: "They say that nothing is there."}  # fmt: skip
        raise NotFound(f"No file was sent for {case.request_id}. {words[case.answer]}", do="Look again later.")


def brought_folder(state: OfficerState, crime_reference: str) -> Path:
    """Where files of people without an agent lie."""
    return state.make_case_folder(crime_reference, "brought")


def brought_files(state: OfficerState, crime_reference: str) -> list[Path]:
    """What was opened of it, and the notes; not the sealed files."""
    folder = state.case_folder(crime_reference) / "brought"
    left_out = (".age", ".part", ".unseen")
    return sorted(path for path in folder.glob("*") if path.is_file() and path.suffix not in left_out)


async def open_files(
    state: OfficerState, files: Sequence[PersonFile], sender: Sender, folder: Path, fetch: Fetch
) -> list[BroughtFile]:
    """All that the portal still has, or that was fetched before."""
    keys = await asyncio.to_thread(state.case_keys, sender.crime_reference)
    scanner = await asyncio.to_thread(read_scanner, state)
    opened = []
    for file in files:
        sealed = folder / f"{file.file_id}.age"
        if file.available:
            await fetch(file, sealed)
        if await asyncio.to_thread(sealed.exists):
            opened.append(await asyncio.to_thread(_unseal, file, sender, sealed, keys, scanner))
    return opened


def _unseal(
    file: PersonFile, sender: Sender, sealed: Path, keys: Sequence[Identity], scanner: Scanner | None
) -> BroughtFile:
    """The name is the sender's word: only its ending is used, and only where it is a plain one."""
    told = _name(file, keys)
    ending = re.search(r"\.[A-Za-z0-9]{1,8}$", told)
    target = sealed.with_name(file.file_id + (ending[0].lower() if ending else ".bin"))
    unseen = sealed.with_name(f"{file.file_id}.unseen")
    unseen.unlink(missing_ok=True)
    if not target.exists():
        decrypt_file(sealed, unseen, keys)
    found, sha256 = _look_at(unseen if unseen.exists() else target, scanner)
    if found is None and unseen.exists():
        os.replace(unseen, target)
    opened = BroughtFile(
        file.file_id,
        target if found is None else None,
        sha256,
        file.ciphertext_sha256,
        told,
        scanner is not None,
        found,
    )
    _write_note(sealed.with_name(f"{file.file_id}.json"), opened, sender)
    return opened


def _look_at(path: Path, scanner: Scanner | None) -> tuple[str | None, str]:
    """What was found in it, and its SHA-256. What is not clean, or could not be looked at, does not stay."""
    kept = False
    try:
        found = scanner.look_at(path) if scanner is not None else None
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        kept = found is None
        return found, sha256
    finally:
        if not kept:
            path.unlink(missing_ok=True)


def _write_note(path: Path, opened: BroughtFile, sender: Sender) -> None:
    note = {
        "what": BROUGHT,
        "request_id": sender.about,
        "crime_reference": sender.crime_reference,
        "person": sender.who,
        "answered": to_rfc3339(sender.sent) if sender.sent is not None else None,
        "sha256": opened.sha256,
        "ciphertext_sha256": opened.ciphertext_sha256,
        "name_by_the_sender": opened.sender_name,
        "looked_at_for_malware": opened.scanned,
        "malware": opened.malware,
    }
    with durable_file(path) as written:
        written.write((json.dumps(note, indent=2, ensure_ascii=False) + "\n").encode())


def _name(file: PersonFile, keys: Sequence[Identity]) -> str:
    try:
        sealed = base64.b64decode(file.sealed_name, validate=True)
        text = Decryptor(io.BytesIO(sealed), keys).read(MAX_NAME)
        return harmless(parse_strictly(text, FileName, MAX_NAME).name) or "(no name)"
    except (HandoverError, ValueError):
        return "(a name that can't be read)"
