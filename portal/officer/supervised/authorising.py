"""From what an officer wants to ask to a supervisor's signature under it: a draft, and the authorisation made of it.

Not for: whether a request needs one (``exchange.documents.supervision``), or checking it (``exchange.signing``).
"""

import uuid
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import yaml
from pydantic import Field, ValidationError

from exchange.clock import DAY
from exchange.complaints import wrong
from exchange.documents.messages import Asked, Credential, Fingerprint, Line, Part, Role, Signed, Stretch, Text
from exchange.documents.supervision import Area, Authorisation, SupervisionLimits, supervised_for
from exchange.errors import DocumentInvalid, InputInvalid, NotFound
from exchange.signing.documents import PublicKey, SigningKey, sign_document
from portal.officer.asking import RequestForm, stretch_of

MAX_DRAFT = 64 * 1024


class Draft(Part):
    """What is to be authorised: all of it, as the supervisor reads it. A YAML or JSON file."""

    officer: Fingerprint
    """Whose requests it is for."""
    crime_reference: Line
    window: Stretch
    area: Area | None = None
    """None: anywhere."""
    most_owners: Annotated[int, Field(ge=1, le=10_000)] = 1
    indoors: bool = False
    reason: Text
    days: Annotated[int, Field(ge=1, le=90)] = 7
    """How long requests may be signed with it."""


def draft_of(form: RequestForm, officer: PublicKey, zone: ZoneInfo | None) -> Draft:
    """What a supervisor must sign so that the form may be asked."""
    windows = [stretch_of(each.start, each.end, zone) for each in form.asked]
    return Draft(
        officer=officer.fingerprint,
        crime_reference=form.crime_reference,
        window=Stretch(start=min(each.start for each in windows), end=max(each.end for each in windows)),
        most_owners=form.owners_asked or 1,
        reason=form.necessity,
    )


def why_beyond(
    form: RequestForm, zone: ZoneInfo | None, indoors: Collection[str], limits: SupervisionLimits
) -> tuple[str, ...]:
    """Why the form goes beyond the limits, each in words to go after "because"; empty when it doesn't.

    ``indoors``: the ids of those of the device's cameras that are inside of buildings. InputInvalid for unusable times.
    """
    asked = [Asked(camera_id=each.camera_id, window=stretch_of(each.start, each.end, zone)) for each in form.asked]
    return supervised_for(form.owners_asked or 1, asked, indoors, limits)


def read_draft(path: Path | None, flags: Mapping[str, Any]) -> Draft:
    """The file's fields, and over them those given as flags. InputInvalid naming the field; NotFound."""
    fields = {**(_read(path) if path is not None else {}), **flags}
    try:
        return Draft.model_validate(fields)
    except ValidationError as error:
        complaint = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in complaint["loc"])
        raise InputInvalid(
            f"What is to be authorised can't be used: {where}: {wrong(complaint)}.",
            do="Give it as a flag or in the draft; handover-officer authorise --help names every one.",
        ) from None


def text_of(draft: Draft) -> str:
    """The draft as a file."""
    plain = draft.model_dump(mode="json", by_alias=True, exclude_none=True)
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)


def authorise(draft: Draft, key: SigningKey, credential: tuple[Signed, Credential], now: int) -> Signed:
    """The supervisor's signed word. InputInvalid for whoever is no supervisor, or asks it of themselves."""
    signed, supervisor = credential
    if not supervisor.may(Role.SUPERVISOR):
        raise InputInvalid(
            f"{supervisor.name} is no supervisor.",
            meaning="Agents and the portal would refuse what you sign.",
            do="Ask the force for a credential with that role, or a supervisor for their signature.",
        )
    if draft.officer == key.public.fingerprint:
        raise InputInvalid("Nobody authorises their own requests.", do="Ask another supervisor.")
    try:
        return sign_document(
            Authorisation(
                authorisation_id=str(uuid.uuid4()),
                force=supervisor.force,
                credential=signed,
                issued=now,
                expires=now + draft.days * DAY,
                **{name: getattr(draft, name) for name in Draft.model_fields if name != "days"},
            ),
            key,
        )
    except DocumentInvalid as error:
        raise InputInvalid(error.what, do="Shorten its reason.") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_DRAFT + 1)
    except OSError:
        raise NotFound(f"There is no file {path}.", do="Check its name.") from None
    try:
        found = yaml.safe_load(content) if len(content) <= MAX_DRAFT else None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InputInvalid(f"{path} is no draft.", do="Make one: handover-officer request --draft FILE.")
    return found
