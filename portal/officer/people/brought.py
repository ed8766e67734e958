"""Asking people without an agent, and opening what they sent: files as they chose them, without any proof of the cut.

Not for: what an officer types (``portal.officer.people.people_cli``).
"""

import asyncio
import base64
import hashlib
import io
import json
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from exchange.age.files import Decryptor, Identity, decrypt_file
from exchange.clock import DAY, Window, to_rfc3339
from exchange.documents.letters import harmless
from exchange.documents.messages import Asked, Incident, Signed, Stretch
from exchange.documents.people import FileName, PersonAnswer, PersonCase, PersonFile, PersonRequest
from exchange.durable import durable_file
from exchange.errors import DocumentInvalid, HandoverError, InputInvalid, NotFound
from exchange.signing.documents import parse_strictly, sign_document
from portal.officer.asking import Signer
from portal.officer.client import OfficerClient
from portal.officer.state import OfficerState

BROUGHT = "brought by hand by somebody without an agent: no proof of the cut"
"""What such a file is called wherever it is shown."""
KEPT_AS = "person-request"
MAX_NAME = 16 * 1024


@dataclass(frozen=True, slots=True)
class PersonQuestion:
    """What an officer wants of one person; windows in microseconds UTC."""

    person: str
    cameras: Sequence[str]
    window: Window
    crime_reference: str
    incident_kind: str
    place: str
    description: str
    purpose: str
    legal_basis: str
    necessity: str
    answer_days: int


@dataclass(frozen=True, slots=True)
class BroughtFile:
    """A file that was opened: its hashes, and what its sender's browser said it was called."""

    path: Path
    sha256: str
    ciphertext_sha256: str
    sender_name: str


def sign_question(
    question: PersonQuestion, signer: Signer, recipient: Identity, now: int
) -> tuple[PersonRequest, Signed]:
    """InputInvalid when it can't be made."""
    window = Stretch.of(question.window)
    try:
        request = PersonRequest(
            request_id=str(uuid.uuid4()),
            person=question.person,
            force=signer.force,
            credential=signer.credential,
            crime_reference=question.crime_reference,
            incident=Incident(
                kind=question.incident_kind,
                place=question.place,
                happened=window,
                description=question.description,
            ),
            purpose=question.purpose,
            legal_basis=question.legal_basis,
            necessity=question.necessity,
            asked=tuple(Asked(camera_id=camera, window=window) for camera in question.cameras),
            recipient=str(recipient.recipient),
            issued=now,
            expires=now + question.answer_days * DAY,
        )
        return request, sign_document(request, signer.key)
    except ValidationError as error:
        raise InputInvalid(f"This can't be asked: {error.errors()[0]['msg']}.", do="Correct it.") from None
    except DocumentInvalid as error:
        raise InputInvalid(error.what, do="Shorten its texts.") from None


def was_asked_of_a_person(state: OfficerState, request_id: str) -> bool:
    """Whether the request went from here to somebody without an agent."""
    return state.kept(request_id, KEPT_AS) is not None


async def open_brought(state: OfficerState, client: OfficerClient, request_id: str) -> list[BroughtFile]:
    """Fetch and open every file of an answer into the case's folder, with a note of where each comes from beside it.

    NotFound when no file was sent; KeyDoesNotOpen, SealDamaged or EvidenceMismatch when one is not what it should be.
    """
    signed = state.kept(request_id, KEPT_AS)
    assert signed is not None
    request = PersonRequest.model_validate_json(signed.document)
    case = await client.person_case(request_id)
    if case.answer is not PersonAnswer.FILES:
        words = {None: "There is no answer.", PersonAnswer.DECLINED: "They won't hand anything over.",
                 PersonAnswer.NOTHING_THERE: "They say that nothing is there."}  # fmt: skip
        raise NotFound(f"No file was sent for {request_id}. {words[case.answer]}", do="Look again later.")
    folder = await asyncio.to_thread(state.make_case_folder, request.crime_reference, "brought")
    keys = await asyncio.to_thread(state.case_keys, request.crime_reference)
    return [await _open(client, case, request, each, folder, keys) for each in case.files if each.available]


async def _open(
    client: OfficerClient,
    case: PersonCase,
    request: PersonRequest,
    file: PersonFile,
    folder: Path,
    keys: Sequence[Identity],
) -> BroughtFile:
    sealed = folder / f"{file.file_id}.age"
    await client.fetch_person_file(case.request_id, file, sealed)
    return await asyncio.to_thread(_unseal, case, request, file, sealed, keys)


def _unseal(
    case: PersonCase, request: PersonRequest, file: PersonFile, sealed: Path, keys: Sequence[Identity]
) -> BroughtFile:
    """The name is the sender's word: only its ending is used, and only where it is a plain one."""
    told = _name(file, keys)
    ending = re.search(r"\.[A-Za-z0-9]{1,8}$", told)
    target = sealed.with_name(file.file_id + (ending[0].lower() if ending else ".bin"))
    if not target.exists():
        decrypt_file(sealed, target, keys)
    with target.open("rb") as opened:
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    note = {
        "what": BROUGHT,
        "request_id": case.request_id,
        "crime_reference": request.crime_reference,
        "person": request.person,
        "answered": to_rfc3339(case.answered) if case.answered is not None else None,
        "sha256": sha256,
        "ciphertext_sha256": file.ciphertext_sha256,
        "name_by_the_sender": told,
    }
    with durable_file(target.with_name(f"{file.file_id}.json")) as written:
        written.write((json.dumps(note, indent=2, ensure_ascii=False) + "\n").encode())
    return BroughtFile(target, sha256, file.ciphertext_sha256, told)


def _name(file: PersonFile, keys: Sequence[Identity]) -> str:
    try:
        sealed = base64.b64decode(file.sealed_name, validate=True)
        text = Decryptor(io.BytesIO(sealed), keys).read(MAX_NAME)
        return harmless(parse_strictly(text, FileName, MAX_NAME).name) or "(no name)"
    except (HandoverError, ValueError):
        return "(a name that can't be read)"
