"""The register in words: each entry's fields in the wording's language; page, table and print say the same.

Not for: gathering the entries (``gather``), or laying them out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from agent.records.notice import everywhere
from agent.records.register.model import Entry, Result, Sent, Verified
from agent.records.times import Times
from agent.records.wording.model import Wording, fill
from agent.settings.model import Settings
from exchange.clock import SECOND, Window
from exchange.documents.messages import Outcome

FIELDS = (
    *("received", "case", "state", "reason", "who", "force", "contact", "verified", "incident", "purpose", "necessity"),
    *("their_basis", "basis", "asked", "decided", "minimised", "sent", "seals", "how", "receipt", "once_shared"),
    *("copies", "request_id"),
)
"""In the order in which they are read."""
_TOLD = SECOND // 20
"""Microseconds that a copy is longer than what was asked for: less is no more than a frame's length."""


_BY = {
    "portal": "by-portal",
    "folder": "by-files",
    "medium": "by-medium",
    "sftp": "by-sftp",
    "s3": "by-bucket",
}
"""The phrase for each way that a package went."""


@dataclass(frozen=True)
class EntryWords:
    """One entry's fields in words: each none, one, or several lines. ``title`` is what a reader looks for it by."""

    request_id: str
    title: str
    state: str
    result: str
    handed_over: bool
    basis: str | None
    """The key of the lawful basis that counts; None where none does."""
    fields: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class RegisterWords:
    """A register, ready to be laid out. ``period`` is None for one of all times."""

    title: str
    intro: str
    made: str
    period: str | None
    disclaimer: str
    labels: dict[str, str]
    entries: tuple[EntryWords, ...]
    notes: tuple[str, ...]
    empty: str
    language: str
    owner: str


class Speaker:
    """Says entries in the words of one jurisdiction and language."""

    def __init__(self, wording: Wording, settings: Settings) -> None:
        self._wording = wording
        self._settings = settings
        self._phrases = wording.register_words.phrases
        self._times = Times(wording.language)
        self._sharing = wording.sharing.of(settings.owner.kind)
        self.everywhere = everywhere(wording, settings)

    def say(self, phrase: str, **values: object) -> str:
        return fill(self._phrases[phrase], **self.everywhere, **values)

    def register(self, entries: tuple[Entry, ...], window: Window | None, now: int) -> RegisterWords:
        """The whole register. ``now``: when it was made, microseconds UTC."""
        words = self._wording.register_words
        period = None
        if window is not None:
            days = {"start": self._times.day(window.start), "end": self._times.day(window.end - 1)}
            period = self.say("period", **days)
        return RegisterWords(
            title=words.title,
            intro=fill(words.intro, **self.everywhere),
            made=self.say("made", when=self._times.moment(now)),
            period=period,
            disclaimer=fill(self._wording.disclaimer, **self.everywhere),
            labels=dict(words.labels),
            entries=tuple(self.entry(entry) for entry in entries),
            notes=tuple(fill(note, **self.everywhere) for note in self._sharing.notes),
            empty=words.empty,
            language=self._wording.language,
            owner=self._settings.owner.name,
        )

    def entry(self, entry: Entry) -> EntryWords:
        said = {
            "received": (self._times.moment(entry.received),),
            "case": _some(entry.case),
            "state": (self.say(f"state-{entry.result}"),),
            "reason": _some(entry.refusal),
            "who": _some(" ".join(each for each in (entry.asker.rank, entry.asker.name, entry.asker.number) if each)),
            "force": _some(", ".join(each for each in (entry.asker.unit, entry.asker.force) if each)),
            "contact": _some(entry.asker.contact),
            "verified": (self._verified(entry), *self._supervised(entry)),
            "incident": _some(", ".join(each for each in (entry.incident, entry.place) if each)),
            "purpose": _some(entry.purpose),
            "necessity": _some(entry.necessity),
            "their_basis": _some(entry.their_basis),
            "basis": tuple(self._basis(entry)),
            "asked": tuple(self._asked(entry)),
            "decided": tuple(self._decided(entry)),
            "minimised": tuple(self._minimised(entry)),
            "sent": tuple(self._sent(sent) for sent in entry.sent) or (self.say("nothing-sent"),),
            "seals": tuple(line for sent in entry.sent for line in self._seals(sent)),
            "how": tuple(dict.fromkeys(line for sent in entry.sent for line in self._how(entry, sent))),
            "receipt": tuple(
                dict.fromkeys(self._receipt(sent) for sent in entry.sent if sent.delivered_at is not None)
            ),
            "once_shared": (fill(self._sharing.once_shared, **self.everywhere),) if entry.handed_over else (),
            "copies": tuple(self._copies(entry)),
            "request_id": (entry.request_id,),
        }
        usual = self._sharing.bases[0].key if entry.sent else None
        return EntryWords(
            entry.request_id,
            entry.case or entry.request_id,
            said["state"][0],
            entry.result.value,
            entry.handed_over,
            entry.basis.key if entry.basis is not None else usual,
            said,
        )

    def _verified(self, entry: Entry) -> str:
        asker = entry.asker
        match asker.verified:
            case Verified.SIGNED:
                return self.say("signed", fingerprint=asker.key, credential=asker.credential_id)
            case Verified.NOTED:
                how = self.say(asker.identified or "not-identified")
                return self.say("noted", how=f"{how} ({asker.identified_note})" if asker.identified_note else how)
        return self.say("unverified")

    def _supervised(self, entry: Entry) -> Iterator[str]:
        if entry.supervisor is not None:
            yield self.say("supervised", name=entry.supervisor.name, reason=entry.supervisor.reason)

    def _basis(self, entry: Entry) -> Iterator[str]:
        """Only of what was handed over: what was not shared needs no basis for sharing."""
        if not entry.sent:
            return
        bases = {basis.key: basis for basis in self._sharing.bases}
        chosen = entry.basis
        basis = bases.get(chosen.key) if chosen is not None else self._sharing.bases[0]
        if basis is not None:
            yield f"{basis.title}. {fill(basis.text, **self.everywhere)}"
        elif chosen is not None:  # of a file that has changed since
            yield chosen.key
        if chosen is None:
            yield self.say("basis-usual")
        else:
            yield self.say("basis-chosen", name=chosen.by, when=self._times.moment(chosen.at))
            yield from _some(chosen.why)

    def _asked(self, entry: Entry) -> Iterator[str]:
        for asked in entry.asked:
            text = self.say("asked-of", camera=asked.camera, **self._window(asked.requested))
            yield f"{text}, {self._sound(asked.sound_asked)}"

    def _decided(self, entry: Entry) -> Iterator[str]:
        for number, by in enumerate(entry.decided):
            when = self._times.moment(by.at)
            if number or not by.method:
                yield self.say("agreed-by", name=by.name, when=when) if number else f"{by.name}, {when}"
            else:
                yield self.say("decided-by", name=by.name, when=when, method=by.method)
        yield from _some(entry.observations)

    def _minimised(self, entry: Entry) -> Iterator[str]:
        if not entry.sent and entry.result not in (Result.OPEN, Result.APPROVED, Result.PARTLY_APPROVED):
            yield self.say("minimised-all")
            return
        said = False
        for asked in entry.asked:
            if asked.outcome == Outcome.DECLINED:
                yield self.say("not-shared", camera=asked.camera)
            elif asked.outcome == Outcome.UNAVAILABLE:
                yield self.say("not-there", camera=asked.camera)
            elif asked.narrowed is not None:
                yield self.say("shortened", camera=asked.camera, **self._window(asked.narrowed))
            elif asked.sound_asked and asked.outcome == Outcome.APPROVED and not asked.sound:
                yield self.say("sound-left-out", camera=asked.camera)
            else:
                continue
            said = True
            if asked.narrowed is not None and asked.sound_asked and not asked.sound:
                yield self.say("sound-left-out", camera=asked.camera)
        if not said and entry.sent:
            yield self.say("minimised-nothing")
        yield from self._widened(entry)

    def _widened(self, entry: Entry) -> Iterator[str]:
        for asked in entry.asked:
            wanted, given = asked.narrowed or asked.requested, asked.approved
            if given is None:
                continue
            before, after = wanted.start - given.start, given.end - wanted.end
            if before >= _TOLD:
                yield self.say("widened-before", camera=asked.camera, before=self._times.long(before))
            if after >= _TOLD:
                yield self.say("widened-after", camera=asked.camera, after=self._times.long(after))

    def _sent(self, sent: Sent) -> str:
        size = self._times.size(sum(master.size for master in sent.files))
        return self.say(
            "sent-of",
            exhibit=sent.exhibit,
            camera=sent.camera,
            sound=self._sound(sent.sound),
            size=size,
            **self._window(sent.window),
        )

    def _seals(self, sent: Sent) -> Iterator[str]:
        for master in sent.files:
            yield self.say("master", name=master.name, size=self._times.size(master.size), sha256=master.sha256)
        if sent.manifest_sha256 is not None:
            yield self.say("manifest", sha256=sent.manifest_sha256)
        if sent.sealed_sha256 is not None and sent.size is not None:
            yield self.say("sealed", size=self._times.size(sent.size), sha256=sent.sealed_sha256)

    def _how(self, entry: Entry, sent: Sent) -> Iterator[str]:
        if sent.delivered_at is None:
            yield self.say("not-yet-sent")
            return
        usual = "by-files" if entry.noted else "by-portal"
        yield self.say(_BY.get(sent.means or "", usual), when=self._times.moment(sent.delivered_at))
        yield self.say(f"sealed-for-{entry.sealed_for}")

    def _receipt(self, sent: Sent) -> str:
        receipt = sent.receipt
        if receipt is None:
            return self.say("receipt-none")
        when = self._times.moment(receipt.at)
        if receipt.verified is None:
            return self.say("receipt-noted", name=receipt.name, when=when, how=receipt.how)
        if receipt.verified:
            return self.say("receipt-signed", name=receipt.name, when=when)
        remarks = receipt.remarks or self.say("told-nothing")
        return self.say("receipt-failed", name=receipt.name, when=when, remarks=remarks)

    def _copies(self, entry: Entry) -> Iterator[str]:
        for sent in entry.sent:
            if sent.kept and entry.held is not None:
                yield self.say("copy-held", why=entry.held)
            elif sent.kept_until is not None:
                yield self.say("copy-until", when=self._times.day(sent.kept_until))
            elif not sent.kept and sent.sealed_sha256 is not None:
                yield self.say("copy-gone")
        yield self.say("recordings-days", days=self._settings.recordings.days)
        if entry.kept_until is not None:
            yield self.say("record-until", when=self._times.day(entry.kept_until))

    def _window(self, window: Window) -> dict[str, str]:
        return {"start": self._times.moment(window.start), "end": self._times.end_of(window)}

    def _sound(self, there: bool) -> str:
        return self.say("with-sound" if there else "without-sound")


def _some(text: str | None) -> tuple[str, ...]:
    return (text,) if text else ()
