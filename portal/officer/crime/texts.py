"""What an officer writes of a crime, once for all owners: remembered by crime, begun from templates by kind of crime.

``texts/`` in the officer's folder keeps what was written for each crime; ``templates/*.yaml`` there are the officer's
own templates, beside those that come with the program. Not for: what one owner is asked (``portal.officer.asking``).
"""

import hashlib
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError

from exchange.complaints import wrong
from exchange.documents.exhibits import ExhibitPrefix
from exchange.documents.messages import Line, Part, Text
from exchange.durable import durable_file
from exchange.errors import InputInvalid, SettingsInvalid
from portal.officer.state import OfficerState

MOST_BYTES = 64 * 1024
MOST_TEMPLATES = 200
BUILT_IN = Path(__file__).parent / "kinds.yaml"


class CrimeText(Part):
    """The same words for every owner who is asked."""

    crime_reference: Line
    kind: Line
    place: Line
    description: Text
    purpose: Text
    legal_basis: Text
    necessity: Text
    exhibit_prefix: ExhibitPrefix | None = None
    answer_within_days: Annotated[int, Field(ge=1, le=90)] = 14
    sound: bool = False
    """From cameras that record sound."""


class Template(Part):
    """Words to begin with; what is left out stays as it is."""

    kind: Line
    description: Text | None = None
    purpose: Text | None = None
    legal_basis: Text | None = None
    necessity: Text | None = None


class _Templates(Part):
    templates: Annotated[tuple[Template, ...], Field(max_length=MOST_TEMPLATES)]


def read_text(values: Any) -> CrimeText:
    """From JSON. InputInvalid naming the field."""
    try:
        return CrimeText.model_validate(values)
    except ValidationError as error:
        complaint = error.errors(include_url=False, include_input=False)[0]
        name = str(next(iter(complaint["loc"]), "text")).replace("_", " ")
        missing = complaint["type"] in ("missing", "string_too_short")
        what = "is missing" if missing else f"can't be used: {wrong(complaint)}"
        raise InputInvalid(f"The {name} {what}.", do="Write it as owners are to read it.") from None


def remember(state: OfficerState, text: CrimeText) -> None:
    """For the next time that something is asked about this crime."""
    path = _path(state, text.crime_reference)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with durable_file(path) as file:
        file.write(yaml.safe_dump(text.model_dump(exclude_none=True), sort_keys=False, allow_unicode=True).encode())


def remembered(state: OfficerState) -> list[CrimeText]:
    """What was written, the latest first. A file that somebody spoiled is passed over."""
    found = []
    for path in sorted((state.folder / "texts").glob("*.yaml"), key=lambda path: -path.stat().st_mtime_ns):
        try:
            found.append(CrimeText.model_validate(_read(path)))
        except (ValidationError, SettingsInvalid):
            continue
    return found


def templates(state: OfficerState) -> list[Template]:
    """The officer's own first, by file name, then the built-in ones of other kinds. SettingsInvalid."""
    found: dict[str, Template] = {}
    for path in (*sorted((state.folder / "templates").glob("*.yaml")), BUILT_IN):
        try:
            read = _Templates.model_validate({"templates": _read(path)})
        except ValidationError as error:
            complaint = error.errors(include_url=False, include_input=False)[0]
            where = " ".join(str(step) for step in complaint["loc"][1:])
            raise SettingsInvalid(
                f"The templates in {path} can't be used: {where}: {wrong(complaint)}.",
                do="Correct it: a list with kind, description, purpose, legal_basis, necessity.",
            ) from None
        for template in read.templates:
            found.setdefault(template.kind, template)
    return list(found.values())


def _read(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise SettingsInvalid(f"{path} is too large.", do="Make it smaller.")
        return yaml.safe_load(content)
    except (OSError, yaml.YAMLError, UnicodeDecodeError, RecursionError):
        raise SettingsInvalid(f"{path} is no YAML.", do="Correct it, or take it away.") from None


def _path(state: OfficerState, crime_reference: str) -> Path:
    return state.folder / "texts" / f"{hashlib.sha256(crime_reference.encode()).hexdigest()[:24]}.yaml"
