"""The draft of a witness statement that produces what was handed over: what the records say, and blanks for all else.

It claims nothing that the records don't hold: whether anybody watched, and what they saw, is the witness's to say.
Not for: the layout (``agent.records.sheets``), or the law's words (``agent.records.wording``).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agent.records.register.gather import Stored
from agent.records.register.model import Entry, Verified
from agent.records.register.words import Speaker
from agent.records.times import Times
from agent.records.wording.model import Wording, fill
from agent.settings.model import Settings
from exchange.custody.log import CustodyEvent, CustodyKind, read_line
from exchange.documents.api import MAX_BODY
from exchange.documents.clock_facts import ClockCheck
from exchange.documents.evidence import Evidence
from exchange.documents.messages import Signed
from exchange.errors import InputInvalid
from exchange.signing.documents import parse_strictly, read_unverified

_EVENTS = {
    CustodyKind.CLIPPED,
    CustodyKind.SIGNED,
    CustodyKind.TIMESTAMPED,
    CustodyKind.SEALED,
    CustodyKind.UPLOAD_FINISHED,
    CustodyKind.DELIVERED,
    CustodyKind.RECEIPT,
    CustodyKind.DELETED,
}
BLANK = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)
"""How a phrase marks what is to be filled in."""


@dataclass(frozen=True)
class Piece:
    """A piece of a line: text, or a blank called ``blank`` that holds ``text`` already, or nothing."""

    text: str
    blank: str | None = None


Line = tuple[Piece, ...]


@dataclass(frozen=True)
class Witness:
    """What is known of who will sign: nothing, unless they said so."""

    name: str = ""
    occupation: str = ""
    position: str = ""


@dataclass(frozen=True)
class Section:
    """``ticks``: lines of which the witness ticks those that are so. ``items``: a list below the lines."""

    heading: str
    lines: tuple[Line, ...] = ()
    items: tuple[Line, ...] = ()
    ticks: tuple[Line, ...] = ()
    after: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Statement:
    title: str
    law: str
    draft: str
    disclaimer: str
    language: str
    head: tuple[Line, ...]
    declaration: Line
    signing: tuple[Line, ...]
    opening: tuple[Line, ...]
    sections: tuple[Section, ...]
    reader: Line


def statement_of(
    stored: Stored, entry: Entry, witness: Witness, cameras: int, wording: Wording, settings: Settings
) -> Statement:
    """The draft for all that was handed over of one request. InputInvalid when nothing was. ``cameras``: how many."""
    if any(package.delivered_at is not None and package.evidence is None for package in stored.packages):
        raise InputInvalid(
            "What was handed over of this request is known only from the portal, after older records came back.",
            meaning="Its manifest was lost, so a statement can't say what exactly was in it.",
            do="Ask the officer for the manifest; it is in the package.",
        )
    if not entry.handed_over:
        raise InputInvalid(
            "Nothing of this request was handed over.",
            meaning="There is nothing that a statement could produce.",
            do="handover show tells how far it is.",
        )
    return _Draft(stored, entry, witness, wording, settings).statement(cameras)


class _Draft:
    def __init__(self, stored: Stored, entry: Entry, witness: Witness, wording: Wording, settings: Settings) -> None:
        self._entry, self._witness, self._settings = entry, witness, settings
        self._words, self._wording = wording.statement, wording
        self._speaker, self._times = Speaker(wording, settings), Times(wording.language)
        self._events = [read_line(line) for line in stored.lines]
        delivered = [package for package in stored.packages if package.delivered_at is not None]
        self._evidence = [
            read_unverified(parse_strictly((package.evidence or "").encode(), Signed, MAX_BODY), Evidence)
            for package in delivered
        ]
        handed = {package.evidence_id for package in delivered}
        self._sent = {sent.evidence_id: sent for sent in entry.sent if sent.evidence_id in handed}

    def say(self, phrase: str, **values: object) -> Line:
        """A phrase as pieces. It is cut at its blanks before anything is filled in: values are never cut."""
        known = self._speaker.everywhere | {name: str(value) for name, value in values.items()}
        pieces = []
        for number, part in enumerate(BLANK.split(self._words.phrases[phrase])):
            if number % 2 == 0:
                if part:
                    pieces.append(Piece(fill(part, **known)))
                continue
            name, _, value = part.partition("|")
            pieces.append(Piece(fill(value, **known) if value else "", " ".join(name.split())))
        return tuple(pieces)

    def statement(self, cameras: int) -> Statement:
        witness = self._witness
        return Statement(
            title=self._words.title,
            law=self._words.law,
            draft=fill(self._words.draft, **self._speaker.everywhere),
            disclaimer=fill(self._wording.disclaimer, **self._speaker.everywhere),
            language=self._wording.language,
            head=(
                self.say("statement-of", witness=witness.name),
                self.say("age"),
                self.say("occupation", occupation=witness.occupation),
            ),
            declaration=self.say("declaration"),
            signing=(self.say("signature"), self.say("date")),
            opening=(
                self.say("me", witness=witness.name, position=witness.position),
                self.say("records", version=self._evidence[0].agent_version),
            ),
            sections=tuple(self._sections(cameras)),
            reader=self.say("reader"),
        )

    def _sections(self, cameras: int) -> Iterator[Section]:
        yield Section(self._heading("system"), tuple(self._system(cameras)))
        yield Section(self._heading("clock"), tuple(line for each in self._evidence for line in self._clock(each)))
        yield Section(self._heading("request"), tuple(self._request()))
        yield Section(self._heading("copy"), tuple(line for each in self._evidence for line in self._copied(each)))
        yield Section(
            self._heading("watched"),
            ticks=(self.say("watched-yes"), self.say("watched-no"), self.say("not-altered")),
            after=(self.say("watched-seen"),),
        )
        for number, evidence in enumerate(self._evidence):
            yield self._exhibit(evidence, first=number == 0)
        yield Section(self._heading("continuity"), items=tuple(self._continuity()), after=tuple(self._kept()))
        for evidence in self._evidence:
            label = self.say(
                "label", exhibit=evidence.exhibit_reference, case=evidence.crime_reference, **self._of(evidence)
            )
            yield Section(self._heading("label"), (label, self.say("label-signature")))

    def _heading(self, of: str) -> str:
        return "".join(piece.text for piece in self.say(f"heading-{of}"))

    def _system(self, cameras: int) -> Iterator[Line]:
        yield self.say("system", cameras=cameras, days=self._settings.recordings.days)
        seen: set[str] = set()
        for evidence in self._evidence:
            camera, source = evidence.camera, evidence.source
            if camera.camera_id in seen:
                continue
            seen.add(camera.camera_id)
            device = ", ".join(each for each in (camera.make, camera.model, camera.serial, camera.firmware) if each)
            if device:
                yield self.say("camera", camera=camera.label, device=device)
            if evidence.site.address or (camera.place is not None and camera.place.description):
                place = camera.place.description if camera.place is not None else None
                yield self.say("camera-place", place=place or evidence.site.address)
            recorder = " ".join(each for each in (source.make, source.model, source.firmware) if each)
            yield self.say("source", recorder=recorder, how=source.how_read)

    def _clock(self, evidence: Evidence) -> Iterator[Line]:
        clocks, camera = evidence.clocks, evidence.camera.label
        if clocks.camera is None:
            yield self.say("clock-unchecked", camera=camera)
            return
        for check in (clocks.camera, clocks.camera_other if clocks.camera_range is not None else None):
            if check is not None:
                yield self._compared(check, camera)
        if clocks.camera_range is not None:
            yield self.say("clock-ran", camera=camera)
        shown = evidence.windows.delivered_as_displayed
        if shown is not None:
            yield self.say("clock-shown", start=self._shown(shown.start), end=self._shown(shown.end))

    def _compared(self, check: ClockCheck, camera: str) -> Line:
        values = {
            "camera": camera,
            "when": self._times.moment(check.at),
            "reference": check.reference_source,
            "within": self._times.long(max(check.uncertainty_us, 100_000)),
        }
        if abs(check.offset_us) <= max(check.uncertainty_us, 100_000):
            return self.say("clock-right", **values)
        phrase = "clock-ahead" if check.offset_us > 0 else "clock-behind"
        return self.say(phrase, off=self._times.long(abs(check.offset_us)), **values)

    @staticmethod
    def _shown(text: str) -> str:
        """RFC 3339 with an offset, as the device shows it: to the second."""
        return f"{text[:10]} {text[11:19]}"

    def _request(self) -> Iterator[Line]:
        asker = self._entry.asker
        officer = " ".join(each for each in (asker.rank, asker.name, asker.number) if each)
        values = {
            "when": self._times.moment(self._entry.received),
            "officer": officer,
            "force": asker.force,
            "case": self._entry.case,
        }
        if asker.verified is Verified.NOTED:
            how = self._speaker.say(asker.identified or "not-identified")
            yield self.say("asked-noted", how=how, **values)
        else:
            yield self.say("asked-signed", **values)
        for by in self._entry.decided:
            yield self.say("approved", when=self._times.moment(by.at), name=by.name, method=by.method)

    def _copied(self, evidence: Evidence) -> Iterator[Line]:
        sound = self._speaker.say("with-sound" if evidence.sound.delivered else "without-sound")
        yield self.say("copied", sound=sound, exactly=evidence.operation.exactly, **self._of(evidence))
        if evidence.gaps:
            yield self.say("gaps", count=len(evidence.gaps))
        for note in evidence.observed:
            yield self.say("noted", when=self._times.moment(note.at), text=note.text)
        if self._entry.observations and evidence is self._evidence[0]:
            yield self.say("observations", text=self._entry.observations)

    def _exhibit(self, evidence: Evidence, *, first: bool) -> Section:
        sent = self._sent[evidence.evidence_id]
        items = [
            self.say("file", name=master.name, size=self._times.size(master.size), sha256=master.sha256)
            for master in sent.files
        ]
        if sent.sealed_sha256 is not None and sent.size is not None:
            size = self._times.size(sent.size)
            items.append(self.say("sealed-as", evidence=sent.evidence_id, size=size, sha256=sent.sealed_sha256))
        produced = self.say("exhibit", exhibit=sent.exhibit, **self._of(evidence))
        return Section(self._heading("exhibits") if first else "", (produced,), tuple(items))

    def _continuity(self) -> Iterator[Line]:
        for event in self._events:
            if event.event in _EVENTS:
                yield self._event(event)

    def _event(self, event: CustodyEvent) -> Line:
        what = "".join(piece.text for piece in self.say(f"event-{event.event.value}"))
        if event.event is CustodyKind.RECEIPT and (how := event.details.get("how")):
            what = f"{what}: {event.details.get('taken_by', '')}, {how}"
        return self.say("event", when=self._times.moment(event.at), what=what, actor=event.actor)

    def _kept(self) -> Iterator[Line]:
        until = [sent.kept_until for sent in self._sent.values() if sent.kept_until is not None]
        if until:
            yield self.say("kept", when=self._times.day(max(until)))

    def _of(self, evidence: Evidence) -> dict[str, str]:
        window = evidence.windows.delivered.window
        return {
            "camera": evidence.camera.label,
            "start": self._times.moment(window.start),
            "end": self._times.end_of(window),
        }
