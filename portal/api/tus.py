"""The tus 1.0 server: core, creation (also with a first part), termination, expiration, checksum (sha256).

https://tus.io/protocols/resumable-upload, version 1.0.0. Not for: the bytes themselves (``portal.uploads.store``).
"""

import base64
import re
import uuid
from dataclasses import dataclass
from email.utils import formatdate
from urllib.parse import urlsplit

from aiohttp import web
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exchange.clock import DAY, SECOND
from exchange.documents import api
from exchange.documents.people import LINK_HEADER
from portal.people import contributing
from portal.problems import ProblemError, conflict, invalid, too_many, unknown
from portal.registry import devices
from portal.service import Call
from portal.settings import Limits
from portal.storage.models import StoredUpload
from portal.uploads import room
from portal.uploads.bodies import CHECKSUMS, Checksum
from portal.uploads.turns import Turn

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,termination,expiration,checksum"
OFFSET_STREAM = "application/offset+octet-stream"
MAX_METADATA = 1024
_ALLOW = "HEAD, PATCH, DELETE, OPTIONS"
_NUMBER = re.compile(r"[0-9]{1,15}")
_KEY = re.compile(r"[A-Za-z_-]{1,40}")
_OPAQUE = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


@dataclass(frozen=True, slots=True)
class Upload:
    """A row, outside its transaction."""

    name: str
    size: int
    metadata: str | None
    expires: int
    sha256: str | None
    delivered: bool


async def options(call: Call) -> web.StreamResponse:
    headers = {
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(call.portal.settings.limits.upload_bytes),
        "Tus-Checksum-Algorithm": ",".join(CHECKSUMS),
    }
    return web.Response(status=204, headers=headers)


async def options_of_upload(call: Call) -> web.StreamResponse:
    """The same, asked of one upload: it is said of the server, and tells nothing of the upload."""
    return await options(call)


async def create(call: Call) -> web.StreamResponse:
    """A new upload, of a length that is known; with the first part in the same call if there is a body."""
    _check_version(call)
    limits = call.portal.settings.limits
    if "Upload-Defer-Length" in call.request.headers:
        raise ProblemError(400, "A deferred length isn't offered.", "Send Upload-Length, and nothing beside it.")
    size = _number(call, "Upload-Length")
    most = limits.upload_bytes if call.by_link is None else limits.person_file_bytes
    if size > most:
        headers = {"Tus-Max-Size": str(most)}
        raise ProblemError(413, "The file is too large.", f"At most {most} bytes.", headers)
    metadata = _metadata(call.request.headers.get("Upload-Metadata"))
    expires = call.now + limits.upload_days * DAY
    device = call.uploader
    upload = Upload(uuid.uuid4().hex, size, metadata, expires, None, delivered=False)
    free = await call.portal.uploads.free()
    await call.portal.db.read(lambda session: _check_room(session, device, size, limits, free))
    await call.portal.uploads.create(upload.name, size)  # the file first: a row without one would be a broken promise
    await call.portal.db.write(lambda session: _add(session, upload, device, call, free))
    offset = 0
    if call.request.content_type == OFFSET_STREAM and call.request.can_read_body:
        async with call.portal.uploads.turns.hold(upload.name, _Breaker(call)) as turn:
            offset = await _receive(call, upload, 0, turn)
    elif size == 0:
        await _finish(call, upload)  # all of it is here
    headers = _headers(upload, offset) | {"Location": f"{call.portal.origin}{api.UPLOADS}/{upload.name}"}
    return web.Response(status=201, headers=headers)


async def head(call: Call) -> web.StreamResponse:
    """How far the upload is."""
    _check_version(call)
    upload = await _find(call)
    async with call.portal.uploads.turns.hold(upload.name):
        offset = await _length(call, upload)
        if offset == upload.size and upload.sha256 is None:  # it became whole just before a crash
            await _finish(call, upload)
    headers = _headers(upload, offset) | {"Upload-Length": str(upload.size), "Cache-Control": "no-store"}
    if upload.metadata:
        headers["Upload-Metadata"] = upload.metadata
    return web.Response(status=200, headers=headers)


async def patch(call: Call) -> web.StreamResponse:
    """More bytes, from exactly where the upload is."""
    _check_version(call)
    if call.request.content_type != OFFSET_STREAM:
        raise ProblemError(415, "The bytes can't be taken as this type.", f"Send Content-Type: {OFFSET_STREAM}.")
    wanted = _number(call, "Upload-Offset")
    upload = await _find(call)
    async with call.portal.uploads.turns.hold(upload.name, _Breaker(call)) as turn:
        offset = await _length(call, upload)
        if wanted != offset:
            raise ProblemError(
                409, "The upload is at another offset.", "Ask for it with HEAD.", {"Upload-Offset": str(offset)}
            )
        offset = await _receive(call, upload, offset, turn)
    return web.Response(status=204, headers=_headers(upload, offset))


async def terminate(call: Call) -> web.StreamResponse:
    """Away with it; not with what a delivery named."""
    _check_version(call)
    upload = await _find(call)
    await call.portal.db.write(lambda session: _end(session, upload.name))
    await call.portal.uploads.remove([upload.name])
    return web.Response(status=204)


async def override(call: Call) -> web.StreamResponse:
    """A client that may only POST says in ``X-HTTP-Method-Override`` what it means."""
    meant = call.request.headers.get("X-HTTP-Method-Override", "").upper()
    handlers = {"PATCH": patch, "DELETE": terminate, "HEAD": head}
    if meant not in handlers:
        raise ProblemError(
            405, "An upload takes no POST.", "Send PATCH, or name it in X-HTTP-Method-Override.", {"Allow": _ALLOW}
        )
    return await handlers[meant](call)


async def _receive(call: Call, upload: Upload, offset: int, turn: Turn) -> int:
    """Within a turn: take the body, then note what it did. The new offset."""
    length = call.request.content_length
    if length is not None and offset + length > upload.size:
        raise ProblemError(413, "There is more than the upload's length.", "Send the rest of the file, and no more.")
    header = call.request.headers.get("Upload-Checksum")
    checksum = Checksum.parse(header) if header is not None else None
    await call.portal.db.write(lambda session: _prolong(session, upload.name, call), durable=False)
    try:
        reached = await call.portal.uploads.receive(upload.name, upload.size, call.request.content, turn, checksum)
    except FileNotFoundError:
        raise _ended() from None
    if reached == upload.size:
        await _finish(call, upload)
    return reached


async def _finish(call: Call, upload: Upload) -> None:
    """The file is whole and on the disk: now its row may say so."""
    try:
        sha256 = await call.portal.uploads.sha256(upload.name, upload.size)
    except FileNotFoundError:  # its owner left, or it was ended, through another replica
        raise _ended() from None

    def note(session: Session) -> None:
        row = session.get(StoredUpload, upload.name)
        if row is None or row.gone:
            raise _ended()
        row.sha256 = sha256

    try:
        await call.portal.db.write(note)
    except ProblemError:  # it was removed while it became whole
        await call.portal.uploads.remove([upload.name], ends_calls=False)
        raise


async def _find(call: Call) -> Upload:
    name = call.named("upload_id")

    def find(session: Session) -> Upload:
        row = session.get(StoredUpload, name)
        if row is None or row.device != call.uploader:
            raise unknown("upload")
        if row.gone or (not row.delivered and row.expires <= call.now):
            raise _ended()
        return Upload(row.upload_id, row.size, row.tus_metadata, row.expires, row.sha256, row.delivered)

    return await call.portal.db.read(find)


async def _length(call: Call, upload: Upload) -> int:
    try:
        return await call.portal.uploads.length(upload.name, upload.size)
    except FileNotFoundError:
        raise _ended() from None


def _check_room(session: Session, device: str, size: int, limits: Limits, free: int | None) -> None:
    ours = (StoredUpload.device == device, ~StoredUpload.gone)
    held = session.scalar(select(func.sum(StoredUpload.size)).where(*ours)) or 0
    unfinished = session.scalar(
        select(func.count()).select_from(StoredUpload).where(*ours, StoredUpload.sha256.is_(None))
    )
    if (unfinished or 0) >= limits.open_uploads_per_device:
        raise too_many("This device has too many unfinished uploads.", "Finish one, or end one with DELETE.", 60)
    contributing.check_room(session, device, size, limits)
    if held + size > limits.device_bytes:
        raise ProblemError(
            413, "This device's packages take all the room they may.", "Wait until the force has receipted some."
        )
    room.check(session, size, limits, free)


def _add(session: Session, upload: Upload, device: str, call: Call, free: int | None) -> None:
    if call.by_link is not None:
        contributing.uploader(session, call.request.headers[LINK_HEADER], call.now)
    else:
        devices.still_here(session, call.known)  # else what a device brings while it leaves would stay
    _check_room(session, device, upload.size, call.portal.settings.limits, free)
    session.add(
        StoredUpload(
            upload_id=upload.name,
            device=device,
            size=upload.size,
            tus_metadata=upload.metadata,
            created=call.now,
            expires=upload.expires,
            sha256=None,
            delivered=False,
            gone=False,
        )
    )


def _prolong(session: Session, name: str, call: Call) -> None:
    row = session.get(StoredUpload, name)
    if row is None or row.gone:
        raise _ended()
    row.expires = call.now + call.portal.settings.limits.upload_days * DAY


def _ended() -> ProblemError:
    return ProblemError(410, "The upload has ended.", "Begin a new one.")


def _end(session: Session, name: str) -> None:
    row = session.get(StoredUpload, name)
    if row is None or row.gone:
        return
    if row.delivered:
        raise conflict("The upload belongs to a delivery.", "What was delivered can't be taken back this way.")
    row.gone = True


def _check_version(call: Call) -> None:
    if call.request.headers.get("Tus-Resumable") != VERSION:
        raise ProblemError(
            412, "Another version of tus is spoken here.", f"Send Tus-Resumable: {VERSION}.", {"Tus-Version": VERSION}
        )


def _number(call: Call, header: str) -> int:
    value = call.request.headers.get(header, "")
    if not _NUMBER.fullmatch(value):
        raise ProblemError(400, f"{header} can't be read.", "It is a count of bytes; a deferred length isn't offered.")
    return int(value)


def _metadata(header: str | None) -> str | None:
    """As sent. ProblemError 400 unless every value is an opaque id: the courier is told nothing of the footage."""
    if not header:
        return None
    pairs = [pair.strip().split(" ") for pair in header.split(",")] if len(header) <= MAX_METADATA else []
    keys = {pair[0] for pair in pairs}
    if not pairs or len(keys) != len(pairs) or not all(_is_opaque(pair) for pair in pairs):
        raise ProblemError(
            400, "The metadata isn't taken.", "Opaque ids only, each key once, such as 'delivery <id in base64>'."
        )
    return header


def _is_opaque(pair: list[str]) -> bool:
    if not 1 <= len(pair) <= 2 or not _KEY.fullmatch(pair[0]):
        return False
    try:
        value = base64.b64decode(pair[1], validate=True).decode("ascii") if len(pair) == 2 else ""
    except ValueError:
        return False
    return not value or _OPAQUE.fullmatch(value) is not None


def _headers(upload: Upload, offset: int) -> dict[str, str]:
    headers = {"Upload-Offset": str(offset)}
    if not upload.delivered:
        headers["Upload-Expires"] = formatdate(upload.expires // SECOND, usegmt=True)
    return headers


class _Breaker:
    """Ends a call whose sender fell silent by closing its connection."""

    def __init__(self, call: Call) -> None:
        self._request = call.request

    def __call__(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()


def upload_id(url: str, origin: str) -> str:
    """The upload at this portal that somebody names, by its whole URL or its path. ProblemError 422."""
    path = url.removeprefix(origin).removeprefix(urlsplit(origin).path)
    found = re.fullmatch(f"{api.UPLOADS}/([0-9a-f]{{32}})", path)
    if found is None:
        raise invalid("The upload lies elsewhere.", f"Upload to {origin}{api.UPLOADS}.")
    return found[1]
