"""The draft of an answer to somebody who was filmed, and, where a disclosure is withheld from them, why: for the owner.

The two are apart: the reasons for withholding are never in what the person gets. Not for: sending it.
"""

import re
from dataclasses import dataclass

from agent.records.notice import everywhere, purpose_of
from agent.records.statement import BLANK, Line, Piece
from agent.records.subjects.kept import SubjectRequest, Wish
from agent.records.subjects.search import Concerned
from agent.records.times import Times
from agent.records.wording.model import Wording, fill
from agent.settings.model import Settings
from exchange.errors import InputInvalid


@dataclass(frozen=True)
class Answer:
    """``letter``: for the person. ``own``: for the owner's records only, where something is withheld."""

    title: str
    letter: tuple[Line, ...]
    own: Line | None
    disclaimer: str
    language: str


def answer_to(
    asked: SubjectRequest,
    found: Concerned,
    withhold: bool | None,
    labels: dict[str, str],
    wording: Wording,
    settings: Settings,
) -> Answer:
    """The draft. ``withhold``: whether disclosures are kept from the person; InputInvalid where that is undecided and
    there are any, as either may be wrong."""
    if asked.wish is Wish.ACCESS and found.disclosures and withhold is None:
        raise InputInvalid(
            "Footage of these times was given to the police.",
            meaning="Telling the person may prejudice an investigation; withholding it needs a reason that holds.",
            do="Ask the officer, then choose: --disclosures tell, or --disclosures withhold.",
        )
    return _Draft(asked, found, bool(withhold), labels, wording, settings).answer()


class _Draft:
    def __init__(
        self,
        asked: SubjectRequest,
        found: Concerned,
        withhold: bool,
        labels: dict[str, str],
        wording: Wording,
        settings: Settings,
    ) -> None:
        self._asked, self._found, self._withhold, self._labels = asked, found, withhold, labels
        self._wording, self._settings, self._times = wording, settings, Times(wording.language)
        self._known = everywhere(wording, settings)

    def answer(self) -> Answer:
        phrases = self._wording.subject.phrases
        return Answer(
            title=phrases[f"title-{self._asked.wish}"],
            letter=tuple(self._letter()),
            own=self._pieces(self._wording.subject.withheld) if self._withhold and self._found.disclosures else None,
            disclaimer=fill(self._wording.disclaimer, **self._known),
            language=self._wording.language,
        )

    def _letter(self) -> list[Line]:
        asked, times = self._asked, self._times
        due = times.day(asked.due_at)
        windows = "; ".join(f"{times.moment(each.start)} – {times.end_of(each)}" for each in asked.windows)
        cameras = ", ".join(self._labels.get(each, each) for each in (asked.cameras or self._labels))
        lines = [
            self._say("letter", person=asked.person),
            self._say("received", when=times.day(asked.received_at), due=due),
        ]
        if asked.extended_why is not None:
            lines.append(self._say("extended", due=due, why=asked.extended_why))
        lines.append(self._say("sought", times=windows, cameras=cameras))
        lines += self._held()
        match asked.wish:
            case Wish.ACCESS:
                lines.append(self._say("copy"))
                purpose = purpose_of(self._wording, self._settings)
                lines.append(self._say("why", purpose=purpose, days=self._settings.recordings.days))
                lines += self._shared()
            case Wish.ERASURE:
                lines += [self._say("erased"), self._say("erased-not")]
            case Wish.OBJECTION:
                lines.append(self._say("objected"))
            case Wish.RESTRICTION:
                lines.append(self._say("restricted"))
        return [*lines, self._say("rights"), self._say("signed")]

    def _held(self) -> list[Line]:
        """What is left. Sealed copies are named only where the letter tells that something was given to the police; so
        ``held-none`` speaks of the cameras' recordings alone, and is true whether or not there are such copies."""
        stretches = [
            f"{self._labels.get(held.camera_id, held.camera_id)}, {self._times.moment(span.start)} – "
            f"{self._times.end_of(span)}"
            for held in self._found.held
            for span in held.spans
        ]
        unknown = {(held.camera_id, held.trouble) for held in self._found.held if held.trouble is not None}
        lines = [self._say("held-some", stretches="; ".join(stretches))] if stretches else []
        lines += [
            self._say("held-unknown", camera=self._labels.get(camera_id, camera_id), trouble=trouble)
            for camera_id, trouble in sorted(unknown)
        ]
        if not lines:
            lines.append(self._say("held-none", days=self._settings.recordings.days))
        if self._asked.wish is Wish.ACCESS and not self._withhold and self._found.kept_copies:
            lines.append(self._say("held-copies", copies=self._found.kept_copies))
        return lines

    def _shared(self) -> list[Line]:
        """An answer that withholds reads like one where nothing was shared: it tells nobody that something was."""
        lines: list[Line] = []
        if self._found.disclosures and not self._withhold:
            for each in self._found.disclosures:
                when = self._times.day(each.delivered_at)
                lines.append(self._say("shared", force=each.force, when=when, case=each.case))
        else:
            lines.append(self._say("shared-none"))
        return [*lines, self._say("not-all")]

    def _say(self, phrase: str, **values: object) -> Line:
        return self._pieces(self._wording.subject.phrases[phrase], **values)

    def _pieces(self, text: str, **values: object) -> Line:
        known = self._known | {name: str(value) for name, value in values.items()}
        parts = re.split(BLANK, text)
        return tuple(
            Piece("", fill(" ".join(part.split()), **known)) if number % 2 else Piece(fill(part, **known))
            for number, part in enumerate(parts)
            if part
        )
