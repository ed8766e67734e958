"""A jurisdiction's wording: what records, statements and notices say under one law, in one language.

Each is a YAML file that an owner can replace (``agent.records.wording.files`` finds it). Nothing in one is advice, and
each says so. Not for: what happened (``agent.records.register``), or the words of the owner's page.
"""

import re
from collections.abc import Iterator
from string import Template
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from agent.records.wording.phrases import EVERYWHERE, LABELS, NOTICE, PHRASES, STATEMENT, SUBJECT
from exchange.documents.letters import first_unfit
from exchange.documents.messages import OwnerKind


def _plain(text: str) -> str:
    unfit = first_unfit(text, lines=True)
    if unfit is not None:
        raise ValueError(f"the character U+{ord(unfit):04X} is not allowed there")
    if not Template(text).is_valid():
        raise ValueError("a '$' stands before a name, or twice for itself")
    return text.strip()


Words = Annotated[str, Field(min_length=1, max_length=4000), AfterValidator(_plain)]
Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]


class Part(BaseModel):
    """Nothing unknown is let pass: a misspelt key must not silently leave something out of a document."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Authority(Part):
    """Who watches over data protection there."""

    name: Words
    address: Words


class KeepRecords(Part):
    """How long records of requests are kept when the settings don't say, and why so long."""

    years: Annotated[int, Field(ge=1, le=50)]
    why: Words


class Basis(Part):
    """One lawful basis for sharing. ``key`` is what an owner chooses it by."""

    key: Key
    title: Words
    text: Words


class Sharing(Part):
    """What holds when this kind of owner shares footage. The first basis stands where the owner chose none."""

    bases: Annotated[tuple[Basis, ...], Field(min_length=1, max_length=20)]
    notes: Annotated[tuple[Words, ...], Field(max_length=20)]
    once_shared: Words

    @model_validator(mode="after")
    def _keys_differ(self) -> Self:
        if len({basis.key for basis in self.bases}) != len(self.bases):
            raise ValueError("two bases have the same key")
        return self


class SharingByOwner(Part):
    household: Sharing
    business: Sharing

    def of(self, kind: OwnerKind) -> Sharing:
        return self.household if kind is OwnerKind.HOUSEHOLD else self.business


class RegisterWording(Part):
    """Headings and phrases of the register. ``labels`` has exactly LABELS, ``phrases`` exactly PHRASES."""

    title: Words
    intro: Words
    empty: Words
    labels: dict[str, Words]
    phrases: dict[str, Words]

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        _require(self.labels, LABELS, "labels")
        _require_phrases(self.phrases, PHRASES)
        return self


class StatementWording(Part):
    """The draft of a witness statement. ``phrases`` has exactly STATEMENT."""

    title: Words
    law: Words
    draft: Words
    """Said to the owner, above the statement: what to do with it."""
    phrases: dict[str, Words]

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        _require_phrases(self.phrases, STATEMENT)
        return self


class NoticeSection(Part):
    heading: Words
    text: Annotated[tuple[Words, ...], Field(min_length=1, max_length=20)]


class Notice(Part):
    """``purpose``: what cameras are for, where the settings don't say it; it ends a sentence."""

    title: Words
    purpose: Words
    sections: Annotated[tuple[NoticeSection, ...], Field(min_length=1, max_length=30)]


class NoticeByOwner(Part):
    household: Notice
    business: Notice
    sound_yes: Words = Field(alias="sound-yes")
    sound_no: Words = Field(alias="sound-no")
    no_cameras: Words = Field(alias="no-cameras")
    """In the place of the cameras' names."""
    copies_here: Words = Field(alias="copies-here")
    """Where else recordings go: nowhere, ..."""
    copies_away: Words = Field(alias="copies-away")
    """... or, as sealed copies, to the second places that the owner named."""

    def of(self, kind: OwnerKind) -> Notice:
        return self.household if kind is OwnerKind.HOUSEHOLD else self.business


class Sign(Part):
    """``lines``: the most important first, in large letters."""

    title: Words
    lines: Annotated[tuple[Words, ...], Field(min_length=1, max_length=8)]


class SignByOwner(Part):
    household: Sign
    business: Sign

    def of(self, kind: OwnerKind) -> Sign:
        return self.household if kind is OwnerKind.HOUSEHOLD else self.business


class SubjectWording(Part):
    """What is said to somebody who was filmed, and to the owner about it. ``phrases`` has exactly SUBJECT."""

    months: Annotated[int, Field(ge=1, le=12)]
    """Calendar months in which to answer."""
    extension_months: Annotated[int, Field(ge=0, le=12)]
    """How many more there may be, where it is complex, if the person is told why."""
    holidays: Annotated[tuple[Annotated[str, Field(pattern=r"^\d\d-\d\d$")], ...], Field(max_length=40)]
    """Month and day of those that fall on the same day every year; an answer is due on the next working day."""
    counted: Words
    guide: Annotated[tuple[Words, ...], Field(min_length=1, max_length=20)]
    withheld: Words
    """For the owner's own record, where a disclosure is withheld from the person."""
    phrases: dict[str, Words]

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        _require_phrases(self.phrases, SUBJECT)
        return self


def _require(given: dict[str, str], wanted: frozenset[str], where: str) -> None:
    if missing := sorted(wanted - given.keys()):
        raise ValueError(f"{where}: missing {', '.join(missing)}")
    if unknown := sorted(given.keys() - wanted):
        raise ValueError(f"{where}: not known: {', '.join(unknown)}")


def _require_phrases(given: dict[str, str], wanted: dict[str, frozenset[str]]) -> None:
    _require(given, frozenset(wanted), "phrases")
    for key, text in given.items():
        _require_places(f"phrases.{key}", text, wanted[key])


def _require_places(where: str, text: str, known: frozenset[str]) -> None:
    unknown = sorted(set(Template(text).get_identifiers()) - known - EVERYWHERE)
    if unknown:
        raise ValueError(f"{where} names ${unknown[0]}, which is not known there")


class Wording(Part):
    """One file: a jurisdiction in one language."""

    jurisdiction: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,15}$")]
    language: Literal["en", "de"]
    name: Words
    compared: Annotated[str, Field(pattern=r"^\d{4}-\d{2}$")]
    """The month in which its facts were last compared with the law."""
    disclaimer: Words
    authority: Authority
    keep_records: KeepRecords
    sharing: SharingByOwner
    register_words: RegisterWording = Field(alias="register")
    statement: StatementWording
    notice: NoticeByOwner
    sign: SignByOwner
    subject: SubjectWording

    @model_validator(mode="after")
    def _names_only_what_is_known(self) -> Self:
        parts = ("register_words", "statement", "subject")
        for where, text in _texts(self.model_dump(exclude={part: {"phrases"} for part in parts})):
            known = NOTICE if where.startswith(("notice.", "sign.")) else frozenset()
            _require_places(where, text, known)
        return self


def _texts(value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, f"{where}.{key}" if where else str(key))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _texts(inner, f"{where}.{number}")


_ONE = {"days": "day", "years": "year", "Tage": "Tag", "Tagen": "Tag", "Jahre": "Jahr", "Jahren": "Jahr"}
"""What the noun of many behind a number is where that is 1, in the languages that there are."""
_COUNTED = re.compile(rf"(\$\{{?(\w+)\}}?\s+)({'|'.join(_ONE)})\b")


def fill(text: str, /, **values: object) -> str:
    """A text with its ``$names`` filled in; "$days days" becomes "1 day" where it is one. What is filled in is never
    read for names again."""
    known = {name: str(value) for name, value in values.items()}
    fits = _COUNTED.sub(lambda found: found[1] + (_ONE[found[3]] if known.get(found[2]) == "1" else found[3]), text)
    return Template(fits).substitute(known)
