"""From what an officer writes (flags, or a YAML or JSON file) to a signed request.

Not for: sending it (``portal.officer.client``), or what owners' agents refuse.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import yaml
from pydantic import BeforeValidator, Field, ValidationError

from exchange.age.files import Identity
from exchange.clock import DAY, Window
from exchange.complaints import complaint, wrong
from exchange.documents.copies import CopyKind, WantedCopies
from exchange.documents.exhibits import ExhibitPrefix, typed_prefix
from exchange.documents.messages import (
    Asked,
    Id,
    Incident,
    Line,
    Part,
    Place,
    Request,
    Signed,
    Stretch,
    Text,
)
from exchange.documents.messages import Fingerprint as DeviceFingerprint
from exchange.errors import DocumentInvalid, InputInvalid, NotFound
from exchange.signing.documents import SigningKey, sign_document
from portal.force.keys import read_signed
from portal.officer.times import read_time

MAX_FORM = 256 * 1024

When = Annotated[str, BeforeValidator(lambda value: value.isoformat() if hasattr(value, "isoformat") else value)]
"""YAML reads unquoted times as datetimes; the text goes on to ``read_time``, which refuses one without an offset."""


class AskedForm(Part):
    """One camera and window."""

    camera_id: Id
    start: When = Field(alias="from")
    end: When = Field(alias="to")
    sound: bool = False


class IncidentForm(Part):
    kind: Line
    place: Line
    start: When | None = Field(default=None, alias="from")
    """Without it, the window that is asked for."""
    end: When | None = Field(default=None, alias="to")
    description: Text
    location: Place | None = None
    """Where it was, for the owner's plan."""


class RequestForm(Part):
    """A request as an officer writes it. Times carry an offset, or are local times of the zone that is named."""

    device: DeviceFingerprint
    crime_reference: Line
    incident: IncidentForm
    purpose: Text
    legal_basis: Text
    necessity: Text
    asked: Annotated[tuple[AskedForm, ...], Field(min_length=1, max_length=64)]
    preserve: bool = True
    copies: WantedCopies | None = None
    """Working copies that would help, and the largest file that the force takes; the owner decides."""
    exhibit_prefix: ExhibitPrefix | None = None
    """What the exhibits' references are to begin with, such as the officer's initials."""
    answers_offer: Id | None = None
    """The owner's offer that this answers."""
    answer_within_days: Annotated[int, Field(ge=1, le=90)] = 14
    owners_asked: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """How many owners, this one with them, are asked for the same."""
    authorisation: Signed | None = None
    """A supervisor's word that this may be asked."""


def read_form(path: Path | None, flags: Mapping[str, Any]) -> RequestForm:
    """The file's fields, and over them those given as flags. InputInvalid naming the field; NotFound."""
    fields = _read_file(path) if path is not None else {}
    for name, value in flags.items():
        if name == "incident":
            fields["incident"] = {**(fields.get("incident") or {}), **value}
        else:
            fields[name] = value
    try:
        return RequestForm.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise InputInvalid(
            f"The request's {where} can't be used: {wrong(first)}.",
            do="Give it as a flag or in the file; handover-officer request --help names every one.",
        ) from None


def fields_of(flags: dict[str, Any]) -> dict[str, Any]:
    """The flags that were given, as the fields of a RequestForm."""
    fields: dict[str, Any] = {}
    for name in ("device", "exhibit_prefix", "answers_offer", "crime_reference", "purpose", "legal_basis", "necessity"):
        if flags[name] is not None:
            fields[name] = typed_prefix(flags[name]) if name == "exhibit_prefix" else flags[name]
    named: dict[str, Any] = {"kind": flags["kind"], "place": flags["place"], "description": flags["description"]}
    if flags["at_place"] is not None:
        latitude, longitude = read_place(flags["at_place"])
        named["location"] = {"latitude": latitude, "longitude": longitude}
    if incident := {name: value for name, value in named.items() if value is not None}:
        fields["incident"] = incident
    if flags["cameras"]:
        if flags["start"] is None or flags["end"] is None:
            raise InputInvalid("A camera needs a window.", do="Give --from and --to with --camera.")
        fields["asked"] = [
            {"camera_id": camera, "from": flags["start"], "to": flags["end"], "sound": flags["sound"]}
            for camera in flags["cameras"]
        ]
    if flags["answer_days"] is not None:
        fields["answer_within_days"] = flags["answer_days"]
    if flags["owners_asked"] is not None:
        fields["owners_asked"] = flags["owners_asked"]
    if flags["authorisation"] is not None:
        fields["authorisation"] = read_signed(flags["authorisation"]).model_dump()
    if flags["no_preserve"]:
        fields["preserve"] = False
    if flags["copies"] or flags["largest_mb"] is not None:
        fields["copies"] = {"kinds": flags["copies"], "most_bytes": _largest(flags["copies"], flags["largest_mb"])}
    return fields


def _largest(copies: Sequence[str], megabytes: float | None) -> int | None:
    """Bytes of the largest file that the force takes. InputInvalid."""
    if (CopyKind.SMALLER in copies) != (megabytes is not None):
        raise InputInvalid(
            "--copy smaller and --largest-mb go together.",
            meaning="Nothing was sent.",
            do="Give both, such as --copy smaller --largest-mb 25, or neither.",
        )
    if megabytes is None:
        return None
    if not isfinite(megabytes):
        raise InputInvalid("--largest-mb is no size.", meaning="Nothing was sent.", do="Type it as --largest-mb 25.")
    return round(megabytes * 1_000_000)


def read_place(text: str) -> tuple[float, float]:
    """``LAT,LON`` in degrees. InputInvalid."""
    try:
        latitude, longitude = (float(part) for part in text.split(","))
    except ValueError:
        raise InputInvalid(f"{text!r} is no place.", do="Give latitude and longitude: --near 51.5014,-0.1419") from None
    return latitude, longitude


@dataclass(frozen=True, slots=True)
class Signer:
    """Who asks: the officer's key, and what the force says of it."""

    key: SigningKey
    credential: Signed
    force: str


def sign_request(
    form: RequestForm,
    signer: Signer,
    recipient: Identity,
    zone: ZoneInfo | None,
    now: int,
    team: Signed | None = None,
) -> tuple[Request, Signed]:
    """The request with a new id, signed. ``now`` in microseconds. InputInvalid for unusable times."""
    asked = tuple(
        Asked(camera_id=item.camera_id, window=stretch_of(item.start, item.end, zone), sound=item.sound)
        for item in form.asked
    )
    happened = (
        stretch_of(form.incident.start, form.incident.end, zone)
        if form.incident.start is not None and form.incident.end is not None
        else Stretch.of(Window(min(item.window.start for item in asked), max(item.window.end for item in asked)))
    )
    try:
        request = Request(
            request_id=str(uuid.uuid4()),
            device=form.device,
            force=signer.force,
            credential=signer.credential,
            crime_reference=form.crime_reference,
            incident=Incident(
                kind=form.incident.kind,
                place=form.incident.place,
                happened=happened,
                description=form.incident.description,
                location=form.incident.location,
            ),
            purpose=form.purpose,
            legal_basis=form.legal_basis,
            necessity=form.necessity,
            asked=asked,
            recipient=str(recipient.recipient),
            preserve=form.preserve,
            copies=form.copies,
            exhibit_prefix=form.exhibit_prefix,
            answers_offer=form.answers_offer,
            team=team,
            owners_asked=form.owners_asked,
            authorisation=form.authorisation,
            issued=now,
            expires=now + form.answer_within_days * DAY,
        )
        return request, sign_document(request, signer.key)
    except ValidationError as error:
        raise InputInvalid(f"The request can't be made: {complaint(error)}.", do="Correct it.") from None
    except DocumentInvalid as error:
        raise InputInvalid(error.what, do="Shorten its texts.") from None


def stretch_of(start: str, end: str, zone: ZoneInfo | None) -> Stretch:
    first, last = read_time(start, zone), read_time(end, zone)
    if last <= first:
        raise InputInvalid(f"The window ends ({end}) before it starts ({start}).", do="Correct --from or --to.")
    return Stretch(start=first, end=last)


def _read_file(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FORM + 1)
    except OSError:
        raise NotFound(f"There is no file {path}.", do="Check its name.") from None
    try:
        found = yaml.safe_load(content) if len(content) <= MAX_FORM else None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InputInvalid(f"{path} is no YAML or JSON file with a request's fields.", do="See docs/protocol.md.")
    return found
