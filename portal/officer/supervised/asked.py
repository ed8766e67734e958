"""What an officer asks supervisors for by the portal, and what waits here until their word comes.

The supervisor sees it as the officer signed it, and signs exactly that.

Not for: the word itself (``portal.officer.supervised.authorising``).
"""

import asyncio
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from exchange.clock import DAY, Instant
from exchange.documents.api import FoundCamera
from exchange.documents.messages import Credential, Id, Part, Place, Signed, Stretch
from exchange.documents.supervision import Authorisation, AuthorisationAsked, StandingAuthorisation, SupervisorsWord
from exchange.durable import durable_file
from exchange.errors import DocumentInvalid, InputInvalid, NotFound, SignatureInvalid
from exchange.ground import distance_m
from exchange.signing.authorisations import open_authorisation
from exchange.signing.credentials import open_by_officer
from exchange.signing.documents import PublicKey, parse_strictly, read_unverified, sign_document
from portal.officer.client import OfficerClient
from portal.officer.crime.batches import Asking, by_owner
from portal.officer.crime.texts import CrimeText
from portal.officer.state import OfficerState
from portal.officer.supervised.authorising import Draft, authorise
from portal.officer.supervised.rules import Rules, rules_for

MOST_BYTES = 8 * 1024 * 1024
_MARGIN_M = 10.0
_LEAST_M = 50.0
_KEPT = 60 * DAY


class Waiting(Part):
    """``waiting/<id>.json``: what is to be asked of owners once a supervisor's word is there."""

    asked_id: Id
    text: CrimeText
    window: Stretch
    cameras: tuple[FoundCamera, ...]
    location: Place | None = None
    accept_changed: bool = False
    made: Instant

    def asking(self, authorisation: Signed) -> Asking:
        return Asking(
            text=self.text,
            window=self.window.window,
            cameras=self.cameras,
            location=self.location,
            authorisation=authorisation,
            accept_changed=self.accept_changed,
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """One question as it stands. ``supervisor``: who signed it. ``waiting``: what it is for, if it was asked here."""

    asked: AuthorisationAsked
    officer: Credential
    word: StandingAuthorisation
    authorisation: Authorisation | None = None
    supervisor: Credential | None = None
    waiting: Waiting | None = None

    @property
    def is_mine_to_send(self) -> bool:
        return self.authorisation is not None and self.waiting is not None


def draft_for(asking: Asking, middle: tuple[float, float], rules: Rules, officer: PublicKey) -> Draft:
    """What a supervisor must sign so that all of it may be asked: no more cameras, and no more time.

    The area is a circle around ``middle`` that holds the cameras.
    """
    places = [(camera.place.latitude, camera.place.longitude) for camera in asking.cameras]
    farthest = max((distance_m(*middle, *place) for place in places), default=0.0)
    area = {
        "latitude": middle[0],
        "longitude": middle[1],
        "radius_m": min(20_000.0, round(max(_LEAST_M, farthest + _MARGIN_M))),
    }
    fields = {
        "officer": officer.fingerprint,
        "crime_reference": asking.text.crime_reference,
        "window": Stretch.of(asking.window),
        "area": area,
        "most_owners": len(by_owner(asking.cameras)),
        "indoors": any((camera.device, camera.camera_id) in rules.indoors for camera in asking.cameras),
        "reason": asking.text.necessity,
    }
    try:
        return Draft.model_validate(fields)
    except ValidationError:
        raise InputInvalid("No supervisor can allow this as it is.", do="Ask fewer owners at once.") from None


async def ask_supervisors(
    state: OfficerState, client: OfficerClient, asking: Asking, middle: tuple[float, float], now: int
) -> None:
    """Send what is to be authorised to the supervisors of the officer's unit, and keep what it is for."""
    rules = await rules_for(client, asking.cameras)
    signed = await asyncio.to_thread(_ask, state, asking, middle, rules, now)
    await client.ask_supervisors(signed)


def _ask(state: OfficerState, asking: Asking, middle: tuple[float, float], rules: Rules, now: int) -> Signed:
    key, (credential, officer) = state.key(), state.credential(now)
    draft, asked_id = draft_for(asking, middle, rules, key.public), str(uuid.uuid4())
    fields = {name: getattr(draft, name) for name in Draft.model_fields if name != "officer"}
    asked = AuthorisationAsked(asked_id=asked_id, force=officer.force, credential=credential, issued=now, **fields)
    waiting = Waiting(
        asked_id=asked_id,
        text=asking.text,
        window=Stretch.of(asking.window),
        cameras=asking.cameras,
        location=asking.location,
        accept_changed=asking.accept_changed,
        made=now,
    )
    path = _path(state, asked_id)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    for old in path.parent.glob("*.json"):
        found = load_waiting(state, old.stem)
        if found is not None and found.made < now - _KEPT:
            old.unlink()
    with durable_file(path) as file:
        file.write(waiting.model_dump_json(exclude_none=True).encode())
    return sign_document(asked, key)


def read_asked(state: OfficerState, items: Iterable[StandingAuthorisation], now: int) -> list[Asked]:
    """Those whose signatures hold; what can't be checked is left out."""
    force_key = PublicKey.parse(state.setup().force_key)
    found = []
    for each in items:
        try:
            found.append(_open(state, each, force_key, now))
        except (SignatureInvalid, DocumentInvalid):
            continue
    return found


def _open(state: OfficerState, each: StandingAuthorisation, force_key: PublicKey, now: int) -> Asked:
    claimed = read_unverified(each.asked, AuthorisationAsked)
    waits = each.authorisation is None and each.refused is None
    asked, officer = open_by_officer(each.asked, AuthorisationAsked, force_key, now if waits else claimed.issued)
    authorisation, supervisor = None, None
    if each.authorisation is not None:
        try:
            authorisation, supervisor = open_authorisation(each.authorisation, force_key, now)
        except (SignatureInvalid, DocumentInvalid):
            authorisation = None  # it ended, or is none: it is of no use
    waiting = load_waiting(state, asked.asked_id)
    return Asked(asked, officer, each, authorisation, supervisor, waiting)


def load_waiting(state: OfficerState, asked_id: str) -> Waiting | None:
    """None where it was asked elsewhere, or is sent."""
    path = _path(state, asked_id)
    if not path.exists():
        return None
    with path.open("rb") as file:
        return parse_strictly(file.read(MOST_BYTES + 1), Waiting, MOST_BYTES)


def forget_waiting(state: OfficerState, asked_id: str) -> None:
    """It is sent."""
    _path(state, asked_id).unlink(missing_ok=True)


async def sign(state: OfficerState, client: OfficerClient, found: Asked, now: int) -> None:
    """As a supervisor, sign exactly what was asked."""
    fields = {name: getattr(found.asked, name) for name in Draft.model_fields if name != "officer"}
    draft = Draft(officer=PublicKey.parse(found.officer.public_key).fingerprint, **fields)
    word = await asyncio.to_thread(lambda: authorise(draft, state.key(), state.credential(now), now))
    await client.give_word(found.asked.asked_id, SupervisorsWord(authorisation=word))


async def refuse(client: OfficerClient, found: Asked, reason: str) -> None:
    """InputInvalid without a reason."""
    try:
        word = SupervisorsWord(refused=reason.strip())
    except ValidationError:
        raise InputInvalid("The reason is missing, or too long.", do="Say the officer why.") from None
    await client.give_word(found.asked.asked_id, word)


class _IdCheck(Part):
    value: Id


def _path(state: OfficerState, asked_id: str) -> Path:
    try:
        _IdCheck(value=asked_id)
    except ValidationError:
        raise NotFound("There is no such question.", do="Look at the list.") from None
    return state.folder / "waiting" / f"{asked_id}.json"
