"""Public appeals: made and signed here, and the queue of what came in answer, read with the case's key.

Not for: what an officer types (``portal.officer.people.appeal_cli``), or the page (``portal.officer.desk.pages``).
"""

import asyncio
import base64
import io
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import segno
from pydantic import ValidationError

from exchange.age.files import Decryptor, Identity
from exchange.clock import DAY, Window
from exchange.complaints import complaint
from exchange.documents.letters import harmless
from exchange.documents.messages import Signed, Stretch
from exchange.documents.people import PersonFile
from exchange.documents.people.appeals import Appeal, AppealCase, Contribution, PublicNote
from exchange.errors import DocumentInvalid, HandoverError, InputInvalid, NotFound
from exchange.signing.documents import parse_strictly, read_unverified, sign_document
from portal.officer.asking import Signer
from portal.officer.client import OfficerClient
from portal.officer.people.brought import BroughtFile, Sender, brought_folder, open_files
from portal.officer.state import OfficerState
from portal.officer.teams.restoring import bring_key_of, of_own_team
from portal.officer.teams.sealed_for import sealed_for

KEPT_AS = "appeal"
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_MOST_NOTE = 32 * 1024


@dataclass(frozen=True, slots=True)
class AppealText:
    """What an officer makes known; the window in microseconds UTC."""

    crime_reference: str
    title: str
    area: str
    description: str
    window: Window
    days: int


@dataclass(frozen=True, slots=True)
class Queued:
    """A contribution, and what its sender wrote: None where they wrote nothing, or nothing that can be read."""

    contribution: Contribution
    note: PublicNote | None
    unreadable: bool = False

    @property
    def size(self) -> int:
        """Bytes, as sealed."""
        return sum(file.size for file in self.contribution.files)

    @property
    def is_gone(self) -> bool:
        """Whether its files lie at the portal no more."""
        return not any(file.available for file in self.contribution.files)


@dataclass(frozen=True, slots=True)
class AppealQueue:
    appeal: Appeal
    case: AppealCase
    queued: Sequence[Queued]

    def named(self, contribution_id: str) -> Queued:
        """NotFound."""
        for each in self.queued:
            if each.contribution.contribution_id == contribution_id:
                return each
        raise NotFound("There is no such contribution.", do="The appeal's queue names them.")


async def make_appeal(state: OfficerState, client: OfficerClient, text: AppealText, now: int) -> AppealCase:
    """Sign it and send it: from then on everybody sees it. InputInvalid when it can't be made."""
    credential, _ = await asyncio.to_thread(state.credential, now)
    setup = await asyncio.to_thread(state.setup)
    key, team = await sealed_for(state, client, text.crime_reference, None, now)
    signer = Signer(await asyncio.to_thread(state.key), credential, setup.force)
    appeal, signed = _sign(text, signer, (key, team), now)
    await asyncio.to_thread(state.keep, appeal.appeal_id, KEPT_AS, signed)
    return await client.make_appeal(signed)


def _sign(text: AppealText, signer: Signer, sealed: tuple[Identity, Signed | None], now: int) -> tuple[Appeal, Signed]:
    try:
        appeal = Appeal(
            appeal_id="".join(secrets.choice(_LETTERS) for _ in range(10)),
            force=signer.force,
            credential=signer.credential,
            crime_reference=text.crime_reference,
            title=text.title,
            area=text.area,
            description=text.description,
            happened=Stretch.of(text.window),
            recipient=str(sealed[0].recipient),
            team=sealed[1],
            issued=now,
            expires=now + text.days * DAY,
        )
        return appeal, sign_document(appeal, signer.key)
    except ValidationError as error:
        raise InputInvalid(f"Such an appeal can't be made: {complaint(error)}.", do="Correct it.") from None
    except DocumentInvalid as error:
        raise InputInvalid(error.what, do="Shorten its texts.") from None


async def checked_appeal(state: OfficerState, client: OfficerClient, case: AppealCase) -> Appeal:
    """What the portal shows, if an officer of one's own team signed it; with the key that opens what comes."""
    appeal = await of_own_team(state, client, case.signed, Appeal)
    await bring_key_of(state, client, appeal)
    return appeal


async def read_queue(state: OfficerState, client: OfficerClient, appeal_id: str) -> AppealQueue:
    """All that came, oldest first; what was written is opened here."""
    case = await client.appeal(_checked_name(appeal_id))
    appeal = await checked_appeal(state, client, case)
    if appeal.appeal_id != appeal_id:
        raise NotFound("The portal sent another appeal.", do="Tell who runs it.")
    keys = await asyncio.to_thread(state.case_keys, appeal.crime_reference)
    found = await client.contributions(appeal_id)
    return AppealQueue(appeal, case, await asyncio.to_thread(lambda: [_read(each, keys) for each in found]))


async def open_contribution(
    state: OfficerState, client: OfficerClient, queue: AppealQueue, contribution_id: str
) -> list[BroughtFile]:
    """Fetch, unseal and look at its files. As ``open_brought``."""
    appeal, contribution = queue.appeal, queue.named(contribution_id).contribution
    folder = await asyncio.to_thread(brought_folder, state, appeal.crime_reference)

    async def fetch(file: PersonFile, sealed: Path) -> None:
        await client.fetch_contribution_file(appeal.appeal_id, contribution_id, file, sealed)

    sender = Sender(appeal.appeal_id, contribution_id, appeal.crime_reference, contribution.sent)
    return await open_files(state, contribution.files, sender, folder, fetch)


def poster_code(address: str) -> str:
    """The address as a QR code, an SVG of its own that prints at any size."""
    out = io.BytesIO()
    segno.make(address, error="q", micro=False).save(out, kind="svg", scale=8, border=4, xmldecl=False)
    return out.getvalue().decode()


def title_of(case: AppealCase) -> str:
    """For a list, where nothing was checked yet."""
    appeal = read_unverified(case.signed, Appeal)
    return harmless(f"{appeal.crime_reference}: {appeal.title}")


def _checked_name(appeal_id: str) -> str:
    if len(appeal_id) != 10 or not set(appeal_id) <= set(_LETTERS):
        raise InputInvalid(
            "This is no appeal's name.", do="Look at Appeals on your page; handover-officer appeal list names them too."
        )
    return appeal_id


def _read(contribution: Contribution, keys: Sequence[Identity]) -> Queued:
    if not contribution.sealed_note:
        return Queued(contribution, None)
    try:
        sealed = base64.b64decode(contribution.sealed_note, validate=True)
        text = Decryptor(io.BytesIO(sealed), keys).read(_MOST_NOTE)
        return Queued(contribution, parse_strictly(text, PublicNote, _MOST_NOTE))
    except (HandoverError, ValueError):
        return Queued(contribution, None, unreadable=True)
